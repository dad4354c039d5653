// What lanes owe of a scope, counted or dropped, a piece per step: lane by lane, sub-lane by
// sub-lane, its sides, what bans hold, and the records that hold the rest. What is on the wire is
// not touched. While a sub-lane is walked no batch is made of it, and nothing else leaves it but
// the batch that has borders.
#include "delivery_parts.h"
#include "mr_assert.h"

void mr_delivery_survey_begin(struct mr_delivery *delivery, struct mr_survey *survey)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	mr_assert(walk->survey == NULL && survey != NULL);
	walk->survey = survey;
	walk->deliveries = 0;
	walk->webhooks = 0;
	walk->slot = 1;
	walk->sublane = 0;
	walk->phase = MR_SURVEY_BEGIN;
	walk->any = false;
}

static bool drops(const struct mr_delivery_survey *walk)
{
	return walk->survey->drop_reason != MR_REASON_OK;
}

// Whether an event is of the scope. WAIT as the reader says, and when it is to be dropped and the
// stream has no room to say so; what nobody has any more is not of it.
static enum mr_read is_of(struct mr_delivery *delivery, mr_position position, bool *ret_is_of)
{
	const struct mr_delivery_survey *walk = &delivery->survey;
	struct mr_event_scopes scopes;
	*ret_is_of = false;
	if (drops(walk)
		&& mr_stream_room(delivery->config.stream) < sizeof(struct mr_record_dropped))
		return MR_READ_WAIT;
	enum mr_read read = mr_delivery_read_scopes(delivery, position, &scopes);
	if (read == MR_READ_HIT)
		*ret_is_of = mr_scope_takes(
			&walk->survey->scope, walk->survey->with_descendants, &scopes);
	return read;
}

static void count(
	struct mr_delivery *delivery, struct mr_recipient *recipient, mr_position position)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	walk->deliveries++;
	walk->any = true;
	if (drops(walk))
		mr_delivery_dropped(delivery, recipient->row, recipient->webhook, position,
			(enum mr_reason)walk->survey->drop_reason);
}

// Whether the batch of the sub-lane, which was never sent, stands in the way: one of its events is
// of the scope, or cannot be read at once.
static bool batch_is_of(struct mr_delivery *delivery, const struct mr_sublane *sublane)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		for (uint32_t i = 0; i < sublane->batch[side]; i++) {
			struct mr_lane_entry entry;
			bool there = mr_lane_next(&delivery->lanes, &cursor, side, &entry);
			bool of;
			mr_assert(there);
			if (is_of(delivery, entry.position, &of) == MR_READ_WAIT || of)
				return true;
		}
	return false;
}

// False: not yet.
static bool begin(struct mr_delivery *delivery, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	const struct mr_lane_spill *spill = &sublane->spill;
	mr_delivery_restart(delivery, sublane);
	bool is_sent = !mr_lane_is_unsent(sublane);
	if (!is_sent && drops(walk) && batch_is_of(delivery, sublane)
		&& !mr_delivery_void(delivery, sublane))
		return false;
	struct mr_recipient *recipient = &delivery->recipients[sublane->lane];
	if (sublane->number == 0 && recipient->state != MR_RECIPIENT_PARKED
		&& mr_held_wants_sift(sublane, delivery->bans.epoch)) {
		mr_delivery_may_batch(delivery, recipient, sublane); // it is sifted first
		return false;
	}
	sublane->held.walked = true;
	// A recovered batch is on the wire, whether its entries are here or in records.
	uint32_t here = mr_lane_entries(sublane, MR_LANE_NORMAL);
	bool is_part = spill->batch_number != 0;
	mr_assert(!is_part || here < spill->batch_count);
	walk->skip = is_part ? spill->batch_count - here : spill->lost;
	walk->cursor = mr_lane_begin(sublane);
	struct mr_lane_entry entry;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		uint32_t most = is_sent || drops(walk) ? sublane->batch[side] : 0;
		if (is_part && side == MR_LANE_NORMAL)
			most = here;
		for (; most > 0; most--) {
			bool there = mr_lane_next(&delivery->lanes, &walk->cursor, side, &entry);
			mr_assert(there);
		}
	}
	walk->side = MR_LANE_NORMAL;
	walk->phase = MR_SURVEY_SIDES;
	return true;
}

// One entry of a side. False: not yet.
static bool walk_side(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	struct mr_lane_cursor before = walk->cursor;
	struct mr_lane_entry entry;
	bool of;
	if (!mr_lane_next(&delivery->lanes, &walk->cursor, walk->side, &entry)) {
		if (++walk->side == MR_LANE_SIDES)
			walk->phase = MR_SURVEY_HELD;
		return true;
	}
	if (is_of(delivery, entry.position, &of) == MR_READ_WAIT) {
		walk->cursor = before;
		return false;
	}
	if (!of)
		return true;
	count(delivery, recipient, entry.position);
	if (drops(walk))
		mr_lane_drop(&delivery->lanes, recipient->lane, sublane, walk->side, &entry);
	return true;
}

// One entry that is held. False: not yet.
static bool walk_held(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	mr_position position;
	uint64_t object;
	bool of;
	if (!mr_held_front(&delivery->lanes, sublane, &position, &object)) {
		mr_held_end(sublane);
		walk->phase = MR_SURVEY_TAIL;
		return true;
	}
	if (is_of(delivery, position, &of) == MR_READ_WAIT)
		return false;
	if (!of || !drops(walk)) {
		if (!mr_held_keep(&delivery->lanes, recipient->lane, sublane))
			return false;
		walk->deliveries += of;
		walk->any = walk->any || of;
		return true;
	}
	count(delivery, recipient, position);
	mr_held_drop(&delivery->lanes, recipient->lane, sublane);
	return true;
}

// The entries of a record into the stage's memory. False: not yet.
static bool read_record(struct mr_delivery *delivery, struct mr_recipient *recipient,
	mr_position position, uint32_t entries)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	const struct mr_record *record;
	enum mr_read read = mr_reader_get(&delivery->reader, position, &record);
	const struct mr_record_lane *head = (const struct mr_record_lane *)(const void *)record;
	if (read == MR_READ_WAIT)
		return false;
	bool fits = read == MR_READ_HIT && record->kind == MR_RECORD_LANE && head->count == entries
		&& head->webhook == recipient->webhook;
	walk->entries = fits ? entries : 0; // what is gone will be dropped as it is
	if (fits)
		memcpy(walk->positions, head + 1, entries * sizeof(walk->positions[0]));
	walk->record_position = position;
	walk->judged = 0;
	walk->stay = 0;
	return true;
}

// All entries of a record are judged: those of the scope leave at once, or not at all.
static bool end_record(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	struct mr_lanes *lanes = &delivery->lanes;
	uint32_t gone = walk->entries - walk->stay;
	if (gone > 0 && drops(walk)) {
		uint64_t bytes = gone * sizeof(struct mr_record_dropped)
			+ sizeof(struct mr_record_lane) + walk->stay * sizeof(walk->positions[0]);
		if (mr_stream_room(lanes->own) < bytes || mr_spill_is_short(lanes))
			return false;
		mr_spill_rewrite(
			lanes, recipient->lane, sublane, walk->record, walk->positions, walk->stay);
	}
	for (uint32_t i = 0; i < gone; i++) {
		count(delivery, recipient, walk->gone[i]);
		if (drops(walk))
			mr_lane_need_remove(&lanes->need, walk->gone[i]);
	}
	walk->skip -= walk->skip < walk->entries ? walk->skip : walk->entries;
	walk->record++;
	walk->record_position = 0;
	return true;
}

// One entry of a record, or the next record. False: not yet.
static bool walk_records(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	const struct mr_lanes *lanes = &delivery->lanes;
	mr_position position;
	uint32_t entries;
	bool of = false;
	if (!mr_spill_at(lanes, &sublane->spill, walk->record, &position, &entries))
		return false;
	if (entries == 0) {
		walk->record++;
		return true;
	}
	if (position != walk->record_position) // or it was written anew meanwhile, and longer
		return read_record(delivery, recipient, position, entries);
	if (walk->judged == walk->entries)
		return end_record(delivery, recipient, sublane);
	mr_position event = walk->positions[walk->judged];
	if (walk->judged >= walk->skip && is_of(delivery, event, &of) == MR_READ_WAIT)
		return false;
	if (of)
		walk->gone[walk->judged - walk->stay] = event;
	else
		walk->positions[walk->stay++] = event;
	walk->judged++;
	return true;
}

// What waits for the next record is written, so that it is in one. False: not yet.
static bool begin_records(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	if (sublane->spill.tail.count > 0) {
		if (!mr_spill_has_room(&delivery->lanes))
			return false;
		mr_spill_write(&delivery->lanes, recipient->lane, sublane);
	}
	walk->record = 0;
	walk->record_position = 0;
	walk->records = sublane->spill.records.count / 2 + (sublane->spill.last != 0);
	walk->phase = MR_SURVEY_RECORDS;
	return true;
}

static void end_sublane(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	sublane->held.walked = false;
	sublane->held.stuck = false;
	if (delivery->config.is_durable)
		mr_spill_trim(&delivery->lanes, sublane);
	mr_lane_trim(&delivery->lanes, recipient->lane, sublane);
	mr_delivery_look(delivery, recipient, sublane);
	walk->sublane++;
	walk->phase = MR_SURVEY_BEGIN;
}

// A piece of one sub-lane. False: not yet.
static bool walk_on(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	switch (walk->phase) {
	case MR_SURVEY_BEGIN:
		return begin(delivery, sublane);
	case MR_SURVEY_SIDES:
		return walk_side(delivery, recipient, sublane);
	case MR_SURVEY_HELD:
		return walk_held(delivery, recipient, sublane);
	case MR_SURVEY_TAIL:
		return begin_records(delivery, recipient, sublane);
	case MR_SURVEY_RECORDS:
		if (walk->record < walk->records)
			return walk_records(delivery, recipient, sublane);
		break;
	}
	end_sublane(delivery, recipient, sublane);
	return true;
}

static bool is_wanted(const struct mr_recipient *recipient)
{
	return recipient->lane != NULL && recipient->lane->open
		&& (recipient->state < MR_RECIPIENT_GONE
			|| recipient->state == MR_RECIPIENT_PARKED);
}

static void next_lane(struct mr_delivery *delivery)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	walk->webhooks += walk->any;
	walk->any = false;
	walk->sublane = 0;
	walk->slot++;
}

static void end(struct mr_delivery *delivery)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	struct mr_survey_part *part = &walk->survey->parts[delivery->config.number];
	part->deliveries = walk->deliveries;
	part->webhooks = walk->webhooks;
	walk->survey = NULL;
	atomic_store_explicit(&part->done, 1, memory_order_release);
}

// Cursors stay valid although batches leave.
static void rest(struct mr_delivery *delivery)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		mr_fifo_rest(&walk->cursor.iter[side], &delivery->lanes.pool);
}

uint32_t mr_delivery_survey_step(struct mr_delivery *delivery, uint32_t units)
{
	struct mr_delivery_survey *walk = &delivery->survey;
	uint32_t work = 0;
	for (; walk->survey != NULL && work < units; work++) {
		if (walk->slot > delivery->lanes.slots_used) {
			end(delivery);
			return work + 1;
		}
		struct mr_recipient *recipient = &delivery->recipients[walk->slot];
		const struct mr_lane *lane = recipient->lane;
		bool wanted = is_wanted(recipient) && lane->pending > 0;
		if (!wanted && walk->phase != MR_SURVEY_BEGIN) // went on the way: all of it drains
			end_sublane(delivery, recipient,
				mr_lane_sublane(&delivery->lanes, lane, walk->sublane));
		if (!wanted || walk->sublane == lane->in_flight)
			next_lane(delivery);
		else if (!walk_on(delivery, recipient,
				 mr_lane_sublane(&delivery->lanes, lane, walk->sublane)))
			break;
	}
	if (walk->survey != NULL && walk->phase == MR_SURVEY_SIDES)
		rest(delivery);
	return work;
}
