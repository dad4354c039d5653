// What becomes of the deliveries of objects that an operator follows. Costs a test when nobody is
// followed; when somebody is, events are read again for their ids, those that are at hand.
#include "delivery_parts.h"

static void tell(struct mr_delivery *delivery, mr_position position, struct mr_tap_said said)
{
	const struct mr_record *record;
	if (mr_reader_get(&delivery->reader, position, &record) != MR_READ_HIT
		|| record->kind != MR_RECORD_EVENT)
		return;
	struct mr_event_scopes scopes;
	mr_event_record_scopes(record, &scopes);
	const struct mr_record_event *event = (const struct mr_record_event *)(const void *)record;
	const struct mr_tap_entry entry = {.object = scopes.ids[MR_SCOPE_OBJECT - 1],
		.app = event->app,
		.sequence = event->sequence,
		.position = position,
		.said = said};
	if (mr_tap_follows(&delivery->tap, entry.object))
		mr_tap_tell(&delivery->tap, &entry, delivery->now.wall_ns);
}

void mr_delivery_tell_batch(struct mr_delivery *delivery, const struct mr_attempt *attempt,
	enum mr_tap_step step, uint64_t detail)
{
	if (!mr_tap_any(&delivery->tap) || attempt->sublane == NULL)
		return;
	const struct mr_sublane *sublane = attempt->sublane;
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		struct mr_lane_entry entry;
		for (uint32_t i = 0; i < sublane->batch[side]
			&& mr_lane_next(&delivery->lanes, &cursor, side, &entry);
			i++)
			tell(delivery, entry.position,
				(struct mr_tap_said){.webhook = attempt->recipient->webhook,
					.detail = detail,
					.step = (uint8_t)step});
	}
}

void mr_delivery_tell_dropped(
	struct mr_delivery *delivery, uint64_t webhook, mr_position position, enum mr_reason reason)
{
	if (mr_tap_any(&delivery->tap))
		tell(delivery, position,
			(struct mr_tap_said){.webhook = webhook,
				.step = MR_TAP_DROPPED,
				.reason = (uint8_t)reason});
}
