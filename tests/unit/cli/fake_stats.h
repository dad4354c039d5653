// A statistics segment of a small router, in a memfd: one stage of each kind, one shard, two
// webhook rows.
#pragma once

#include <stddef.h>

#include <millrace/stats.h>

enum { FAKE_SHARD = 1, FAKE_DELIVERY = 3, FAKE_STAGES = 5 }; // indices of its stages

struct fake_stats {
	int fd;
	size_t bytes;
	struct mr_stats *stats; // writable
	struct mr_stats_stage *stages;
	struct mr_stats_webhook *webhooks;
};

void fake_stats_open(struct fake_stats *fake);
void fake_stats_close(struct fake_stats *fake);
