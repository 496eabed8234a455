#ifndef COMMON_OS_PROC_H
#define COMMON_OS_PROC_H
/* What a process does to itself around fork and exec. Linux only; each returns 0 or a negative errno unless said. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* SIGKILL when the parent dies; -ESRCH when it is already gone (parent: its pid, taken before the fork). */
int proc_die_with_parent(pid_t parent);
/* No core file and no reading of our memory by others: it holds secrets. */
int proc_no_dumps(void);
int proc_no_new_privs(void);
/* Lowers soft and hard limit; a hard limit that is lower already stays. */
int proc_limit(int resource, uint64_t max);
/* Raises the soft limit of open files to the hard one, at most to max. */
int proc_raise_nofile(uint64_t max);
/* Closes every descriptor from `first` on. */
int proc_close_from(int first);
/* Empty mask, default actions: a child inherits ours otherwise. */
void proc_reset_signals(void);
/* A descriptor that becomes readable when pid exits; close-on-exec. */
int proc_pidfd(pid_t pid);

#endif
