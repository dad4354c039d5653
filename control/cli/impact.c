// Who was affected in a time, how late, what was lost and why: out of the records of batches, of
// their settling and of what was dropped.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/event.h>
#include <millrace/reason.h>

#include "hash.h"
#include "journal_tool.h"

// A webhook, an app or a workspace.
struct row {
	uint64_t id;
	bool used;
	uint64_t delivered, late, dropped, failed; // failed: attempts
	uint64_t waiting; // of batches that have not settled
	uint64_t late_ns_max; // from acceptance until settled, or until the end of the time
	uint32_t reason; // of the last drop
	uint32_t status; // last HTTP status of a failed attempt
};

struct rows {
	struct row *all; // open addressing; room is a power of two
	uint64_t room, count;
};

// The batch that a sub-lane has under way.
struct batch {
	uint64_t webhook, number;
	uint16_t sublane, count;
	mr_position positions[MR_BATCH_EVENTS_MAX];
};

struct impact {
	struct mr_tool *tool;
	int64_t since_ns, until_ns, end_ns; // end: of the last frame in the time
	struct rows webhooks, apps, workspaces;
	uint64_t reasons[MR_REASON_LIMIT];
	uint64_t unknown; // events that no live segment has any more
	struct batch **batches;
	uint32_t batches_count, batches_room;
};

static struct row *place_of(const struct rows *rows, uint64_t id)
{
	uint64_t at = mr_hash_u64(id, 0);

	while (rows->all[at & (rows->room - 1)].used && rows->all[at & (rows->room - 1)].id != id)
		at++;
	return &rows->all[at & (rows->room - 1)];
}

// NULL: no memory.
static struct row *row_of(struct rows *rows, uint64_t id)
{
	if (2 * (rows->count + 1) > rows->room) {
		struct rows grown = {.room = rows->room ? 2 * rows->room : 256};

		grown.all = calloc(grown.room, sizeof(*grown.all));
		if (grown.all == NULL)
			return NULL;
		for (uint64_t i = 0; i < rows->room; i++) {
			if (rows->all[i].used)
				*place_of(&grown, rows->all[i].id) = rows->all[i];
		}
		free(rows->all);
		rows->all = grown.all;
		rows->room = grown.room;
	}
	struct row *row = place_of(rows, id);

	rows->count += !row->used;
	row->used = true;
	row->id = id;
	return row;
}

enum fate { DELIVERED, DROPPED, WAITING };

static void count(struct row *row, enum fate fate, uint64_t took_ns, uint64_t late_ns)
{
	row->delivered += fate == DELIVERED;
	row->dropped += fate == DROPPED;
	row->waiting += fate == WAITING;
	if (fate == DROPPED || took_ns <= late_ns)
		return;
	row->late++;
	if (took_ns > row->late_ns_max)
		row->late_ns_max = took_ns;
}

// One event, on behalf of a webhook (0: of none). 0 or -ENOMEM.
static int take_event(struct impact *impact, uint64_t webhook, mr_position position, enum fate fate,
	int64_t at_ns)
{
	const uint64_t late_ns = impact->tool->options->late_ns;
	const struct mr_record *record;
	struct row *rows[3] = {NULL};
	uint64_t took_ns = 0;

	if (webhook != 0) {
		rows[0] = row_of(&impact->webhooks, webhook);
		if (rows[0] == NULL)
			return -ENOMEM;
	}
	if (mr_scan_record(impact->tool->scan, position, &record) == 0
		&& record->kind == MR_RECORD_EVENT) {
		const struct mr_record_event *event = (const void *)record;
		const struct mr_event_fixed *fixed = (const void *)(event + 1);

		rows[1] = row_of(&impact->apps, event->app);
		rows[2] = row_of(&impact->workspaces, fixed->workspace);
		if (rows[1] == NULL || rows[2] == NULL)
			return -ENOMEM;
		if (at_ns > event->received_at_ns)
			took_ns = (uint64_t)(at_ns - event->received_at_ns);
	} else {
		impact->unknown++;
	}
	for (uint32_t i = 0; i < 3; i++) {
		if (rows[i])
			count(rows[i], fate, took_ns, late_ns);
	}
	return 0;
}

static struct batch *find_batch(const struct impact *impact, uint64_t webhook, uint16_t sublane)
{
	for (uint32_t i = 0; i < impact->batches_count; i++) {
		struct batch *batch = impact->batches[i];

		if (batch->webhook == webhook && batch->sublane == sublane)
			return batch;
	}
	return NULL;
}

static int take_batch(struct impact *impact, const struct mr_record_batch *record)
{
	struct batch *batch = find_batch(impact, record->webhook, record->sublane);

	if (batch == NULL) {
		if (impact->batches_count == impact->batches_room) {
			const uint32_t room = impact->batches_room ? 2 * impact->batches_room : 64;
			struct batch **grown =
				reallocarray(impact->batches, room, sizeof(struct batch *));

			if (grown == NULL)
				return -ENOMEM;
			impact->batches = grown;
			impact->batches_room = room;
		}
		batch = malloc(sizeof(*batch));
		if (batch == NULL)
			return -ENOMEM;
		impact->batches[impact->batches_count++] = batch;
	}
	batch->webhook = record->webhook;
	batch->number = record->number;
	batch->sublane = record->sublane;
	batch->count = record->count;
	memcpy(batch->positions, record + 1, record->count * sizeof(mr_position));
	return 0;
}

static int settle(struct impact *impact, struct batch *batch, enum fate fate, int64_t at_ns)
{
	int err = 0;

	for (uint32_t i = 0; i < batch->count && err == 0 && at_ns >= impact->since_ns; i++)
		err = take_event(impact, batch->webhook, batch->positions[i], fate, at_ns);
	batch->count = 0;
	return err;
}

static int take_progress(
	struct impact *impact, const struct mr_record_progress *record, int64_t at_ns)
{
	struct batch *batch = find_batch(impact, record->webhook, record->sublane);

	if (record->failing_since_ns != 0 && record->attempts > 0 && at_ns >= impact->since_ns) {
		struct row *row = row_of(&impact->webhooks, record->webhook);

		if (row == NULL)
			return -ENOMEM;
		row->failed++;
		row->status = record->status;
	}
	return batch && record->settled_number >= batch->number
		? settle(impact, batch, DELIVERED, at_ns)
		: 0;
}

// What is dropped out of a batch is not delivered by it.
static void take_out(struct impact *impact, uint64_t webhook, mr_position position)
{
	for (uint32_t i = 0; i < impact->batches_count; i++) {
		struct batch *batch = impact->batches[i];

		for (uint32_t n = 0; n < batch->count && batch->webhook == webhook; n++) {
			if (batch->positions[n] == position) {
				batch->positions[n] = batch->positions[--batch->count];
				return;
			}
		}
	}
}

static int take_dropped(
	struct impact *impact, const struct mr_record_dropped *record, int64_t at_ns)
{
	if (record->webhook != 0)
		take_out(impact, record->webhook, record->origin);
	if (at_ns < impact->since_ns)
		return 0;
	if (record->reason < MR_REASON_LIMIT)
		impact->reasons[record->reason]++;
	int err = take_event(impact, record->webhook, record->origin, DROPPED, at_ns);
	if (err == 0 && record->webhook != 0)
		row_of(&impact->webhooks, record->webhook)->reason = record->reason;
	return err;
}

static int take(void *owner, const struct mr_tool_record *record)
{
	struct impact *impact = owner;
	const int64_t at_ns = record->frame->at_ns;
	int err = 0;

	if (at_ns >= impact->until_ns)
		return 0;
	impact->end_ns = at_ns;
	if (record->record->kind == MR_RECORD_BATCH)
		err = take_batch(impact, (const void *)record->record);
	else if (record->record->kind == MR_RECORD_PROGRESS)
		err = take_progress(impact, (const void *)record->record, at_ns);
	else if (record->record->kind == MR_RECORD_DROPPED)
		err = take_dropped(impact, (const void *)record->record, at_ns);
	return err < 0 ? mr_tool_fail(impact->tool, err, "no memory for so many rows") : 0;
}

static bool is_affected(const struct row *row)
{
	return row->used && row->late + row->dropped + row->failed > 0;
}

static int by_lateness(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->late_ns_max != y->late_ns_max)
		return x->late_ns_max < y->late_ns_max ? 1 : -1;
	if (x->dropped != y->dropped)
		return x->dropped < y->dropped ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void show_rows(struct impact *impact, const char *title, const char *what, struct rows *rows)
{
	struct mr_tool *tool = impact->tool;
	const bool is_webhooks = rows == &impact->webhooks;

	tool->options->render->table(&tool->doc, title);
	if (rows->room > 0)
		qsort(rows->all, rows->room, sizeof(*rows->all), by_lateness);
	for (uint64_t i = 0; i < rows->room; i++) {
		const struct row *row = &rows->all[i];
		struct mr_cell cells[] = {
			mr_cell_number(what, MR_CELL_ID, row->id),
			mr_cell_count("delivered", row->delivered),
			mr_cell_count("late", row->late),
			mr_cell_number("latest", MR_CELL_NS, row->late_ns_max),
			mr_cell_count("waiting", row->waiting),
			mr_cell_count("dropped", row->dropped),
			mr_cell_count("failed_attempts", row->failed),
			mr_cell_number("last_status", MR_CELL_ID, row->status),
			mr_cell_text(
				"reason", row->reason ? mr_reason_info(row->reason)->label : ""),
		};

		cells[0].width = 20;
		cells[6].width = 16;
		if (is_affected(row))
			tool->options->render->row(
				&tool->doc, cells, is_webhooks ? 9 : 6); // the rest is of endpoints
	}
	tool->options->render->table_end(&tool->doc);
}

static void show_losses(struct impact *impact)
{
	struct mr_tool *tool = impact->tool;

	tool->options->render->table(&tool->doc, "losses");
	for (uint32_t i = 0; i < MR_REASON_LIMIT; i++) {
		struct mr_cell cells[] = {
			mr_cell_text("reason", mr_reason_info(i)->label),
			mr_cell_count("count", impact->reasons[i]),
			mr_cell_text("meaning", mr_reason_info(i)->text),
		};

		cells[0].width = 20;
		if (impact->reasons[i] > 0)
			tool->options->render->row(
				&tool->doc, cells, sizeof(cells) / sizeof(cells[0]));
	}
	tool->options->render->table_end(&tool->doc);
}

static void show(struct impact *impact)
{
	struct mr_tool *tool = impact->tool;
	const struct mr_render *render = tool->options->render;
	char since[40], until[40];

	mr_time_text(impact->since_ns, since, sizeof(since));
	mr_time_text(impact->end_ns, until, sizeof(until));
	const struct mr_cell fields[] = {
		mr_cell_text("since", since),
		mr_cell_text("until", until),
		mr_cell_number("late_after", MR_CELL_NS, tool->options->late_ns),
		mr_cell_count("events_not_found", impact->unknown),
	};
	render->begin(&tool->doc);
	render->group(&tool->doc, "impact", fields, sizeof(fields) / sizeof(fields[0]));
	show_rows(impact, "webhooks", "webhook", &impact->webhooks);
	show_rows(impact, "apps", "app", &impact->apps);
	show_rows(impact, "workspaces", "workspace", &impact->workspaces);
	show_losses(impact);
	render->end(&tool->doc);
}

static void release(struct impact *impact)
{
	for (uint32_t i = 0; i < impact->batches_count; i++)
		free(impact->batches[i]);
	free(impact->batches);
	free(impact->webhooks.all);
	free(impact->apps.all);
	free(impact->workspaces.all);
}

// The whole journal is walked: what settles in the time may have been recorded long before.
int mr_tool_impact(struct mr_tool *tool)
{
	const struct mr_tool_options *options = tool->options;
	struct mr_tool_options all = *options;
	struct impact impact = {
		.tool = tool, .since_ns = options->since_ns, .until_ns = options->until_ns};
	int err = 0;

	if (options->since_ns == INT64_MIN)
		return mr_tool_fail(tool, -EINVAL, "impact wants --since: from when on");
	all.since_ns = INT64_MIN;
	tool->options = &all;
	err = mr_tool_walk(tool, &(struct mr_tool_walker){.owner = &impact, .record = take});
	for (uint32_t i = 0; i < impact.batches_count && err == 0; i++)
		err = settle(&impact, impact.batches[i], WAITING, impact.end_ns);
	if (err == 0)
		show(&impact);
	tool->options = options;
	release(&impact);
	return err;
}
