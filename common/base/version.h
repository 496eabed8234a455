#ifndef COMMON_BASE_VERSION_H
#define COMMON_BASE_VERSION_H
/* What this build is called. */

extern const char version_text[];   /* "0.1.0" */
extern const char version_commit[]; /* of the source tree, "" outside of one */

#endif
