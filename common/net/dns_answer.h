#ifndef COMMON_NET_DNS_ANSWER_H
#define COMMON_NET_DNS_ANSWER_H
/*
 * What a DNS answer says, with the TTLs that the libraries' own parsers drop. Works on bytes, does no I/O, trusts
 * nothing in them: every name and length is checked against the end of the packet.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Outcome of a lookup. What a server said, what the network did, what we refuse. */
enum dns_status {
	DNS_OK,
	DNS_NXDOMAIN,    /* the name does not exist */
	DNS_NODATA,      /* the name exists, but has nothing of this type */
	DNS_SERVFAIL,    /* every server failed */
	DNS_REFUSED,     /* every server refused to answer */
	DNS_TIMEOUT,     /* no answer in time */
	DNS_UNREACHABLE, /* no server could be asked */
	DNS_GARBAGE,     /* an answer that cannot be read */
	DNS_BAD_NAME,    /* not a name that can be asked for */
	DNS_BUSY,        /* too many lookups at once */
	DNS_FAILED       /* anything else */
};

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

/* Ready for connect(2) once the port is set. */
union dns_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct dns_record {
	uint32_t ttl_s;      /* the smallest one on the way from the name that was asked for */
	union dns_addr addr; /* A, AAAA */
	char *target;        /* SRV: a host name without the final dot; "" says: not offered */
	uint16_t priority, weight, port;
};

struct dns_answer {
	struct dns_record *record;
	size_t n;
};

/*
 * Collects the records of type that belong to the question's name, directly or by its CNAMEs. DNS_OK with n > 0,
 * DNS_NODATA, or DNS_GARBAGE (then nothing is kept). Free with dns_answer_free().
 */
enum dns_status dns_answer_read(const uint8_t *packet, size_t n, enum dns_type type,
	struct dns_answer *out);
void dns_answer_free(struct dns_answer *a);

#endif
