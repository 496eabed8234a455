#ifndef MEMBERSHIP_CORE_LIMITS_H
#define MEMBERSHIP_CORE_LIMITS_H
/* Numbers of the core: times, sizes, counts. */

enum {
	RINGS = 5,
	MESH_MAX = 11,  /* up to here every core links to every core */
	RINGS_MIN = 14, /* from here on rings; in between what is there stays */
	REDIAL_MS = 1000,
	REDIAL_AGAIN_MS = 10,
	DIAL_TIMEOUT_MS = 2000,
	HELLO_TIMEOUT_MS = 5000,
	JUMPS_MAX = 3,
	OTHER_DIALS_MS = 1000, /* the larger id dials too when nothing came within it */
	RING_TRIES = 3,
	UNLINKABLE_MS = 60000,
	REFUSED_MS = 30000,
	REACH_MS = 5000, /* redial of lost edges and of a random stopped member */
	REACH_TWICE_A_SECOND =
		2 * REACH_MS / 1000, /* nodes that look for one stopped member each time */
	LOST_EDGE_MS = 86400000,
	RING_SETTLE_MS = 100, /* so long wanted, then dialled */
	BURST_N = 8,
	BURST_MS = 100,
	WANT_STABLE_MS = 30000,
	DROP_MIN_MS = 10000,
	DROP_MAX_MS = 20000,
	PUBLISH_FIRST_MS =
		5, /* the gap after a first change, doubled while changes keep coming */
	PUBLISH_RINGS_MS =
		50, /* the same in a large cluster, where a change costs all the more */
	PUBLISH_LOSS_MS = 50, /* a loss waits no longer */
	PUBLISH_CUT_MS = 125, /* the next ones by silence don't, in a large cluster */
	SPARE_EDGES = 3,      /* who lists so many can wait for one more */
	PUBLISH_SPARE_MS = 500,
	PUBLISH_MAX_MS = 1000,
	RETIRE_MS = 100, /* so long the answers to a round of proposals to drop are collected */
	LET_GO_MS =
		1000, /* so long a link that the other end may close by agreement is none to rely on */
	TIDY_MS =
		5000, /* a link whose other end has un-listed it already is in no hurry to be so here */
	UNEQUAL_MS = 2000,
	STATE_GAP_MS = 5,
	PUSH_ALL_MAX = 16, /* up to so many items a new link pushes all instead of asking */
	LINK_HOLD_MS = 1000,
	HOLD_FIRST_MS = 1000,
	HOLD_NEXT_MS = 4000,
	HOLD_MAX_MS = 60000,
	HOLD_MEMORY_MS = 600000,
	KEEP_VIEW_MS = 5000,
	OLD_SESSION_MS =
		2000, /* a restarted member's old session still names it in others' lists */
	STALL_MS = 500,
	CORELESS_MS = 10000,
	CAND_FIRST_MS = 50,
	CAND_MAX_MS = 30000,
	CAND_LOOK_MS = 1000, /* whether somebody is to be looked for where nobody was */
	CAND_IN_FLIGHT = 4,
	SELF_MARK_MS = 60000,
	READY_MS = 1000,
	SIDE_WAIT_MS = 50,
	ADMIT_LEASE_MS = 60000,
	ADMIT_WAIT_MS = 10000, /* so long who admitted somebody goes nowhere itself */
	JOIN_STEP_MS = 5000,
	LEAVE_ACK_MS = 3000,
	LEAVE_TELL_MS = 500,
	TRANSIT_MS = 1000,
	NAME_POLL_MS = 30000, /* so often who gave way for its name asks for it again */
	NOTICE_MS = 30000,    /* the one that is gone may still hand its data over */
	RESTART_MS = 10000,
	RESTART_TAKEN_BACK_MS = 9000, /* nobody restarted me: before the others give me up */
	PERSIST_RETRY_MS = 1000,
	DEPARTED_MAX = 65536,
	ABSORBED_MAX = 64,
	ADMITTED_MAX = 64,
	BANS_MAX = 256,
	WAITING_MAX = 16,
	QUORUM_WAIT_MS = 5000, /* so long a removal waits for what will count */
	QUORUM_LOOK_MS = 20,
	VERSION_JUMP_MAX_BITS = 32,
	VIEW_AT_ONCE_MAX =
		64, /* larger clusters make the view anew at most every VIEW_GAP_MS */
	VIEW_GAP_MS = 5,
	BRANCHES_MAX =
		64, /* of the view's tree, one behind the other, before it is made anew */
	HEARTBEAT_MAX_MS = 60000, /* as in the configuration */
	TIMEOUT_MAX_MS = 600000,
	OUT_MAX =
		256 * 1024, /* answers that a peer does not read; what is over it is not said */
	NO_INDEX = -1,
};

#endif
