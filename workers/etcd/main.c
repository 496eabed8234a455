#include "workers/etcd/etcd.h"

int main(int argc, char **argv)
{
	return worker_main(&etcd_strategy, argc, argv);
}
