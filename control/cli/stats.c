#include <errno.h>
#include <string.h>

#include <millrace/scope.h>

#include "cli_commands.h"
#include "histogram.h"
#include "ledgers.h"

// Every counter of every stage that has it.
static void show_counters(const struct mr_view *view)
{
	const struct mr_stats *stats = view->direct->stats;
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	char name[MR_CELL_TEXT_MAX];

	view->render->table(view->doc, "counters");
	for (uint32_t i = 0; i < stats->stages_count; i++) {
		snprintf(name, sizeof(name), "%s%u", mr_stage_kind_name(stages[i].kind),
			stages[i].index);
		for (uint32_t id = 0; id < MR_COUNTER_COUNT; id++) {
			const struct mr_counter_info *info = mr_counter_info(id);
			struct mr_cell cells[] = {
				mr_cell_text("stage", name),
				mr_cell_text("counter", info->metric),
				mr_cell_count("value", mr_read(&stages[i].counters[id])),
				mr_cell_text("unit", info->unit),
			};

			cells[1].width = 24;
			cells[2].width = 18;
			if (stages[i].kind == info->kind)
				view->render->row(
					view->doc, cells, sizeof(cells) / sizeof(cells[0]));
		}
	}
	view->render->table_end(view->doc);
}

static void show_cause(
	const struct mr_view *view, const char *label, uint64_t count, const char *text)
{
	struct mr_cell cells[] = {
		mr_cell_text("reason", label),
		mr_cell_count("count", count),
		mr_cell_text("meaning", text),
	};

	cells[0].width = 20;
	if (count > 0)
		view->render->row(view->doc, cells, sizeof(cells) / sizeof(cells[0]));
}

// What did not pass, by cause; causes that never happened are left out.
static void show_reasons(const struct mr_view *view, const char *title, enum mr_stage_kind kind,
	enum mr_reason_kind which)
{
	view->render->table(view->doc, title);
	for (uint32_t i = 0; i < MR_REASON_LIMIT; i++) {
		const struct mr_reason_info *info = mr_reason_info(i);

		if (info->label && info->kind == which)
			show_cause(view, info->label,
				mr_stats_sum_reason(view->direct->stats, kind, i), info->text);
	}
	view->render->table_end(view->doc);
}

static const char *discard_text(uint32_t discard)
{
	static const char *const texts[] = {
#define X(symbol, label, text) [MR_DISCARD_##symbol] = text,
		MR_DISCARDS(X)
#undef X
	};

	return texts[discard];
}

static void show_discards(const struct mr_view *view)
{
	view->render->table(view->doc, "discarded_packets");
	for (uint32_t i = 0; i < MR_DISCARD_COUNT; i++)
		show_cause(view, mr_discard_label(i), mr_stats_sum_discard(view->direct->stats, i),
			discard_text(i));
	view->render->table_end(view->doc);
}

static void show_latency(
	const struct mr_view *view, enum mr_stage_kind kind, uint32_t slot, const char *help)
{
	struct mr_stats_histogram sum;

	mr_stats_sum_histogram(view->direct->stats, kind, slot, &sum);
	struct mr_cell cells[] = {
		mr_cell_count("count", mr_read(&sum.count)),
		mr_cell_number("p50", MR_CELL_NS, mr_histogram_quantile(&sum, 0.5)),
		mr_cell_number("p90", MR_CELL_NS, mr_histogram_quantile(&sum, 0.9)),
		mr_cell_number("p99", MR_CELL_NS, mr_histogram_quantile(&sum, 0.99)),
		mr_cell_number("p999", MR_CELL_NS, mr_histogram_quantile(&sum, 0.999)),
		mr_cell_number("max", MR_CELL_NS, mr_read(&sum.max)),
		mr_cell_text("latency", help),
	};

	cells[0].width = cells[1].width = cells[3].width = cells[5].width = 9;
	cells[2].is_detail = cells[4].is_detail = true;
	view->render->row(view->doc, cells, sizeof(cells) / sizeof(cells[0]));
}

static void show_latencies(const struct mr_view *view)
{
	view->render->table(view->doc, "latencies");
#define X(kind, symbol, slot, metric, help) show_latency(view, MR_STAGE_##kind, slot, help);
	MR_HISTOGRAMS(X)
#undef X
	view->render->table_end(view->doc);
}

static void show_webhook(const struct mr_view *view, const struct mr_stats_webhook *row)
{
	char name[sizeof(row->name) + 1], origin[sizeof(row->origin) + 1], eta[MR_CELL_TEXT_MAX];
	const uint64_t flags = mr_read(&row->flags);
	const uint64_t eta_s = mr_read(&row->eta_s);

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(row->name), row->name);
	snprintf(origin, sizeof(origin), "%.*s", (int)sizeof(row->origin), row->origin);
	snprintf(eta, sizeof(eta), "never");
	if (eta_s != UINT64_MAX)
		mr_duration_text(eta_s * 1000000000, eta, sizeof(eta));
	const char *state = flags & 4 ? "gone"
		: flags & 2           ? "behind"
		: flags & 1           ? "active"
				      : "inactive";
	struct mr_cell cells[] = {
		mr_cell_text("name", name),
		mr_cell_text("origin", origin),
		mr_cell_number("resource", MR_CELL_ID, mr_read(&row->resource)),
		mr_cell_text("state", state),
		mr_cell_count("matched", mr_read(&row->matched)),
		mr_cell_count("delivered", mr_read(&row->delivered)),
		mr_cell_count("pending", mr_read(&row->pending)),
		mr_cell_count("dropped", mr_read(&row->dropped)),
		mr_cell_count("requests", mr_read(&row->requests)),
		mr_cell_count("failed", mr_read(&row->requests_failed)),
		mr_cell_number("last_status", MR_CELL_ID, mr_read(&row->last_status)),
		mr_cell_number("oldest", MR_CELL_NS, mr_read(&row->oldest_ns)),
		mr_cell_count("on_disk", mr_read(&row->spilled)),
		mr_cell_text("drained_in", eta),
	};

	cells[0].width = 20;
	cells[3].width = 8;
	cells[5].width = 11;
	cells[6].width = 9;
	cells[11].width = 10;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		cells[i].is_detail = i == 1 || i == 2 || i == 4 || (i >= 7 && i <= 10) || i == 12;
	view->render->row(view->doc, cells, sizeof(cells) / sizeof(cells[0]));
}

static void show_webhooks(const struct mr_view *view)
{
	const struct mr_stats *stats = view->direct->stats;
	const struct mr_stats_webhook *rows = mr_stats_webhooks(stats);

	view->render->table(view->doc, "webhooks");
	for (uint32_t i = 0; i < stats->webhooks_max; i++) {
		if (mr_read(&rows[i].webhook) != 0)
			show_webhook(view, &rows[i]);
	}
	view->render->table_end(view->doc);
}

static void show_scope(
	const struct mr_view *view, const struct mr_stats_scope *row, uint32_t shard, bool is_other)
{
	char id[MR_CELL_TEXT_MAX];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)mr_read(&row->id));
	struct mr_cell cells[] = {
		mr_cell_text("kind", mr_scope_kind_name((unsigned)mr_read(&row->kind))),
		mr_cell_text("id", is_other ? "other" : id),
		mr_cell_count("shard", shard),
		mr_cell_count("accepted", mr_read(&row->accepted)),
		mr_cell_count("refused", mr_read(&row->refused)),
		mr_cell_count("queued", mr_read(&row->queued)),
		mr_cell_count("distributed", mr_read(&row->distributed)),
		mr_cell_count("dropped", mr_read(&row->dropped)),
	};

	cells[0].width = 9;
	cells[1].width = 18;
	cells[2].width = 5;
	cells[3].width = 10;
	cells[4].width = cells[7].width = 8;
	cells[5].width = 7;
	cells[6].is_detail = true; // accepted without what waits and what was dropped
	view->render->row(view->doc, cells, sizeof(cells) / sizeof(cells[0]));
}

// The row of the rest is shown when it holds something.
static bool is_shown(const struct mr_stats_scope *row, bool is_other)
{
	if (mr_read(&row->kind) == MR_SCOPE_NONE)
		return false;
	return !is_other || mr_read(&row->accepted) + mr_read(&row->refused) > 0;
}

static void show_scopes(const struct mr_view *view)
{
	const struct mr_stats *stats = view->direct->stats;

	view->render->table(view->doc, "scopes");
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		for (uint32_t shard = 0; shard < stats->shards; shard++) {
			const struct mr_stats_scope *rows = mr_stats_scopes(stats, shard, table);

			for (uint32_t i = 0; i < MR_LEDGER_SCOPES_MAX; i++) {
				const bool is_other = i + 1 == MR_LEDGER_SCOPES_MAX;

				if (is_shown(&rows[i], is_other))
					show_scope(view, &rows[i], shard, is_other);
			}
		}
	}
	view->render->table_end(view->doc);
}

static void show_everything(const struct mr_view *view)
{
	show_counters(view);
	show_reasons(view, "refused_events", MR_STAGE_SHARD, MR_REASON_REFUSED);
	show_reasons(view, "dropped_events", MR_STAGE_SHARD, MR_REASON_DROPPED);
	show_reasons(view, "dropped_deliveries", MR_STAGE_DELIVERY, MR_REASON_DROPPED);
	show_discards(view);
	show_latencies(view);
}

int mr_command_stats(const struct mr_view *view, char *ret_why)
{
	static const struct {
		const char *topic;
		void (*show)(const struct mr_view *view);
	} topics[] = {
		{"counters", show_everything},
		{"latencies", show_latencies},
		{"webhooks", show_webhooks},
		{"scopes", show_scopes},
	};
	const char *wanted = view->topic ? view->topic : "counters";

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		if (strcmp(topics[i].topic, wanted) != 0)
			continue;
		view->render->begin(view->doc);
		topics[i].show(view);
		view->render->end(view->doc);
		return 0;
	}
	snprintf(ret_why, MR_DIRECT_WHY_BYTES,
		"there are no statistics of \"%s\": counters, latencies, webhooks, scopes", wanted);
	return -EINVAL;
}
