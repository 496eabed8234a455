/*
 * The same stream cut into frames in one piece and in pieces chosen by its own bytes: both cuts must find the same
 * frames, and memory must follow what was fed, never what was announced.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/msg/frame.h"

enum { MAX = 3000, MEMORY_MAX = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
	if (!ok)
		abort();
}

/* Feeds in pieces of step bytes (0: as much as there is room for); a digest of the frames and the verdict. */
static uint64_t cut(const uint8_t *data, size_t size, size_t step)
{
	struct frame_in f;
	uint64_t digest = 0;
	const uint8_t *body;
	size_t n, room;
	int rc = 0;

	frame_in_init(&f, MAX);
	while (size > 0 && rc == 0) {
		uint8_t *to = frame_in_space(&f, &room);

		demand(room >= 1);
		n = room < size ? room : size;
		if (step > 0 && n > step)
			n = step;
		memcpy(to, data, n);
		frame_in_fed(&f, n);
		data += n;
		size -= n;
		while ((rc = frame_in_next(&f, &body, &n)) == 1) {
			demand(n >= 1 && n <= MAX);
			digest = hash64_seed(body, n, digest + 1);
		}
		demand(f.buf.cap <= MEMORY_MAX);
	}
	digest = digest * 4 + (frame_in_partial(&f) ? 1 : 0) + (rc < 0 ? 2 : 0);
	frame_in_free(&f);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	demand(cut(data + 1, size - 1, 0) == cut(data + 1, size - 1, data[0] + 1u));
	return 0;
}
