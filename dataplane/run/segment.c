#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "mr_assert.h"

static uint64_t align64(uint64_t bytes)
{
	return (bytes + 63) & ~UINT64_C(63);
}

static uint64_t stages_at(void)
{
	return align64(sizeof(struct mr_stats));
}

static uint64_t scopes_at(const struct mr_segment_layout *layout)
{
	return stages_at() + align64(layout->stages_count * sizeof(struct mr_stats_stage));
}

static uint64_t webhooks_at(const struct mr_segment_layout *layout)
{
	return scopes_at(layout)
		+ align64(layout->shards * MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX
			* sizeof(struct mr_stats_scope));
}

static uint64_t tops_at(const struct mr_segment_layout *layout)
{
	return webhooks_at(layout)
		+ align64(layout->webhooks_max * sizeof(struct mr_stats_webhook));
}

static uint64_t attempts_at(const struct mr_segment_layout *layout)
{
	return tops_at(layout)
		+ align64(layout->shards * MR_TOP_KINDS * MR_TOP_TABLES
			* sizeof(struct mr_stats_top));
}

static uint64_t taps_at(const struct mr_segment_layout *layout)
{
	return attempts_at(layout) + align64(layout->deliveries * sizeof(struct mr_stats_attempts));
}

uint64_t mr_segment_bytes(const struct mr_segment_layout *layout)
{
	return taps_at(layout)
		+ align64((layout->shards + layout->deliveries) * sizeof(struct mr_stats_taps));
}

int mr_segment_open(struct mr_segment *segment, const struct mr_segment_layout *layout)
{
	uint64_t bytes = mr_segment_bytes(layout);
	int fd = memfd_create("millrace-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	uint8_t *base = MAP_FAILED;
	if (ftruncate(fd, (off_t)bytes) == 0)
		base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	// Our own mapping stands; from here on nobody gets another one that can write.
	if (base == MAP_FAILED
		|| fcntl(fd, F_ADD_SEALS,
			   F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
			!= 0) {
		int err = -errno;
		if (base != MAP_FAILED)
			munmap(base, bytes);
		close(fd);
		return err;
	}
	struct mr_stats *stats = (struct mr_stats *)(void *)base;
	*stats = (struct mr_stats){.magic = MR_STATS_MAGIC,
		.version = MR_STATS_VERSION,
		.bytes = bytes,
		.boot_id = layout->boot_id,
		.started_at_ns = mr_clock_wall_ns(),
		.started_mono_ns = mr_clock_mono_ns(),
		.is_volatile = layout->is_volatile,
		.flows = layout->flows,
		.shards = layout->shards,
		.stages_count = layout->stages_count,
		.webhooks_max = layout->webhooks_max,
		.stages_at = stages_at(),
		.scopes_at = scopes_at(layout),
		.webhooks_at = webhooks_at(layout),
		.deliveries = layout->deliveries,
		.tops_at = tops_at(layout),
		.attempts_at = attempts_at(layout),
		.taps_at = taps_at(layout)};
	*segment = (struct mr_segment){.fd = fd,
		.stats = stats,
		.stages = (struct mr_stats_stage *)(void *)(base + stats->stages_at),
		.scopes = (struct mr_stats_scope *)(void *)(base + stats->scopes_at),
		.webhooks = (struct mr_stats_webhook *)(void *)(base + stats->webhooks_at),
		.tops = (struct mr_stats_top *)(void *)(base + stats->tops_at),
		.attempts = (struct mr_stats_attempts *)(void *)(base + stats->attempts_at),
		.taps = (struct mr_stats_taps *)(void *)(base + stats->taps_at)};
	return 0;
}

void mr_segment_close(struct mr_segment *segment)
{
	if (segment->stats == NULL)
		return;
	munmap(segment->stats, segment->stats->bytes);
	close(segment->fd);
	*segment = (struct mr_segment){0};
}

struct mr_stats_scope *mr_segment_scopes(const struct mr_segment *segment, uint32_t shard)
{
	mr_assert(shard < segment->stats->shards);
	return segment->scopes + (size_t)shard * MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX;
}

struct mr_stats_top *mr_segment_tops(const struct mr_segment *segment, uint32_t shard)
{
	mr_assert(shard < segment->stats->shards);
	return segment->tops + (size_t)shard * MR_TOP_KINDS * MR_TOP_TABLES;
}

uint64_t mr_segment_sum(const struct mr_stats *stats, unsigned counter)
{
	const uint8_t *base = (const uint8_t *)stats;
	const struct mr_stats_stage *stages =
		(const struct mr_stats_stage *)(const void *)(base + stats->stages_at);
	const struct mr_counter_info *info = mr_counter_info(counter);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < stats->stages_count; i++)
		if (stages[i].kind == (uint32_t)info->kind)
			sum += mr_read(&stages[i].counters[counter]);
	return sum;
}
