#include "common/base/version.h"

#ifndef CLUSTERD_COMMIT
#define CLUSTERD_COMMIT ""
#endif

const char version_text[] = CLUSTERD_VERSION;
const char version_commit[] = CLUSTERD_COMMIT;
