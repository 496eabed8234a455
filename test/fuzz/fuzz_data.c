/*
 * A node with some shared data and a peer that says anything: requests of every method, answers to what the node asks,
 * time, commands, a disk that fails. Memory must be clean, effects must end, and a restart must be able to read what was
 * written.
 */
#define DW_REQUESTS 512
#include "common/msg/msg_scan.h"
#include "test/unit/data_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *in;
static size_t left;

static uint8_t byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *in++;
}

/* Length and bytes; only what the frame's scan would let pass. */
static bool chunk(struct msg_reader *r)
{
	size_t n = (size_t)byte() << 8;

	n |= byte();
	if (n > left)
		n = left;
	*r = (struct msg_reader){in, in + n};
	in += n;
	left -= n;
	return msg_scan(r->p, n);
}

static void request(struct dworld *w, uint8_t what)
{
	uint32_t serve = ++w->next_serve;
	struct msg_reader r;

	if (!chunk(&r))
		return;
	w->serve[serve % DW_MESSAGES] = (struct dw_serve){.client = -1};
	dw_clock(w, 0);
	data_serve(w->node[0].data, serve, &w->node[1 + what / WIRE_DATA_N % 2].id,
		(enum wire_data)(what % WIRE_DATA_N), r);
	dw_effects(w, 0);
}

/* The next answer to the node under test says something else. */
static void answer(struct dworld *w)
{
	struct msg_reader r;

	if (!chunk(&r))
		return;
	for (size_t i = 0; i < w->n_messages; i++) {
		struct dw_message *m = &w->message[i];

		if (!m->is_answer || m->to != 0)
			continue;
		m->bytes.n = 0;
		buf_put(&m->bytes, r.p, (size_t)(r.end - r.p));
		m->ok = true;
		m->lost = false;
		return;
	}
}

static void command(struct dworld *w)
{
	static const char *const keys[] = {"a", "b", "c/1", ""};
	uint8_t what = byte();

	if (w->next_serve >= DW_REPLIES)
		return;
	dw_command(w, what % 2,
		&(struct data_command){.op = (enum data_op)(1 + what / 2 % 3),
			.request = ++w->next_serve,
			.ack = (enum data_ack)(what / 8 % 3),
			.key = dw_span(keys[what / 32 % 4]),
			.value = dw_span(keys[what / 64 % 4]),
			.sibling = what % 3});
}

static void step(struct dworld *w)
{
	uint8_t what = byte();

	switch (what % 8) {
	case 0:
	case 1:
		request(w, what / 8);
		break;
	case 2:
		answer(w);
		break;
	case 3:
		command(w);
		break;
	case 4:
		w->node[0].disk_error = what / 8 % 2 == 0 ? 0 : -EIO;
		break;
	case 5:
		dw_run(w, (uint64_t)what * what);
		break;
	case 6:
		w->cut[0][1] = w->cut[1][0] = what / 8 % 2 == 1;
		dw_views(w);
		break;
	default:
		dw_run(w, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dworld w;
	char err[256] = "";
	struct data *again;

	in = data;
	left = size;
	dw_init(&w);
	for (int i = 0; i < 3; i++)
		dw_add(&w, i == 2 ? WIRE_REPLICA : WIRE_CORE);
	dw_views(&w);
	dw_put(&w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	dw_put(&w, 1, 1, "b", "two", DATA_ACK_LOCAL);
	w.next_serve = 2;
	dw_run(&w, 10);
	for (int i = 0; left > 0 && i < 200; i++)
		step(&w);
	w.node[0].disk_error = 0;
	dw_run(&w, 2000);
	again = dw_load(&w, 0, err, sizeof err);
	if (again == NULL)
		abort();
	data_free(again);
	dw_free(&w);
	return 0;
}
