// Distributed records: finished events of the shard, told to the journal some at a time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/ban.h>

struct mr_shard;

enum { MR_SHARD_PROGRESS_MAX = 512 }; // offsets in one distributed record

struct mr_shard_written { // distributed records that are not durable yet
	uint64_t oldest; // event that they name; UINT64_MAX: there are none
	uint64_t end; // of the last one; 0: there are none
};

struct mr_shard_progress { // finished events for the next distributed record
	uint64_t due_ns;
	uint64_t oldest; // UINT64_MAX: none
	struct mr_shard_written written[2]; // those that were there first, those since
	// Finished events that no record names, since the last checkpoint began and before: it does
	// not list the latter. UINT64_MAX: none.
	uint64_t unrecorded;
	uint64_t unrecorded_before;
	uint32_t count;
	uint64_t offsets[MR_SHARD_PROGRESS_MAX];
};

void mr_progress_init(struct mr_shard_progress *progress);
void mr_progress_add(struct mr_shard *shard, uint64_t offset); // of a finished event
void mr_progress_write(struct mr_shard *shard); // appends a record when it is time
// Appends that an event, which waits, is given up. False: no room.
bool mr_progress_drop(
	struct mr_shard *shard, uint64_t offset, const struct mr_scope *scope, uint8_t reason);
// Oldest finished event of which no durable record says so.
uint64_t mr_progress_oldest(struct mr_shard *shard);
void mr_progress_begin(struct mr_shard_progress *progress); // a checkpoint
void mr_progress_complete(struct mr_shard_progress *progress);
