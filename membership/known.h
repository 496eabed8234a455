#ifndef MEMBERSHIP_KNOWN_H
#define MEMBERSHIP_KNOWN_H
/*
 * Addresses of members and candidates, for the gate: literal hosts from the core and the workers, and the addresses that
 * connections to and from them really had. Rebuilt when asked, at most once a second, as the view may change often.
 */
#include "membership/net/net_addr.h"

struct known;
struct shell;

struct known *known_new(struct shell *s);
void known_free(struct known *k);
/* Members or candidates have changed. */
void known_stale(struct known *k);
/* Somebody who is one of us was met at this address. */
void known_note(struct known *k, const struct net_ip *ip);
bool known_has(void *known, const struct net_ip *ip);

#endif
