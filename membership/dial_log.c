#include "membership/dial_log.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define LOG_COMPONENT "net"

/* An operator's own try that fails once or twice is answered, and no standing trouble. */
enum { SLOTS = 256, AGAIN_MS = 600000, FRESH_MS = 60000, STANDING_TRIES = 3 };

struct slot {
	char *host, *text; /* NULL: nothing failed here */
	uint16_t port;
	enum core_loss loss;
	unsigned tries;
	uint64_t said_ms, failed_ms;
};

struct dial_log {
	struct slot slot[SLOTS];
};

struct dial_log *dial_log_new(void)
{
	return xcalloc(1, sizeof(struct dial_log));
}

static void slot_clear(struct slot *s)
{
	free(s->host);
	free(s->text);
	memset(s, 0, sizeof *s);
}

void dial_log_free(struct dial_log *d)
{
	for (size_t i = 0; d != NULL && i < SLOTS; i++)
		slot_clear(&d->slot[i]);
	free(d);
}

static struct slot *slot_of(struct dial_log *d, const char *host, uint16_t port)
{
	return &d->slot[hash64_seed(host, strlen(host), port) % SLOTS];
}

static bool is_for(const struct slot *s, const char *host, uint16_t port)
{
	return s->host != NULL && s->port == port && strcmp(s->host, host) == 0;
}

/* Nodes come and go, and find each other at the second try; what only an operator can mend is a warning. */
static enum log_level level_of(enum core_loss loss)
{
	switch (loss) {
	case CORE_LOSS_AUTH:
	case CORE_LOSS_RESOLVE:
	case CORE_LOSS_ERROR:
		return LOG_WARN;
	case CORE_LOSS_REFUSED:
	case CORE_LOSS_TIMEOUT:
		return LOG_INFO;
	case CORE_LOSS_EOF:
	case CORE_LOSS_RESET:
	case CORE_LOSS_SELF:
		break;
	}
	return LOG_DEBUG;
}

void dial_log_failed(struct dial_log *d, const char *host, uint16_t port, enum core_loss loss,
	const char *text)
{
	struct slot *s = slot_of(d, host, port);
	uint64_t now_ms = clock_mono_ms();
	bool same = is_for(s, host, port) && strcmp(s->text, text) == 0;
	char quoted[1024];

	if (!same) {
		slot_clear(s);
		*s = (struct slot){xstrdup(host), xstrdup(text), port, loss, 0, 0, 0};
	}
	if (now_ms >= s->failed_ms + FRESH_MS)
		s->tries = 0;
	s->tries++;
	s->failed_ms = now_ms;
	if (s->said_ms != 0 && now_ms < s->said_ms + AGAIN_MS)
		return;
	s->said_ms = now_ms;
	log_event(level_of(loss), LOG_COMPONENT, "dial_failed", "host=%s port=%u reason=%s",
		host, port, log_quote(quoted, sizeof quoted, text, strlen(text)));
}

void dial_log_ok(struct dial_log *d, const char *host, uint16_t port)
{
	struct slot *s = slot_of(d, host, port);

	if (is_for(s, host, port))
		slot_clear(s);
}

void dial_log_each(const struct dial_log *d, shell_dial_visit *visit, void *ctx)
{
	uint64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < SLOTS; i++) {
		const struct slot *s = &d->slot[i];

		if (s->tries >= STANDING_TRIES && level_of(s->loss) == LOG_WARN &&
			now_ms < s->failed_ms + FRESH_MS)
			visit(ctx, s->host, s->port, s->loss, s->text);
	}
}
