/*
 * Who has which writes. Direct answers say so of neighbours; of the rest, when somebody waits for most of all cores, the
 * word goes up the tree: each node tells the one that pushed a write to it who below has it.
 */
#include "membership/data/data_int.h"

#include "common/base/mem.h"

enum { REPORTS_MAX = 64, HOLDERS_MAX = 4096 };

static struct report *report_of(struct data *d, const struct wire_origin *o)
{
	for (size_t i = 0; i < d->n_reports; i++)
		if (origin_eq(&d->report[i].origin, o))
			return &d->report[i];
	return NULL;
}

void report_parent(struct data *d, const struct wire_origin *dot, const struct id128 *parent)
{
	struct report *r = report_of(d, dot);

	if (r == NULL) {
		if (d->report == NULL)
			d->report = xcalloc(REPORTS_MAX, sizeof *d->report);
		r = &d->report[d->next_report++ % REPORTS_MAX];
		if (d->n_reports < REPORTS_MAX)
			d->n_reports++;
		r->origin = *dot;
	}
	r->parent = *parent;
}

/* One item for each holder and origin: the last number counts. */
static void tell(struct peer *parent, const struct wire_data_holder *h)
{
	struct buf *b = &parent->holders;
	size_t n = b->n / sizeof *h;
	struct wire_data_holder *list = (struct wire_data_holder *)(void *)b->p;

	for (size_t i = 0; i < n; i++)
		if (id_eq(&list[i].holder, &h->holder) && id_eq(&list[i].member, &h->member) &&
			list[i].epoch == h->epoch) {
			list[i].n = h->n > list[i].n ? h->n : list[i].n;
			return;
		}
	if (n < HOLDERS_MAX)
		buf_put(b, h, sizeof *h);
}

static void send(struct data *d, struct peer *p)
{
	struct wire_data_have have = {
		.holders = {p->holders.p,
			(uint32_t)(p->holders.n / sizeof(struct wire_data_holder))}};

	if (p->have_call != 0 || p->holders.n == 0 || !p->near)
		return;
	p->have_call = call_peer(d, CALL_HAVE, p, &have);
	p->holders.n = 0;
}

void report_had(struct data *d, const struct peer *by, const struct wire_origin *o,
	const struct id128 *holder)
{
	struct wire_data_holder h = {*holder, o->member, o->epoch, o->n};
	struct peer *p = peer_find(d, holder), *parent;
	struct report *r = report_of(d, o);

	if (p != NULL)
		vec_raise(&p->have, o);
	parent = r == NULL ? NULL : peer_find(d, &r->parent);
	if (parent == NULL || parent == by || p == parent)
		return;
	tell(parent, &h);
	send(d, parent);
}

/* Lost ones are not told again: who waits is answered in time with what is known. */
void report_answered(struct data *d, const struct call *c, struct msg_reader r,
	const char *error)
{
	struct peer *p = peer_find(d, &c->peer);

	(void)r;
	(void)error;
	if (p == NULL)
		return;
	p->have_call = 0;
	send(d, p);
}

void report_serve(struct data *d, struct op *op)
{
	const struct wire_data_holder *h = op->m.have.holders.item;
	struct peer *by = peer_find(d, &op->peer);

	for (uint32_t i = 0; i < op->m.have.holders.n; i++) {
		struct wire_origin o = {h[i].member, h[i].epoch, h[i].n};

		if (o.n > 0 && vec_has(&d->vector, &o))
			report_had(d, by, &o, &h[i].holder);
	}
	serve_answer(d, op->serve, WIRE_DATA_HAVE, NULL);
	op_free(op);
	ack_check(d);
}
