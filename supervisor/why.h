#ifndef SUPERVISOR_WHY_H
#define SUPERVISOR_WHY_H
/* What went wrong at start, in words for the operator: who, what, why and what to do. */

struct why {
	char text[512]; /* cut where it would be longer */
};

/* Returns rc. */
int why_set(struct why *w, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
