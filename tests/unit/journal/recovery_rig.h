// Starts of a router on a fake disk, and what it writes between them.
#pragma once

#include "disk_fake.h"
#include "history.h"
#include "journal_build.h"
#include "recovery.h"

enum { RIG_SEGMENT_BYTES = 1 << 20, RIG_GONE = 999, RIG_ENTRY = 77 };

struct recovery_rig {
	struct disk_fake *fake;
	struct mr_disk disk;
	struct journal_build build;
	struct history history; // writes into the journal while a boot runs
	struct mr_needs *needs[MR_DELIVERIES_MAX];
	uint32_t shards, deliveries;
	uint64_t hash_seed;
	uint16_t
		in_flight; // of every webhook; RIG_GONE is in no configuration; RIG_ENTRY: hash of all entries
	struct mr_segment_map *map;
	struct mr_recovered *recovered; // NULL: not started
	struct mr_scan_error error;
	uint32_t told; // times
};

void rig_open(struct recovery_rig *rig, uint64_t seed);
void rig_close(struct recovery_rig *rig);
// Recovers; the boot's streams go on behind the snapshot. What mr_recover gives.
int rig_start(struct recovery_rig *rig, uint32_t shards, uint32_t deliveries);
// Only the start, which the power may cut; and frees what it gave.
int rig_recover(struct recovery_rig *rig, uint32_t shards, uint32_t deliveries);
void rig_forget(struct recovery_rig *rig);
// The process ends: nothing is lost that was written.
void rig_stop(struct recovery_rig *rig);
// Ids of the running boot.
uint16_t rig_shard(const struct recovery_rig *rig, uint32_t index);
uint16_t rig_delivery(const struct recovery_rig *rig, uint32_t index);
uint16_t rig_node(const struct recovery_rig *rig);
// What was put into the history becomes a durable frame.
void rig_commit(struct recovery_rig *rig);
// The lane of a webhook; fails when there is none.
const struct mr_recovered_lane *rig_lane(const struct recovery_rig *rig, uint64_t webhook);
// Entries of a sub-lane, read from its lane records, ended by 0. Freed by the caller.
mr_position *rig_entries(
	const struct recovery_rig *rig, const struct mr_recovered_sublane *sublane);
// A record of the journal as it stands on the disk; valid until the next call.
const struct mr_record *rig_read(const struct recovery_rig *rig, mr_position position);
// DROPPED records of the new boot's snapshot with this reason.
uint32_t rig_dropped(const struct recovery_rig *rig, uint64_t webhook, uint8_t reason);
