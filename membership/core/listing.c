#include "membership/core/core_int.h"

/*
 * What my record says of my links. Cores list each other. Of a core and a replica only the replica lists the link, so that a
 * core's record does not change as replicas come and go; the core's silence confirms it, and where it has no such link, or
 * holds it back, it refuses.
 */

bool edge_counts(const struct core *c, const struct member *m)
{
	(void)c;
	return m->link.listed && !m->departed &&
	       (m->link.state == EDGE_LIVE || m->link.state == EDGE_REDIAL);
}

/*
 * A replica's record may list me where I count no link: it has not noticed yet, can't say so any more, or the link is held
 * back here.
 */
static bool refuses(const struct core *c, const struct member *m)
{
	if (m->departed || m->said_stopping)
		return false;
	if (m->unreadable) /* others may be able to read it */
		return m->link.state != EDGE_NONE || m->lost_ms != 0;
	return m->link.state != EDGE_NONE || lists_session(m, &self(c)->id, c->session);
}

uint8_t link_entry(const struct core *c, const struct member *m)
{
	uint8_t data_ok = m->link.data_failed ? 0 : WIRE_LF_DATA_OK;
	bool counts = edge_counts(c, m);

	if (c->role == WIRE_REPLICA || m->role == WIRE_CORE)
		return counts ? LINK_ENTRY | data_ok : 0;
	if (counts)
		return data_ok != 0 ? 0 : LINK_ENTRY | WIRE_LF_REPLICA;
	return refuses(c, m) ? LINK_ENTRY | WIRE_LF_REPLICA | WIRE_LF_REFUSED : 0;
}

void edged_add(struct core *c, int32_t index)
{
	for (size_t i = 0; i < c->n_edged; i++)
		if (c->edged[i] == index)
			return;
	if (c->n_edged == c->edged_cap) {
		c->edged_cap = c->edged_cap == 0 ? 16 : c->edged_cap * 2;
		c->edged = xrealloc(c->edged, c->edged_cap, sizeof *c->edged);
	}
	c->edged[c->n_edged++] = index;
}

bool edge_in_use(const struct core *c, const struct member *m)
{
	return m->link.state != EDGE_NONE || m->link.said != 0 || link_entry(c, m) != 0;
}

void edge_tell(struct core *c, const struct member *m, bool loss)
{
	c->view_dirty = true;
	if (link_entry(c, m) != m->link.said)
		record_touch(c, loss);
}

/*
 * A replica may be linked with me in its own eyes a moment before it is in mine; and what is not to be refused any more can
 * wait for the next change.
 */
void edge_reviewed(struct core *c, int32_t index)
{
	struct member *m = c->member[index];
	uint8_t entry = link_entry(c, m);

	if (entry == m->link.said || index == 0)
		return;
	edged_add(c, index);
	if ((entry & WIRE_LF_REFUSED) != 0)
		record_tidy_loss(c);
	else
		record_tidy(c, TIDY_MS);
}

static int link_cmp(const void *a, const void *b)
{
	const struct wire_link *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

/* Those with this bit or without it. */
static size_t links_with(struct core *c, uint8_t refused, struct wire_link *out, size_t n)
{
	for (size_t i = 0; i < c->n_edged && n < WIRE_LINKS_MAX; i++) {
		struct member *m = c->member[c->edged[i]];
		uint8_t entry = link_entry(c, m);

		if (entry != 0 && (entry & WIRE_LF_REFUSED) != refused)
			continue;
		m->link.said = entry;
		if (entry != 0)
			out[n++] = (struct wire_link){m->id, refused ? 0 : link_session(c, m),
				entry ^ (unsigned)LINK_ENTRY};
	}
	return n;
}

/* Without its links to others nobody would ask whom it refuses: should there be too many, those come first. */
size_t own_links(struct core *c, struct wire_link *out)
{
	size_t n = links_with(c, WIRE_LF_REFUSED, out, links_with(c, 0, out, 0));

	qsort(out, n, sizeof *out, link_cmp);
	return n;
}
