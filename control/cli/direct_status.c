#include "direct_status.h"

#include <time.h>

#include "cli_commands.h"
#include "histogram.h"
#include "ledgers.h"

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static json_t *router_json(const struct mr_call *call, const struct mr_control_status *status)
{
	json_t *release = json_string(call->direct.welcome.release);

	return json_pack("{s:s,s:s,s:o,s:f,s:b}", "state", mr_router_state_name(status->state),
		"durability", status->is_volatile ? "memory" : "disk", "release",
		release ? release : json_string("?"), "uptime_s", (double)status->uptime_ns / 1e9,
		"connected", 1);
}

static json_t *events_json(const struct mr_ledgers *ledgers)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "offered", (json_int_t)ledgers->offered,
		"accepted", (json_int_t)ledgers->accepted, "refused", (json_int_t)ledgers->refused,
		"queued", (json_int_t)ledgers->queued, "dropped", (json_int_t)ledgers->dropped,
		"off_balance", (json_int_t)ledgers->events_off_balance);
}

static json_t *deliveries_json(const struct mr_ledgers *ledgers)
{
	return json_pack("{s:I,s:I,s:I,s:I}", "delivered", (json_int_t)ledgers->delivered,
		"pending", (json_int_t)ledgers->pending, "dropped",
		(json_int_t)ledgers->deliveries_dropped, "off_balance",
		(json_int_t)ledgers->deliveries_off_balance);
}

static json_t *rates_json(const struct mr_rates *before, const struct mr_rates *after)
{
	return json_pack("{s:f,s:f,s:f,s:f}", "offered", mr_rate(before, after, MR_SHARD_OFFERED),
		"accepted", mr_rate(before, after, MR_SHARD_ACCEPTED), "refused",
		mr_rate(before, after, MR_SHARD_REFUSED), "delivered",
		mr_rate(before, after, MR_DELIVERY_DELIVERED));
}

static json_t *stage_json(
	const struct mr_stats_stage *stage, uint64_t worked_ns, uint64_t time_ns, uint64_t now_ns)
{
	const uint64_t beat_ns = mr_read(&stage->heartbeat_ns);

	return json_pack("{s:o,s:I,s:f,s:f,s:f,s:f}", "name",
		json_sprintf("%s%u", mr_stage_kind_name(stage->kind), stage->index), "cpu",
		(json_int_t)stage->cpu, "busy", time_ns ? (double)worked_ns / (double)time_ns : 0.0,
		"step_p99_us", (double)mr_histogram_quantile(&stage->step_ns, 0.99) / 1e3,
		"step_max_us", (double)mr_read(&stage->step_max_ns) / 1e3, "heartbeat_age_s",
		beat_ns && now_ns > beat_ns ? (double)(now_ns - beat_ns) / 1e9 : 0.0);
}

static json_t *stages_json(const struct mr_stats *stats, struct mr_direct_sample *sample,
	uint64_t time_ns, uint64_t now_ns)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	json_t *rows = json_array();

	for (uint32_t i = 0; i < stats->stages_count; i++) {
		const uint64_t busy_ns = mr_read(&stages[i].busy_ns);

		json_array_append_new(rows,
			stage_json(&stages[i], busy_ns - sample->busy_ns[i], time_ns, now_ns));
		sample->busy_ns[i] = busy_ns;
	}
	return rows;
}

static json_t *paused_json(const struct mr_stats *stats)
{
	const uint64_t bits = mr_stats_sum(stats, MR_STEWARD_PAUSED);
	json_t *rows = json_array();

	for (unsigned bit = 1; bit <= MR_PAUSE_DELIVERY; bit <<= 1) {
		if (bits & bit)
			json_array_append_new(rows, json_pack("{s:s}", "what", mr_pause_name(bit)));
	}
	return rows;
}

int mr_direct_status_document(
	struct mr_call *call, struct mr_direct_sample *sample, json_t **ret_json)
{
	const struct mr_stats *stats = call->direct.stats;
	struct mr_control_status status;
	struct mr_ledgers ledgers;
	struct mr_rates now;
	const uint64_t now_ns = monotonic_ns();
	int r = mr_direct_status(&call->direct, &status, call->why);

	if (r < 0)
		return r;
	mr_ledgers_read(stats, &ledgers);
	mr_rates_read(stats, now_ns, &now);
	const bool is_first = sample->rates.boot_id != now.boot_id;
	json_t *stages =
		stages_json(stats, sample, is_first ? 0 : now_ns - sample->rates.at_ns, now_ns);

	*ret_json = json_pack("{s:o,s:o,s:o,s:o,s:o,s:I}", "router", router_json(call, &status),
		"events", events_json(&ledgers), "deliveries", deliveries_json(&ledgers), "stages",
		stages, "paused", paused_json(stats), "bans",
		(json_int_t)mr_stats_sum(stats, MR_STEWARD_BANS));
	if (!is_first)
		json_object_set_new(*ret_json, "rates", rates_json(&sample->rates, &now));
	sample->rates = now;
	return 0;
}
