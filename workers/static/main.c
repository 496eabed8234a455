#include "workers/static/static.h"

int main(int argc, char **argv)
{
	return worker_main(&static_strategy, argc, argv);
}
