#include "alarms.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

#define LOOK_EVERY_NS UINT64_C(100000000)
#define STALLED_NS    UINT64_C(1000000000)
#define CALM_NS       UINT64_C(60000000000) // without an expiry, until the pressure is over

static bool is_stalled(const struct mr_journal_board *board, uint64_t now_ns)
{
	uint64_t since_ns = atomic_load_explicit(&board->stalled_since_ns, memory_order_acquire);
	return since_ns != 0 && now_ns > since_ns + STALLED_NS;
}

static bool is_expiring(struct mr_alarms *alarms, uint64_t expired, uint64_t now_ns)
{
	if (expired != alarms->expired)
		alarms->expired_ns = now_ns;
	alarms->expired = expired;
	return expired != 0 && now_ns < alarms->expired_ns + CALM_NS;
}

static void tell_failure(const struct mr_journal_board *board)
{
	uint64_t segment = atomic_load_explicit(&board->failed_segment, memory_order_relaxed);
	uint64_t offset = atomic_load_explicit(&board->failed_offset, memory_order_relaxed);
	int error = atomic_load_explicit(&board->failed_error, memory_order_relaxed);
	char place[80] = "a new segment";
	if (segment != 0)
		snprintf(place, sizeof(place), "segment-%016" PRIx64 " at offset %" PRIu64, segment,
			offset);
	mr_log(MR_LOG_ERROR,
		"the journal has failed: %s: %s. Nothing is acknowledged any more; deliveries have 10 s, then the router ends",
		place, strerror(-error));
}

static void tell_change(enum mr_alarm alarm, bool on, const struct mr_journal_board *board)
{
	static const char *const texts[MR_ALARM_COUNT][2] = {
		[MR_ALARM_STALLED] = {"the journal's writes go on again",
			"the journal is stalled: a write has been under way for more than 1 s; producers wait for their acknowledgements"},
		[MR_ALARM_FULL] = {"the journal has room again: events are accepted",
			"the journal is full: no further segment can be had. Events are refused (journal_full), deliveries go on; free space on its file system"},
		[MR_ALARM_RETENTION] = {"no deliveries expire any more",
			"the journal has reached its retention (retention.age, retention.bytes): the oldest deliveries that still wait expire. `millrace --direct stats webhooks` names who is behind"},
	};
	if (alarm == MR_ALARM_FAILED)
		tell_failure(board);
	else
		mr_log(on ? MR_LOG_WARNING : MR_LOG_NOTICE, "%s", texts[alarm][on]);
}

void mr_alarms_look(struct mr_alarms *alarms, const struct mr_journal_board *board,
	const struct mr_stats_stage *journal, uint64_t now_ns)
{
	if (board == NULL || now_ns - alarms->looked_ns < LOOK_EVERY_NS)
		return;
	alarms->looked_ns = now_ns;
	uint32_t state = atomic_load_explicit(&board->state, memory_order_acquire);
	uint64_t expired = mr_read(&journal->counters[MR_JOURNAL_EXPIRED_SEGMENTS]);
	const bool now_on[MR_ALARM_COUNT] = {
		[MR_ALARM_STALLED] = is_stalled(board, now_ns),
		[MR_ALARM_FULL] = state == MR_JOURNAL_FULL,
		[MR_ALARM_FAILED] = state == MR_JOURNAL_FAILED,
		[MR_ALARM_RETENTION] = is_expiring(alarms, expired, now_ns),
	};
	for (uint32_t i = 0; i < MR_ALARM_COUNT; i++) {
		bool was_on = (alarms->on >> i & 1) != 0;
		if (now_on[i] == was_on)
			continue;
		alarms->on ^= UINT32_C(1) << i;
		tell_change((enum mr_alarm)i, now_on[i], board);
	}
}
