#include <string.h>

#include "membership/net/rpc.h"

enum { KEEP_BYTES = 64 * 1024 };

size_t rpc_out_pull(struct rpc_out *o, uint8_t *to, size_t cap)
{
	size_t left = rpc_out_left(o), n = left < cap ? left : cap;

	if (n > 0)
		memcpy(to, o->b.p + o->at, n);
	o->at += n;
	if (n < left)
		return n;
	o->at = o->b.n = 0;
	if (o->b.cap > KEEP_BYTES) /* an idle connection holds no megabytes */
		buf_free(&o->b);
	return n;
}
