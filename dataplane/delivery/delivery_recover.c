// Lanes that a start has found in the journal: parked until the steward adds their webhook.
#include "delivery_parts.h"
#include "mr_assert.h"

static const int64_t AGE_NS_MAX = 24 * INT64_C(3600000000000);

bool mr_delivery_parked_init(struct mr_delivery *delivery, struct mr_arena *arena)
{
	return mr_table_init(&delivery->parked, arena, "recovered lanes", delivery->lanes.slots_max,
		delivery->config.rng_seed);
}

static bool recover_sublane(struct mr_delivery *delivery, struct mr_lane *lane,
	struct mr_sublane *sublane, const struct mr_recovered_sublane *recovered)
{
	struct mr_lane_spill *spill = &sublane->spill;
	mr_assert(recovered->batch_count <= MR_BATCH_EVENTS_MAX);
	mr_assert((recovered->batch_number == 0) == (recovered->batch_count == 0));
	sublane->settled_number = recovered->settled_number;
	spill->left = recovered->first_entry;
	spill->batch_number = recovered->batch_number;
	spill->batch_count = recovered->batch_count;
	for (uint32_t i = 0; i < recovered->records_count; i++)
		if (!mr_spill_recover(&delivery->lanes, lane, sublane, recovered->records[i],
			    recovered->records_entries[i]))
			return false;
	mr_expect(spill->entries == recovered->entries);
	mr_expect(spill->entries >= spill->batch_count);
	return true;
}

static bool park(struct mr_delivery *delivery, const struct mr_recovered_lane *recovered)
{
	mr_assert(recovered->sublanes_count >= 1 && recovered->sublanes_count <= MR_IN_FLIGHT_MAX);
	struct mr_lane *lane = mr_lane_park(&delivery->lanes, recovered->sublanes_count);
	if (lane == NULL)
		return false;
	lane->webhook = recovered->webhook;
	lane->failures = recovered->attempts;
	struct mr_recipient *recipient = &delivery->recipients[lane->slot];
	*recipient = (struct mr_recipient){.lane = lane,
		.recovered = recovered,
		.webhook = recovered->webhook,
		.last_number = recovered->last_number,
		.failing_since_ns = recovered->failing_since_ns,
		.last_status = recovered->last_status,
		.state = MR_RECIPIENT_PARKED};
	if (mr_table_add(&delivery->parked, recovered->webhook, lane->slot) != 0)
		return false;
	for (uint32_t i = 0; i < recovered->sublanes_count; i++)
		if (!recover_sublane(delivery, lane, mr_lane_sublane(&delivery->lanes, lane, i),
			    &recovered->sublanes[i]))
			return false;
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_RECOVERED), lane->pending);
	return true;
}

bool mr_delivery_recover(
	struct mr_delivery *delivery, const struct mr_recovered_lane *lanes, uint32_t lanes_count)
{
	mr_assert(delivery->config.is_durable && delivery->now.mono_ns == 0);
	for (uint32_t i = 0; i < lanes_count; i++)
		if (lanes[i].delivery == delivery->config.index && !park(delivery, &lanes[i]))
			return false;
	mr_gauge(mr_delivery_counter(delivery, MR_DELIVERY_PENDING), delivery->lanes.pending);
	return true;
}

// How long ago, or in how long, by a clock that may have been set meanwhile.
static uint64_t age_of(int64_t from_ns, int64_t to_ns)
{
	int64_t age_ns = to_ns > from_ns ? to_ns - from_ns : 0;
	return (uint64_t)(age_ns < AGE_NS_MAX ? age_ns : AGE_NS_MAX);
}

struct mr_recipient *mr_recipient_unpark(
	struct mr_delivery *delivery, const struct mr_webhook *webhook)
{
	uint32_t slot;
	if (!delivery->config.is_durable || !mr_table_find(&delivery->parked, webhook->id, &slot))
		return NULL;
	struct mr_recipient *recipient = &delivery->recipients[slot];
	struct mr_lane *lane = recipient->lane;
	mr_assert(recipient->state == MR_RECIPIENT_PARKED && recipient->webhook == webhook->id);
	if (mr_lane_unpark(&delivery->lanes, lane, webhook->lane) == NULL)
		return NULL;
	bool removed = mr_table_remove(&delivery->parked, webhook->id);
	mr_assert(removed);
	uint64_t fresh = mr_recipient_first_number(delivery);
	if (recipient->last_number < fresh)
		recipient->last_number = fresh;
	uint64_t now_ns = delivery->now.mono_ns;
	lane->progress_ns = mr_lanes_attended_ns(&delivery->lanes, now_ns);
	for (uint32_t i = 0; i < lane->in_flight; i++)
		mr_lane_sublane(&delivery->lanes, lane, i)->since_ns = now_ns;
	if (lane->failures > 0) {
		lane->allowed = 1;
		recipient->carried_ns = age_of(recipient->failing_since_ns, delivery->now.wall_ns);
		recipient->next_attempt_ns = now_ns
			+ age_of(delivery->now.wall_ns, recipient->recovered->next_attempt_ns);
	}
	recipient->recovered = NULL;
	return recipient;
}
