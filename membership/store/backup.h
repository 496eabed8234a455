#ifndef MEMBERSHIP_STORE_BACKUP_H
#define MEMBERSHIP_STORE_BACKUP_H
/*
 * A copy of what is about to be replaced: data_dir/backup/NAME, written bit by bit, whole under its name or not there at
 * all; then the ones before it go. Blocks on the disk, knows no thread and no loop (state.h has those).
 */
#include <stddef.h>
#include <stdint.h>

enum backup_what {
	BACKUP_BEGIN, /* an older one that was broken off goes */
	BACKUP_MORE,
	BACKUP_END, /* flushed, renamed, the only one */
	BACKUP_DROP /* it is not wanted any more */
};

struct backup_file {
	int fd; /* -1: none is being written */
	char *dir, *name;
};

struct backup_step {
	enum backup_what what;
	const char *data_dir, *name; /* BEGIN */
	const uint8_t *bytes;        /* BEGIN, MORE, END: what comes next */
	size_t n;
};

/* 0 or -errno; after an error nothing is left of it. */
int backup_step(struct backup_file *f, const struct backup_step *s);

#endif
