// The back end of `durability: disk`: commit frames in pre-zeroed, recycled segments, two of them
// ahead, one O_DIRECT + RWF_DSYNC write per commit through the lcore's io_uring, up to
// MR_JOURNAL_COMMITS_MAX under way, watermarks in order. It publishes the segment map, asks owners
// for checkpoints when the replay of a start would become long, and retires segments that nobody
// needs. After a write error it never writes again.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/journal.h>

#include "arena.h"
#include "disk.h"
#include "journal.h"
#include "journal_board.h"
#include "segment_map.h"

struct mr_maker;

// Where the journal stands: found by recovery, carried on by the writer.
struct mr_journal_place {
	uint64_t journal_id;
	uint64_t boot;
	uint64_t segment; // number of the newest segment
	// How far it is written: the writer goes on there, so that a start needs no second segment
	// on a disk that has no room for one. 0: the writer begins the next one.
	uint64_t at;
	const uint8_t *index; // entries of its closing frame so far
	uint32_t index_count;
	uint64_t frame; // sequence of the last frame
	uint64_t previous; // its check
	uint64_t replay_frame;
	uint64_t replay_segment;
	uint64_t oldest_segment;
	uint16_t first_stream; // of this boot
};

struct mr_backend_disk_config {
	const struct mr_disk *disk;
	struct mr_segment_map *map; // live segments are in it
	struct mr_journal_place place;
	uint64_t segment_bytes;
	uint64_t commit_bytes_max; // at most MR_JOURNAL_COMMIT_MAX
	uint64_t commit_delay_ns; // bytes wait so long for company
	uint64_t retention_bytes; // of all segments together
	uint64_t retention_age_ns;
	uint64_t checkpoint_bytes; // a checkpoint is wanted so many after the last one, or later
	uint32_t flows;
	uint64_t hash_seed;
	uint32_t streams_count;
	// Boards of the owners, in the order of the streams; NULL: has none.
	const struct mr_owner_board *owners[MR_STREAMS_MAX];
	const struct mr_needs *needs[MR_DELIVERIES_MAX]; // of the delivery stages; NULL beyond
	struct mr_journal_board *board; // written here
	struct mr_maker *maker;
	struct mr_stats_stage *stats;
};

struct mr_backend_disk;

struct mr_backend_disk *mr_backend_disk_new(
	struct mr_arena *arena, const struct mr_backend_disk_config *config);
struct mr_backend mr_backend_disk(struct mr_backend_disk *disk);

// -- maker.h's half that others call: slow directory work (making, zeroing, renaming and removing
// segments) for the writer, away from the lcores. Its requests and answers are two SPSC rings.
struct mr_maker *mr_maker_new(struct mr_arena *arena, const struct mr_disk *disk);
// Serves what is asked, blocking; true when there was anything. Called in a loop by a thread of its
// own (run/), inline by tests and the simulator.
bool mr_maker_serve(struct mr_maker *maker);
