// Both sides of the ledger, counted again from the structures.
#include <stdio.h>

#include "delivery_parts.h"

struct recount {
	uint64_t pending;
	uint64_t spilled;
	uint64_t held;
	uint64_t counted; // in floors
	const char *wrong;
};

static void recount_side(const struct mr_delivery *delivery, const struct mr_sublane *sublane,
	enum mr_lane_side side, struct recount *recount)
{
	const struct mr_lane_queue *queue = &sublane->sides[side];
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	struct mr_lane_entry entry;
	uint64_t entries = 0;
	for (; mr_lane_next(&delivery->lanes, &cursor, side, &entry); entries++) {
		uint64_t at = entry.number - queue->left;
		recount->counted += at >= queue->loose && at < queue->loose + queue->counted;
	}
	if (entries != mr_lane_entries(sublane, side))
		recount->wrong = "a side has other entries than it counts";
	uint32_t places = mr_lane_places(sublane, side);
	if (queue->loose + queue->counted > places)
		recount->wrong = "more entries loose or counted than there are";
	if (queue->counted == 0 && queue->loose != places && !delivery->config.is_durable)
		recount->wrong = "entries that hold nothing back are not loose";
	recount->pending += entries;
}

static void recount_spill(const struct mr_delivery *delivery, const struct mr_lane_spill *spill,
	struct recount *recount)
{
	struct mr_spill_iter iter = mr_spill_begin(spill);
	mr_position position;
	uint64_t entries = 0;
	for (uint32_t count; mr_spill_next(&delivery->lanes, spill, &iter, &position, &count);)
		entries += count;
	if (entries != spill->entries)
		recount->wrong = "lane records hold other entries than are counted";
	recount->spilled += entries;
	recount->pending += entries + spill->tail.count;
}

static void recount_lane(const struct mr_delivery *delivery, const struct mr_recipient *recipient,
	struct recount *recount)
{
	const struct mr_lane *lane = recipient->lane;
	uint64_t before = recount->pending;
	uint64_t spilled_before = recount->spilled;
	uint64_t held = 0;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
			recount_side(delivery, sublane, side, recount);
		held += mr_held_entries(&sublane->held);
		recount_spill(delivery, &sublane->spill, recount);
	}
	recount->pending += held;
	recount->held += held;
	uint64_t pending = recount->pending - before;
	if (held != lane->held)
		recount->wrong = "a lane holds other entries than it counts";
	if (recount->spilled - spilled_before != lane->spilled)
		recount->wrong = "a lane has other entries on disk than it counts";
	if (pending != lane->pending)
		recount->wrong = "a lane has other entries than it counts";
	const struct mr_stats_webhook *row = recipient->row;
	if (row != NULL
		&& mr_read(&row->matched) + mr_read(&row->recovered)
			!= mr_read(&row->delivered) + pending + mr_read(&row->dropped))
		recount->wrong = "a webhook's row does not balance";
}

bool mr_delivery_audit(const struct mr_delivery *delivery, char *ret_why, size_t why_size)
{
	const struct mr_stats_stage *stats = delivery->config.stats;
	struct recount recount = {0};
	for (uint32_t slot = 1; slot <= delivery->lanes.slots_used; slot++)
		if (delivery->lanes.slots[slot].open)
			recount_lane(delivery, &delivery->recipients[slot], &recount);
	uint64_t in_floors = 0;
	for (uint32_t shard = 0; shard < delivery->config.shards; shard++)
		in_floors += delivery->lanes.floors[shard].entries;
	uint64_t reasons = 0;
	for (uint32_t reason = 0; reason < MR_REASON_LIMIT; reason++)
		reasons += mr_read(&stats->reasons[reason]);

	uint64_t matched = mr_read(&stats->counters[MR_DELIVERY_MATCHED]);
	uint64_t recovered = mr_read(&stats->counters[MR_DELIVERY_RECOVERED]);
	uint64_t delivered = mr_read(&stats->counters[MR_DELIVERY_DELIVERED]);
	uint64_t dropped = mr_read(&stats->counters[MR_DELIVERY_DROPPED]);
	if (recount.wrong == NULL && in_floors != recount.counted)
		recount.wrong = "the floors count other entries than the lanes";
	if (recount.wrong == NULL && recount.pending != delivery->lanes.pending)
		recount.wrong = "the stage has other entries than it counts";
	if (recount.wrong == NULL && recount.held != delivery->lanes.held)
		recount.wrong = "the stage holds other entries than it counts";
	if (recount.wrong == NULL && reasons != dropped)
		recount.wrong = "the reasons do not add up to what was dropped";
	if (recount.wrong == NULL && recount.spilled != delivery->lanes.spilled)
		recount.wrong = "the stage has other entries on disk than it counts";
	if (recount.wrong == NULL && matched + recovered != delivered + recount.pending + dropped)
		recount.wrong = "matched + recovered is not delivered + pending + dropped";
	if (recount.wrong == NULL)
		return true;
	snprintf(ret_why, why_size,
		"%s: matched %ju, recovered %ju, delivered %ju, pending %ju, dropped %ju",
		recount.wrong, (uintmax_t)matched, (uintmax_t)recovered, (uintmax_t)delivered,
		(uintmax_t)recount.pending, (uintmax_t)dropped);
	return false;
}
