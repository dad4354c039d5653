#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "segment.h"
#include "steward.h"
#include "wiring.h"

static uint64_t mem_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kib = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "MemAvailable:", 13) == 0)
			kib = strtoull(line + 13, NULL, 10);
	if (file != NULL)
		fclose(file);
	return kib * 1024;
}

// Counts what the stages take, with a wiring that is made on a planning arena.
static int plan_stages(
	const struct mr_config *config, const struct mr_topology *topology, struct mr_plan *plan)
{
	const struct mr_wiring_port no_port = {0};
	struct mr_wiring_disk disk = {.plan = plan->journal};
	struct mr_segment_layout layout = {.shards = topology->shards,
		.deliveries = topology->deliveries,
		.stages_count = mr_number_stages(topology).count,
		.webhooks_max = (uint32_t)config->webhooks_max};
	struct mr_segment segment;
	struct mr_steward *steward = calloc(1, sizeof(*steward));
	struct mr_wiring *wiring = aligned_alloc(64, (sizeof(*wiring) + 63) / 64 * 64);
	int err = steward != NULL && wiring != NULL ? mr_segment_open(&segment, &layout) : -ENOMEM;
	if (err == 0) {
		memset(wiring, 0, sizeof(*wiring));
		wiring->config = config;
		wiring->topology = topology;
		wiring->segment = &segment;
		wiring->disk = config->is_volatile ? NULL : &disk;
		mr_arena_plan(&plan->arena);
		// In the order of the start, so that both align the same way.
		(void)mr_wire_paths(wiring, &plan->arena);
		(void)mr_steward_init(steward, &plan->arena,
			&(struct mr_steward_config){.wiring = wiring, .segment = &segment});
		(void)mr_wire_stages(wiring, &plan->arena, &no_port);
		mr_segment_close(&segment);
		plan->segment_bytes = mr_segment_bytes(&layout);
	}
	free(wiring);
	free(steward);
	return err;
}

int mr_plan_make(const struct mr_config *config, const struct mr_topology *topology,
	struct mr_plan *ret_plan, char *ret_why, size_t why_size)
{
	int err = 0;
	*ret_plan = (struct mr_plan){0};
	if (!config->is_volatile) {
		err = mr_journal_plan_make(config, &ret_plan->journal, ret_why, why_size);
		const struct mr_segment_map_config map = {.segment_bytes = config->segment_bytes,
			.streams_max = MR_STREAMS_MAX,
			.segments_max = MR_SEGMENTS_MAX};
		ret_plan->map_bytes = mr_segment_map_bytes(&map);
	}
	if (err != 0)
		return err;
	err = plan_stages(config, topology, ret_plan);
	if (err != 0)
		snprintf(ret_why, why_size, "no plan can be made: %s", strerror(-err));
	ret_plan->eal_bytes = config->eal_memory_bytes;
	ret_plan->total_bytes = ret_plan->arena.used + ret_plan->segment_bytes + ret_plan->map_bytes
		+ ret_plan->eal_bytes;
	ret_plan->available_bytes = mem_available();
	return err;
}

static void print_part(FILE *out, const char *name, uint64_t bytes)
{
	fprintf(out, "  %-32s %9.1f MiB\n", name, (double)bytes / (1 << 20));
}

void mr_plan_print(const struct mr_config *config, const struct mr_plan *plan, FILE *out)
{
	fprintf(out, "memory plan:\n");
	for (uint32_t i = 0; i < plan->arena.parts_count; i++)
		print_part(out, plan->arena.parts[i].name, plan->arena.parts[i].bytes);
	if (plan->map_bytes != 0)
		print_part(out, "journal: map of segments", plan->map_bytes);
	print_part(out, "statistics segment", plan->segment_bytes);
	print_part(out, "packet memory (eal.memory)", plan->eal_bytes);
	print_part(out, "total", plan->total_bytes);
	print_part(out, "available", plan->available_bytes);
	if (!config->is_volatile)
		mr_journal_plan_print(config, &plan->journal, out);
}

int mr_plan_check(const struct mr_plan *plan, char *ret_why, size_t why_size)
{
	if (plan->total_bytes <= plan->available_bytes / 2)
		return 0;
	snprintf(ret_why, why_size,
		"the memory plan takes %" PRIu64 " MiB, more than half of the %" PRIu64
		" MiB that are available: lower shard.buffer_bytes, lane.entries_max, positions.max or objects.max",
		plan->total_bytes >> 20, plan->available_bytes >> 20);
	return -ENOMEM;
}
