#ifndef MEMBERSHIP_NET_RPC_LIMITS_H
#define MEMBERSHIP_NET_RPC_LIMITS_H
/* Counts and times of the RPC port; the simulator's port has the same times. */

enum {
	RPC_SESSIONS_MAX = 1024, /* beyond hello */
	RPC_IDLE_MS = 60000,     /* the pool closes a connection without a call */
	RPC_SESSION_IDLE_MS =
		90000, /* the server one without a request: later, so that none crosses the other's close */
	RPC_ANSWERS_MAX = 256 * 1024, /* unsent: no more requests are read */
	RPC_OPEN_MAX = 16, /* requests of a session that wait for their answer: as above */
	RPC_OPEN_REFUSE =
		64, /* what was read already when it had so many is refused from here on */
	RPC_CONNECT_MS = 5000,
	RPC_ANSWER_MS = 10000
};

#endif
