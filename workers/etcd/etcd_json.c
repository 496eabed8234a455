#include "workers/etcd/etcd_json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"

static void put_base64(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, "\"%s\":\"", key);
	base64_put(out, text, strlen(text));
	buf_str(out, "\"");
}

/* A string member; passwords hold anything, so jansson does the escaping. */
static void put_text(struct buf *out, const char *key, const char *text)
{
	json_t *v = json_string(text);
	char *s = v == NULL ? NULL : json_dumps(v, JSON_ENCODE_ANY);

	buf_printf(out, "\"%s\":%s", key, s == NULL ? "\"\"" : s);
	free(s);
	json_decref(v);
}

void etcd_put_authenticate(struct buf *out, const char *user, const char *password)
{
	buf_str(out, "{");
	put_text(out, "name", user);
	buf_str(out, ",");
	put_text(out, "password", password);
	buf_str(out, "}");
}

void etcd_put_grant(struct buf *out, uint64_t ttl_s)
{
	buf_printf(out, "{\"TTL\":\"%" PRIu64 "\"}", ttl_s);
}

void etcd_put_lease_id(struct buf *out, uint64_t id)
{
	buf_printf(out, "{\"ID\":\"%" PRIu64 "\"}", id);
}

void etcd_put_put(struct buf *out, const char *key, const char *value, uint64_t lease)
{
	buf_str(out, "{");
	put_base64(out, "key", key);
	buf_str(out, ",");
	put_base64(out, "value", value);
	buf_printf(out, ",\"lease\":\"%" PRIu64 "\"}", lease);
}

void etcd_put_range(struct buf *out, const char *from, const char *end, uint32_t limit)
{
	buf_str(out, "{");
	put_base64(out, "key", from);
	buf_str(out, ",");
	put_base64(out, "range_end", end);
	buf_printf(out, ",\"limit\":\"%" PRIu32 "\"}", limit);
}

void etcd_put_watch(struct buf *out, const char *prefix, const char *end,
	uint64_t from_revision)
{
	buf_str(out, "{\"create_request\":{");
	put_base64(out, "key", prefix);
	buf_str(out, ",");
	put_base64(out, "range_end", end);
	buf_printf(out, ",\"start_revision\":\"%" PRIu64 "\"}}", from_revision);
}

void etcd_prefix_end(const char *prefix, char *out, size_t cap)
{
	size_t n = strlen(prefix);

	memcpy(out, prefix, n < cap ? n + 1 : cap);
	out[cap - 1] = '\0';
	if (n > 0 && n < cap)
		out[n - 1]++;
}

/* An int64 as protobuf writes it: a string; absent is 0. Plain numbers are taken too. */
static bool read_u64(const json_t *v, uint64_t *out)
{
	const char *s = json_string_value(v);
	char *end;

	*out = 0;
	if (v == NULL)
		return true;
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*out = (uint64_t)json_integer_value(v);
		return true;
	}
	if (s == NULL || s[0] < '0' || s[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0';
}

static const json_t *result_of(const json_t *root)
{
	const json_t *r = json_object_get(root, "result");

	return r != NULL ? r : root;
}

static void copy_message(const char *s, size_t n, char *out)
{
	size_t len = n < ETCD_MESSAGE_MAX - 1 ? n : ETCD_MESSAGE_MAX - 1;

	for (size_t i = 0; i < len; i++) {
		out[i] = s[i];
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			out[i] = ' ';
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

int etcd_parse_token(const char *text, size_t n, char out[ETCD_TOKEN_MAX])
{
	json_t *root = json_loadb(text, n, 0, NULL);
	const json_t *v = json_object_get(root, "token");
	size_t len = json_string_length(v);
	int rc = -EPROTO;

	/* It goes into a header line. */
	if (len > 0 && len < ETCD_TOKEN_MAX && strcspn(json_string_value(v), "\r\n") == len) {
		memcpy(out, json_string_value(v), len + 1);
		rc = 0;
	}
	json_decref(root);
	return rc;
}

static int parse_lease(const char *text, size_t n, struct etcd_lease *out)
{
	json_t *root = json_loadb(text, n, 0, NULL);
	const json_t *r = result_of(root);
	int rc = -EPROTO;

	*out = (struct etcd_lease){0};
	if (json_is_object(r) && read_u64(json_object_get(r, "ID"), &out->id) &&
		read_u64(json_object_get(r, "TTL"), &out->ttl_s) && out->id != 0)
		rc = 0;
	json_decref(root);
	return rc;
}

int etcd_parse_grant(const char *text, size_t n, struct etcd_lease *out)
{
	int rc = parse_lease(text, n, out);

	return rc == 0 && out->ttl_s == 0 ? -EPROTO : rc;
}

int etcd_parse_keepalive(const char *text, size_t n, struct etcd_lease *out)
{
	return parse_lease(text, n, out);
}

/* The decoded text of a bytes member; NULL when it is no base64, too long, or holds a NUL. */
static char *read_bytes(const json_t *v, size_t max)
{
	char text[ETCD_VALUE_MAX + ETCD_KEY_MAX];
	size_t len = 0;

	if (v != NULL &&
		(!json_is_string(v) || base64_get(json_string_value(v), json_string_length(v),
					       text, max, &len) < 0))
		return NULL;
	if (memchr(text, '\0', len) != NULL)
		return NULL;
	text[len] = '\0';
	return xstrdup(text);
}

static void read_kv(const json_t *kv, struct etcd_kv *out)
{
	out->key = read_bytes(json_object_get(kv, "key"), ETCD_KEY_MAX);
	out->value = read_bytes(json_object_get(kv, "value"), ETCD_VALUE_MAX);
	out->bad = out->key == NULL || out->value == NULL || out->key[0] == '\0';
}

static int alloc_kvs(const json_t *list, struct etcd_kvs *out)
{
	size_t n = json_array_size(list);

	if (list != NULL && !json_is_array(list))
		return -EPROTO;
	if (n > ETCD_ITEMS_MAX)
		return -EMSGSIZE;
	if (n > 0)
		out->item = xcalloc(n, sizeof *out->item);
	out->n = n;
	return 0;
}

void etcd_kvs_free(struct etcd_kvs *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->item[i].key);
		free(k->item[i].value);
	}
	free(k->item);
	*k = (struct etcd_kvs){0};
}

static int read_range(const json_t *root, struct etcd_range *out)
{
	const json_t *kvs = json_object_get(root, "kvs");
	const json_t *header = json_object_get(root, "header");
	int rc;

	if (!read_u64(json_object_get(header, "revision"), &out->revision) ||
		out->revision == 0)
		return -EPROTO;
	out->more = json_is_true(json_object_get(root, "more"));
	rc = alloc_kvs(kvs, &out->kvs);
	for (size_t i = 0; rc == 0 && i < out->kvs.n; i++)
		read_kv(json_array_get(kvs, i), &out->kvs.item[i]);
	return rc;
}

int etcd_parse_range(const char *text, size_t n, struct etcd_range *out)
{
	json_t *root = json_loadb(text, n, 0, NULL);
	int rc;

	*out = (struct etcd_range){0};
	rc = read_range(root, out);
	if (rc < 0)
		etcd_kvs_free(&out->kvs);
	json_decref(root);
	return rc;
}

static int read_events(const json_t *events, struct etcd_kvs *out)
{
	int rc = alloc_kvs(events, out);

	for (size_t i = 0; rc == 0 && i < out->n; i++) {
		const json_t *e = json_array_get(events, i);
		const char *type = json_string_value(json_object_get(e, "type"));

		read_kv(json_object_get(e, "kv"), &out->item[i]);
		out->item[i].deleted = type != NULL && strcmp(type, "DELETE") == 0;
	}
	return rc;
}

static int read_watch(const json_t *root, struct etcd_watch *out)
{
	const json_t *r = json_object_get(root, "result"),
		     *error = json_object_get(root, "error");
	const json_t *reason = json_object_get(r, "cancel_reason");

	/* A failure inside the stream: {"error":{"message":…}} */
	if (r == NULL && error != NULL) {
		reason = json_object_get(error, "message");
		r = error;
	}
	if (!json_is_object(r))
		return -EPROTO;
	if (!read_u64(json_object_get(json_object_get(r, "header"), "revision"),
		    &out->revision) ||
		!read_u64(json_object_get(r, "compact_revision"), &out->compact_revision))
		return -EPROTO;
	if (r == error || json_is_true(json_object_get(r, "canceled"))) {
		out->kind = ETCD_WATCH_CANCELED;
		copy_message(json_is_string(reason) ? json_string_value(reason) : "",
			json_string_length(reason), out->reason);
		return 0;
	}
	out->kind = json_is_true(json_object_get(r, "created")) ? ETCD_WATCH_CREATED
								: ETCD_WATCH_EVENTS;
	return read_events(json_object_get(r, "events"), &out->kvs);
}

int etcd_parse_watch(const char *line, size_t n, struct etcd_watch *out)
{
	json_t *root = json_loadb(line, n, 0, NULL);
	int rc;

	*out = (struct etcd_watch){0};
	rc = read_watch(root, out);
	if (rc < 0)
		etcd_kvs_free(&out->kvs);
	json_decref(root);
	return rc;
}

void etcd_parse_error(const char *text, size_t n, struct etcd_error *out)
{
	json_t *root = json_loadb(text, n, 0, NULL);
	const json_t *code = json_object_get(root, "code");
	const json_t *message = json_object_get(root, "message");

	if (message == NULL)
		message = json_object_get(root, "error");
	out->code = -1;
	if (json_is_integer(code) && json_integer_value(code) >= 0 &&
		json_integer_value(code) < 100)
		out->code = (int)json_integer_value(code);
	if (json_is_string(message))
		copy_message(json_string_value(message), json_string_length(message),
			out->message);
	else
		copy_message(text, n, out->message);
	json_decref(root);
}
