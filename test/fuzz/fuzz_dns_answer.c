/*
 * A DNS answer of any bytes (the first one chooses the type): what comes out is well formed, in step with the status,
 * and the same each time.
 */
#include <stdlib.h>
#include <string.h>

#include "common/net/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void check_record(const struct dns_record *r, enum dns_type type)
{
	demand(r->ttl_s <= INT32_MAX);
	demand((r->target != NULL) == (type == DNS_SRV));
	if (type == DNS_SRV)
		demand(strlen(r->target) < 1024 && r->addr.sa.sa_family == 0);
	else
		demand(r->addr.sa.sa_family == (type == DNS_A ? AF_INET : AF_INET6));
}

static void demand_same(const struct dns_answer *a, const struct dns_answer *b)
{
	demand(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		demand(a->record[i].ttl_s == b->record[i].ttl_s &&
			a->record[i].port == b->record[i].port &&
			memcmp(&a->record[i].addr, &b->record[i].addr,
				sizeof b->record[i].addr) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV};
	struct dns_answer a, again;
	enum dns_type type;
	enum dns_status status;

	if (size < 1 || size > UINT16_MAX)
		return 0;
	type = types[data[0] % 3];
	status = dns_answer_read(data + 1, size - 1, type, &a);
	demand(status == DNS_OK || status == DNS_NODATA || status == DNS_GARBAGE);
	demand((status == DNS_OK) == (a.n > 0));
	for (size_t i = 0; i < a.n; i++)
		check_record(&a.record[i], type);
	demand(dns_answer_read(data + 1, size - 1, type, &again) == status);
	demand_same(&a, &again);
	dns_answer_free(&a);
	dns_answer_free(&again);
	return 0;
}
