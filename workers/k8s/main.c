#include "workers/k8s/k8s.h"

int main(int argc, char **argv)
{
	return worker_main(&k8s_strategy, argc, argv);
}
