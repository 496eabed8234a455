#include "cli/progress.h"

#include "cli/json.h"
#include "cli/text.h"

enum { BAR_WIDTH = 20, MB = 1000000 };

/* Bytes a second since the first note of this copy; 0: not known yet. */
static uint64_t rate(struct progress *p, const struct ctl_progress *note, uint64_t now_ms)
{
	if (p->since_ms == 0 || note->bytes < p->since_bytes) {
		p->since_ms = now_ms;
		p->since_bytes = note->bytes;
	}
	return now_ms == p->since_ms
		       ? 0
		       : (note->bytes - p->since_bytes) * 1000 / (now_ms - p->since_ms);
}

/* The totals are estimates: the end is told by the answer, not by 100 %. */
static unsigned percent(const struct ctl_progress *note)
{
	uint64_t n = note->bytes_total == 0 ? 0 : note->bytes * 100 / note->bytes_total;

	return n > 99 ? 99 : (unsigned)n;
}

static void put_bar(FILE *out, const struct ctl_progress *note, uint64_t bytes_s)
{
	unsigned full = percent(note) * BAR_WIDTH / 100;

	fputc('[', out);
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : ' ', out);
	fprintf(out, "] %u %%  %llu of about %llu keys, %llu MB, %llu MB/s", percent(note),
		(unsigned long long)note->entries, (unsigned long long)note->entries_total,
		(unsigned long long)(note->bytes / MB), (unsigned long long)(bytes_s / MB));
}

static void put_json(FILE *out, const struct ctl_progress *note, uint64_t bytes_s)
{
	json_t *o = json_pack("{s:o}", "progress", json_text(note->text));

	if (note->entries_total != 0)
		json_object_update_new(o,
			json_pack("{s:I, s:I, s:I, s:I, s:i, s:I}", "entries",
				(json_int_t)note->entries, "entries_total",
				(json_int_t)note->entries_total, "bytes",
				(json_int_t)note->bytes, "bytes_total",
				(json_int_t)note->bytes_total, "percent", (int)percent(note),
				"bytes_per_s", (json_int_t)bytes_s));
	json_put_line(out, o);
}

void progress_show(struct progress *p, FILE *out, enum progress_how how,
	const struct ctl_progress *note, uint64_t now_ms)
{
	uint64_t bytes_s = rate(p, note, now_ms);
	struct buf b = {0};

	if (how == PROGRESS_JSON) {
		put_json(out, note, bytes_s);
	} else if (how == PROGRESS_BAR) {
		text_clean(&b, note->text);
		fprintf(out, "\r\033[K%.*s ", (int)b.n, b.n == 0 ? "" : (const char *)b.p);
		if (note->entries_total != 0)
			put_bar(out, note, bytes_s);
		p->drawn = true;
	}
	(void)fflush(out);
	buf_free(&b);
}

void progress_end(struct progress *p, FILE *out)
{
	if (p->drawn)
		fputs("\r\033[K", out);
	p->drawn = false;
}
