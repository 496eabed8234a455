#ifndef MEMBERSHIP_CONTROL_INT_H
#define MEMBERSHIP_CONTROL_INT_H
/* Inside of control_*.c only. */
#include <bsd/sys/queue.h>
#include <ev.h>
#include <sys/types.h>

#include "common/ipc/ctl.h"
#include "common/msg/frame.h"
#include "membership/control.h"

/* What an event says. Those that come again and again say the same, and share it. */
struct event_words {
	uint32_t refs;
	const char *kind; /* static */
	enum core_severity severity;
	uint16_t node_n, text_n;
	char at[]; /* node, then text */
};

struct kept_event {
	uint64_t time_ms;
	struct id128 member_id;
	struct event_words *words;
};

/* The last CONTROL_EVENTS_MAX events; number n is at n % CONTROL_EVENTS_MAX, the newest has number `newest`. */
struct event_ring {
	struct kept_event *item;
	uint64_t boot, newest;
};

struct control_client {
	struct control_client *next;
	struct control *control;
	ev_io in_io, out_io;
	int fd;
	uid_t uid;
	pid_t pid;
	struct frame_in in;
	struct buf out;
	size_t out_off;          /* sent already */
	uint64_t frame_since_ms; /* a frame has begun; 0: none */
	uint64_t request_ms;     /* the last whole request, or the connection's start */
	uint64_t progress_ms;    /* bytes went out, or had nowhere to wait */
	unsigned n_pending;      /* requests that are not answered yet */
	bool asked, eof, follows;
	uint64_t follow_next;   /* number of the next event to send */
	struct kv_watch *watch; /* of the shared data; NULL: none */
	const char *dead;       /* to be closed at the end of the callback: why */
};

/* A request whose answer comes later. The client may be gone by then. */
struct pending {
	LIST_ENTRY(pending) next, same_bucket;
	struct control *control;
	struct control_client *client;
	uint32_t id;      /* the client's */
	uint32_t request; /* the core's or the data's; 0: none, in no bucket */
	enum ctl_method method;
	uid_t uid;
	pid_t pid;
	bool discovery_was_on; /* leave */
	bool reexec;           /* restart: once it is announced, the supervisor is asked */
	struct check *check;   /* CTL_CHECK */
};

LIST_HEAD(pending_list, pending);
enum { CONTROL_BUCKETS = 256 };

struct control {
	struct shell *shell;
	struct ev_loop *loop;
	int fd;
	ev_io accept_io;
	ev_timer timer; /* runs while there are clients, or accepting has to wait */
	struct control_client *clients;
	size_t n_clients, n_followers;
	struct pending_list pending, by_request[CONTROL_BUCKETS];
	struct event_ring events;
	uint64_t started_ms; /* monotonic */
	uint64_t refused,
		log_ms; /* connections over the limit, and when that was logged last */
};

/* control.c */
void control_adopt(struct control *c, int fd); /* a connected client, non-blocking */
void control_drop(struct control_client *cl, const char *why);
void control_reap(struct control *c);
uint64_t control_now_ms(void);

/* control_client.c */
void control_client_start(struct control_client *cl);
void control_client_stop(struct control_client *cl);
void control_wake(struct control_client *cl);  /* something was queued */
void control_flush(struct control_client *cl); /* sends what the socket takes at once */
size_t control_queued(const struct control_client *cl);
void control_result(struct control_client *cl, uint32_t id, enum ctl_method m,
	const void *result);
void control_error(struct control_client *cl, uint32_t id, const char *code, const char *text);
void control_notice(struct control_client *cl, enum ctl_notice n, const void *msg);

/* A request. Queries answer at once; changes and checks leave a pending. */
typedef void control_handler(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p);
control_handler control_version, control_status, control_cluster_status, control_members,
	control_links, control_workers, control_targets, control_events, control_check,
	control_join, control_leave, control_force_leave, control_switch, control_heal,
	control_replace, control_tag_set, control_tag_unset, control_ask, control_restart,
	control_kv_get, control_kv_list, control_kv_status, control_kv_write, control_kv_watch,
	control_kv_repair;

/* At most max bytes of s, as the table of the field allows; NULL is "". */
struct msg_span control_clip(const char *s, uint32_t max);
/* control_query.c: the first member of that name. */
bool control_find_member(const struct core *core, const char *name, struct core_member *out);
/* control_status.c: CTL_WARNINGS_MAX at most, allocated in a. */
struct msg_list control_warnings(struct control *c, struct msg_arena *a);

/* control_event.c */
void control_events_init(struct event_ring *r);
void control_events_fini(struct event_ring *r);
void control_event_add(struct control *c, const struct core_event *e);
void control_data_event(struct control *c, const struct data_event *e);
void control_follow_pump(struct control_client *cl); /* what fits below the queue's mark */

/* control_change.c */
/* Answers, logs how it ended, and forgets it. */
void control_finish(struct pending *p, const struct ctl_result *r);
void control_log_request(const struct pending *p, const char *arg);
struct pending *control_pending_new(struct control_client *cl, uint32_t id, enum ctl_method m);
void control_pending_free(struct pending *p);
/* A number of its own, for what the core or the data is asked: their answer names it. */
uint32_t control_pending_number(struct pending *p);
struct pending *control_pending_find(const struct control *c, uint32_t request);
void control_reply(struct control *c, const struct core_reply *r);
void control_progress(struct control *c);
/* Parses a node as typed, with this node's host as the default. 0, or -EINVAL with why. */
int control_node(struct control *c, struct msg_span typed, struct node_addr *out,
	const char **why);

/* control_kv_state.c */
/* "ready", "loading 37 %", "put aside", or what is wrong. */
const char *control_data_text(const struct shell *s, char out[CTL_TEXT_MAX + 1]);
void control_no_data(struct control_client *cl, uint32_t id);

/* control_kv.c */
void control_data_reply(struct control *c, const struct data_reply *r);
void control_data_changed(struct control *c);
void control_watch_pump(struct control_client *cl); /* what fits below the queue's mark */

/* control_check.c */
void control_check_reply(struct pending *p, const struct core_reply *r);
void control_check_free(struct check *k);

#endif
