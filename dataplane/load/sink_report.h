// What the receiver says: a line per second, and the report at the end.
#pragma once

#include <stdio.h>

#include "checker.h"
#include "latency.h"

struct mr_sink_outcome {
	struct mr_checker_counts counts;
	struct mr_checker_audit audit; // zero without a ledger
	const struct mr_latency *latency;
	uint64_t signatures_verified;
	uint64_t signatures_bad;
	uint64_t handshakes;
	uint64_t refused_on_purpose;
	uint32_t webhooks; // paths that delivered something
	double seconds; // from the first delivery to the last
	double cpu_share;
	bool has_ledger;
	bool passed;
};

void mr_sink_report(const struct mr_sink_outcome *outcome, bool json, FILE *out);
