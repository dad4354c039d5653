// The statistics segment as an exposition.
#include <string.h>

#include "direct.h"
#include "histogram.h"
#include "metrics.h"

// Fine buckets end one below a power of two at every octave, so a classic bucket is counted
// exactly.
enum { OCTAVE_FIRST = 10, OCTAVE_LAST = 37 };
enum { STAGE_NAME_BYTES = 32 };

struct scrape {
	FILE *out;
	const struct mr_stats *stats;
	uint64_t now_ns, wall_ns;
};

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static uint64_t age(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static void stage_name(const struct mr_stats_stage *stage, char *ret_name)
{
	snprintf(ret_name, STAGE_NAME_BYTES, "%s%u", mr_stage_kind_name(stage->kind), stage->index);
}

static void write_histogram(
	FILE *out, const char *name, const char *stage, const struct mr_stats_histogram *histogram)
{
	uint64_t count = 0;
	uint32_t bucket = 0;

	for (uint32_t octave = OCTAVE_FIRST; octave <= OCTAVE_LAST; octave++) {
		const uint64_t limit = UINT64_C(1) << octave;

		for (; bucket < MR_HISTOGRAM_BUCKETS && mr_histogram_bucket_limit(bucket) < limit;
			bucket++)
			count += mr_read(&histogram->buckets[bucket]);
		fprintf(out, "%s_bucket{stage=\"%s\",le=\"%.9g\"} %llu\n", name, stage,
			seconds(limit), (unsigned long long)count);
	}
	for (; bucket < MR_HISTOGRAM_BUCKETS; bucket++)
		count += mr_read(&histogram->buckets[bucket]);
	fprintf(out, "%s_bucket{stage=\"%s\",le=\"+Inf\"} %llu\n", name, stage,
		(unsigned long long)count);
	fprintf(out, "%s_sum{stage=\"%s\"} %.16g\n", name, stage,
		seconds(mr_read(&histogram->sum)));
	fprintf(out, "%s_count{stage=\"%s\"} %llu\n", name, stage, (unsigned long long)count);
}

// What is counted of a stage whatever its kind.
static double stage_value(
	const struct scrape *scrape, const struct mr_stats_stage *stage, enum mr_metric_id id)
{
	switch ((int)id) {
	case MR_METRIC_STEPS:
		return (double)mr_read(&stage->steps);
	case MR_METRIC_STEPS_BUSY:
		return (double)mr_read(&stage->steps_busy);
	case MR_METRIC_BUSY:
		return seconds(mr_read(&stage->busy_ns));
	case MR_METRIC_HEARTBEAT:
		return seconds(age(scrape->now_ns, mr_read(&stage->heartbeat_ns)));
	default:
		return (double)mr_read(&stage->generation);
	}
}

static void write_stages(const struct scrape *scrape)
{
	static const enum mr_metric_id ids[] = {MR_METRIC_STEPS, MR_METRIC_STEPS_BUSY,
		MR_METRIC_BUSY, MR_METRIC_HEARTBEAT, MR_METRIC_GENERATION};
	const struct mr_stats_stage *stages = mr_stats_stages(scrape->stats);
	char name[STAGE_NAME_BYTES];
	const char *const labels[] = {name};
	struct mr_metric_info info;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		mr_metric_begin(scrape->out, ids[i]);
		for (uint32_t s = 0; s < scrape->stats->stages_count; s++) {
			stage_name(&stages[s], name);
			mr_metric_sample(scrape->out, ids[i], labels,
				stage_value(scrape, &stages[s], ids[i]));
		}
	}
	mr_metric_begin(scrape->out, MR_METRIC_STEP);
	mr_metric_info(MR_METRIC_STEP, &info);
	for (uint32_t s = 0; s < scrape->stats->stages_count; s++) {
		stage_name(&stages[s], name);
		write_histogram(scrape->out, info.name, name, &stages[s].step_ns);
	}
}

static void write_counters(const struct scrape *scrape)
{
	const struct mr_stats_stage *stages = mr_stats_stages(scrape->stats);
	struct mr_metric_info info;
	char name[STAGE_NAME_BYTES];

	for (uint32_t id = 0; id < MR_COUNTER_COUNT; id++) {
		mr_metric_info(MR_METRIC_COUNT + id, &info);
		mr_metric_begin(scrape->out, MR_METRIC_COUNT + id);
		for (uint32_t s = 0; s < scrape->stats->stages_count; s++) {
			if (stages[s].kind != mr_counter_info(id)->kind)
				continue;
			stage_name(&stages[s], name);
			fprintf(scrape->out, "%s{stage=\"%s\"} %llu\n", info.name, name,
				(unsigned long long)mr_read(&stages[s].counters[id]));
		}
	}
}

static void write_histograms(const struct scrape *scrape)
{
	static const struct {
		uint32_t kind, slot;
	} of[] = {
#define X(kind, symbol, slot, metric, help) {MR_STAGE_##kind, slot},
		MR_HISTOGRAMS(X)
#undef X
	};
	const struct mr_stats_stage *stages = mr_stats_stages(scrape->stats);
	struct mr_metric_info info;
	char name[STAGE_NAME_BYTES];

	for (uint32_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		mr_metric_info(MR_METRIC_COUNT + MR_COUNTER_COUNT + i, &info);
		mr_metric_begin(scrape->out, MR_METRIC_COUNT + MR_COUNTER_COUNT + i);
		for (uint32_t s = 0; s < scrape->stats->stages_count; s++) {
			if (stages[s].kind != of[i].kind)
				continue;
			stage_name(&stages[s], name);
			write_histogram(
				scrape->out, info.name, name, &stages[s].histograms[of[i].slot]);
		}
	}
}

static void write_reasons(const struct scrape *scrape, enum mr_metric_id id,
	enum mr_stage_kind stage_kind, enum mr_reason_kind reason_kind)
{
	const struct mr_stats_stage *stages = mr_stats_stages(scrape->stats);
	char name[STAGE_NAME_BYTES];

	mr_metric_begin(scrape->out, id);
	for (uint32_t s = 0; s < scrape->stats->stages_count; s++) {
		if (stages[s].kind != stage_kind)
			continue;
		stage_name(&stages[s], name);
		for (uint32_t reason = 0; reason < MR_REASON_LIMIT; reason++) {
			const struct mr_reason_info *info = mr_reason_info(reason);
			const char *const labels[] = {name, info->label};

			if (info->label && info->kind == reason_kind)
				mr_metric_sample(scrape->out, id, labels,
					(double)mr_read(&stages[s].reasons[reason]));
		}
	}
}

static void write_discards(const struct scrape *scrape)
{
	const struct mr_stats_stage *stages = mr_stats_stages(scrape->stats);
	char name[STAGE_NAME_BYTES];

	mr_metric_begin(scrape->out, MR_METRIC_DISCARDED);
	for (uint32_t s = 0; s < scrape->stats->stages_count; s++) {
		if (stages[s].kind != MR_STAGE_INGEST && stages[s].kind != MR_STAGE_SHARD)
			continue;
		stage_name(&stages[s], name);
		for (uint32_t discard = 0; discard < MR_DISCARD_COUNT; discard++) {
			const char *const labels[] = {name, mr_discard_label(discard)};

			mr_metric_sample(scrape->out, MR_METRIC_DISCARDED, labels,
				(double)mr_read(&stages[s].discards[discard]));
		}
	}
}

static double webhook_value(
	const struct scrape *scrape, const struct mr_stats_webhook *row, enum mr_metric_id id)
{
	const uint64_t failing_since_ns = mr_read(&row->failing_since_ns);

	switch ((int)id) {
	case MR_METRIC_WEBHOOK_PENDING:
		return (double)mr_read(&row->pending);
	case MR_METRIC_WEBHOOK_LAG:
		return seconds(mr_read(&row->oldest_ns));
	case MR_METRIC_WEBHOOK_FAILING:
		return failing_since_ns == 0 ? 0 : seconds(age(scrape->wall_ns, failing_since_ns));
	case MR_METRIC_WEBHOOK_DELIVERED:
		return (double)mr_read(&row->delivered);
	case MR_METRIC_WEBHOOK_DROPPED:
		return (double)mr_read(&row->dropped);
	case MR_METRIC_WEBHOOK_REQUESTS:
		return (double)mr_read(&row->requests);
	default:
		return (double)mr_read(&row->requests_failed);
	}
}

static void write_webhooks(const struct scrape *scrape)
{
	const struct mr_stats_webhook *rows = mr_stats_webhooks(scrape->stats);
	char number[24], name[MR_NAME_BYTES_MAX + 1], origin[MR_NAME_BYTES_MAX + 1];
	const char *const labels[] = {number, name, origin};

	for (int id = MR_METRIC_WEBHOOK_PENDING; id <= MR_METRIC_WEBHOOK_FAILED; id++) {
		mr_metric_begin(scrape->out, (enum mr_metric_id)id);
		for (uint32_t i = 0; i < scrape->stats->webhooks_max; i++) {
			const uint64_t webhook = mr_read(&rows[i].webhook);

			if (webhook == 0)
				continue;
			snprintf(number, sizeof(number), "%llu", (unsigned long long)webhook);
			snprintf(name, sizeof(name), "%.*s", (int)sizeof(rows[i].name),
				rows[i].name);
			snprintf(origin, sizeof(origin), "%.*s", (int)sizeof(rows[i].origin),
				rows[i].origin);
			mr_metric_sample(scrape->out, (enum mr_metric_id)id, labels,
				webhook_value(scrape, &rows[i], (enum mr_metric_id)id));
		}
	}
}

static void write_ledgers(FILE *out, const struct mr_ledgers *ledgers)
{
	static const char *const events[] = {"events"}, *const deliveries[] = {"deliveries"};

	mr_metric_begin(out, MR_METRIC_OFF_BALANCE);
	mr_metric_sample(out, MR_METRIC_OFF_BALANCE, events, (double)ledgers->events_off_balance);
	mr_metric_sample(
		out, MR_METRIC_OFF_BALANCE, deliveries, (double)ledgers->deliveries_off_balance);
}

static void write_one(FILE *out, enum mr_metric_id id, double value)
{
	mr_metric_begin(out, id);
	mr_metric_sample(out, id, NULL, value);
}

void mr_metrics_releases(FILE *out, const char *data_plane_release)
{
	const char *const control[] = {"millrace-controld", MR_VERSION};
	const char *const data_plane[] = {"millraced", data_plane_release};

	mr_metric_begin(out, MR_METRIC_BUILD);
	mr_metric_sample(out, MR_METRIC_BUILD, control, 1);
	if (data_plane_release)
		mr_metric_sample(out, MR_METRIC_BUILD, data_plane, 1);
	write_one(out, MR_METRIC_UP, data_plane_release ? 1 : 0);
}

void mr_metrics_stats(FILE *out, const struct mr_stats *stats, const struct mr_ledgers *ledgers,
	uint64_t now_ns, uint64_t wall_ns)
{
	const struct scrape scrape = {out, stats, now_ns, wall_ns};

	write_one(out, MR_METRIC_STARTED, seconds((uint64_t)stats->started_at_ns));
	write_one(out, MR_METRIC_VOLATILE, stats->is_volatile);
	write_stages(&scrape);
	write_counters(&scrape);
	write_reasons(&scrape, MR_METRIC_EVENTS_REFUSED, MR_STAGE_SHARD, MR_REASON_REFUSED);
	write_reasons(&scrape, MR_METRIC_EVENTS_DROPPED, MR_STAGE_SHARD, MR_REASON_DROPPED);
	write_reasons(&scrape, MR_METRIC_DELIVERIES_DROPPED, MR_STAGE_DELIVERY, MR_REASON_DROPPED);
	write_discards(&scrape);
	write_ledgers(out, ledgers);
	write_histograms(&scrape);
	write_webhooks(&scrape);
}
