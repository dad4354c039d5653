// Records, one a row, as far as they pass the filters.
#include <errno.h>
#include <stdlib.h>

#include <millrace/event.h>

#include "hash.h"
#include "journal_tool.h"

// Positions of the events of one object, for --object: records that refer to them belong to it.
struct positions {
	mr_position *slots; // 0: free
	uint64_t room, count; // room: a power of two
};

struct cat {
	struct mr_tool *tool;
	struct positions events;
	uint64_t shown;
};

static mr_position *slot_of(const struct positions *set, mr_position position)
{
	uint64_t at = mr_hash_u64(position, 0);

	while (set->slots[at & (set->room - 1)] != 0
		&& set->slots[at & (set->room - 1)] != position)
		at++;
	return &set->slots[at & (set->room - 1)];
}

static bool has(const struct positions *set, mr_position position)
{
	return set->room > 0 && *slot_of(set, position) == position;
}

static int add(struct positions *set, mr_position position)
{
	if (2 * (set->count + 1) > set->room) {
		struct positions grown = {.room = set->room ? 2 * set->room : 1024};

		grown.slots = calloc(grown.room, sizeof(*grown.slots));
		if (grown.slots == NULL)
			return -ENOMEM;
		for (uint64_t i = 0; i < set->room; i++) {
			if (set->slots[i] != 0)
				*slot_of(&grown, set->slots[i]) = set->slots[i];
		}
		free(set->slots);
		set->slots = grown.slots;
		set->room = grown.room;
	}
	*slot_of(set, position) = position;
	set->count++;
	return 0;
}

// 1, 0, or -ENOMEM.
static int is_of_object(struct cat *cat, const struct mr_tool_record *record)
{
	const uint64_t object = cat->tool->options->object;
	static mr_position refers[MR_BATCH_EVENTS_MAX];

	if (object == 0)
		return 1;
	if (record->record->kind == MR_RECORD_EVENT) {
		const struct mr_event_fixed *fixed =
			(const void *)((const struct mr_record_event *)(const void *)record->record
				+ 1);

		if (fixed->object != object)
			return 0;
		int err = add(&cat->events, record->position);
		return err < 0 ? err : 1;
	}
	const uint32_t count = mr_record_refers(
		record->record, mr_position_stream(record->position), refers, MR_BATCH_EVENTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (has(&cat->events, refers[i]))
			return 1;
	}
	return 0;
}

static bool passes(const struct mr_tool_options *options, const struct mr_tool_record *record)
{
	return (options->kind == 0 || options->kind == record->record->kind)
		&& (options->stream < 0
			|| (uint32_t)options->stream == mr_position_stream(record->position))
		&& record->frame->at_ns >= options->since_ns
		&& record->frame->at_ns < options->until_ns
		&& (options->webhook == 0
			|| mr_record_names_webhook(record->record, options->webhook));
}

static void show(struct cat *cat, const struct mr_tool_record *record)
{
	struct mr_record_facts facts;
	char at[40], place[48];

	mr_record_describe(record->record, &facts);
	mr_time_text(record->frame->at_ns, at, sizeof(at));
	snprintf(place, sizeof(place), "%u:%llu", mr_position_stream(record->position),
		(unsigned long long)mr_position_offset(record->position));
	struct mr_cell cells[] = {
		mr_cell_text("at", at),
		mr_cell_number("segment", MR_CELL_ID, record->segment),
		mr_cell_number("frame", MR_CELL_ID, record->frame->sequence),
		mr_cell_text("place", place),
		mr_cell_text("kind", mr_record_kind_name(record->record->kind)),
		mr_cell_number("object", MR_CELL_ID, facts.object),
		mr_cell_number("webhook", MR_CELL_ID, facts.webhook),
		mr_cell_count("count", facts.count),
		mr_cell_text("detail", facts.detail),
	};

	cells[0].width = 26;
	cells[1].width = 8;
	cells[2].width = 10;
	cells[3].width = 18;
	cells[5].width = cells[6].width = 20;
	cells[7].width = 6;
	cat->tool->options->render->row(&cat->tool->doc, cells, sizeof(cells) / sizeof(cells[0]));
}

static int take(void *owner, const struct mr_tool_record *record)
{
	struct cat *cat = owner;
	int is_of = is_of_object(cat, record);

	if (is_of < 0)
		return mr_tool_fail(cat->tool, is_of, "no memory for so many events");
	if (is_of == 0 || !passes(cat->tool->options, record))
		return 0;
	if (cat->shown++ == cat->tool->options->limit)
		return 1;
	show(cat, record);
	return 0;
}

int mr_tool_cat(struct mr_tool *tool)
{
	const struct mr_render *render = tool->options->render;
	struct cat cat = {.tool = tool};

	render->begin(&tool->doc);
	render->table(&tool->doc, "records");
	int r = mr_tool_walk(tool, &(struct mr_tool_walker){.owner = &cat, .record = take});
	render->table_end(&tool->doc);
	render->end(&tool->doc);
	free(cat.events.slots);
	return r < 0 ? r : 0;
}
