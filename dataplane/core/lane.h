// The lanes of one delivery stage: what each webhook still owes, in order. A lane has sub-lanes,
// chosen by object, with a normal and a penalty side each; entries are positions in pooled chunks
// (8 bytes; 16 on the penalty side). A batch is a prefix of both sides of one sub-lane, and its
// entries leave when it has settled. Pure: no clock, no memory but the arena's. Functions by file:
// lane.c what comes and goes, lane_serve.c what a batch takes, lane_behind.c who holds streams
// back, lane_held.c what bans hold.
//
// With a journal on disk nobody holds streams back: entries are counted by segment (lane_need.h),
// and what is beyond memory is spilled (lane_spill.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <millrace/limits.h>
#include <millrace/record.h>

#include "arena.h"
#include "fifo.h"
#include "lane_floor.h"
#include "lane_held.h"
#include "lane_lag.h"
#include "lane_need.h"
#include "lane_penalised.h"
#include "lane_spill.h"
#include "message.h"
#include "stream.h"
#include "timer.h"

// What bans held and hold no longer has a side of its own, which is served before the others.
enum mr_lane_side { MR_LANE_NORMAL = 0, MR_LANE_PENALTY = 1, MR_LANE_RELEASED = 2, MR_LANE_SIDES };

// One side of a sub-lane. From the front: `loose` places that hold no stream back, `counted` ones
// that do (their entries are in the floors), and, while a lane that fell behind is being loosened,
// newer ones that do not. An entry that leaves from the middle leaves a hole: a place of zeroes,
// which goes when it comes first.
struct mr_lane_queue {
	// penalty side: pairs of a position and a slot of the penalised set; released side: of a
	// position and its object
	struct mr_fifo fifo;
	uint32_t loose;
	uint32_t counted;
	uint32_t holes;
	uint64_t left; // places that ever left: the number of the first one that is here
};

struct mr_sublane {
	struct mr_lane_queue sides[MR_LANE_SIDES];
	struct mr_lane_spill spill;
	struct mr_lane_held held;
	// So many of the first ones of each side are older than what is held: they were to be sent
	// when later ones of their objects were held, and then were not.
	uint32_t older[MR_LANE_SIDES];
	uint64_t left; // entries that ever left memory for good
	LIST_ENTRY(mr_sublane) unsent; // its batch is recorded, and no attempt was begun
	struct mr_timer timer; // of the batch's age; the stage's
	// not after the oldest entry that waits came, but after the last batch was taken
	uint64_t since_ns;
	// of the batch whose borders are recorded and which has not settled; 0: none
	uint64_t number;
	uint64_t settled_number; // of the last one that did
	// of its record in the stage's stream: durable before the first attempt
	uint64_t recorded_end;
	uint32_t batch[MR_LANE_SIDES]; // its borders: entries of each side
	uint32_t lane; // slot
	uint32_t judged; // epoch of the rules that let its unsent batch pass; the stage's
	uint8_t index; // in the lane
	uint8_t credit; // of the penalty side, in fifths of an entry
	bool busy; // an attempt is under way
	bool changed; // since its last progress record
};

#define MR_LANE_UNNUMBERED UINT32_MAX

struct mr_lane {
	uint64_t webhook; // id, for what is written down
	uint64_t pending; // entries in its sub-lanes
	uint64_t spilled; // of these, in lane records
	uint64_t held; // of these, by bans
	uint64_t progress_ns; // attended time when something settled last, or it became non-empty
	uint32_t slot;
	uint32_t number; // in the router, MR_LANE_UNNUMBERED
	uint32_t penalised; // its objects with undelivered entries on the penalty side
	uint32_t failures; // attempts in a row
	uint32_t next_loosen;
	uint32_t next_free; // while it is closed
	uint32_t sublanes[MR_IN_FLIGHT_MAX]; // indices
	uint8_t in_flight; // sub-lanes
	uint8_t allowed; // attempts at a time: 1 while failing, then doubling
	uint8_t active; // attempts under way
	uint8_t lag; // sixteenths of a buffer, MR_LAG_NONE without traffic
	bool open;
	bool counting; // new entries hold their stream back
	bool loosening; // listed
	bool took; // something came since it was last looked at
};

struct mr_lanes_config {
	uint32_t lanes_max; // numbers in the router are below
	uint32_t entries_max;
	uint32_t shards;
	const uint16_t *shard_streams; // stream of each shard
	struct mr_stream *const *streams; // by id - id of the first
	uint64_t seed;
	// With a journal on disk; map and needs may be NULL while memory is only being planned.
	bool is_durable;
	struct mr_stream *own; // the stage's
	const struct mr_segment_map *map;
	struct mr_needs *needs;
};

struct mr_lanes {
	struct mr_lane *slots; // 1 .. slots_max
	uint32_t *by_number; // slot, 0: none
	struct mr_sublane *sublanes;
	uint32_t *free_sublanes; // a stack
	struct mr_chunk_pool pool;
	struct mr_penalised_set penalised;
	struct mr_lane_floor *floors; // by shard
	struct mr_stream *const *streams;
	uint16_t first_stream;
	// index: stream id - first_stream; UINT16_MAX: not a shard's
	uint16_t shard_of_stream[MR_STREAMS_MAX];
	bool is_durable;
	struct mr_stream *own;
	struct mr_lane_need need;
	struct mr_spill_limits spill;
	struct mr_fifo uncounted; // offsets of the stage's lane records that are not durable yet
	uint64_t counted_end; // those below are counted as needed
	// Lane records that have left their lists and that a start may still look for, because a
	// checkpoint names them: those below `named_end`, or of earlier boots. The first
	// `released_before` of them left before the last checkpoint began.
	struct mr_fifo released;
	uint32_t released_before;
	uint64_t named_end;
	bool gives_up; // the oldest records of long lists: nothing else makes room
	uint64_t spilled; // entries in lane records
	struct mr_held_objects held_objects;
	uint64_t held; // entries
	LIST_HEAD(, mr_sublane) unsent;
	struct mr_lag lags;
	uint64_t pending;
	uint64_t stepped_ns; // time of the last step
	uint64_t absent_ns; // time between steps in which the stage could not run, ever
	uint32_t lanes_max;
	uint32_t slots_max;
	uint32_t slots_used; // highest slot ever opened
	uint32_t slots_free; // closed since; 0: none
	uint32_t open_lanes;
	uint32_t free_sublanes_count;
	uint32_t penalised_max; // undelivered entries of one object before it is held
	uint32_t shards;
	uint32_t loosen_head, loosen_tail; // lanes that fell behind and still count entries
	struct { // where loosening of the first of them stands
		uint8_t sublane;
		uint8_t side;
		bool started;
		uint32_t passed; // entries before `iter`
		struct mr_fifo_iter iter;
	} walk;
};

struct mr_lane_entry {
	mr_position position;
	uint32_t penalised; // slot; penalty side only
	uint64_t object; // released side only
	uint64_t number; // of its place
	uint64_t *words[2]; // its place
};

bool mr_lanes_init(
	struct mr_lanes *lanes, struct mr_arena *arena, const struct mr_lanes_config *config);
// A lane of `in_flight` sub-lanes, fewer when those run short. NULL when the number is in use or no
// slot is free.
struct mr_lane *mr_lane_open(struct mr_lanes *lanes, uint32_t number, uint32_t in_flight);
// The same without a number, which it is given later; NULL also when sub-lanes run short, and when
// the number is in use.
struct mr_lane *mr_lane_park(struct mr_lanes *lanes, uint32_t in_flight);
struct mr_lane *mr_lane_unpark(struct mr_lanes *lanes, struct mr_lane *lane, uint32_t number);
// The number becomes free; the slot stays until mr_lane_close.
void mr_lane_forget(struct mr_lanes *lanes, struct mr_lane *lane);
void mr_lane_close(
	struct mr_lanes *lanes, struct mr_lane *lane); // empty, without attempts, not loosening
struct mr_lane *mr_lane_find(const struct mr_lanes *lanes, uint32_t number); // NULL: none

static inline struct mr_sublane *mr_lane_sublane(
	const struct mr_lanes *lanes, const struct mr_lane *lane, uint32_t index)
{
	return &lanes->sublanes[lane->sublanes[index]];
}

// Shard of this boot whose stream has the position; UINT32_MAX: none has.
static inline uint32_t mr_lane_shard_of(const struct mr_lanes *lanes, mr_position position)
{
	uint32_t index = (uint32_t)mr_position_stream(position) - lanes->first_stream;
	uint32_t shard = index < MR_STREAMS_MAX ? lanes->shard_of_stream[index] : UINT16_MAX;
	return shard != UINT16_MAX ? shard : UINT32_MAX;
}

static inline uint32_t mr_lane_places(const struct mr_sublane *sublane, enum mr_lane_side side)
{
	uint32_t words = sublane->sides[side].fifo.count;
	return side == MR_LANE_NORMAL ? words : words / 2;
}

static inline uint32_t mr_lane_entries(const struct mr_sublane *sublane, enum mr_lane_side side)
{
	return mr_lane_places(sublane, side) - sublane->sides[side].holes;
}

// Of all sides together.
static inline uint32_t mr_lane_sum(const uint32_t entries[MR_LANE_SIDES])
{
	return entries[MR_LANE_NORMAL] + entries[MR_LANE_PENALTY] + entries[MR_LANE_RELEASED];
}

// Entries that ever left the sub-lane.
static inline uint64_t mr_lane_left(const struct mr_sublane *sublane)
{
	return sublane->spill.left + sublane->left;
}

// On its sides: those that bans hold are not among them.
static inline uint32_t mr_lane_in_memory(const struct mr_sublane *sublane)
{
	return mr_lane_entries(sublane, MR_LANE_NORMAL) + mr_lane_entries(sublane, MR_LANE_PENALTY)
		+ mr_lane_entries(sublane, MR_LANE_RELEASED);
}

// Entries in memory that wait for a batch: those of the batch that is recorded are not among them.
static inline uint32_t mr_lane_waiting(const struct mr_sublane *sublane)
{
	return mr_lane_in_memory(sublane) - mr_lane_sum(sublane->batch);
}

// Whether mr_lane_take needs the entry's object.
static inline bool mr_lane_needs_object(const struct mr_lane *lane, const struct mr_lane_msg *msg)
{
	return (msg->flags & MR_LANE_PENALISED) != 0 || lane->penalised != 0;
}

// Takes an entry in; `object` may be 0 when it is not needed. NULL: no memory, the entry is the
// caller's to count. With a journal on disk that cannot be: mr_spill_has_room is asked before, and
// when mr_spill_is_due afterwards, the caller writes the record.
struct mr_sublane *mr_lane_take(struct mr_lanes *lanes, struct mr_lane *lane,
	const struct mr_lane_msg *msg, uint64_t object, uint64_t now_ns);
// The first entry of a side leaves.
mr_position mr_lane_leave(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	enum mr_lane_side side);
// An entry that a cursor has just found leaves from where it stands; for good, or (pluck) its place
// only, because it goes on elsewhere. Cursors stay valid until mr_lane_trim.
void mr_lane_pluck(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	enum mr_lane_side side, const struct mr_lane_entry *entry);
void mr_lane_drop(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	enum mr_lane_side side, const struct mr_lane_entry *entry);
// Holes that come first go.
void mr_lane_trim(struct mr_lanes *lanes, const struct mr_lane *lane, struct mr_sublane *sublane);
// One that is in no side any more leaves for good.
void mr_lane_entry_leaves(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane);

// -- lane_behind.c
// A lane that stopped counting, or still has entries that hold nothing back, is behind: the
// streams' writers may pass it. With a journal on disk they may pass all; being behind lifts holds
// and bounds memory and attempts.
bool mr_lane_is_behind(const struct mr_lanes *lanes, const struct mr_lane *lane);
// Looks at the lane's fronts and decides: behind after a second without progress, or by the rule of
// the median; back when it has caught up. Returns true when it fell behind just now.
bool mr_lane_judge(struct mr_lanes *lanes, struct mr_lane *lane, uint64_t now_ns);
// Goes on taking entries of lanes that fell behind out of the floors, at most `units` of them.
// Returns the work done.
uint32_t mr_lanes_loosen(struct mr_lanes *lanes, uint32_t units);
// The holds of a lane that fails or is behind are lifted.
void mr_lane_release_holds(struct mr_lanes *lanes, struct mr_lane *lane);
enum { MR_LANE_STALL_NS = 1000000000, MR_LANE_STEP_GAP_NS = 10000000 };
// Once per step; `paused`: no attempt may begin. What is longer between two steps than
// MR_LANE_STEP_GAP_NS is the stage's own absence - a machine that paused, a CPU that others had -
// and no fault of the lanes, nor is a pause that an operator wants: neither counts towards a lane's
// second without progress.
void mr_lanes_attend(struct mr_lanes *lanes, uint64_t now_ns, bool paused);
static inline uint64_t mr_lanes_attended_ns(const struct mr_lanes *lanes, uint64_t now_ns)
{
	return now_ns - lanes->absent_ns;
}
