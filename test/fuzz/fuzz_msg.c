/*
 * A frame that parses is split into its parts, and a body that decodes by a table of every kind must encode to bytes
 * that decode and encode to the same bytes again. Whatever our scan accepts, msgpack-c must read with the same length.
 */
#include <msgpack.h>
#include <stdlib.h>

#include "common/msg/msg_scan.h"
#include "test/unit/msg_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void round_trip(struct msg_reader body)
{
	struct msg_arena a;
	struct buf once = {0}, twice = {0};
	struct sample s;
	const char *bad = NULL;
	int rc;

	msg_arena_init(&a, 65536);
	rc = msg_decode(&sample_desc, body, &a, &s, &bad);
	demand((rc < 0) == (bad != NULL));
	if (rc == 0) {
		msg_encode(&once, &sample_desc, &s);
		msg_arena_reset(&a);
		demand(msg_decode(&sample_desc, (struct msg_reader){once.p, once.p + once.n},
			       &a, &s, NULL) == 0);
		msg_encode(&twice, &sample_desc, &s);
		demand(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
	}
	buf_free(&once);
	buf_free(&twice);
	msg_arena_free(&a);
}

static void same_as_msgpack(const uint8_t *data, size_t size)
{
	msgpack_unpacked u;
	size_t off = 0;

	msgpack_unpacked_init(&u);
	demand(msgpack_unpack_next(&u, (const char *)data, size, &off) ==
		MSGPACK_UNPACK_SUCCESS);
	demand(off == size);
	msgpack_unpacked_destroy(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_env env;

	if (msg_scan(data, size))
		same_as_msgpack(data, size);
	round_trip((struct msg_reader){data, data == NULL ? data : data + size});
	if (msg_env_parse(data, size, &env) != 0)
		return 0;
	demand(env.body.p < env.body.end &&
		msg_scan(env.body.p, (size_t)(env.body.end - env.body.p)));
	round_trip(env.body);
	return 0;
}
