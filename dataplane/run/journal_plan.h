// How large the journal may become: what the configuration asks for, and what its file system
// gives.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "config.h"

// With those made ahead: enough to write, to read and to let go.
enum { MR_RETENTION_SEGMENTS_MIN = 8 };

struct mr_journal_plan {
	uint64_t segment_bytes;
	uint64_t commit_bytes_max; // at most a quarter of a segment
	uint64_t checkpoint_bytes; // at most a quarter of the retention
	uint64_t retention_bytes; // whole segments
	uint32_t segments_max; // of the retention, and those made ahead
	uint64_t present_bytes; // of segments that are there already
	uint64_t free_bytes; // of the file system
};

// 0, or negative errno with a sentence in `ret_why`. The directory need not exist yet: then the
// file system of the nearest one above it counts.
int mr_journal_plan_make(const struct mr_config *config, struct mr_journal_plan *ret_plan,
	char *ret_why, size_t why_size);
void mr_journal_plan_print(
	const struct mr_config *config, const struct mr_journal_plan *plan, FILE *out);
