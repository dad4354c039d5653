// Inside of recovery: recovery.c finds the state, recovery_map.c where everything stands,
// recovery_write.c writes the state down as the first records of new streams, recovery_lanes.c the
// part of the lanes.
#pragma once

#include "quarantine.h"
#include "recovery.h"
#include "replay.h"
#include "snapshot.h"

struct recovery {
	const struct mr_recovery_config *config;
	struct mr_needs *const *needs;
	struct mr_scan *scan;
	struct mr_scan_found found;
	struct mr_scan_error *error;
	struct mr_replay *replay;
	struct mr_segment_map *map;
	struct mr_snapshot *snapshot;
	struct mr_quarantine quarantine;
	struct mr_recovered *recovered;
	uint64_t told_ns; // last progress
	uint64_t all_bytes;
	uint32_t lanes_capacity; // of recovered->lanes
	mr_position positions[MR_BATCH_EVENTS_MAX]; // of the record that is being written
};

// mr_scan_record, with the error filled when the record is damaged.
int recovery_read(
	struct recovery *recovery, mr_position position, const struct mr_record **ret_record);
// Records by position, for the replay.
struct mr_replay_source recovery_source(struct recovery *recovery);
void recovery_tell(struct recovery *recovery, const char *what, uint64_t done, uint64_t all);
// A DROPPED record in the stream of the boot (0: the first shard's).
void recovery_drop(struct recovery *recovery, uint32_t stream, mr_position origin, uint64_t webhook,
	uint8_t reason);
// Fills the error with what a step was, unless it names a place already; returns `error`.
int recovery_failed(struct recovery *recovery, int error, const char *what);

// -- recovery_map.c
// The boot will have so many streams. 0 or negative errno, with the error filled.
int recovery_map_segments(struct recovery *recovery, uint32_t streams);
void recovery_close_map(const struct recovery *recovery); // closes all descriptors

// -- recovery_write.c, recovery_lanes.c
// All of the state as records of the snapshot, and for the stages. 0 or negative errno.
int recovery_write(struct recovery *recovery);
int recovery_write_lanes(struct recovery *recovery);
// The lane records of the snapshot are durable: lanes need their segments.
void recovery_need_records(struct recovery *recovery);
