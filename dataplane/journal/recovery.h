// From the journal to the state of a start. Replays records in the order of their frames, from the
// last complete checkpoint on; writes the state as the first records of new streams (a snapshot,
// which counts with its last frame); and hands it to the stages. So every start is the same walk,
// whatever number of shards and delivery stages there was before: nothing but lane entries refers
// to streams of earlier boots.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "backend_disk.h"
#include "recovered.h"
#include "scan.h"

// What a session's flow has settled; of every open session.
struct mr_recovered_flow {
	uint32_t session; // index in sessions
	uint16_t flow;
	uint64_t next;
	uint64_t accepted[MR_WINDOW_MAX / 64]; // of the last window below next
};

struct mr_recovered_session {
	uint64_t app;
	uint64_t session_id;
	uint64_t key_id;
	uint32_t epoch;
	int64_t at_ns; // wall clock: of its last record
};

struct mr_recovered_expiry {
	uint64_t webhook;
	uint64_t entry_hash;
};

struct mr_recovered {
	struct mr_journal_place place;
	uint64_t ends[MR_STREAMS_MAX]; // end of the snapshot in each new stream: they go on there
	struct mr_recovered_session *sessions;
	uint32_t sessions_count;
	struct mr_recovered_flow *flows;
	uint32_t flows_count;
	struct mr_recovered_event *events; // by shard, each object's in order
	uint64_t events_count;
	// those with entries or a batch, whose endpoint was failing, or whose batch numbers go on
	struct mr_recovered_lane *lanes;
	uint32_t lanes_count;
	struct mr_recovered_expiry *expiries;
	uint32_t expiries_count;
	uint64_t records; // replayed
	uint64_t bytes; // read
	uint64_t took_ns;
	uint64_t entries_dropped; // of webhooks that are in the configuration no more
	uint64_t entries_expired; // whose events were retired under them
	uint64_t events_expired; // that waited for distribution, likewise
	// Records that were skipped: two starts have crashed at each, or it cannot be.
	uint32_t quarantined;
	mr_position quarantined_first;
};

// Where a webhook of today lives; false: there is no such webhook, or its entry in the
// configuration is still the one with which it was given up (`expired_hash`; 0: it never was).
struct mr_recovery_homes {
	const void *owner;
	bool (*find)(const void *owner, uint64_t webhook, uint64_t expired_hash,
		uint32_t *ret_delivery, uint16_t *ret_in_flight);
};

struct mr_recovery_config {
	const struct mr_disk *disk; // locked
	uint32_t flows;
	uint64_t hash_seed;
	uint64_t segment_bytes;
	uint32_t shards;
	uint32_t deliveries;
	struct mr_recovery_homes homes;
	// The record of every webhook and key that did not come from the configuration file, of
	// every ban, and of the pauses, before `homes` is asked; NULL: nobody wants them.
	void (*keep)(void *owner, const struct mr_record *record);
	void *keep_owner;
	// Progress, every second or so: what is being done ("replaying"), how much of how much.
	void (*progress)(void *owner, const char *what, uint64_t done_bytes, uint64_t all_bytes);
	void *progress_owner;
	uint64_t (*now_ns)(void); // monotonic
	int64_t (*wall_ns)(void);
};

// Recovers, or makes the journal when the directory is empty. Fills `map` (new, owned by the
// caller) with all live segments, and counts what recovered lanes need into `needs` (one per
// delivery stage, zeroed). 0; -EBADMSG corrupt (exit 65); -EPROTONOSUPPORT; -EINVAL when the
// configuration contradicts the directory (exit 78); other negative errno (exit 74). All with the
// error filled.
int mr_recover(const struct mr_recovery_config *config, struct mr_needs *const *needs,
	struct mr_segment_map **ret_map, struct mr_recovered **ret_recovered,
	struct mr_scan_error *ret_error);
void mr_recovered_free(struct mr_recovered *recovered); // accepts NULL
