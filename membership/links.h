#ifndef MEMBERSHIP_LINKS_H
#define MEMBERSHIP_LINKS_H
/*
 * The core's connections on the distribution port: its handles on one side, streams on the other. Executes what the core
 * wants done with a connection and feeds what happens to it.
 */
#include "membership/shell_int.h"

struct links;

struct links *links_new(struct shell *s);
void links_free(struct links *l); /* closes all, tells nobody */
/* Owns fd. */
void links_accept(struct links *l, int fd, const union net_addr *peer);
/* CORE_FX_DIAL, CLOSE, WAKE, ACCEPTED. */
void links_effect(struct links *l, const struct core_fx *fx);

void links_each_failed_dial(const struct links *l, shell_dial_visit *visit, void *ctx);

#endif
