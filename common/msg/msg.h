#ifndef COMMON_MSG_MSG_H
#define COMMON_MSG_MSG_H
/*
 * The one table engine behind every msgpack message of the project: between nodes (common/wire), between our processes
 * (common/ipc) and on the control socket. A message is a struct, a table of fields and a row; encode, decode,
 * validation, docs/protocol.md and the fuzz seeds are loops over the tables.
 *
 * On the wire: frame = u32 big-endian length + one msgpack array, MessagePack-RPC:
 *   [0, id, method, params]   request      [1, id, error, result]   response      [2, method, params]   notification
 * params/result = one array with the fields in table order. Trailing fields may be missing down to n_required (they
 * stay zero) and unknown trailing fields are skipped, so versions can differ.
 *
 * Decoding never allocates on an announced count: the frame is scanned first (msg_scan.h), lists live in the caller's
 * arena, strings and binaries point into the frame and are valid as long as it is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/id.h"

enum msg_kind {
	MSG_BOOL,
	MSG_U16,
	MSG_U32,
	MSG_U64,
	MSG_I64,
	MSG_ID,
	MSG_STR,
	MSG_BIN,
	MSG_LIST,
	MSG_STRUCT
};

/* Borrowed bytes. p is never NULL when n is 0 after a decode (it points at ""); not NUL-terminated. */
struct msg_span {
	const char *p;
	uint32_t n;
};

struct msg_list {
	void *item; /* n structs of the field's `of` */
	uint32_t n;
};

struct msg_desc;

struct msg_field {
	enum msg_kind kind;
	const char *name;
	uint32_t offset;
	uint32_t
		max; /* STR, BIN: bytes; LIST: items (each > 0); numbers: largest value, 0 = any */
	const struct msg_desc *of; /* LIST, STRUCT */
	const char *doc;
};

struct msg_desc {
	const char *name;
	size_t size; /* sizeof the struct */
	const struct msg_field *field;
	uint16_t n_fields, n_required;
	const char *doc;
};

#define MSG_FIELD(kind, type, member, max, doc)                              \
	{                                                                    \
		kind, #member, offsetof(struct type, member), max, NULL, doc \
	}
#define MSG_FIELD_OF(kind, type, member, max, desc, doc)                     \
	{                                                                    \
		kind, #member, offsetof(struct type, member), max, desc, doc \
	}

/* The row of a struct: its table of fields, of which the first `required` must be there. */
#define MSG_DESC(type, fields, required, text)                                            \
	{                                                                                 \
#type, sizeof(struct type), fields, sizeof(fields) / sizeof((fields)[0]), \
			required, text                                                    \
	}

/* Scratch memory for lists; freed at once. Bounded: -EMSGSIZE past max_bytes. */
struct msg_arena {
	uint8_t *p;
	size_t n, cap, max_bytes;
	void *chunks;
};

void msg_arena_init(struct msg_arena *a, size_t max_bytes);
void msg_arena_reset(struct msg_arena *a); /* keeps the memory */
void msg_arena_free(struct msg_arena *a);
/* Zeroed, aligned for any struct; NULL when the bound is reached. */
void *msg_arena_alloc(struct msg_arena *a, size_t n);

/* Bytes still to be decoded; a cursor over a scanned frame. */
struct msg_reader {
	const uint8_t *p, *end;
};

enum msg_type { MSG_REQUEST = 0, MSG_RESPONSE = 1, MSG_NOTIFY = 2 };

struct msg_env {
	enum msg_type type;
	uint32_t id;            /* REQUEST, RESPONSE */
	struct msg_span method; /* REQUEST, NOTIFY */
	bool is_error;          /* RESPONSE: body is the error */
	struct msg_reader body; /* params, result or error: exactly one msgpack object */
};

/*
 * Splits one frame body (without its length) after scanning all of it: depth, counts against the bytes that are there,
 * no ext types, no trailing bytes. 0 or -EPROTO.
 */
int msg_env_parse(const uint8_t *frame, size_t n, struct msg_env *out);

/*
 * Decodes one array by its table into *out (zeroed first). 0, -EPROTO (shape or type), -ERANGE (over a field's max),
 * -EMSGSIZE (arena full). *bad_field, when not NULL, names the field at fault.
 */
int msg_decode(const struct msg_desc *d, struct msg_reader body, struct msg_arena *a, void *out,
	const char **bad_field);

/* Appends the array of d's fields. */
void msg_encode(struct buf *out, const struct msg_desc *d, const void *in);

/* Append one whole frame, length included. in may be NULL for a result or params of no fields (an empty array). */
void msg_put_request(struct buf *out, uint32_t id, const char *method, const struct msg_desc *d,
	const void *in);
void msg_put_result(struct buf *out, uint32_t id, const struct msg_desc *d, const void *in);
void msg_put_error(struct buf *out, uint32_t id, const struct msg_desc *d, const void *in);
void msg_put_notify(struct buf *out, const char *method, const struct msg_desc *d,
	const void *in);
/* The same around a body that is encoded already. */
void msg_put_request_raw(struct buf *out, uint32_t id, const char *method,
	struct msg_reader params);
void msg_put_response_raw(struct buf *out, uint32_t id, bool is_error, struct msg_reader body);

static inline struct msg_span msg_str(const char *s)
{
	return (struct msg_span){s, (uint32_t)strlen(s)};
}

/* Copies s into a C string of cap bytes; false when it does not fit or holds a NUL. */
bool msg_span_copy(char *out, size_t cap, struct msg_span s);
bool msg_span_eq(struct msg_span s, const char *text);

#endif
