#include "workers/k8s/k8s_json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* Empty and null members are the same to an API server: both mean "none". */
static const json_t *member(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_null(v) ? NULL : v;
}

/* Copies a string member; "" when it is absent, no string, or does not fit. */
static bool copy_text(const json_t *v, char *out, size_t cap)
{
	const char *s = json_string_value(v);
	size_t n = s == NULL ? 0 : json_string_length(v);

	out[0] = '\0';
	if (n == 0 || n >= cap || strlen(s) != n)
		return false;
	memcpy(out, s, n + 1);
	return true;
}

/* Cuts instead of refusing, and keeps control characters out: for text that only people read. */
static void copy_message(const char *s, size_t n, char *out, size_t cap)
{
	size_t len = n < cap - 1 ? n : cap - 1;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		out[i] = s[i];
		if (c < ' ' || c == 0x7f)
			out[i] = ' ';
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

static bool is_host_name(const char *s)
{
	size_t n =
		strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

	return n > 0 && s[n] == '\0';
}

/* The text decides, not addressType: Endpoints have none, and one that lies must not pass as something else. */
static bool set_address(struct k8s_endpoint *e, const json_t *v)
{
	struct in6_addr any;

	if (!copy_text(v, e->address, sizeof e->address))
		return false;
	if (inet_pton(AF_INET, e->address, &any) == 1)
		e->family = K8S_IPV4;
	else if (inet_pton(AF_INET6, e->address, &any) == 1)
		e->family = K8S_IPV6;
	else if (is_host_name(e->address))
		e->family = K8S_FQDN;
	else
		return false;
	return true;
}

static int add_endpoint(struct k8s_object *o, const json_t *address, const json_t *hostname)
{
	struct k8s_endpoint e = {0};

	if (!set_address(&e, address)) {
		o->n_bad++;
		return 0;
	}
	if (o->n_endpoints == K8S_ENDPOINTS_MAX)
		return -EMSGSIZE;
	if (!copy_text(hostname, e.hostname, sizeof e.hostname) || !is_host_name(e.hostname))
		e.hostname[0] = '\0';
	if ((o->n_endpoints & (o->n_endpoints - 1)) == 0) {
		size_t cap = o->n_endpoints == 0 ? 1 : o->n_endpoints * 2;

		o->endpoint = xrealloc(o->endpoint, cap, sizeof *o->endpoint);
	}
	o->endpoint[o->n_endpoints++] = e;
	return 0;
}

/* EndpointSlice: all addresses of an endpoint are one and the same pod; ready or not makes no difference to us. */
static int read_slice(struct k8s_object *o, const json_t *endpoints)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(endpoints); i++) {
		const json_t *e = json_array_get(endpoints, i);
		const json_t *addresses = member(e, "addresses");

		for (size_t k = 0; rc == 0 && k < json_array_size(addresses); k++)
			rc = add_endpoint(o, json_array_get(addresses, k),
				member(e, "hostname"));
	}
	return rc;
}

static int read_addresses(struct k8s_object *o, const json_t *addresses)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(addresses); i++) {
		const json_t *a = json_array_get(addresses, i);

		rc = add_endpoint(o, member(a, "ip"), member(a, "hostname"));
	}
	return rc;
}

static int read_subsets(struct k8s_object *o, const json_t *subsets)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(subsets); i++) {
		const json_t *s = json_array_get(subsets, i);

		rc = read_addresses(o, member(s, "addresses"));
		if (rc == 0)
			rc = read_addresses(o, member(s, "notReadyAddresses"));
	}
	return rc;
}

/* Items of a list carry no kind, so the members tell what it is. */
static int read_object(const json_t *v, struct k8s_object *o)
{
	const json_t *meta = member(v, "metadata");
	const json_t *subsets = member(v, "subsets"), *endpoints = member(v, "endpoints");

	if (!json_is_object(v) || !copy_text(member(meta, "name"), o->name, sizeof o->name))
		return -EPROTO;
	copy_text(member(meta, "resourceVersion"), o->resource_version,
		sizeof o->resource_version);
	if ((subsets != NULL && !json_is_array(subsets)) ||
		(endpoints != NULL && !json_is_array(endpoints)))
		return -EPROTO;
	return endpoints != NULL ? read_slice(o, endpoints) : read_subsets(o, subsets);
}

void k8s_object_free(struct k8s_object *o)
{
	free(o->endpoint);
	*o = (struct k8s_object){0};
}

void k8s_list_free(struct k8s_list *l)
{
	for (size_t i = 0; i < l->n_objects; i++)
		k8s_object_free(&l->object[i]);
	free(l->object);
	*l = (struct k8s_list){0};
}

static int read_items(const json_t *items, struct k8s_list *out)
{
	size_t n = json_array_size(items);
	int rc = 0;

	if (n > K8S_OBJECTS_MAX)
		return -EMSGSIZE;
	if (n > 0)
		out->object = xcalloc(n, sizeof *out->object);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = read_object(json_array_get(items, i), &out->object[out->n_objects++]);
	return rc;
}

static bool kind_is(const json_t *v, const char *kind)
{
	const char *s = json_string_value(member(v, "kind"));

	return s != NULL && strcmp(s, kind) == 0;
}

static int read_list(const json_t *root, struct k8s_list *out)
{
	const json_t *meta = member(root, "metadata"), *items = member(root, "items");

	copy_text(member(meta, "resourceVersion"), out->resource_version,
		sizeof out->resource_version);
	if (kind_is(root, "Endpoints") || kind_is(root, "EndpointSlice")) {
		out->object = xcalloc(1, sizeof *out->object);
		return read_object(root, &out->object[out->n_objects++]);
	}
	if (!kind_is(root, "EndpointsList") && !kind_is(root, "EndpointSliceList"))
		return -EPROTO;
	if (items != NULL && !json_is_array(items))
		return -EPROTO;
	if (member(meta, "continue") != NULL &&
		json_string_length(member(meta, "continue")) > 0 &&
		!copy_text(member(meta, "continue"), out->next, sizeof out->next))
		return -EMSGSIZE;
	return read_items(items, out);
}

int k8s_parse_list(const char *text, size_t n, struct k8s_list *out)
{
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	int rc;

	*out = (struct k8s_list){0};
	rc = json_is_object(root) ? read_list(root, out) : -EPROTO;
	if (rc < 0)
		k8s_list_free(out);
	json_decref(root);
	return rc;
}

static int read_seconds(const json_t *v)
{
	json_int_t s = json_integer_value(v);

	return s < 0 || s > INT_MAX ? 0 : (int)s;
}

static bool read_status(const json_t *v, struct k8s_status *out)
{
	const json_t *message = member(v, "message");
	json_int_t code = json_integer_value(member(v, "code"));

	if (!kind_is(v, "Status") || code < 100 || code > 599)
		return false;
	out->code = (int)code;
	copy_text(member(v, "reason"), out->reason, sizeof out->reason);
	if (json_is_string(message))
		copy_message(json_string_value(message), json_string_length(message),
			out->message, sizeof out->message);
	out->retry_after_s =
		read_seconds(json_object_get(member(v, "details"), "retryAfterSeconds"));
	return true;
}

void k8s_parse_status(const char *text, size_t n, struct k8s_status *out)
{
	json_t *root = json_loadb(text, n, 0, NULL);

	*out = (struct k8s_status){0};
	if (!read_status(root, out))
		copy_message(text, n, out->message, sizeof out->message);
	json_decref(root);
}

static int read_event(const json_t *root, struct k8s_event *out)
{
	static const struct {
		const char *name;
		enum k8s_event_type type;
	} types[] = {
		{"ADDED", K8S_SET},
		{"MODIFIED", K8S_SET},
		{"DELETED", K8S_DELETED},
		{"BOOKMARK", K8S_BOOKMARK},
		{"ERROR", K8S_ERROR},
	};
	const char *name = json_string_value(member(root, "type"));
	const json_t *object = member(root, "object");
	size_t i = 0;

	while (i < sizeof types / sizeof types[0] && name != NULL &&
		strcmp(types[i].name, name) != 0)
		i++;
	if (name == NULL || i == sizeof types / sizeof types[0] || !json_is_object(object))
		return -EPROTO;
	out->type = types[i].type;
	if (out->type == K8S_ERROR)
		return read_status(object, &out->status) ? 0 : -EPROTO;
	if (out->type != K8S_BOOKMARK)
		return read_object(object, &out->object);
	return copy_text(member(member(object, "metadata"), "resourceVersion"),
		       out->object.resource_version, sizeof out->object.resource_version)
		       ? 0
		       : -EPROTO;
}

int k8s_parse_event(const char *line, size_t n, struct k8s_event *out)
{
	json_t *root = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	int rc;

	*out = (struct k8s_event){0};
	rc = read_event(root, out);
	if (rc < 0)
		k8s_event_free(out);
	json_decref(root);
	return rc;
}

void k8s_event_free(struct k8s_event *e)
{
	k8s_object_free(&e->object);
}
