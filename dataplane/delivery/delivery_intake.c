// What comes in: lane messages into lanes; and what the shards learn from it: the board and the
// holds.
#include "delivery_parts.h"
#include "mr_assert.h"

enum { BURSTS_MAX = 64 }; // per ring and step

// The object of an entry; WAIT and GONE as the reader says.
static enum mr_read object_of(
	struct mr_delivery *delivery, mr_position position, uint64_t *ret_object)
{
	const struct mr_record *record;
	enum mr_read read = mr_reader_get(&delivery->reader, position, &record);
	if (read != MR_READ_HIT)
		return read;
	if (record->kind != MR_RECORD_EVENT) {
		mr_expect(record->kind == MR_RECORD_EVENT);
		return MR_READ_GONE;
	}
	memcpy(ret_object, (const uint8_t *)record + MR_RECORD_EVENT_OBJECT_AT,
		sizeof(*ret_object));
	return MR_READ_HIT;
}

void mr_delivery_look(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	uint8_t bit = (uint8_t)(1u << sublane->index);
	mr_backlog_look(delivery, recipient, sublane);
	if (sublane->busy || (recipient->due & bit) != 0 || recipient->state >= MR_RECIPIENT_GONE)
		return;
	if (sublane->spill.batch_number != 0 || !mr_delivery_may_attempt(delivery, sublane))
		return; // a batch goes first whose entries are not here yet; or nothing goes any more
	if (sublane->number == 0 && !mr_delivery_may_batch(delivery, recipient, sublane))
		return;
	uint32_t waiting = mr_lane_waiting(sublane);
	uint64_t due_ns = sublane->since_ns + delivery->tune.batch_age_ns;
	bool due = sublane->number != 0;
	if (waiting > 0)
		due = due || waiting >= delivery->tune.batch_events_max
			|| (uint64_t)waiting * recipient->fragment_bytes
				>= delivery->tune.batch_bytes_max
			|| delivery->now.mono_ns >= due_ns;
	if (due) {
		recipient->due |= bit;
		mr_timer_cancel(&delivery->sublane_timers, &sublane->timer);
		mr_recipient_ready(delivery, recipient);
	} else if (waiting > 0 && !mr_timer_is_set(&sublane->timer)) {
		mr_timer_set(&delivery->sublane_timers, &sublane->timer, due_ns);
	}
}

static void count_unowned(struct mr_delivery *delivery, uint32_t lane, mr_position position)
{
	struct mr_stats_webhook *row = NULL; // of the webhook that was there last
	if (lane < delivery->config.limits.lanes_max)
		row = &delivery->config.webhooks[lane];
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_MATCHED), 1);
	if (row != NULL)
		mr_count(&row->matched, 1);
	mr_delivery_dropped(delivery, row, 0, position, MR_REASON_WEBHOOK_GONE);
}

// Takes one entry into its lane; false: it must be asked again in a later step.
static bool take_one(struct mr_delivery *delivery, const struct mr_lane_msg *msg)
{
	struct mr_lane *lane = mr_lane_find(&delivery->lanes, msg->lane);
	if (!mr_spill_has_room(&delivery->lanes))
		return false;
	if (lane == NULL) {
		count_unowned(delivery, msg->lane, msg->position);
		return true;
	}
	struct mr_recipient *recipient = &delivery->recipients[lane->slot];
	enum mr_reason reason =
		recipient->state < MR_RECIPIENT_GONE ? MR_REASON_OK : MR_REASON_WEBHOOK_GONE;
	uint64_t object = 0;
	if (reason == MR_REASON_OK && mr_lane_needs_object(lane, msg)) {
		enum mr_read read = object_of(delivery, msg->position, &object);
		if (read == MR_READ_WAIT) {
			mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_WAITS), 1);
			return false;
		}
		if (read == MR_READ_GONE) {
			mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_GONE), 1);
			reason = MR_REASON_EXPIRED;
		}
	}
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_MATCHED), 1);
	if (recipient->row != NULL)
		mr_count(&recipient->row->matched, 1);
	struct mr_sublane *sublane = NULL;
	if (reason == MR_REASON_OK) {
		sublane = mr_lane_take(&delivery->lanes, lane, msg, object, delivery->now.mono_ns);
		if (sublane == NULL)
			reason = MR_REASON_EXPIRED; // a lane without memory only counts
	}
	if (sublane == NULL) {
		mr_delivery_dropped(
			delivery, recipient->row, recipient->webhook, msg->position, reason);
		return true;
	}
	mr_backlog_took(delivery, recipient, sublane);
	mr_delivery_look(delivery, recipient, sublane);
	return true;
}

// How many messages of the shard's ring may be taken out of it now.
static uint32_t burst_of(const struct mr_delivery *delivery, uint32_t shard)
{
	if (!delivery->config.is_durable)
		return MR_BURST_MAX;
	uint64_t left = delivery->inbound[shard].target - delivery->inbound[shard].taken;
	return left < MR_BURST_MAX ? (uint32_t)left : MR_BURST_MAX;
}

static uint32_t take_from(struct mr_delivery *delivery, uint32_t shard)
{
	struct mr_ring *ring = delivery->config.from_shard[shard];
	uint32_t work = 0;
	for (uint32_t burst = 0; burst < BURSTS_MAX; burst++) {
		uint32_t at = delivery->inbound[shard].at;
		if (at == delivery->inbound[shard].count) {
			at = 0;
			delivery->inbound[shard].at = 0;
			delivery->inbound[shard].count = mr_ring_pop_burst(
				ring, delivery->inbound[shard].descs, burst_of(delivery, shard));
		}
		uint32_t count = delivery->inbound[shard].count;
		for (; at < count; at++, work++) {
			struct mr_lane_msg msg =
				mr_desc_to(struct mr_lane_msg, delivery->inbound[shard].descs[at]);
			if (!take_one(delivery, &msg))
				break;
			delivery->inbound[shard].taken++;
		}
		delivery->inbound[shard].at = at;
		if (at < count || count < MR_BURST_MAX)
			break; // it has to wait, or the ring is empty
	}
	return work;
}

static bool at_border(const struct mr_delivery *delivery, uint32_t shard)
{
	return delivery->inbound[shard].taken == delivery->inbound[shard].target;
}

bool mr_delivery_at_borders(const struct mr_delivery *delivery)
{
	for (uint32_t shard = 0; shard < delivery->config.shards; shard++)
		if (!at_border(delivery, shard))
			return false;
	return true;
}

// Shards whose border is reached go on to the next one; while a checkpoint is under way they wait
// there for the others.
static void follow_feeds(struct mr_delivery *delivery)
{
	bool waits = delivery->checkpoint.epoch != delivery->checkpoint.done
		&& !mr_delivery_at_borders(delivery);
	for (uint32_t shard = 0; shard < delivery->config.shards && !waits; shard++) {
		uint64_t count, offset;
		if (!at_border(delivery, shard)
			|| !mr_lane_feed_read(delivery->config.feeds[shard], &count, &offset))
			continue;
		mr_assert(count >= delivery->inbound[shard].target);
		delivery->inbound[shard].target = count;
		delivery->inbound[shard].offset = offset;
	}
}

uint32_t mr_delivery_intake(struct mr_delivery *delivery)
{
	uint32_t work = 0;
	if (delivery->config.is_durable)
		follow_feeds(delivery);
	for (uint32_t shard = 0; shard < delivery->config.shards; shard++)
		if (delivery->config.from_shard[shard] != NULL)
			work += take_from(delivery, shard);
	return work;
}

void mr_delivery_publish_board(struct mr_delivery *delivery)
{
	struct mr_delivery_board *board = delivery->config.board;
	uint32_t shards = delivery->config.shards;
	for (uint32_t shard = 0; shard < shards; shard++) {
		uint32_t stream = (uint32_t)delivery->config.shard_streams[shard]
			- delivery->lanes.first_stream;
		atomic_store_explicit(&board->floor[stream],
			mr_lane_floor_offset(&delivery->lanes.floors[shard]), memory_order_release);
	}
	for (uint32_t shard = 0; shard < shards; shard++)
		atomic_store_explicit(
			&board->taken[shard], delivery->inbound[shard].taken, memory_order_release);
}

void mr_delivery_flush_holds(struct mr_delivery *delivery)
{
	for (uint32_t shard = 0; shard < delivery->config.shards; shard++) {
		struct mr_hold_msg msg;
		while (mr_penalised_word(&delivery->lanes.penalised, shard, &msg)) {
			if (!mr_ring_push(delivery->config.to_shard[shard], mr_desc_of(msg)))
				break; // full: again in the next step
			mr_count(mr_delivery_counter(delivery,
					 msg.kind == MR_HOLD ? MR_DELIVERY_HOLDS
							     : MR_DELIVERY_RELEASES),
				1);
			mr_penalised_said(&delivery->lanes.penalised, shard);
		}
	}
}
