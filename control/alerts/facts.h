// What alarms are judged by: the numbers of one second, taken out of the statistics segment. Copies
// only, so that what judges them is pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/stats.h>

#include "hot.h"
#include "ledgers.h"

enum { MR_FACTS_NAME_BYTES = MR_NAME_BYTES_MAX + 1 };

struct mr_facts_stage { // the stage whose last step is longest ago
	char name[24];
	uint32_t cpu;
	uint64_t silent_ns;
};

struct mr_facts_webhook {
	uint64_t id; // 0: none
	char name[MR_FACTS_NAME_BYTES], origin[MR_FACTS_NAME_BYTES];
	uint64_t pending, oldest_ns, failing_ns, last_status, eta_s;
};

struct mr_facts_object {
	struct mr_hot_row row; // id 0: none
	bool banned; // it, its app, workspace or database
};

struct mr_facts {
	uint64_t now_ns; // monotonic
	int64_t wall_ns;
	// -- the way to the data plane; while it is away the rest is what it was last
	bool connected;
	uint64_t away_ns;
	// -- of the segment
	uint64_t boot_id; // 0: never seen
	uint64_t events_dropped[MR_REASON_LIMIT], deliveries_dropped[MR_REASON_LIMIT];
	uint64_t refused[MR_REASON_LIMIT];
	uint64_t discards[MR_DISCARD_COUNT];
	uint64_t journal_alarms; // bits: enum mr_alarm
	uint64_t paused; // enum mr_pause bits
	uint64_t link_up;
	uint64_t sessions, sessions_max;
	uint64_t reloads, reloads_failed;
	struct mr_ledgers ledgers;
	struct mr_facts_stage silent;
	struct mr_facts_object hot; // by the rate of now
	double objects_per_s; // events offered to all objects
	struct mr_facts_object full; // by refusals
	struct mr_facts_webhook lagging; // of those whose endpoint answers, the oldest
	struct mr_facts_webhook dead; // of those whose endpoint fails, since when it does
	uint64_t dead_count, dead_pending; // all of them, and what waits for them
};

// The bans in force, whoever knows them.
struct mr_facts_bans {
	bool (*has)(void *context, const struct mr_scope *scope);
	void *context;
};

// Of the segment; the caller has set the time, and adds the rest. `ledgers` were read when the
// segment still moved.
void mr_facts_read(const struct mr_stats *stats, const struct mr_ledgers *ledgers,
	const struct mr_facts_bans *bans, struct mr_facts *facts);
