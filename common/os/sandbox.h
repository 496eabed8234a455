#ifndef COMMON_OS_SANDBOX_H
#define COMMON_OS_SANDBOX_H
/*
 * What a role gives up for good before its first byte of input. The role says what it needs; how that becomes limits
 * and filters is decided here alone: no_new_privs, no core dumps, rlimits, Landlock (files, TCP ports, signals), and an
 * allow-list of system calls. Open what must be open before (libraries' tables); there is no way back.
 * Before any thread is started: Landlock holds for the calling thread and its offspring.
 */
#include <stddef.h>
#include <stdint.h>

enum sandbox_need {
	SANDBOX_NET_CLIENT = 1,  /* connect to others */
	SANDBOX_NET_SERVER = 2,  /* accept on sockets that are already listening */
	SANDBOX_DNS = 4,         /* resolver sockets of its own */
	SANDBOX_TLS = 8,         /* OpenSSL at work */
	SANDBOX_READ_ETC = 16,   /* resolv.conf, hosts, nsswitch.conf, CA certificates */
	SANDBOX_INTERFACES = 32, /* list this host's addresses (netlink) */
	SANDBOX_THREADS = 64,    /* start threads of its own */
	SANDBOX_STORE = 128,     /* files below write_dir, memory-mapped */
};

struct sandbox_spec {
	unsigned needs; /* enum sandbox_need bits */
	/* Directories (of files that are replaced while we run: tokens, certificates) to read from. */
	const char *const *read_dirs;
	size_t n_read_dirs;
	const char *write_dir; /* SANDBOX_STORE; else NULL */
	/* SANDBOX_NET_CLIENT: the only TCP ports to connect to; none: all. Name servers' port 53 comes with SANDBOX_DNS. */
	const uint16_t *ports;
	size_t n_ports;
};

/* 0, or a negative errno when something failed that this kernel has. What it lacks is a logged warning. */
int sandbox_apply(const struct sandbox_spec *spec);

#endif
