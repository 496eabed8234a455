#ifndef WORKERS_ETCD_ETCD_H
#define WORKERS_ETCD_ETCD_H
/*
 * The etcd strategy: one session with one server at a time, as a chain of short calls
 *
 *   [authenticate] → [renew the lease we had] → [grant → put] → read the prefix, page by page → watch from there
 *
 * and then a renewal every third of the lease's time beside the endless watch. Whatever fails ends the session; the
 * next one begins with the next server, with the lease kept as long as etcd knows it. Failures never empty the set.
 */
#include "workers/worker.h"

extern const struct worker_strategy etcd_strategy;

#endif
