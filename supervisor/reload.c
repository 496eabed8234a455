#include "supervisor/reload.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "supervisor/supervisor.h"

#define LOG_COMPONENT "reload"

enum { ANSWER_MS = 5000, LINE_BYTES = 1024 };

static void say(struct supervisor *s, bool asked, uint32_t id, bool ok, const char *text)
{
	char quoted[LINE_BYTES];

	log_event(ok ? LOG_INFO : LOG_ERROR, LOG_COMPONENT, ok ? "reloaded" : "reload_refused",
		"text=%s", log_quote(quoted, sizeof quoted, text, strlen(text)));
	if (asked)
		supervisor_answer(s, id, ok, text);
}

/* All findings as lines; what is refused is refused as a whole, so each is shown. */
static void refuse(struct supervisor *s, bool asked, uint32_t id, const char *what,
	const struct conf_issues *is)
{
	struct buf text = {0};
	char line[LINE_BYTES];

	buf_str(&text, what);
	for (size_t i = 0; i < is->n; i++)
		if (is->item[i].severity == CONF_ERROR)
			buf_printf(&text, "\n%s",
				conf_issue_format(&is->item[i], line, sizeof line));
	buf_put(&text, "", 1);
	say(s, asked, id, false, (const char *)text.p);
	buf_free(&text);
}

static void warn_all(const struct conf_issues *is)
{
	char line[LINE_BYTES], quoted[2 * LINE_BYTES];

	for (size_t i = 0; i < is->n; i++)
		if (is->item[i].severity == CONF_WARNING) {
			conf_issue_format(&is->item[i], line, sizeof line);
			log_warn("configuration", "text=%s",
				log_quote(quoted, sizeof quoted, line, strlen(line)));
		}
}

static void notify_begin(const struct supervisor *s)
{
	char lines[96];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld%06ld\n",
		(long long)now.tv_sec, now.tv_nsec / 1000);
	supervisor_notify(s, lines);
}

static void offer(struct supervisor *s, struct child *c)
{
	if (c->chan != NULL && proc_has_process(&c->proc))
		c->reloading = child_send_section(c, IPC_RELOAD, s->reload.next);
}

/* One waits its turn; who comes when somebody waits already is told. */
static void queue(struct supervisor *s, bool asked, uint32_t ask_id)
{
	struct reload *r = &s->reload;

	r->again = true;
	if (asked && r->again_asked) {
		say(s, true, ask_id, false, "a reload is under way, and one is waiting");
	} else if (asked) {
		r->again_asked = true;
		r->again_id = ask_id;
	}
}

/* As at a start. */
static struct conf_loaded *read_again(const struct supervisor *s, struct conf_issues *issues)
{
	struct conf_sources from = {.file = s->options->file,
		.environ_ = environ,
		.set = s->options->set,
		.n_set = s->options->n_set};

	return conf_load(&from, issues);
}

void reload_check(struct supervisor *s, uint32_t ask_id)
{
	struct conf_issues issues = {0};
	struct conf_loaded *next = read_again(s, &issues);

	if (issues.n_errors == 0)
		conf_diff_stamped(s->env.conf, next, &issues);
	if (issues.n_errors > 0)
		refuse(s, true, ask_id, "the node would not come back:", &issues);
	else if (!supervisor_sections_fit(next))
		say(s, true, ask_id, false,
			"the node would not come back: configuration too large");
	else
		supervisor_answer(s, ask_id, true, "");
	conf_loaded_free(next);
	conf_issues_free(&issues);
}

void reload_begin(struct supervisor *s, bool asked, uint32_t ask_id)
{
	struct conf_issues issues = {0};
	struct conf_loaded *next;
	size_t changed = 0;

	if (s->reload.next != NULL) {
		queue(s, asked, ask_id);
		return;
	}
	next = read_again(s, &issues);
	if (issues.n_errors == 0)
		changed = conf_diff(s->env.conf, next, &issues);
	warn_all(&issues);
	if (issues.n_errors > 0) {
		refuse(s, asked, ask_id, "nothing was changed:", &issues);
	} else if (!supervisor_sections_fit(next)) {
		say(s, asked, ask_id, false, "nothing was changed: configuration too large");
	} else {
		if (s->ready)
			notify_begin(s);
		s->reload = (struct reload){.next = next,
			.deadline_ms = child_now(&s->env) + ANSWER_MS,
			.asked = asked,
			.ask_id = ask_id,
			.changed = (unsigned)changed};
		next = NULL;
		offer(s, &s->membership);
		for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
			offer(s, &s->worker[i]);
	}
	conf_loaded_free(next);
	conf_issues_free(&issues);
}

void reload_answered(struct supervisor *s, struct child *c, const struct ipc_reloaded *m)
{
	if (!c->reloading)
		return; /* the answer to a section that was taken back */
	c->reloading = false;
	if (s->reload.next != NULL && !m->ok)
		buf_printf(&s->reload.refusals, "\n%s: %.*s", c->spec->name, (int)m->text.n,
			m->text.p);
}

/* A child that started in the meantime, or answered too late, gets what is valid now; its answer changes nothing. */
static void settle(struct supervisor *s, struct child *c)
{
	c->reloading = false;
	if (c->chan != NULL && proc_has_process(&c->proc))
		child_send_section(c, IPC_RELOAD, s->env.conf);
}

static void finish(struct supervisor *s)
{
	struct reload r = s->reload;
	bool ok = r.refusals.n == 0;
	char text[LINE_BYTES];

	if (ok) {
		const struct conf *conf = conf_values(r.next);

		conf_loaded_free(s->env.conf);
		s->env.conf = r.next;
		log_init("supervisor", conf->log.level, conf->log.format);
		snprintf(text, sizeof text, "%u key%s changed", r.changed,
			r.changed == 1 ? "" : "s");
	} else {
		conf_loaded_free(r.next);
		snprintf(text, sizeof text, "nothing was changed:%.*s", (int)r.refusals.n,
			(const char *)r.refusals.p);
	}
	buf_free(&r.refusals);
	s->reload = (struct reload){0};
	settle(s, &s->membership);
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		settle(s, &s->worker[i]);
	if (ok)
		supervisor_match_workers(s);
	say(s, r.asked, r.ask_id, ok, text);
	if (s->ready)
		supervisor_notify(s, "READY=1\n");
	if (r.again)
		reload_begin(s, r.again_asked, r.again_id);
}

void reload_turn(struct supervisor *s, uint64_t now_ms)
{
	unsigned waiting = s->membership.reloading;

	if (s->reload.next == NULL)
		return;
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		waiting += s->worker[i].reloading;
	if (waiting > 0 && now_ms >= s->reload.deadline_ms) {
		buf_printf(&s->reload.refusals, "\n%u process%s did not answer in time",
			waiting, waiting == 1 ? "" : "es");
		waiting = 0;
	}
	if (waiting == 0)
		finish(s);
}

void reload_drop(struct supervisor *s)
{
	struct reload r = s->reload;

	if (r.next == NULL)
		return;
	s->reload = (struct reload){0};
	say(s, r.asked, r.ask_id, false, "the node stops");
	if (r.again)
		say(s, r.again_asked, r.again_id, false, "the node stops");
	conf_loaded_free(r.next);
	buf_free(&r.refusals);
}
