#include "common/net/dns_answer.h"

#include <ares.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

enum {
	HEADER = 12,
	RR_FIXED = 10,
	TYPE_CNAME = 5,
	CLASS_IN = 1,
	CHAIN_MAX = 16,
	SRV_FIXED = 6
};

enum { POINTER = 0xc0, LABELS_MAX = 127 }; /* the 255 bytes of a name hold no more labels */

struct packet {
	const uint8_t *p;
	int n;
};

struct rr {
	char *owner; /* from ares_expand_name */
	uint16_t type, class;
	uint32_t ttl_s;
	int data, data_n; /* offset in the packet, length */
};

static uint16_t get16(const struct packet *pk, int at)
{
	return (uint16_t)(pk->p[at] << 8 | pk->p[at + 1]);
}

/*
 * Bytes of the name at offset at, or -1. c-ares checks the same and more, but follows any chain of pointers that fits
 * into the packet: with one such chain in each of thousands of records an answer could cost seconds.
 */
static int name_length(const struct packet *pk, int at)
{
	int used = -1, start = at;

	for (int hops = 0, labels = 0; labels <= LABELS_MAX && at < pk->n;) {
		int tag = pk->p[at];

		if (tag == 0)
			return used < 0 ? at + 1 - start : used;
		if (tag < POINTER) {
			at += tag + 1;
			labels++;
			continue;
		}
		if (at + 1 >= pk->n || ++hops > LABELS_MAX)
			return -1;
		if (used < 0)
			used = at + 2 - start;
		at = (tag - POINTER) << 8 | pk->p[at + 1];
	}
	return -1;
}

/* Expands the name at *at and steps over it; NULL when it leaves the packet. Free with ares_free_string(). */
static char *name_at(const struct packet *pk, int *at)
{
	char *name;
	long used;

	if (name_length(pk, *at) < 0 ||
		ares_expand_name(pk->p + *at, pk->p, pk->n, &name, &used) != ARES_SUCCESS)
		return NULL;
	*at += (int)used;
	return name;
}

/* Reads the record at *at and steps over it. The caller frees owner. */
static bool rr_next(const struct packet *pk, int *at, struct rr *rr)
{
	rr->owner = name_at(pk, at);
	if (rr->owner == NULL)
		return false;
	if (pk->n - *at < RR_FIXED)
		goto cut;
	rr->type = get16(pk, *at);
	rr->class = get16(pk, *at + 2);
	rr->ttl_s = (uint32_t)get16(pk, *at + 4) << 16 | get16(pk, *at + 6);
	if (rr->ttl_s > INT32_MAX)
		rr->ttl_s = 0; /* RFC 2181: the top bit makes it zero */
	rr->data_n = get16(pk, *at + 8);
	rr->data = *at + RR_FIXED;
	if (rr->data_n > pk->n - rr->data)
		goto cut;
	*at = rr->data + rr->data_n;
	return true;
cut:
	ares_free_string(rr->owner);
	return false;
}

/* The name that lies at offset at and must end where the record's data end. */
static char *data_name(const struct packet *pk, const struct rr *rr, int skip)
{
	int at = rr->data + skip;
	char *name = rr->data_n < skip ? NULL : name_at(pk, &at);

	if (name != NULL && at != rr->data + rr->data_n) {
		ares_free_string(name);
		return NULL;
	}
	return name;
}

static struct dns_record *add(struct dns_answer *a)
{
	if ((a->n & (a->n - 1)) == 0) /* full at each power of two */
		a->record = xrealloc(a->record, a->n == 0 ? 1 : 2 * a->n, sizeof *a->record);
	a->record[a->n] = (struct dns_record){0};
	return &a->record[a->n++];
}

static bool take(const struct packet *pk, const struct rr *rr, uint32_t ttl_s,
	struct dns_answer *out)
{
	struct dns_record r = {.ttl_s = ttl_s};

	switch (rr->type) {
	case DNS_A:
		if (rr->data_n != sizeof r.addr.in.sin_addr)
			return false;
		r.addr.in.sin_family = AF_INET;
		memcpy(&r.addr.in.sin_addr, pk->p + rr->data, sizeof r.addr.in.sin_addr);
		break;
	case DNS_AAAA:
		if (rr->data_n != sizeof r.addr.in6.sin6_addr)
			return false;
		r.addr.in6.sin6_family = AF_INET6;
		memcpy(&r.addr.in6.sin6_addr, pk->p + rr->data, sizeof r.addr.in6.sin6_addr);
		break;
	default: /* DNS_SRV: the caller asks for nothing else */
		r.target = data_name(pk, rr, SRV_FIXED);
		if (r.target == NULL)
			return false;
		r.priority = get16(pk, rr->data);
		r.weight = get16(pk, rr->data + 2);
		r.port = get16(pk, rr->data + 4);
	}
	*add(out) = r;
	return true;
}

/* One walk over the answers: records of one owner are taken, or its CNAME is found. */
struct walk {
	struct packet pk;
	int answers; /* offset of the first one */
	unsigned n_answers;
	enum dns_type type;
	uint32_t ttl_s, next_ttl_s; /* smallest on the way to owner, and to its alias */
	char *owner;
};

static bool visit(struct walk *w, const struct rr *rr, char **cname, struct dns_answer *out)
{
	uint32_t ttl_s = rr->ttl_s < w->ttl_s ? rr->ttl_s : w->ttl_s;

	if (rr->class != CLASS_IN || strcasecmp(rr->owner, w->owner) != 0)
		return true;
	if (rr->type == w->type)
		return take(&w->pk, rr, ttl_s, out);
	if (rr->type != TYPE_CNAME || *cname != NULL)
		return true;
	*cname = data_name(&w->pk, rr, 0);
	w->next_ttl_s = ttl_s;
	return *cname != NULL;
}

static enum dns_status walk_owner(struct walk *w, char **cname, struct dns_answer *out)
{
	int at = w->answers;
	struct rr rr;

	*cname = NULL;
	for (unsigned i = 0; i < w->n_answers; i++) {
		bool ok;

		if (!rr_next(&w->pk, &at, &rr))
			return DNS_GARBAGE;
		ok = visit(w, &rr, cname, out);
		ares_free_string(rr.owner);
		if (!ok)
			return DNS_GARBAGE;
	}
	return out->n > 0 ? DNS_OK : DNS_NODATA;
}

/* Follows CNAMEs, in whatever order they come; a ring of them ends at CHAIN_MAX as "nothing found". */
static enum dns_status follow(struct walk *w, struct dns_answer *out)
{
	enum dns_status status = DNS_NODATA;

	for (int hop = 0; hop < CHAIN_MAX; hop++) {
		char *cname;

		status = walk_owner(w, &cname, out);
		if (status != DNS_NODATA || cname == NULL) {
			ares_free_string(cname);
			break;
		}
		ares_free_string(w->owner);
		w->owner = cname;
		w->ttl_s = w->next_ttl_s;
	}
	return status;
}

enum dns_status dns_answer_read(const uint8_t *packet, size_t n, enum dns_type type,
	struct dns_answer *out)
{
	struct walk w = {.type = type, .ttl_s = UINT32_MAX};
	enum dns_status status = DNS_GARBAGE;
	int at = HEADER;

	*out = (struct dns_answer){NULL, 0};
	if (n < HEADER || n > UINT16_MAX)
		return DNS_GARBAGE;
	w.pk = (struct packet){packet, (int)n};
	w.n_answers = get16(&w.pk, 6);
	if (get16(&w.pk, 4) != 1)
		return DNS_GARBAGE;
	w.owner = name_at(&w.pk, &at);
	if (w.owner == NULL)
		return DNS_GARBAGE;
	w.answers = at + 4; /* the question's type and class */
	if (w.answers <= w.pk.n)
		status = follow(&w, out);
	if (status != DNS_OK)
		dns_answer_free(out);
	ares_free_string(w.owner);
	return status;
}

void dns_answer_free(struct dns_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		ares_free_string(a->record[i].target);
	free(a->record);
	*a = (struct dns_answer){NULL, 0};
}
