// What lanes owe beyond memory: written when it comes, read back when there is room, dropped when
// its segment has gone; and the share of the stage's attempts that it gets.
#include "delivery_parts.h"
#include "mr_assert.h"

enum { EXPIRED_PER_LOOK = 256 };

void mr_backlog_look(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	if (recipient->refills || recipient->state == MR_RECIPIENT_PARKED)
		return;
	if (!mr_spill_wants(sublane) && !mr_spill_is_long(&delivery->lanes, sublane))
		return;
	recipient->refills = true;
	mr_list_push(&delivery->refill, &recipient->refill_link);
}

void mr_backlog_took(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_lanes *lanes = &delivery->lanes;
	mr_assert(sublane->lane == recipient->lane->slot);
	if (delivery->config.is_durable && mr_spill_is_due(lanes, sublane))
		mr_spill_write(lanes, recipient->lane, sublane);
}

static void drop_front(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, enum mr_lane_side side)
{
	mr_position position = mr_lane_leave(&delivery->lanes, recipient->lane, sublane, side);
	mr_delivery_dropped(
		delivery, recipient->row, recipient->webhook, position, MR_REASON_EXPIRED);
}

static void settle_lost(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, uint64_t number)
{
	mr_assert(number > sublane->settled_number);
	sublane->settled_number = number;
	sublane->changed = true;
	if (recipient->state != MR_RECIPIENT_PARKED)
		mr_recipient_changed(delivery, recipient);
}

void mr_backlog_lose_batch(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	mr_assert(sublane->number != 0 && !sublane->busy);
	uint64_t number = sublane->number;
	uint32_t batch[MR_LANE_SIDES];
	memcpy(batch, sublane->batch, sizeof(batch));
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		for (; batch[side] > 0; batch[side]--)
			drop_front(delivery, recipient, sublane, side);
	mr_lane_void(sublane);
	settle_lost(delivery, recipient, sublane, number);
}

// A recovered batch cannot be whole again: what has been read back of it leaves, and so will what
// has not.
static void lose_unread_batch(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	uint64_t number = spill->batch_number;
	if (number == 0)
		return;
	uint32_t here = mr_lane_entries(sublane, MR_LANE_NORMAL);
	mr_assert(here < spill->batch_count);
	spill->lost = spill->batch_count - here;
	spill->batch_number = 0;
	spill->batch_count = 0;
	for (; here > 0; here--)
		drop_front(delivery, recipient, sublane, MR_LANE_NORMAL);
	settle_lost(delivery, recipient, sublane, number);
}

static void lose_front_record(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, mr_position position)
{
	lose_unread_batch(delivery, recipient, sublane);
	uint32_t count = mr_spill_lose(&delivery->lanes, recipient->lane, sublane);
	mr_delivery_dropped_record(delivery, recipient, position, count);
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

// The oldest record's entries come back, or leave where the list is too long or their batch is
// lost. False: it cannot be read yet.
static bool read_front(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	mr_position position;
	uint32_t count;
	if (!mr_spill_front(&delivery->lanes, sublane, &position, &count))
		return false; // not durable yet
	const struct mr_record *record;
	enum mr_read read = mr_reader_get(&delivery->reader, position, &record);
	if (read == MR_READ_WAIT) {
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_WAITS), 1);
		return false;
	}
	const struct mr_record_lane *head = (const struct mr_record_lane *)(const void *)record;
	if (read == MR_READ_HIT) {
		bool fits = record->kind == MR_RECORD_LANE && head->count == count
			&& head->webhook == recipient->webhook
			&& record->length == sizeof(*head) + count * sizeof(mr_position);
		mr_expect(fits);
		if (!fits)
			read = MR_READ_GONE;
	}
	if (read == MR_READ_GONE) {
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_GONE), 1);
		lose_front_record(delivery, recipient, sublane, position);
		return true;
	}
	memcpy(delivery->positions, head + 1, count * sizeof(mr_position));
	bool is_long = mr_spill_is_long(&delivery->lanes, sublane);
	if (is_long)
		lose_unread_batch(delivery, recipient, sublane);
	uint32_t lost = is_long ? count : min_u32(sublane->spill.lost, count);
	for (uint32_t i = 0; i < lost; i++)
		mr_delivery_dropped(delivery, recipient->row, recipient->webhook,
			delivery->positions[i], MR_REASON_EXPIRED);
	mr_spill_take_back(&delivery->lanes, recipient->lane, sublane, delivery->positions, lost);
	return true;
}

// Reads back until enough waits in memory. False: it must be asked again.
static bool refill_sublane(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, uint32_t *work, uint32_t units)
{
	struct mr_lanes *lanes = &delivery->lanes;
	for (;;) {
		bool is_long = mr_spill_is_long(lanes, sublane);
		if (!is_long && !mr_spill_wants(sublane))
			return true;
		if (sublane->held.walked)
			return false;
		if (*work >= units
			|| (!is_long && !mr_spill_may_read(lanes, recipient->lane, sublane)))
			return false;
		*work += MR_LANE_RECORD_ENTRIES_MAX / 8;
		if (mr_spill_records(&sublane->spill) > 0) {
			if (!read_front(delivery, recipient, sublane))
				return false;
		} else {
			mr_expect(sublane->spill.batch_number == 0);
			sublane->spill.batch_number = 0;
			mr_spill_join(lanes, sublane);
		}
	}
}

uint32_t mr_delivery_refill(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	struct mr_list list = delivery->refill;
	delivery->refill = (struct mr_list){0};
	for (struct mr_link *link; (link = mr_list_pop(&list)) != NULL;) {
		struct mr_recipient *recipient =
			mr_container_of(link, struct mr_recipient, refill_link);
		const struct mr_lane *lane = recipient->lane;
		bool done = true;
		recipient->refills = true; // while its sub-lanes are looked at
		for (uint32_t i = 0; i < lane->in_flight; i++) {
			struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
			done = refill_sublane(delivery, recipient, sublane, &work, units) && done;
			mr_delivery_look(delivery, recipient, sublane);
		}
		recipient->refills = !done;
		if (!done)
			mr_list_push(&delivery->refill, link);
	}
	return work;
}

void mr_backlog_relieve(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	if (delivery->short_ns == 0)
		return;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		mr_backlog_took(delivery, recipient, sublane);
		mr_backlog_look(delivery, recipient, sublane);
	}
}

static bool front_is_gone(const struct mr_delivery *delivery, const struct mr_sublane *sublane,
	enum mr_lane_side side)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	struct mr_lane_entry front;
	return mr_lane_next(&delivery->lanes, &cursor, side, &front)
		&& mr_lane_need_gone(&delivery->lanes.need, front.position);
}

static void expire_sublane(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	if (sublane->number != 0) {
		uint32_t side = MR_LANE_NORMAL;
		while (sublane->batch[side] == 0)
			side++;
		if (!front_is_gone(delivery, sublane, side))
			return;
		mr_backlog_lose_batch(delivery, recipient, sublane);
	}
	for (uint32_t i = 0; i < EXPIRED_PER_LOOK; i++) {
		mr_position position;
		uint32_t count;
		if (front_is_gone(delivery, sublane, MR_LANE_RELEASED))
			drop_front(delivery, recipient, sublane, MR_LANE_RELEASED);
		else if (front_is_gone(delivery, sublane, MR_LANE_NORMAL))
			drop_front(delivery, recipient, sublane, MR_LANE_NORMAL);
		else if (front_is_gone(delivery, sublane, MR_LANE_PENALTY))
			drop_front(delivery, recipient, sublane, MR_LANE_PENALTY);
		else if (mr_lane_waiting(sublane) == 0
			&& mr_spill_front(&delivery->lanes, sublane, &position, &count)
			&& mr_lane_need_gone(&delivery->lanes.need, position))
			lose_front_record(delivery, recipient, sublane, position);
		else
			break;
	}
}

void mr_backlog_expire(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	bool waits = lane->failures > 0 || recipient->state == MR_RECIPIENT_HANDSHAKE
		|| recipient->state == MR_RECIPIENT_PARKED;
	if (!delivery->config.is_durable || !waits || lane->pending == 0)
		return;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		if (sublane->busy || sublane->held.walked)
			continue;
		expire_sublane(delivery, recipient, sublane);
		mr_delivery_look(delivery, recipient, sublane);
	}
}

bool mr_backlog_is(const struct mr_delivery *delivery, const struct mr_recipient *recipient)
{
	if (!delivery->config.is_durable)
		return false;
	return recipient->lane->spilled > 0 || mr_lane_is_behind(&delivery->lanes, recipient->lane);
}

static bool has_share(const struct mr_delivery *delivery)
{
	uint32_t most = delivery->config.limits.connections_max / 2;
	return delivery->backlogged_active < (most > 0 ? most : 1);
}

bool mr_backlog_admits(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	mr_assert(!recipient->listed);
	if (has_share(delivery) || !mr_backlog_is(delivery, recipient))
		return true;
	recipient->listed = true;
	mr_list_push(&delivery->backlogged, &recipient->link);
	return false;
}

void mr_backlog_wake(struct mr_delivery *delivery)
{
	uint32_t most = delivery->config.limits.connections_max;
	for (; most > 0 && has_share(delivery); most--) {
		struct mr_link *link = mr_list_pop(&delivery->backlogged);
		if (link == NULL)
			return;
		struct mr_recipient *recipient = mr_container_of(link, struct mr_recipient, link);
		mr_assert(recipient->listed);
		recipient->listed = false;
		mr_recipient_ready(delivery, recipient);
	}
}
