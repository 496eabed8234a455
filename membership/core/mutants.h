#ifndef MEMBERSHIP_CORE_MUTANTS_H
#define MEMBERSHIP_CORE_MUTANTS_H
/*
 * Deliberate faults, one for each rule that somebody may think superfluous: `make mutants` builds the core with
 * -DCORE_MUTANTS and demands that the simulator notices each. In every other build MUTANT() is false and costs nothing.
 */
#include <stdbool.h>

#define CORE_MUTANT_LIST(X)                                                                   \
	X(NONE, "the core as it ships")                                                       \
	X(ONE_WAY_EDGE, "an edge counts although only one record lists it")                   \
	X(DROP_WITHOUT_SEARCH, "an unwanted link is closed without looking for another path") \
	X(DROP_WITHOUT_AGREEMENT, "an unwanted link is closed without asking the other end")  \
	X(NO_SESSION, "every process of a node has the same session")                         \
	X(MERGE_LARGER, "where clusters meet the larger identity is kept")                    \
	X(KNOWN_IS_FOREIGN, "a member with another identity is not of the cluster")           \
	X(MANUAL_MERGES, "manual clusters merge unasked")                                     \
	X(NO_REDIAL, "a broken connection is a lost link at once")                            \
	X(REFUSAL_PROVES, "a refusal proves death to who never reached the listener")         \
	X(NO_HOLD, "nobody waits after a fall")                                               \
	X(NO_BURST, "the lost are not dialled at once")                                       \
	X(BURST_WANTS_ALL, "who was dialled as lost is linked with although it is back")      \
	X(DROP_ONE_BY_ONE, "each dropped link is a change of the record of its own")          \
	X(NO_THROTTLE, "each change of the own record is said by itself")                     \
	X(TELL_BACK, "a record is told to who has just told it")                              \
	X(NO_REACH, "stopped members are never dialled again")                                \
	X(NO_FORWARDING, "a record is not passed on")                                         \
	X(NO_ANTI_ENTROPY, "a different digest is nobody's concern")                          \
	X(NO_TIME_OUT, "a silent link lives for ever")                                        \
	X(STALL_IS_SILENCE, "after my own pause the others are judged at once")               \
	X(NO_RESTART_GRACE, "an announced restart is a stop")                                 \
	X(NO_REFUSAL, "a replica has the links that it lists, whatever their cores say")      \
	X(FORMER_ATTACHED, "a core has the replicas that it had before its restart")          \
	X(NO_OLD_SESSION, "a restarted member is known by its new session only")              \
	X(ALL_ARE_VOTERS, "joiners count for quorum at once")                                 \
	X(SMALLER_VOTERS, "where two sets of voters meet the smaller identity's stands")      \
	X(CLEAN_WITHOUT_QUORUM, "autoclean needs no quorum")                                  \
	X(DEPARTED_RETURNS, "a departed id is taken back")                                    \
	X(DEPARTED_NOT_STORED, "departures are not on disk")                                  \
	X(CLEAR_WITHOUT_COVER, "who learns of its departure clears without asking")           \
	X(APART_MERGES, "who stands apart is merged with")                                    \
	X(LEAVE_WITHOUT_ACK, "a leaving node clears before anybody has its departure")        \
	X(JOIN_WITHOUT_ADMIT, "a joiner swaps before it is admitted")                         \
	X(BUSY_MERGES, "a joining node merges")                                               \
	X(NAME_TAKEN, "a running member's name is given away")                                \
	X(CLONE_WELCOME, "a second process with one identity is welcome")                     \
	X(NO_JUMP, "a newer version of the own record is ignored")                            \
	X(NEVER_VOID, "a removal without quorum stands whatever happens")                     \
	X(HEAL_ALWAYS, "autoheal=false lets everything through")                              \
	X(REPLICA_TRANSIT, "paths lead through replicas")                                     \
	X(HELLO_BEFORE_DISK, "hello is said before the incarnation is on disk")               \
	X(EFFECTS_KEPT, "what was executed keeps its place among the effects")                \
	X(DATA_CLEAR_WITHOUT_COVER, "data is handed over by saying so")                       \
	X(DATA_VECTOR_EARLY, "a vector is adopted before all that it covers is here")         \
	X(DATA_OVER_GAP, "a write is applied although the one before it is missing")          \
	X(DATA_NO_MINIMUM, "deletions are forgotten when one node has them")                  \
	X(DATA_NO_LEASE, "deletions are forgotten under an open copy, which begins anew")     \
	X(DATA_STALE_TAIL, "who was away too long is told what is new, and no more")          \
	X(DATA_REPLICA_ALONE, "what a replica has alone is nobody's concern")                 \
	X(DATA_CALLS_KEPT, "a request that was answered is kept")                             \
	X(DATA_ANSWER_EARLY, "a write is acknowledged before it is on disk")

#define CORE_MUTANT_ENUM(id, doc) MUTANT_##id,
enum core_mutant { CORE_MUTANT_LIST(CORE_MUTANT_ENUM) MUTANT_N };
#undef CORE_MUTANT_ENUM

#ifdef CORE_MUTANTS
extern enum core_mutant core_mutant; /* set once, before the first core is made */
#define MUTANT(id) (core_mutant == MUTANT_##id)
#else
#define MUTANT(id) false
#endif

#endif
