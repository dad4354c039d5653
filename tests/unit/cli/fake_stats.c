#include "fake_stats.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WEBHOOKS = 2 };

static void check(bool good)
{
	if (!good) {
		perror("fake_stats");
		abort();
	}
}

void fake_stats_open(struct fake_stats *fake)
{
	const size_t stages_at = sizeof(struct mr_stats);
	const size_t scopes_at = stages_at + FAKE_STAGES * sizeof(struct mr_stats_stage);
	const size_t webhooks_at =
		scopes_at + MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX * sizeof(struct mr_stats_scope);

	const size_t tops_at = webhooks_at + WEBHOOKS * sizeof(struct mr_stats_webhook);
	const size_t attempts_at =
		tops_at + MR_TOP_KINDS * MR_TOP_TABLES * sizeof(struct mr_stats_top);
	const size_t taps_at = attempts_at + sizeof(struct mr_stats_attempts);

	fake->bytes = taps_at + 2 * sizeof(struct mr_stats_taps);
	fake->fd = memfd_create("stats", MFD_CLOEXEC);
	check(fake->fd >= 0 && ftruncate(fake->fd, (off_t)fake->bytes) == 0);
	fake->stats = mmap(NULL, fake->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fake->fd, 0);
	check(fake->stats != MAP_FAILED);
	*fake->stats = (struct mr_stats){
		.magic = MR_STATS_MAGIC,
		.version = MR_STATS_VERSION,
		.bytes = fake->bytes,
		.is_volatile = 1,
		.flows = 16,
		.shards = 1,
		.stages_count = FAKE_STAGES,
		.webhooks_max = WEBHOOKS,
		.stages_at = stages_at,
		.scopes_at = scopes_at,
		.webhooks_at = webhooks_at,
		.deliveries = 1,
		.tops_at = tops_at,
		.attempts_at = attempts_at,
		.taps_at = taps_at,
	};
	fake->stages = (void *)((uint8_t *)fake->stats + stages_at);
	fake->webhooks = (void *)((uint8_t *)fake->stats + webhooks_at);
	for (uint32_t i = 0; i < FAKE_STAGES; i++)
		fake->stages[i].kind = MR_STAGE_INGEST + i;
}

void fake_stats_close(struct fake_stats *fake)
{
	munmap(fake->stats, fake->bytes);
	close(fake->fd);
}
