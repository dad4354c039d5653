// What a sub-lane has beyond memory: lane records in the stage's own stream, and behind them a tail
// in memory that becomes the next one. Such a sub-lane takes every new entry at its tail, and reads
// its records back one at a time onto its normal side while little waits there and nothing stands
// on its penalty side: the order of each object holds, and marks are not kept.
//
// Memory of the pool: sides grow into seven eighths of it only. Beyond, entries go to tails, and
// tails become records the sooner the less is left; a short record is written anew with what has
// come since, so that the list of records stays short. When nothing is left, what comes has to
// wait. It never does for long: every tail can become a record, reading back stops before that,
// and after a second without memory the longest lists give up their oldest records. The
// stream, in turn, gets room by becoming durable, which waits for nobody.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>
#include <millrace/record.h>

#include "fifo.h"

struct mr_lane;
struct mr_lanes;
struct mr_sublane;

enum {
	MR_SPILL_LOW = 1024, // a sub-lane with fewer waiting entries in memory reads back
	MR_SPILL_RECORD_BYTES_MAX =
		sizeof(struct mr_record_lane) + MR_LANE_RECORD_ENTRIES_MAX * sizeof(mr_position),
	MR_SPILL_READ_CHUNKS = MR_LANE_RECORD_ENTRIES_MAX / MR_CHUNK_ENTRIES + 2,
};

struct mr_lane_spill {
	// Records by age: pairs of a position and its entries, and the newest one, 0: none. One of
	// which nothing is left is a pair of zeroes.
	struct mr_fifo records;
	mr_position last;
	uint32_t last_entries;
	uint32_t lost; // so many of the next entries to be read back belong to a batch that is lost
	struct mr_fifo tail; // the newest entries
	uint64_t entries; // in records
	uint64_t left; // entries that left without coming back to memory, and before this boot
	// A recovered batch whose entries are not all in memory yet; 0: none. Nothing else of the
	// sub-lane is sent before it.
	uint64_t batch_number;
	uint32_t batch_count;
};

// What limits a stage's spills; fixed at start.
struct mr_spill_limits {
	uint32_t chunks; // of the pool, without what is kept for lists of records and reads
	uint32_t share; // entries of a sub-lane in memory while there is plenty
	uint32_t records_max; // of a lane
};

static inline bool mr_spill_is_open(const struct mr_lane_spill *spill)
{
	return spill->last != 0 || spill->records.count > 0 || spill->tail.count > 0;
}

static inline uint32_t mr_spill_records(const struct mr_lane_spill *spill)
{
	return spill->records.count / 2 + (spill->last != 0);
}

// Walks the records, oldest first.
struct mr_spill_iter {
	struct mr_fifo_iter iter;
	bool last; // is still to come
};
struct mr_spill_iter mr_spill_begin(const struct mr_lane_spill *spill);
bool mr_spill_next(const struct mr_lanes *lanes, const struct mr_lane_spill *spill,
	struct mr_spill_iter *iter, mr_position *ret_position, uint32_t *ret_entries);

struct mr_spill_limits mr_spill_limits_of(uint32_t entries_max, uint64_t stream_bytes);
// Whether the sub-lane's next entry goes to the tail.
bool mr_spill_takes(
	const struct mr_lanes *lanes, const struct mr_lane *lane, const struct mr_sublane *sublane);
// Whether the pool has so little left that nothing is taken in.
bool mr_spill_is_short(const struct mr_lanes *lanes);
// Whether any entry can be taken now. False: the stream's room or the pool's is short, and what
// comes stays where it is.
bool mr_spill_has_room(const struct mr_lanes *lanes);
// Whether the tail should become a record, and making it one: mr_spill_has_room said true.
bool mr_spill_is_due(const struct mr_lanes *lanes, const struct mr_sublane *sublane);
void mr_spill_write(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane);
// Once per step: records that have become durable are counted as needed.
void mr_spill_follow(struct mr_lanes *lanes);
// A checkpoint of the stage begins; all its lanes are said; the journal has made it the one that a
// start replays from. A lane record that has left its list stays needed until none names it.
void mr_spill_checkpoint_begin(struct mr_lanes *lanes);
void mr_spill_checkpoint_end(struct mr_lanes *lanes);
void mr_spill_checkpoint_holds(struct mr_lanes *lanes);
// Whether the sub-lane should read back its oldest record, or, when there is none, its tail; and
// whether there is memory for it now.
bool mr_spill_wants(const struct mr_sublane *sublane);
bool mr_spill_may_read(
	const struct mr_lanes *lanes, const struct mr_lane *lane, const struct mr_sublane *sublane);
// Whether its list of records is too long: its oldest record is to be read and given up.
bool mr_spill_is_long(const struct mr_lanes *lanes, const struct mr_sublane *sublane);
// The oldest record; false: there is none, or it is not durable yet.
bool mr_spill_front(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	mr_position *ret_position, uint32_t *ret_entries);
// One of the records, by age from 0; false: there is none, or it is not durable yet.
bool mr_spill_at(const struct mr_lanes *lanes, const struct mr_lane_spill *spill, uint32_t index,
	mr_position *ret_position, uint32_t *ret_entries);
// Another one takes its place, with fewer of its entries; the others leave. While a survey walks
// the list, pairs of zeroes stay; in the end those that come first go.
void mr_spill_trim(struct mr_lanes *lanes, struct mr_sublane *sublane);
void mr_spill_rewrite(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t index, const mr_position *positions, uint32_t count);
// The oldest record has been read: its entries come back to memory but for the first `lost` ones,
// which leave; the record is not needed any more.
void mr_spill_take_back(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	const mr_position *positions, uint32_t lost);
// There is no record: the tail comes back.
void mr_spill_join(struct mr_lanes *lanes, struct mr_sublane *sublane);
// The oldest record has gone with its segment, and its entries, which are older, with theirs: they
// leave. Returns how many.
uint32_t mr_spill_lose(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane);
// One that a start has recovered, and counted as needed, goes behind those that are there. False:
// no memory.
bool mr_spill_recover(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	mr_position position, uint32_t entries);
