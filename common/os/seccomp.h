#ifndef COMMON_OS_SECCOMP_H
#define COMMON_OS_SECCOMP_H
/*
 * The system calls that a role may make, as a table; every other one fails with EPERM (clone3 with ENOSYS, so that libc
 * takes the older call, whose flags can be checked). Nothing here starts a program or a process.
 */
#include <stdbool.h>

/* The needs are enum sandbox_need bits. read_files: may open files to read. 0 or a negative errno; needs no_new_privs. */
int seccomp_apply(unsigned needs, bool read_files);

#endif
