// Records of a journal for tests of the replay: sealed, kept by position, and fed or not.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "replay.h"

enum { HISTORY_STREAMS_MAX = 512, HISTORY_FLOWS = 16 };

struct journal_build;

struct history {
	struct mr_replay *replay; // NULL: records are only kept ...
	struct journal_build *build; // ... and go into this journal's frame unless it is NULL
	struct mr_record **records;
	mr_position *positions; // of records, in the order of writing
	uint32_t count, capacity;
	uint64_t ends[HISTORY_STREAMS_MAX];
	uint32_t reads; // by the replay
};

void history_open(struct history *history);
void history_close(struct history *history);
// A new replay of all records from the n-th to before the m-th.
void history_replay(struct history *history, uint32_t from, uint32_t to);
struct mr_replay_source history_source(struct history *history);
const struct mr_record *history_find(const struct history *history, mr_position position);

mr_position history_put(struct history *history, uint16_t stream, void *head, size_t head_bytes,
	const void *body, size_t body_bytes, enum mr_record_kind kind, uint16_t flags);

// -- Records; what is not named is some constant
struct history_event {
	uint64_t object;
	uint64_t sequence;
	uint64_t ancestors[4]; // until 0
	uint64_t session; // 0: 1
	uint16_t flow;
	uint16_t flags; // enum mr_event_flag
	uint16_t hops_done;
};
mr_position history_event(
	struct history *history, uint16_t stream, const struct history_event *event);
// Each list of webhooks or positions ends with 0.
mr_position history_match(struct history *history, uint16_t stream, mr_position origin,
	uint8_t ancestor, uint8_t object_hash, const uint64_t *webhooks);
void history_distributed(struct history *history, uint16_t stream, mr_position event);
void history_queued(struct history *history, uint16_t stream, mr_position event);
void history_dropped(
	struct history *history, uint16_t stream, mr_position origin, uint64_t webhook);
void history_checkpoint(struct history *history, uint16_t stream, uint64_t session, uint16_t flow,
	uint64_t next, const uint64_t *accepted);
void history_batch(struct history *history, uint16_t stream, uint64_t webhook, uint64_t number,
	uint16_t sublane, const mr_position *positions);
void history_progress(struct history *history, uint16_t stream, uint64_t webhook, uint16_t sublane,
	uint64_t settled_number);
struct history_lane {
	uint64_t webhook;
	mr_position taken;
	uint64_t last_number;
	uint64_t first_entry;
	uint16_t sublane;
	uint16_t sublanes; // 0: 1
	uint16_t flags; // enum mr_lane_record_flag
	const mr_position *positions;
};
mr_position history_lane(struct history *history, uint16_t stream, const struct history_lane *lane);
void history_session(
	struct history *history, uint16_t stream, uint64_t session, uint32_t epoch, bool is_closed);
void history_expired(
	struct history *history, uint16_t stream, uint64_t webhook, uint64_t entry_hash);
