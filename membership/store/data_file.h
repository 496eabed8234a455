#ifndef MEMBERSHIP_STORE_DATA_FILE_H
#define MEMBERSHIP_STORE_DATA_FILE_H
/*
 * The shared data's file, as the writer thread has it: read once, piece by piece; made with its first transaction; put
 * aside when it can't be used. Blocks on the disk.
 */
#include "membership/store/state_db.h"

struct data_file {
	char *data_dir;
	struct state_db *db; /* NULL: not open */
	struct state_cursor at;
	bool unusable;
};

void data_file_init(struct data_file *f, const char *data_dir);
void data_file_fini(struct data_file *f);
/* The next piece; f->at.end with the last one, and at once where there is no file. 0; or -errno with what is wrong. */
int data_file_load(struct data_file *f, struct state_pairs *out, char *err, size_t cap);
/* All of these batches that are the data's. 0 or -errno. */
int data_file_commit(struct data_file *f, const struct state_batch *first);
/* Whether the log has something that the file should take over when there is time, which settle does, step by step. */
bool data_file_unsettled(const struct data_file *f);
void data_file_settle(struct data_file *f);
/* What is there becomes kv.damaged, in the place of the last such one; the next transaction makes a new file. */
int data_file_aside(struct data_file *f);

#endif
