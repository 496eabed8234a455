#include "workers/dns/hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

enum { TTL_S = 30, WORD_MAX = 256 };

static bool add(struct dns_answer *out, const char *address, int family)
{
	struct dns_record r = {.ttl_s = TTL_S};
	void *raw = family == AF_INET6 ? (void *)&r.addr.in6.sin6_addr
				       : (void *)&r.addr.in.sin_addr;

	if (out->n == HOSTS_ADDRESSES_MAX || inet_pton(family, address, raw) != 1)
		return false;
	r.addr.sa.sa_family = (sa_family_t)family;
	out->record = xrealloc(out->record, out->n + 1, sizeof *out->record);
	out->record[out->n++] = r;
	return true;
}

/* Takes the next word of a line; a comment ends it. False at its end. */
static bool next_word(const char **at, const char *end, char out[WORD_MAX])
{
	const char *p = *at, *from;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	from = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r' && *p != '#')
		p++;
	*at = p;
	if (p == from || (size_t)(p - from) >= WORD_MAX)
		return false;
	memcpy(out, from, (size_t)(p - from));
	out[p - from] = '\0';
	return true;
}

static void read_line(const char *line, const char *end, const char *name, int family,
	struct dns_answer *out)
{
	char address[WORD_MAX], word[WORD_MAX];

	if (!next_word(&line, end, address))
		return;
	while (next_word(&line, end, word)) {
		if (strcasecmp(word, name) == 0) {
			add(out, address, family);
			return;
		}
	}
}

void hosts_find(const char *text, size_t n, const char *name, int family,
	struct dns_answer *out)
{
	const char *end = text + n;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl == NULL ? end : nl;

		read_line(text, stop, name, family, out);
		text = stop + (nl != NULL);
	}
	if (out->n == 0 && strcasecmp(name, "localhost") == 0)
		add(out, family == AF_INET6 ? "::1" : "127.0.0.1", family);
}

void hosts_find_in(const char *path, const char *name, int family, struct dns_answer *out)
{
	struct buf b = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;

	while (fd >= 0 && got > 0 && b.n < HOSTS_BYTES_MAX) {
		got = read(fd, buf_reserve(&b, 4096), 4096);
		if (got > 0)
			b.n += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	hosts_find(b.n > 0 ? (const char *)b.p : "", b.n, name, family, out);
	buf_free(&b);
}
