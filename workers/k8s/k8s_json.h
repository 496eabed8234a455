#ifndef WORKERS_K8S_K8S_JSON_H
#define WORKERS_K8S_K8S_JSON_H
/*
 * What a Kubernetes API server answers, as plain structs: lists of EndpointSlices (v1 and v1beta1) and of Endpoints, a
 * single Endpoints object, one line of a watch, and Status errors. Pure; takes any bytes; reads only the members that
 * discovery needs and ignores the rest, whatever it is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	K8S_ADDRESS_MAX = 254,   /* an IP or a host name, with its NUL */
	K8S_NAME_MAX = 254,      /* an object's name */
	K8S_VERSION_MAX = 64,    /* a resourceVersion */
	K8S_CONTINUE_MAX = 2048, /* a page's continue token */
	K8S_MESSAGE_MAX = 512,
	K8S_OBJECTS_MAX = 2000,   /* slices of one service */
	K8S_ENDPOINTS_MAX = 5000, /* addresses in one object */
};

enum k8s_family { K8S_IPV4, K8S_IPV6, K8S_FQDN };

struct k8s_endpoint {
	enum k8s_family family;
	char address[K8S_ADDRESS_MAX];
	char hostname[K8S_ADDRESS_MAX]; /* "" when the object names none */
};

/* One EndpointSlice or Endpoints object. */
struct k8s_object {
	char name[K8S_NAME_MAX];
	char resource_version[K8S_VERSION_MAX];
	struct k8s_endpoint *endpoint;
	size_t n_endpoints;
	size_t n_bad; /* entries that were no address */
};

struct k8s_list {
	char resource_version[K8S_VERSION_MAX];
	char next[K8S_CONTINUE_MAX]; /* "" on the last page */
	struct k8s_object *object;
	size_t n_objects;
};

struct k8s_status {
	int code; /* 0 when the body is no Status object */
	char reason[64];
	char message[K8S_MESSAGE_MAX];
	int retry_after_s;
};

enum k8s_event_type { K8S_SET, K8S_DELETED, K8S_BOOKMARK, K8S_ERROR };

struct k8s_event {
	enum k8s_event_type type;
	struct k8s_object object; /* K8S_SET, K8S_DELETED; K8S_BOOKMARK: only its version */
	struct k8s_status status; /* K8S_ERROR */
};

/* EndpointSliceList, EndpointsList, or one such object (a list of one). 0, -EPROTO, -EMSGSIZE beyond the limits. */
int k8s_parse_list(const char *text, size_t n, struct k8s_list *out);
void k8s_list_free(struct k8s_list *l);

/* One line of a watch. 0, -EPROTO, -EMSGSIZE. */
int k8s_parse_event(const char *line, size_t n, struct k8s_event *out);
void k8s_event_free(struct k8s_event *e);

/* An error's body. Never fails: what is no Status object becomes a message with code 0. */
void k8s_parse_status(const char *text, size_t n, struct k8s_status *out);

void k8s_object_free(struct k8s_object *o);

#endif
