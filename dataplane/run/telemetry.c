#include "telemetry.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_telemetry.h>

#include "clock.h"

// A reply holds 16 KiB and a dictionary 256 entries.
enum { ROWS_PER_REPLY = 24 };

static const struct mr_segment *served; // set once, before the commands are registered

static int status(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const struct mr_stats *stats = served->stats;
	(void)command;
	(void)parameters;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "release", MR_VERSION);
	rte_tel_data_add_dict_string(
		data, "durability", stats->is_volatile ? "memory (VOLATILE)" : "disk");
	rte_tel_data_add_dict_u64(data, "uptime_ns", mr_clock_mono_ns() - stats->started_mono_ns);
	rte_tel_data_add_dict_u64(data, "flows", stats->flows);
	rte_tel_data_add_dict_u64(data, "shards", stats->shards);
	rte_tel_data_add_dict_u64(data, "sessions", mr_segment_sum(stats, MR_STEWARD_SESSIONS));
	rte_tel_data_add_dict_u64(
		data, "config_generation", mr_segment_sum(stats, MR_STEWARD_CONFIG_GENERATION));
	rte_tel_data_add_dict_u64(data, "offered", mr_segment_sum(stats, MR_SHARD_OFFERED));
	rte_tel_data_add_dict_u64(data, "accepted", mr_segment_sum(stats, MR_SHARD_ACCEPTED));
	rte_tel_data_add_dict_u64(data, "refused", mr_segment_sum(stats, MR_SHARD_REFUSED));
	rte_tel_data_add_dict_u64(data, "matched", mr_segment_sum(stats, MR_DELIVERY_MATCHED));
	rte_tel_data_add_dict_u64(data, "delivered", mr_segment_sum(stats, MR_DELIVERY_DELIVERED));
	rte_tel_data_add_dict_u64(data, "pending", mr_segment_sum(stats, MR_DELIVERY_PENDING));
	return 0;
}

static void list_stages(struct rte_tel_data *data)
{
	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; i < served->stats->stages_count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%u,%s%u", i,
			mr_stage_kind_name(served->stages[i].kind), served->stages[i].index);
		rte_tel_data_add_array_string(data, name);
	}
}

// Parameter: the stage's number. Without one: the list of stages.
static int stats(const char *command, const char *parameters, struct rte_tel_data *data)
{
	char *end = NULL;
	unsigned long number = parameters != NULL ? strtoul(parameters, &end, 10) : 0;
	(void)command;
	if (parameters == NULL || end == parameters) {
		list_stages(data);
		return 0;
	}
	if (number >= served->stats->stages_count)
		return -1;
	const struct mr_stats_stage *stage = &served->stages[number];
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "cpu", stage->cpu);
	rte_tel_data_add_dict_u64(data, "steps", mr_read(&stage->steps));
	rte_tel_data_add_dict_u64(data, "steps_busy", mr_read(&stage->steps_busy));
	rte_tel_data_add_dict_u64(data, "busy_ns", mr_read(&stage->busy_ns));
	rte_tel_data_add_dict_u64(data, "step_max_ns", mr_read(&stage->step_max_ns));
	rte_tel_data_add_dict_u64(data, "generation", mr_read(&stage->generation));
	for (unsigned id = 0; id < MR_COUNTER_COUNT; id++) {
		const struct mr_counter_info *info = mr_counter_info(id);
		if ((uint32_t)info->kind == stage->kind)
			rte_tel_data_add_dict_u64(
				data, info->metric, mr_read(&stage->counters[id]));
	}
	return 0;
}

static void add_webhook(struct rte_tel_data *data, const struct mr_stats_webhook *row)
{
	struct rte_tel_data *values = rte_tel_data_alloc();
	if (values == NULL)
		return;
	rte_tel_data_start_dict(values);
	rte_tel_data_add_dict_u64(values, "resource", mr_read(&row->resource));
	rte_tel_data_add_dict_u64(values, "matched", mr_read(&row->matched));
	rte_tel_data_add_dict_u64(values, "delivered", mr_read(&row->delivered));
	rte_tel_data_add_dict_u64(values, "pending", mr_read(&row->pending));
	rte_tel_data_add_dict_u64(values, "dropped", mr_read(&row->dropped));
	rte_tel_data_add_dict_u64(values, "requests", mr_read(&row->requests));
	rte_tel_data_add_dict_u64(values, "requests_failed", mr_read(&row->requests_failed));
	rte_tel_data_add_dict_u64(values, "last_status", mr_read(&row->last_status));
	rte_tel_data_add_dict_container(data, row->name, values, 0);
}

// Parameter: the lane to begin with; a reply has room for few.
static int webhooks(const char *command, const char *parameters, struct rte_tel_data *data)
{
	unsigned long lane = parameters != NULL ? strtoul(parameters, NULL, 10) : 0;
	(void)command;
	rte_tel_data_start_dict(data);
	for (uint32_t rows = 0; lane < served->stats->webhooks_max && rows < ROWS_PER_REPLY;
		lane++) {
		if (mr_read(&served->webhooks[lane].webhook) == 0)
			continue;
		add_webhook(data, &served->webhooks[lane]);
		rows++;
	}
	return 0;
}

int mr_telemetry_open(const struct mr_segment *segment)
{
	served = segment;
	int err = rte_telemetry_register_cmd(
		"/millrace/status", status, "State and totals. No parameters");
	if (err == 0)
		err = rte_telemetry_register_cmd("/millrace/stats", stats,
			"Counters of one stage. Parameter: its number; without it the list of stages");
	if (err == 0)
		err = rte_telemetry_register_cmd("/millrace/webhooks", webhooks,
			"Webhooks, 24 at a time. Parameter: lane to begin with");
	return err;
}
