#ifndef WORKERS_K8S_K8S_H
#define WORKERS_K8S_K8S_H
/* The k8s strategy: the endpoints of one service, ready or not, as the API server tells them; see k8s_session.h. */
#include "workers/worker.h"

extern const struct worker_strategy k8s_strategy;

#endif
