// What is written down and shown about lanes: progress records, rows, who is behind.
#include "delivery_parts.h"
#include "mr_assert.h"
#include "record_codec.h"

enum { SWEPT_PER_STEP = 16, RATE_INTERVAL_MS = 1000 };

void mr_recipient_changed(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	if (recipient->changed)
		return;
	recipient->changed = true;
	if (delivery->changed.head == NULL && delivery->progress_due_ns <= delivery->now.mono_ns)
		delivery->progress_due_ns =
			delivery->now.mono_ns + delivery->config.limits.progress_interval_ns;
	mr_list_push(&delivery->changed, &recipient->changed_link);
}

struct mr_record_progress mr_progress_of(
	const struct mr_delivery *delivery, const struct mr_recipient *recipient)
{
	struct mr_record_progress progress = {.webhook = recipient->webhook,
		.failing_since_ns = recipient->failing_since_ns,
		.attempts = recipient->lane->failures,
		.status = recipient->last_status};
	if (recipient->state == MR_RECIPIENT_PARKED) {
		progress.next_attempt_ns = recipient->recovered->next_attempt_ns;
	} else if (recipient->lane->failures > 0) {
		uint64_t now_ns = delivery->now.mono_ns;
		uint64_t left_ns = recipient->next_attempt_ns > now_ns
			? recipient->next_attempt_ns - now_ns
			: 0;
		progress.next_attempt_ns = delivery->now.wall_ns + (int64_t)left_ns;
	}
	return progress;
}

void mr_progress_append(struct mr_delivery *delivery, struct mr_record_progress progress,
	const struct mr_sublane *sublane, uint16_t flags)
{
	progress.settled_number = sublane->settled_number;
	progress.sublane = sublane->index;
	mr_record_seal(&progress, sizeof(progress), NULL, 0, MR_RECORD_PROGRESS, flags);
	mr_stream_append(delivery->config.stream, &progress, sizeof(progress), NULL, 0);
}

// One record for each sub-lane that changed. False: the stream has no room for all of them now.
static bool write_progress(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	struct mr_record_progress progress = mr_progress_of(delivery, recipient);
	if (mr_stream_room(delivery->config.stream) < sizeof(progress) * lane->in_flight)
		return false;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		if (sublane->changed)
			mr_progress_append(delivery, progress, sublane, 0);
		sublane->changed = false;
	}
	return true;
}

uint32_t mr_delivery_progress(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	if (delivery->changed.head == NULL || delivery->now.mono_ns < delivery->progress_due_ns)
		return 0;
	while (work < units && delivery->changed.head != NULL) {
		struct mr_link *link = delivery->changed.head;
		struct mr_recipient *recipient =
			mr_container_of(link, struct mr_recipient, changed_link);
		if (!write_progress(delivery, recipient))
			return work;
		mr_list_pop(&delivery->changed);
		recipient->changed = false;
		work++;
	}
	if (delivery->changed.head == NULL)
		delivery->progress_due_ns =
			delivery->now.mono_ns + delivery->config.limits.progress_interval_ns;
	return work;
}

// Seconds until nothing is pending, by what has settled of late.
static uint64_t eta_of(const struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	uint64_t took_ms = (delivery->now.mono_ns - recipient->rate.at_ns) / 1000000;
	if (took_ms >= RATE_INTERVAL_MS) {
		uint64_t per_s = recipient->rate.settled * 1000 / took_ms;
		recipient->rate.per_s = (3 * recipient->rate.per_s + per_s) / 4;
		recipient->rate.settled = 0;
		recipient->rate.at_ns = delivery->now.mono_ns;
	}
	uint64_t pending = recipient->lane->pending - recipient->lane->held;
	if (pending == 0)
		return 0;
	return recipient->rate.per_s > 0 ? pending / recipient->rate.per_s : UINT64_MAX;
}

static void show_row(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	if (recipient->row == NULL)
		return;
	uint64_t oldest_ns = 0;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		bool any = mr_lane_in_memory(sublane) > 0;
		uint64_t age_ns = any ? delivery->now.mono_ns - sublane->since_ns : 0;
		if (age_ns > oldest_ns)
			oldest_ns = age_ns;
	}
	mr_gauge(&recipient->row->pending, lane->pending);
	mr_gauge(&recipient->row->spilled, lane->spilled);
	mr_gauge(&recipient->row->eta_s, eta_of(delivery, recipient));
	mr_gauge(&recipient->row->oldest_ns, oldest_ns);
	mr_recipient_flags(delivery, recipient);
}

uint32_t mr_delivery_sweep(struct mr_delivery *delivery)
{
	struct mr_lanes *lanes = &delivery->lanes;
	if (delivery->sweep_at == 0) {
		if (delivery->now.mono_ns < delivery->sweep_due_ns)
			return 0;
		delivery->sweep_due_ns = delivery->now.mono_ns + MR_SWEEP_INTERVAL_NS;
		delivery->sweep_at = 1;
		delivery->behind_seen = 0;
	}
	uint32_t work = 0;
	for (; work < SWEPT_PER_STEP && delivery->sweep_at <= lanes->slots_used; work++) {
		uint32_t slot = delivery->sweep_at++;
		struct mr_recipient *recipient = &delivery->recipients[slot];
		if (!lanes->slots[slot].open)
			continue;
		mr_recipient_look_held(delivery, recipient);
		mr_backlog_expire(delivery, recipient);
		mr_backlog_relieve(delivery, recipient);
		if (recipient->state == MR_RECIPIENT_PARKED)
			continue;
		if (!mr_delivery_is_paused(delivery))
			mr_lane_judge(lanes, recipient->lane, delivery->now.mono_ns);
		if (mr_lane_is_behind(lanes, recipient->lane))
			delivery->behind_seen++;
		mr_recipient_tell(delivery, recipient);
		show_row(delivery, recipient);
	}
	if (delivery->sweep_at > lanes->slots_used) {
		delivery->sweep_at = 0;
		mr_gauge(mr_delivery_counter(delivery, MR_DELIVERY_LANES_BEHIND),
			delivery->behind_seen);
		mr_gauge(mr_delivery_counter(delivery, MR_DELIVERY_LANES), lanes->open_lanes);
		mr_gauge(mr_delivery_counter(delivery, MR_DELIVERY_SPILLED), lanes->spilled);
		mr_gauge(mr_delivery_counter(delivery, MR_DELIVERY_BAN_HELD), lanes->held);
	}
	return work;
}
