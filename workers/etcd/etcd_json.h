#ifndef WORKERS_ETCD_ETCD_JSON_H
#define WORKERS_ETCD_ETCD_JSON_H
/*
 * The JSON gateway of etcd v3: request bodies out, answers in. Pure. protobuf's JSON has its ways: 64-bit numbers are
 * strings, defaults are absent, keys and values are base64.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum {
	ETCD_KEY_MAX = 1024,
	ETCD_VALUE_MAX = 1024, /* more is no node of ours */
	ETCD_TOKEN_MAX = 4096,
	ETCD_MESSAGE_MAX = 400,
	ETCD_ITEMS_MAX = 20000,
};

/* One key of an answer or event; owns its strings. */
struct etcd_kv {
	char *key, *value; /* value "" when deleted */
	bool deleted;
	bool bad; /* key or value (either may be NULL) too long, with a NUL, or no base64: to be skipped */
};

struct etcd_kvs {
	struct etcd_kv *item;
	size_t n;
};

struct etcd_range {
	uint64_t revision;
	bool more;
	struct etcd_kvs kvs;
};

enum etcd_watch_kind { ETCD_WATCH_CREATED, ETCD_WATCH_EVENTS, ETCD_WATCH_CANCELED };

struct etcd_watch {
	enum etcd_watch_kind kind;
	uint64_t revision;
	uint64_t compact_revision; /* CANCELED: not 0 when we came too late */
	char reason[ETCD_MESSAGE_MAX];
	struct etcd_kvs kvs;
};

struct etcd_lease {
	uint64_t id, ttl_s; /* ttl_s 0: the lease does not exist (any more) */
};

struct etcd_error {
	int code; /* gRPC code; -1: none given */
	char message[ETCD_MESSAGE_MAX];
};

enum { ETCD_CODE_UNAUTHENTICATED = 16 };

/* Request bodies, appended to out (to be cleared by the caller). */
void etcd_put_authenticate(struct buf *out, const char *user, const char *password);
void etcd_put_grant(struct buf *out, uint64_t ttl_s);
void etcd_put_lease_id(struct buf *out, uint64_t id); /* keepalive and revoke */
void etcd_put_put(struct buf *out, const char *key, const char *value, uint64_t lease);
void etcd_put_range(struct buf *out, const char *from, const char *end, uint32_t limit);
void etcd_put_watch(struct buf *out, const char *prefix, const char *end,
	uint64_t from_revision);

/* The first key behind all keys that begin with prefix: its last byte + 1. prefix must end in an ASCII character. */
void etcd_prefix_end(const char *prefix, char *out, size_t cap);

/* Answers. 0, -EPROTO, -EMSGSIZE. */
int etcd_parse_token(const char *text, size_t n, char out[ETCD_TOKEN_MAX]);
int etcd_parse_grant(const char *text, size_t n, struct etcd_lease *out);
int etcd_parse_keepalive(const char *text, size_t n, struct etcd_lease *out);
int etcd_parse_range(const char *text, size_t n, struct etcd_range *out);
int etcd_parse_watch(const char *line, size_t n, struct etcd_watch *out);
void etcd_kvs_free(struct etcd_kvs *k);
/* Never fails: what is no JSON becomes the message. */
void etcd_parse_error(const char *text, size_t n, struct etcd_error *out);

#endif
