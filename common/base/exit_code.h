#ifndef COMMON_BASE_EXIT_CODE_H
#define COMMON_BASE_EXIT_CODE_H
/* Exit codes of all our programs. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_CONFIG = 78 };

#endif
