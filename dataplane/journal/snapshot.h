// The first records of a boot's streams: SNAPSHOT frames in fresh segments, each written durably
// before the next one. The snapshot counts with its last frame, the first one that says that a
// start replays from here. Blocking; heap.
#pragma once

#include <stdint.h>

#include <millrace/record.h>

#include "backend_disk.h"
#include "disk.h"
#include "segment_map.h"

struct mr_snapshot;

struct mr_snapshot_config {
	const struct mr_disk *disk;
	// What stands in the directory, which the map has; and the new boot, with its first stream.
	struct mr_journal_place place;
	struct mr_segment_map *map; // gets the new segments
	uint64_t segment_bytes;
	uint64_t hash_seed;
	int64_t wall_ns;
	uint32_t flows;
	uint32_t streams; // of the boot
};

// Makes the first segment. 0 or negative errno.
int mr_snapshot_begin(const struct mr_snapshot_config *config, struct mr_snapshot **ret_snapshot);
void mr_snapshot_free(struct mr_snapshot *snapshot); // accepts NULL; descriptors are the map's
// Appends a sealed record to a stream of the boot (0: the first one); where it stands. 0: failed;
// mr_snapshot_finish says why.
mr_position mr_snapshot_append(struct mr_snapshot *snapshot, uint32_t stream, const void *head,
	size_t head_bytes, const void *body, size_t body_bytes);
// Writes what is left, and makes the snapshot count. 0, the place, in whose segment the writer goes
// on (its index is the caller's to free), and the streams' ends; or the first error.
int mr_snapshot_finish(struct mr_snapshot *snapshot, struct mr_journal_place *ret_place,
	uint64_t ret_ends[MR_STREAMS_MAX]);
