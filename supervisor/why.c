#include "supervisor/why.h"

#include <stdarg.h>
#include <stdio.h>

int why_set(struct why *w, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof w->text, fmt, ap);
	va_end(ap);
	return rc;
}
