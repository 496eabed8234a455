#include "common/wire/wire_data.h"

static const struct msg_field origin_fields[] = {
	MSG_FIELD(MSG_ID, wire_origin, member, 0, "who wrote"),
	MSG_FIELD(MSG_U64, wire_origin, epoch, 0, "drawn at its first write after a start"),
	MSG_FIELD(MSG_U64, wire_origin, n, 0, "everything up to this number"),
};
static const struct msg_desc origin_desc = MSG_DESC(wire_origin, origin_fields, 3,
	"Numbers writes without gaps; in vectors and contexts ascending.");

static const struct msg_field sibling_fields[] = {
	MSG_FIELD(MSG_ID, wire_sibling, member, 0, "its dot: who wrote"),
	MSG_FIELD(MSG_U64, wire_sibling, epoch, 0, "its dot: the writer's epoch"),
	MSG_FIELD(MSG_U64, wire_sibling, n, 0, "its dot: the number, from 1"),
	MSG_FIELD(MSG_U64, wire_sibling, ms, 0, "hybrid logical clock, milliseconds"),
	MSG_FIELD(MSG_U32, wire_sibling, counter, 0, "orders writes of one millisecond"),
	MSG_FIELD(MSG_BOOL, wire_sibling, deleted, 0, "a deletion"),
	MSG_FIELD(MSG_BIN, wire_sibling, value, WIRE_DATA_VALUE_MAX, ""),
};
static const struct msg_desc sibling_desc =
	MSG_DESC(wire_sibling, sibling_fields, 7, "One value of a key, or its deletion.");

static const struct msg_field entry_fields[] = {
	MSG_FIELD(MSG_BIN, wire_entry, key, WIRE_DATA_KEY_MAX, ""),
	MSG_FIELD_OF(MSG_LIST, wire_entry, context, WIRE_DATA_CONTEXT_MAX, &origin_desc,
		"covers every write ever seen of this key"),
	MSG_FIELD_OF(MSG_LIST, wire_entry, siblings, WIRE_DATA_SIBLINGS_MAX, &sibling_desc,
		"what of them still stands, ascending"),
};
const struct msg_desc wire_entry_desc =
	MSG_DESC(wire_entry, entry_fields, 3, "All of one key.");

static const struct msg_field record_fields[] = {
	MSG_FIELD(MSG_ID, wire_data_record, member, 0, "the write: who"),
	MSG_FIELD(MSG_U64, wire_data_record, epoch, 0, "the write: the writer's epoch"),
	MSG_FIELD(MSG_U64, wire_data_record, n, 0, "the write: its number"),
	MSG_FIELD(MSG_BOOL, wire_data_record, report, 0, "tell by have who has it"),
	MSG_FIELD_OF(MSG_LIST, wire_data_record, entry, 1, &wire_entry_desc,
		"the key as the write left it"),
};
static const struct msg_desc record_desc =
	MSG_DESC(wire_data_record, record_fields, 5, "One write, in the order of its origin.");

static const struct msg_field push_fields[] = {
	MSG_FIELD_OF(MSG_LIST, wire_data_push, records, WIRE_DATA_RECORDS_MAX, &record_desc,
		""),
};
static const struct msg_desc push_desc =
	MSG_DESC(wire_data_push, push_fields, 1, "Live spread.");

static const struct msg_field pushed_fields[] = {
	MSG_FIELD_OF(MSG_LIST, wire_data_pushed, have, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"durable here, of the origins that were pushed"),
	MSG_FIELD(MSG_U64, wire_data_pushed, wall_ms, 0, "my clock"),
	MSG_FIELD(MSG_BOOL, wire_data_pushed, gap, 0,
		"something before is missing: I catch up from you"),
};
static const struct msg_desc pushed_desc =
	MSG_DESC(wire_data_pushed, pushed_fields, 3, "Stored, or known already.");

static const struct msg_field sync_fields[] = {
	MSG_FIELD(MSG_U32, wire_data_sync, mode, WIRE_SYNC_COPY,
		"0 what the vector lacks, 1 all, to compare, 2 all, to adopt"),
	MSG_FIELD_OF(MSG_LIST, wire_data_sync, vector, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"what I have; empty when all is asked for"),
	MSG_FIELD_OF(MSG_LIST, wire_data_sync, gc, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"what I may have forgotten the deletions of"),
	MSG_FIELD(MSG_ID, wire_data_sync, staged, 0, "a joiner's member id to be"),
	MSG_FIELD(MSG_U64, wire_data_sync, epoch, 0, "cursor, from the last answer"),
	MSG_FIELD(MSG_U64, wire_data_sync, index, 0, "cursor, from the last answer"),
};
static const struct msg_desc sync_desc =
	MSG_DESC(wire_data_sync, sync_fields, 6, "Catching up, comparing, copying.");

static const struct msg_field synced_fields[] = {
	MSG_FIELD(MSG_U64, wire_data_synced, epoch, 0, "cursor: of this server's index"),
	MSG_FIELD(MSG_U64, wire_data_synced, index, 0, "cursor: told up to here"),
	MSG_FIELD_OF(MSG_LIST, wire_data_synced, entries, WIRE_DATA_RECORDS_MAX,
		&wire_entry_desc, ""),
	MSG_FIELD(MSG_BOOL, wire_data_synced, done, 0, "this was the last part"),
	MSG_FIELD_OF(MSG_LIST, wire_data_synced, vector, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"with done: what the server has; in a copy with the first part too"),
	MSG_FIELD_OF(MSG_LIST, wire_data_synced, gc, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"with done: what the server may have forgotten the deletions of"),
	MSG_FIELD(MSG_U64, wire_data_synced, entries_total, 0, "about"),
	MSG_FIELD(MSG_U64, wire_data_synced, bytes_total, 0, "about"),
	MSG_FIELD(MSG_BOOL, wire_data_synced, stale, 0,
		"your vector does not cover what I have forgotten: ask for all"),
	MSG_FIELD(MSG_BOOL, wire_data_synced, behind, 0,
		"my vector does not cover what you have forgotten: I shall ask for all"),
	MSG_FIELD(MSG_U64, wire_data_synced, wall_ms, 0, "my clock"),
};
static const struct msg_desc synced_desc =
	MSG_DESC(wire_data_synced, synced_fields, 11, "One part.");

static const struct msg_field ask_fields[] = {
	MSG_FIELD(MSG_BOOL, wire_data_ask, pull, 0, "catch up from me now"),
};
static const struct msg_desc ask_desc =
	MSG_DESC(wire_data_ask, ask_fields, 1, "What do you have?");

static const struct msg_field vector_fields[] = {
	MSG_FIELD_OF(MSG_LIST, wire_data_vector, vector, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"what I have"),
	MSG_FIELD_OF(MSG_LIST, wire_data_vector, gc, WIRE_DATA_ORIGINS_MAX, &origin_desc,
		"what I may have forgotten the deletions of"),
	MSG_FIELD(MSG_U64, wire_data_vector, data_hash, 0, ""),
	MSG_FIELD(MSG_U64, wire_data_vector, wall_ms, 0, "my clock"),
	MSG_FIELD(MSG_BOOL, wire_data_vector, leaving, 0, "I take no hand-over"),
};
const struct msg_desc wire_data_vector_desc =
	MSG_DESC(wire_data_vector, vector_fields, 5, "How far a node is.");

static const struct msg_field holder_fields[] = {
	MSG_FIELD(MSG_ID, wire_data_holder, holder, 0, "who has it durable"),
	MSG_FIELD(MSG_ID, wire_data_holder, member, 0, "whose writes"),
	MSG_FIELD(MSG_U64, wire_data_holder, epoch, 0, "whose writes"),
	MSG_FIELD(MSG_U64, wire_data_holder, n, 0, "up to this number"),
};
static const struct msg_desc holder_desc =
	MSG_DESC(wire_data_holder, holder_fields, 4, "A node that has an origin's writes.");

static const struct msg_field have_fields[] = {
	MSG_FIELD_OF(MSG_LIST, wire_data_have, holders, WIRE_DATA_RECORDS_MAX, &holder_desc,
		""),
};
static const struct msg_desc have_desc =
	MSG_DESC(wire_data_have, have_fields, 1, "Up the tree: who else has it.");

static const struct msg_field write_fields[] = {
	MSG_FIELD(MSG_ID, wire_data_write, id, 0, "the same on retry: done once"),
	MSG_FIELD(MSG_U32, wire_data_write, op, 3, "1 put, 2 delete, 3 resolve"),
	MSG_FIELD(MSG_U32, wire_data_write, ack, 2, "0 local, 1 one, 2 majority"),
	MSG_FIELD(MSG_U32, wire_data_write, timeout_ms, 0, ""),
	MSG_FIELD(MSG_BIN, wire_data_write, key, WIRE_DATA_KEY_MAX, ""),
	MSG_FIELD(MSG_BIN, wire_data_write, value, WIRE_DATA_VALUE_MAX, ""),
	MSG_FIELD(MSG_STR, wire_data_write, if_version, WIRE_DATA_TOKEN_MAX,
		"when conditional: what must be there, empty: nothing"),
	MSG_FIELD(MSG_BOOL, wire_data_write, conditional, 0, ""),
	MSG_FIELD(MSG_U32, wire_data_write, sibling, 0, "resolve: which one stands"),
};
static const struct msg_desc write_desc =
	MSG_DESC(wire_data_write, write_fields, 9, "A replica's write, done by a core.");

static const struct msg_field written_fields[] = {
	MSG_FIELD(MSG_U32, wire_data_written, code, 0, "0 done"),
	MSG_FIELD(MSG_U32, wire_data_written, acked, 0, "cores that have it"),
	MSG_FIELD(MSG_STR, wire_data_written, version, WIRE_DATA_TOKEN_MAX, ""),
	MSG_FIELD(MSG_STR, wire_data_written, text, 255, "in plain words"),
};
static const struct msg_desc written_desc =
	MSG_DESC(wire_data_written, written_fields, 4, "The answer to write.");

const struct wire_data_row wire_data_rows[WIRE_DATA_N] = {
	[WIRE_DATA_PUSH] = {"push", &push_desc, &pushed_desc, "Live spread."},
	[WIRE_DATA_SYNC] = {"sync", &sync_desc, &synced_desc, "Catching up, copying."},
	[WIRE_DATA_VECTOR] = {"vector", &ask_desc, &wire_data_vector_desc,
		"How far are you; before a hand-over and before deletions are forgotten."},
	[WIRE_DATA_HAVE] = {"have", &have_desc, NULL, "Who else has it."},
	[WIRE_DATA_WRITE] = {"write", &write_desc, &written_desc, "A replica's write."},
};
