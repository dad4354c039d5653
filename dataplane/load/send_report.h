// What the sender says: a line per second, and the report at the end.
#pragma once

#include <stdio.h>

#include "sender.h"

struct mr_send_outcome {
	double seconds; // from the first intended time to the last fate
	double offer_seconds; // of which events were offered
	double cpu_share; // of one CPU, of this process
	uint64_t unsettled;
	bool finished; // every event has its fate
	bool is_volatile;
};

void mr_send_progress(const struct mr_sender *sender, uint64_t second,
	const struct mr_sender_counts *last, FILE *out);
void mr_send_report(const struct mr_sender *sender, const struct mr_send_outcome *outcome,
	bool json, FILE *out);
