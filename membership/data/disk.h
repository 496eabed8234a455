#ifndef MEMBERSHIP_DATA_DISK_H
#define MEMBERSHIP_DATA_DISK_H
/* Keys and values of the log on disk, and the writes of one transaction. */
#include "membership/data/data.h"
#include "membership/data/map.h"

struct data;

/* The log's writes of one transaction; offsets until they are handed out. */
struct writes {
	struct buf bytes;
	struct core_write *write;
	size_t n, cap;
};
enum disk_kind {
	DISK_ENTRY = 'e',
	DISK_VECTOR = 'v',
	DISK_GC = 'g',
	DISK_META = 'm',
	DISK_KNOWN = 'k'
};
void writes_free(struct writes *w);
void writes_reset(struct writes *w);
/* Makes pointers of the offsets. */
const struct core_write *writes_done(struct writes *w);
void disk_put_entry(struct writes *w, uint64_t gen, const struct entry *e);
/* From memory, where a lost transaction may have left something else. */
void disk_put_again(struct data *d, struct writes *w, const uint8_t *key, size_t n);
void disk_put_origin(struct writes *w, uint64_t gen, enum disk_kind k,
	const struct wire_origin *o);
void disk_put_meta(struct writes *w, uint64_t gen, uint64_t epoch, uint64_t floor);
void disk_put_delete(struct writes *w, const uint8_t *key, size_t n);
/* Keys of a generation that is gone, to be deleted bit by bit: length-prefixed. */
void disk_put_known(struct writes *w, uint64_t gen, const struct id128 *member,
	const struct vec *vector, uint64_t stopped_ms);
void disk_doom_known(struct data *d, const struct id128 *member);
void disk_doom(struct data *d, uint64_t gen, const struct map *m, const struct vec *vector,
	const struct vec *gc);

#endif
