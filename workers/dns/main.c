#include "workers/dns/dns_worker.h"

int main(int argc, char **argv)
{
	return worker_main(&dns_strategy, argc, argv);
}
