// What the answer to an attempt means.
#include "delivery_parts.h"
#include "failpoint.h"
#include "histogram.h"
#include "mr_assert.h"

void mr_attempt_record_age(
	struct mr_delivery *delivery, const struct mr_attempt *attempt, enum mr_histogram_id id)
{
	struct mr_stats_histogram *histogram = &delivery->config.stats->histograms[id];
	const uint32_t count = mr_lane_sum(attempt->taken);
	for (uint32_t i = 0; i < count; i++) {
		int64_t took_ns = delivery->now.wall_ns - attempt->received_ns[i];
		mr_histogram_record(histogram, took_ns > 0 ? (uint64_t)took_ns : 0);
	}
}

static void delivered(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	struct mr_recipient *recipient = attempt->recipient;
	MR_FAILPOINT(attempt_succeeded);
	uint32_t count = mr_lane_settle(
		&delivery->lanes, recipient->lane, attempt->sublane, delivery->now.mono_ns);
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_DELIVERED), count);
	if (recipient->row != NULL)
		mr_count(&recipient->row->delivered, count);
	recipient->rate.settled += count;
	mr_recipient_changed(delivery, recipient);
	if (!attempt->first)
		return;
	mr_attempt_record_age(delivery, attempt, MR_HISTOGRAM_DELIVERY_ACCEPT_TO_DELIVERED);
}

static bool echoed(const struct mr_attempt *attempt)
{
	const struct mr_made_secret *secret = &attempt->recipient->secret;
	if (attempt->result.status != 200 && attempt->result.status != 204)
		return false;
	return attempt->result.secret_length == secret->secret_length
		&& mr_equal_constant_time(
			attempt->result.secret, secret->secret, secret->secret_length);
}

static void judge(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	struct mr_recipient *recipient = attempt->recipient;
	bool ok = attempt->result.outcome == MR_OUTCOME_OK;
	if (attempt->kind == MR_ATTEMPT_TEST) {
		mr_recipient_tried(delivery, recipient, attempt->result.status);
		return;
	}
	if (attempt->kind == MR_ATTEMPT_HANDSHAKE)
		ok = ok && echoed(attempt);
	mr_delivery_tell_batch(
		delivery, attempt, ok ? MR_TAP_DELIVERED : MR_TAP_FAILED, attempt->result.status);
	recipient->last_status = attempt->result.status;
	if (recipient->row != NULL) {
		mr_gauge(&recipient->row->last_status, attempt->result.status);
		mr_count(&recipient->row->requests_ns, delivery->now.mono_ns - attempt->begun_ns);
	}
	if (ok && attempt->kind == MR_ATTEMPT_BATCH)
		delivered(delivery, attempt);
	if (recipient->state >= MR_RECIPIENT_GONE)
		return;
	if (ok) {
		if (attempt->kind == MR_ATTEMPT_HANDSHAKE)
			mr_recipient_shaken(delivery, recipient);
		mr_recipient_succeeded(delivery, recipient);
		return;
	}
	if (attempt->kind == MR_ATTEMPT_HANDSHAKE)
		mr_recipient_tried(delivery, recipient, attempt->result.status);
	if (attempt->kind == MR_ATTEMPT_HEARTBEAT)
		recipient->heartbeat_due = true;
	if (attempt->sublane != NULL)
		attempt->sublane->changed = true;
	mr_recipient_changed(delivery, recipient);
	mr_recipient_failed(delivery, recipient, attempt);
	if (attempt->result.status == 410 && recipient->state == MR_RECIPIENT_ACTIVE)
		mr_recipient_gone(delivery, recipient);
}

uint32_t mr_delivery_finish(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	while (work < units) {
		struct mr_link *link = mr_list_pop(&delivery->finished);
		if (link == NULL)
			break;
		struct mr_attempt *attempt = mr_container_of(link, struct mr_attempt, link);
		work += 1 + mr_lane_sum(attempt->taken);
		if (attempt->result.outcome != MR_OUTCOME_CANCELED) {
			mr_delivery_log(delivery, attempt);
			judge(delivery, attempt);
		}
		mr_attempt_end(delivery, attempt);
	}
	return work;
}
