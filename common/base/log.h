#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H
/*
 * Structured logging: one line an event in one write(2) to stderr, logfmt or JSON. Event names are stable,
 * values are key=value pairs (use log_quote() for text from outside; the JSON form splits the same pairs).
 */
#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_init(const char *role, enum log_level max, enum log_format format);
bool log_enabled(enum log_level level);
/* Writes s as a quoted, escaped value into out and returns out; cuts what does not fit. */
char *log_quote(char *out, size_t cap, const char *s, size_t n);
void log_event(enum log_level level, const char *component, const char *event, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

#define log_error(...) log_event(LOG_ERROR, LOG_COMPONENT, __VA_ARGS__)
#define log_warn(...)  log_event(LOG_WARN, LOG_COMPONENT, __VA_ARGS__)
#define log_info(...)  log_event(LOG_INFO, LOG_COMPONENT, __VA_ARGS__)
#define log_debug(...)                                                    \
	do {                                                              \
		if (log_enabled(LOG_DEBUG))                               \
			log_event(LOG_DEBUG, LOG_COMPONENT, __VA_ARGS__); \
	} while (0)

#endif
