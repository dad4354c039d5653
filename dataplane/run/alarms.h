// enum mr_alarm in the log: each is told once when it comes and once when it goes.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

#include "journal_board.h"

struct mr_alarms {
	uint32_t on; // bit: enum mr_alarm
	uint64_t looked_ns;
	uint64_t expired; // segments, when it was looked last
	uint64_t expired_ns; // when the last one did
};

// `board` NULL: a volatile router has nothing to tell. `journal` is the row of its stage. Looks ten
// times a second at most.
void mr_alarms_look(struct mr_alarms *alarms, const struct mr_journal_board *board,
	const struct mr_stats_stage *journal, uint64_t now_ns);
