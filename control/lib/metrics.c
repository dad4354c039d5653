#include "metrics.h"

#include <string.h>

#include "mr_assert.h"

// The order of enum mr_metric_id.
static const struct {
	const char *name, *type, *unit, *labels, *help;
} metrics[] = {
#define COUNTER                                   "counter"
#define GAUGE                                     "gauge"
#define HISTOGRAM                                 "histogram"
#define X(symbol, name, type, unit, labels, help) {name, type, unit, labels, help},
	MR_METRICS(X)
#undef X
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
};

static const struct {
	enum mr_stage_kind kind;
	const char *metric, *help;
} histograms[] = {
#define X(kind, symbol, slot, metric, help) {MR_STAGE_##kind, metric, help},
	MR_HISTOGRAMS(X)
#undef X
};
enum { HISTOGRAMS = sizeof(histograms) / sizeof(histograms[0]) };

bool mr_metric_info(uint32_t index, struct mr_metric_info *ret_info)
{
	if (index < MR_METRIC_COUNT) {
		*ret_info = (struct mr_metric_info){
			.type = metrics[index].type,
			.unit = metrics[index].unit,
			.labels = metrics[index].labels,
			.help = metrics[index].help,
		};
		snprintf(ret_info->name, sizeof(ret_info->name), "%s", metrics[index].name);
		return true;
	}
	index -= MR_METRIC_COUNT;
	if (index < MR_COUNTER_COUNT) {
		const struct mr_counter_info *counter = mr_counter_info(index);

		*ret_info = (struct mr_metric_info){
			.type = counter->type,
			.unit = counter->unit,
			.labels = "stage",
			.help = counter->help,
		};
		snprintf(ret_info->name, sizeof(ret_info->name), "millrace_%s_%s%s",
			mr_stage_kind_name(counter->kind), counter->metric,
			strcmp(counter->type, "counter") == 0 ? "_total" : "");
		return true;
	}
	index -= MR_COUNTER_COUNT;
	if (index >= HISTOGRAMS)
		return false;
	*ret_info = (struct mr_metric_info){
		.type = "histogram",
		.unit = "seconds",
		.labels = "stage",
		.help = histograms[index].help,
	};
	snprintf(ret_info->name, sizeof(ret_info->name), "millrace_%s_%s",
		mr_stage_kind_name(histograms[index].kind), histograms[index].metric);
	return true;
}

void mr_metric_begin(FILE *out, uint32_t index)
{
	struct mr_metric_info info;

	if (mr_metric_info(index, &info))
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", info.name, info.help, info.name,
			info.type);
}

// Label values are anybody's bytes: the format wants three of them escaped.
static void write_label(FILE *out, const char *name, size_t name_length, const char *value)
{
	fprintf(out, "%.*s=\"", (int)name_length, name);
	for (const char *at = value; *at; at++) {
		if (*at == '\n')
			fputs("\\n", out);
		else if (*at == '\\' || *at == '"')
			fprintf(out, "\\%c", *at);
		else
			fputc(*at, out);
	}
	fputc('"', out);
}

void mr_metric_sample(
	FILE *out, enum mr_metric_id id, const char *const *label_values, double value)
{
	const char *names = metrics[id].labels;
	uint32_t count = 0;

	fputs(metrics[id].name, out);
	while (*names) {
		const size_t length = strcspn(names, ",");

		mr_assert(count < MR_METRIC_LABELS_MAX && label_values[count]);
		fputc(count == 0 ? '{' : ',', out);
		write_label(out, names, length, label_values[count++]);
		names += length + (names[length] == ',');
	}
	fprintf(out, "%s %.16g\n", count > 0 ? "}" : "", value);
}

static void write_rows(FILE *out, uint32_t from, uint32_t to)
{
	struct mr_metric_info info;

	fprintf(out, "\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
	for (uint32_t i = from; i < to && mr_metric_info(i, &info); i++)
		fprintf(out, "| `%s` | %s | %s | %s | %s |\n", info.name, info.type, info.unit,
			info.labels, info.help);
}

void mr_metrics_page(FILE *out)
{
	fputs("# Metrics\n\n"
	      "What `GET /metrics` of `millrace-controld` offers, in Prometheus' text format. The "
	      "list is written by the program that serves it.\n\n"
	      "`stage` is the stage's name (`shard0`). Histograms have a bucket per octave, from "
	      "1 microsecond to 137 seconds. While the data plane is\n"
	      "away, `millrace_data_plane_up` is 0 and everything that is counted there is absent. "
	      "A scrape configuration and rules are in\n"
	      "[deploy/prometheus](../deploy/prometheus).\n\n"
	      "## The installation\n",
		out);
	write_rows(out, 0, MR_METRIC_COUNT);
	fputs("\n## What stages count\n", out);
	write_rows(out, MR_METRIC_COUNT, MR_METRIC_COUNT + MR_COUNTER_COUNT);
	fputs("\n## What stages measure\n", out);
	write_rows(out, MR_METRIC_COUNT + MR_COUNTER_COUNT, UINT32_MAX);
}
