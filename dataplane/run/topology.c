#include "topology.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "config_table.h"
#include "mr_assert.h"

struct count {
	enum mr_stage_kind kind;
	const char *name;
	uint32_t max;
};

static const struct count kinds[] = {
	{MR_STAGE_INGEST, "ingest", MR_SOURCES_MAX},
	{MR_STAGE_SHARD, "shard", MR_SHARDS_MAX},
	{MR_STAGE_JOURNAL, "journal", 1},
	{MR_STAGE_DELIVERY, "delivery", MR_DELIVERIES_MAX},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static uint32_t *count_of(struct mr_topology *topology, enum mr_stage_kind kind)
{
	if (kind == MR_STAGE_INGEST)
		return &topology->sources;
	return kind == MR_STAGE_SHARD ? &topology->shards : &topology->deliveries;
}

void mr_place_format(struct mr_place place, char *ret_text, size_t size)
{
	for (uint32_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == place.kind && place.kind == MR_STAGE_JOURNAL)
			snprintf(ret_text, size, "%s", kinds[i].name);
		else if (kinds[i].kind == place.kind)
			snprintf(ret_text, size, "%s%u", kinds[i].name, place.index);
}

static bool place_parse(const char *word, size_t length, struct mr_place *ret_place)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		size_t name = strlen(kinds[i].name);
		uint64_t index = 0;
		if (length < name || memcmp(word, kinds[i].name, name) != 0)
			continue;
		bool has_index = length > name;
		if (has_index == (kinds[i].kind == MR_STAGE_JOURNAL))
			return false;
		if (has_index
			&& (mr_parse_u64(word + name, length - name, &index) != 0
				|| index >= kinds[i].max))
			return false;
		*ret_place = (struct mr_place){.kind = kinds[i].kind, .index = (uint32_t)index};
		return true;
	}
	return false;
}

// -- As configured

struct seen {
	struct mr_config_report *report;
	struct mr_config_at at;
	bool places[MR_STAGE_KIND_COUNT][MR_SOURCES_MAX];
};
static_assert(MR_SOURCES_MAX >= MR_SHARDS_MAX && MR_SOURCES_MAX >= MR_DELIVERIES_MAX,
	"one array for all kinds");

static void read_lcore(
	const struct mr_config_lcore *from, struct seen *seen, struct mr_topology *topology)
{
	struct mr_topology_lcore *lcore = &topology->lcores[topology->lcores_count++];
	const char *word = from->stages;
	*lcore = (struct mr_topology_lcore){.cpu = (uint32_t)from->cpu};
	while (*word != '\0') {
		size_t length = strcspn(word, " ");
		struct mr_place place;
		if (!place_parse(word, length, &place))
			mr_config_error(seen->report, from->at,
				"topology.lcores: unknown stage \"%.*s\"; stages are ingest0, shard0, journal, delivery0 and so on",
				(int)length, word);
		else if (seen->places[place.kind][place.index])
			mr_config_error(seen->report, from->at,
				"topology.lcores: %.*s stands twice", (int)length, word);
		else if (lcore->places_count < MR_STAGES_MAX)
			lcore->places[lcore->places_count++] = place;
		if (length > 0 && place_parse(word, length, &place)) {
			seen->places[place.kind][place.index] = true;
			if (place.kind != MR_STAGE_JOURNAL
				&& *count_of(topology, place.kind) <= place.index)
				*count_of(topology, place.kind) = place.index + 1;
		}
		word += length + (word[length] == ' ');
	}
}

static void check_complete(const struct mr_topology *topology, const struct seen *seen)
{
	const uint32_t counts[KINDS] = {
		topology->sources, topology->shards, 1, topology->deliveries};
	for (uint32_t i = 0; i < KINDS; i++) {
		if (counts[i] == 0)
			mr_config_error(seen->report, seen->at,
				"topology.lcores: %s0 is missing: every router has one",
				kinds[i].name);
		for (uint32_t index = 0; index < counts[i]; index++) {
			char name[32];
			mr_place_format(
				(struct mr_place){kinds[i].kind, index}, name, sizeof(name));
			if (!seen->places[kinds[i].kind][index])
				mr_config_error(seen->report, seen->at,
					"topology.lcores: %s is missing: every stage stands exactly once",
					name);
		}
	}
}

static void check_count(const struct mr_config *config, const char *key, uint64_t wanted,
	uint32_t found, struct mr_config_report *report)
{
	const struct mr_config_key *row =
		mr_config_key_find(mr_config_keys, mr_config_keys_count, key, strlen(key));
	if (wanted != 0 && wanted != found)
		mr_config_error(report, config->at[row - mr_config_keys],
			"%s is %u, but topology.lcores names %u such stages", key, (uint32_t)wanted,
			found);
}

static void read_lcores(const struct mr_config *config, const uint32_t *cpus, uint32_t cpus_count,
	struct mr_config_report *report, struct mr_topology *topology)
{
	struct seen seen = {.report = report, .at = config->lcores[0].at};
	for (uint32_t i = 0; i < config->lcores_count; i++) {
		const struct mr_config_lcore *lcore = &config->lcores[i];
		bool exists = cpus_count == 0;
		for (uint32_t cpu = 0; cpu < cpus_count && !exists; cpu++)
			exists = cpus[cpu] == lcore->cpu;
		if (!exists)
			mr_config_error(report, lcore->at,
				"topology.lcores: this process may not run on CPU %u (it has %u, from %u to %u)",
				(uint32_t)lcore->cpu, cpus_count, cpus[0], cpus[cpus_count - 1]);
		read_lcore(lcore, &seen, topology);
	}
	check_complete(topology, &seen);
	check_count(config, "port.queues", config->port_queues, topology->sources, report);
	check_count(config, "topology.shards", config->shards, topology->shards, report);
	check_count(
		config, "topology.deliveries", config->deliveries, topology->deliveries, report);
}

// -- Decided

static void put(
	struct mr_topology *topology, uint32_t lcore, enum mr_stage_kind kind, uint32_t index)
{
	struct mr_topology_lcore *to = &topology->lcores[lcore];
	mr_assert(to->places_count < MR_STAGES_MAX);
	to->places[to->places_count++] = (struct mr_place){.kind = kind, .index = index};
}

// Deals the stages of one kind out to lcores first .. first + count - 1.
static void deal(struct mr_topology *topology, enum mr_stage_kind kind, uint32_t stages,
	uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < stages; i++)
		put(topology, first + i % count, kind, i);
}

static uint32_t smaller(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static void decide(const struct mr_config *config, const uint32_t *cpus, uint32_t cpus_count,
	struct mr_topology *topology)
{
	uint32_t lcores = cpus_count <= 2 ? 1 : smaller(cpus_count, MR_LCORES_MAX);
	uint32_t sources = config->port_queues != 0 ? (uint32_t)config->port_queues : 1;
	uint32_t quarter = lcores < 4 ? 1 : lcores / 4;
	uint32_t ingest = lcores == 1 ? 1 : smaller(sources, quarter);
	uint32_t delivery = quarter;
	uint32_t shard = lcores == 1 ? 1 : lcores - ingest - delivery;
	topology->sources = sources;
	topology->shards = config->shards != 0
		? (uint32_t)config->shards
		: smaller(smaller(shard, config->flows), MR_SHARDS_MAX);
	topology->deliveries = config->deliveries != 0 ? (uint32_t)config->deliveries
						       : smaller(delivery, MR_DELIVERIES_MAX);
	shard = smaller(shard, topology->shards);
	delivery = smaller(delivery, topology->deliveries);
	lcores = lcores == 1 ? 1 : ingest + shard + delivery;
	topology->lcores_count = lcores;
	for (uint32_t i = 0; i < lcores;
		i++) // the last CPUs: the first one has the system's own work
		topology->lcores[i] =
			(struct mr_topology_lcore){.cpu = cpus[cpus_count - lcores + i]};
	bool together = lcores == 1;
	uint32_t first_delivery = together ? 0 : ingest + shard;
	deal(topology, MR_STAGE_INGEST, sources, 0, ingest);
	deal(topology, MR_STAGE_SHARD, topology->shards, together ? 0 : ingest, shard);
	put(topology, first_delivery, MR_STAGE_JOURNAL, 0);
	deal(topology, MR_STAGE_DELIVERY, topology->deliveries, first_delivery, delivery);
}

int mr_topology_make(const struct mr_config *config, const uint32_t *cpus, uint32_t cpus_count,
	struct mr_config_report *report, struct mr_topology *ret_topology)
{
	static const uint32_t only_cpu = 0;
	uint32_t errors = report->errors;
	*ret_topology = (struct mr_topology){.main_cpu = cpus_count > 0 ? cpus[0] : 0};
	if (config->lcores_count > 0)
		read_lcores(config, cpus, cpus_count, report, ret_topology);
	else
		decide(config, cpus_count > 0 ? cpus : &only_cpu, cpus_count > 0 ? cpus_count : 1,
			ret_topology);
	if (ret_topology->shards > config->flows)
		mr_config_error(report, (struct mr_config_at){.where = "topology"},
			"%u shards but only %u flows: a shard owns whole flows",
			ret_topology->shards, (uint32_t)config->flows);
	return report->errors == errors ? 0 : -EINVAL;
}

void mr_topology_format(const struct mr_topology *topology, char *ret_text, size_t size)
{
	struct mr_out out = mr_out_make(ret_text, size - 1);
	for (uint32_t i = 0; i < topology->lcores_count; i++) {
		const struct mr_topology_lcore *lcore = &topology->lcores[i];
		mr_out_text(&out, i > 0 ? "; cpu " : "cpu ");
		mr_out_u64(&out, lcore->cpu);
		mr_out_text(&out, ":");
		for (uint32_t place = 0; place < lcore->places_count; place++) {
			char name[32];
			mr_place_format(lcore->places[place], name, sizeof(name));
			mr_out_text(&out, " ");
			mr_out_text(&out, name);
		}
	}
	*out.at = '\0';
}

uint32_t mr_cpus_allowed(uint32_t *ret_cpus, uint32_t max)
{
	static cpu_set_t set; // of the first call: later this thread has a CPU of its own
	static bool known;
	uint32_t count = 0;
	if (!known && sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0;
	known = true;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE && count < max; cpu++)
		if (CPU_ISSET(cpu, &set))
			ret_cpus[count++] = cpu;
	return count;
}
