#ifndef TEST_SIM_NEWER_H
#define TEST_SIM_NEWER_H
/*
 * A later version of the protocol, as today's nodes will meet it: it offers one more version in its hello, its messages
 * have a field more at their end, and now and then it says something of which they have never heard.
 */
#include "common/base/buf.h"

/* Rewrites whole frames, n bytes of them, as the later version would say them. */
void newer_speak(const uint8_t *frames, size_t n, struct buf *out);

#endif
