#ifndef COMMON_OS_LANDLOCK_H
#define COMMON_OS_LANDLOCK_H
/*
 * Landlock, as far as the running kernel has it: everything is denied but what the rules name. The version (ABI) is
 * asked from the kernel; the headers of the build may be older, so the numbers are our own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct landlock_rules {
	const char *const *read_files; /* single files that must exist to matter */
	size_t n_read_files;
	const char *const *read_dirs; /* and all below */
	size_t n_read_dirs;
	const char *write_dir; /* everything but devices and execution below it; NULL: none */
	bool tcp_any;          /* connect to every TCP port */
	bool tcp_bind; /* bind to every TCP port, be it only as the source of a connection */
	const uint16_t *tcp_ports; /* else to these */
	size_t n_tcp_ports;
};

/* The ABI version; 0 when the kernel has none (or it is switched off). */
int landlock_abi(void);
/* What version abi lacks of all that we would use, as text for a warning; NULL when nothing. */
const char *landlock_missing(int abi);
/* Needs no_new_privs. Paths that don't exist are skipped. 0 or a negative errno. abi as landlock_abi() said, > 0. */
int landlock_apply(int abi, const struct landlock_rules *r);

#endif
