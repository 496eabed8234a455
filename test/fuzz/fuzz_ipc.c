/*
 * Frames between our processes: whatever decodes must come out the same when it is encoded and decoded again, and a
 * side must never get a message that its rows do not allow.
 */
#include <assert.h>

#include "common/ipc/ipc.h"
#include "common/msg/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_sides(const uint8_t *frame, size_t n, enum ipc_side from, enum ipc_side to)
{
	struct ipc_decoded one, two;
	struct buf a = {0}, b = {0};
	struct msg_arena arena;

	msg_arena_init(&arena, 16 * 1024 * 1024);
	if (ipc_decode(frame, n, from, to, &arena, &one) == 0) {
		assert((ipc_rows[one.type].from & from) != 0);
		assert((ipc_rows[one.type].to & to) != 0);
		assert(ipc_encode(&a, one.type, one.msg) == 0);
		assert(ipc_decode(a.p + 4, a.n - 4, from, to, &arena, &two) == 0);
		assert(one.type == two.type);
		assert(ipc_encode(&b, two.type, two.msg) == 0);
		assert(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
	}
	buf_free(&a);
	buf_free(&b);
	msg_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum ipc_side sides[] = {IPC_SUPERVISOR, IPC_MEMBERSHIP, IPC_WORKER};

	if (size > FRAME_MAX_IPC)
		return 0;
	for (size_t i = 0; i < 9; i++)
		try_sides(data, size, sides[i / 3], sides[i % 3]);
	return 0;
}
