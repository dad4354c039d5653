// Lanes whose webhook is gone: what they owe is dropped, and their slots become free.
#include "delivery_parts.h"
#include "mr_assert.h"

// Drops what waits in sub-lanes that have no attempt under way. Returns the work done.
static uint32_t drop_entries(
	struct mr_delivery *delivery, struct mr_recipient *recipient, uint32_t units)
{
	uint32_t work = 0;
	for (uint32_t i = 0; i < recipient->lane->in_flight; i++) {
		struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, recipient->lane, i);
		if (sublane->busy || sublane->held.walked)
			continue;
		mr_lane_void(sublane);
		sublane->spill.batch_number = 0;
		for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
			for (; work < units && mr_lane_entries(sublane, side) > 0; work++) {
				mr_position position = mr_lane_leave(
					&delivery->lanes, recipient->lane, sublane, side);
				mr_delivery_dropped(delivery, recipient->row, recipient->webhook,
					position, MR_REASON_WEBHOOK_GONE);
			}
		}
		for (; work < units && mr_held_entries(&sublane->held) > 0; work++)
			mr_recipient_drop_held(
				delivery, recipient, sublane, MR_REASON_WEBHOOK_GONE);
		mr_backlog_look(delivery, recipient, sublane);
	}
	return work;
}

uint32_t mr_delivery_drain(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	struct mr_list list = delivery->drain;
	delivery->drain = (struct mr_list){0};
	for (struct mr_link *link; (link = mr_list_pop(&list)) != NULL;) {
		struct mr_recipient *recipient =
			mr_container_of(link, struct mr_recipient, drain_link);
		const struct mr_lane *lane = recipient->lane;
		if (work < units)
			work += drop_entries(delivery, recipient, units - work);
		bool done = lane->pending == 0 && lane->active == 0;
		if (recipient->state == MR_RECIPIENT_REMOVED)
			done = done && !lane->loosening && !recipient->listed && !recipient->changed
				&& !recipient->refills && !recipient->tries && !recipient->sifts;
		if (!done) {
			mr_list_push(&delivery->drain, link);
			continue;
		}
		recipient->draining = false;
		if (recipient->row != NULL)
			mr_gauge(&recipient->row->pending, 0);
		if (recipient->state == MR_RECIPIENT_REMOVED) {
			mr_recipient_fini(delivery, recipient);
			mr_lane_close(&delivery->lanes, recipient->lane);
		}
	}
	return work;
}
