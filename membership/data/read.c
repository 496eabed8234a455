/* What readers see of a key: the winner, or what the policy of its prefix makes of concurrent values. */
#include <stdlib.h>

#include "membership/data/data_int.h"

static int newest_first(const void *a, const void *b)
{
	const struct wire_sibling *const *x = a, *const *y = b;

	return sibling_lww(*y, *x);
}

const struct wire_sibling *read_sorted(struct data *d, const struct wire_entry *w, uint32_t i)
{
	for (uint32_t k = 0; k < w->siblings.n; k++)
		d->sorted[k] = sibling_at(w, k);
	qsort(d->sorted, w->siblings.n, sizeof d->sorted[0], newest_first);
	return d->sorted[i];
}

/* --- policies */

static enum data_policy policy_of(const struct data *d, struct msg_span key)
{
	enum data_policy policy = DATA_SIBLINGS;
	size_t longest = 0;

	for (size_t i = 0; i < d->n_policies; i++) {
		size_t n = d->policy[i].n;

		if (n >= longest && n <= key.n && memcmp(d->policy[i].text, key.p, n) == 0) {
			policy = d->policy[i].policy;
			longest = n;
		}
	}
	return policy;
}

bool read_conflicts(const struct data *d, struct msg_span key)
{
	return policy_of(d, key) == DATA_SIBLINGS;
}

/* A decimal integer: sign, then digits without leading zeros. */
static bool number(struct msg_span s, bool *minus, struct msg_span *digits)
{
	*minus = s.n > 0 && s.p[0] == '-';
	*digits = (struct msg_span){s.p + *minus, s.n - *minus};
	while (digits->n > 1 && digits->p[0] == '0') {
		digits->p++;
		digits->n--;
	}
	for (uint32_t i = 0; i < digits->n; i++)
		if (digits->p[i] < '0' || digits->p[i] > '9')
			return false;
	return digits->n > 0;
}

/* Any length of number; a number is larger than what is none. */
static int larger(struct msg_span a, struct msg_span b)
{
	bool a_minus, b_minus, a_is, b_is;
	struct msg_span x, y;
	int c;

	a_is = number(a, &a_minus, &x);
	b_is = number(b, &b_minus, &y);
	if (!a_is || !b_is)
		return a_is != b_is ? a_is - b_is : key_cmp(a, b);
	if (a_minus != b_minus)
		return a_minus ? -1 : 1;
	c = x.n != y.n ? (x.n < y.n ? -1 : 1) : key_cmp(x, y);
	return a_minus ? -c : c;
}

static struct msg_span largest(const struct data_value *v, size_t n)
{
	struct msg_span best = {NULL, 0};

	for (size_t i = 0; i < n; i++)
		if (!v[i].deleted && (best.p == NULL || larger(v[i].value, best) > 0))
			best = v[i].value;
	return best;
}

static int by_bytes(const void *a, const void *b)
{
	const struct msg_span *x = a, *y = b;

	return key_cmp(*x, *y);
}

/* Appends the lines of one value; the last newline may be missing. */
static void split(struct buf *lines, struct msg_span v)
{
	while (v.n > 0) {
		const char *end = memchr(v.p, '\n', v.n);
		uint32_t n = end == NULL ? v.n : (uint32_t)(end - v.p);

		buf_put(lines, &(struct msg_span){v.p, n}, sizeof v);
		n += end != NULL;
		v.p += n;
		v.n -= n;
	}
}

/* All lines of all values, sorted, each once. */
static struct msg_span all_lines(struct data *d, const struct data_value *v, size_t n)
{
	struct buf lines = {0};
	struct msg_span *line;
	size_t count;

	for (size_t i = 0; i < n; i++)
		split(&lines, v[i].value);
	count = lines.n / sizeof *line;
	line = (struct msg_span *)(void *)lines.p;
	if (count > 0)
		qsort(line, count, sizeof *line, by_bytes);
	d->text.n = 0;
	buf_str(&d->text, "");
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && key_cmp(line[i - 1], line[i]) == 0)
			continue;
		buf_put(&d->text, line[i].p, line[i].n);
		buf_str(&d->text, "\n");
	}
	buf_free(&lines);
	return (struct msg_span){d->text.n == 0 ? "" : (char *)d->text.p, (uint32_t)d->text.n};
}

static void by_policy(struct data *d, struct data_item *out)
{
	switch (policy_of(d, out->key)) {
	case DATA_SIBLINGS:
		break;
	case DATA_LWW:
		out->conflict = false;
		break;
	case DATA_MAX:
		out->conflict = false;
		out->value = largest(out->sibling, out->n_siblings);
		break;
	case DATA_UNION:
		out->conflict = false;
		out->value = all_lines(d, out->sibling, out->n_siblings);
		break;
	}
}

/* --- questions */

static void show(struct data *d, const struct entry *e, struct data_item *out)
{
	*out = (struct data_item){.key = e->w.key,
		.conflict = e->w.siblings.n > 1,
		.index = e->index,
		.sibling = d->value,
		.n_siblings = e->w.siblings.n};
	read_sorted(d, &e->w, 0);
	for (uint32_t i = 0; i < e->w.siblings.n; i++)
		d->value[i] = (struct data_value){.value = d->sorted[i]->value,
			.ms = d->sorted[i]->ms,
			.origin = d->sorted[i]->member,
			.deleted = d->sorted[i]->deleted};
	out->ms = d->value[0].ms;
	token_of(e, out->version);
	if (!d->value[0].deleted)
		out->value = d->value[0].value;
	if (out->conflict && e->alive)
		by_policy(d, out);
	out->conflict &= e->alive;
}

bool data_get(struct data *d, struct msg_span key, struct data_item *out)
{
	struct entry *e = map_find(&d->map, key);

	if (e == NULL || !e->alive || entry_reserved(e))
		return false;
	show(d, e, out);
	return true;
}

bool data_next(struct data *d, struct msg_span prefix, struct msg_span after,
	struct data_item *out)
{
	struct entry *e = after.p == NULL || key_cmp(after, prefix) < 0
				  ? map_from(&d->map, prefix)
				  : map_after(&d->map, after);

	while (e != NULL && (!e->alive || entry_reserved(e)))
		e = map_next(e);
	if (e == NULL || e->w.key.n < prefix.n ||
		(prefix.n > 0 && memcmp(e->w.key.p, prefix.p, prefix.n) != 0))
		return false;
	show(d, e, out);
	return true;
}

bool data_changes(struct data *d, uint64_t after, struct data_item *out)
{
	struct entry *e = map_since(&d->map, after);

	while (e != NULL && entry_reserved(e))
		e = map_since(&d->map, e->index);
	if (e == NULL)
		return false;
	show(d, e, out);
	return true;
}
