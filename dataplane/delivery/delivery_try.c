// A test of a webhook: an attempt with no events, right away, whatever the lane is at. It says
// nothing about the lane: its failures, its batches and its turn stay as they are.
#include "asana_json.h"
#include "delivery_parts.h"
#include "mr_assert.h"

void mr_recipient_tried(
	struct mr_delivery *delivery, struct mr_recipient *recipient, uint16_t status)
{
	if (recipient->state == MR_RECIPIENT_REMOVED)
		return;
	recipient->tells_tried = true;
	recipient->tried_status = status;
	mr_recipient_tell(delivery, recipient);
}

void mr_delivery_try(struct mr_delivery *delivery, uint64_t webhook, uint32_t number)
{
	const struct mr_lane *lane = mr_lane_find(&delivery->lanes, number);
	if (lane == NULL)
		return; // removed meanwhile, which the steward knows
	struct mr_recipient *recipient = &delivery->recipients[lane->slot];
	if (recipient->webhook != webhook || recipient->tries)
		return;
	recipient->tries = true;
	recipient->try_until_ns = delivery->now.mono_ns + delivery->tune.request_timeout_ns;
	mr_list_push(&delivery->tries, &recipient->try_link);
}

// Whether it has a slot, or will have none.
static bool begin_try(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	uint64_t retry_ns = 0;
	bool may = recipient->state == MR_RECIPIENT_ACTIVE && !mr_delivery_is_paused(delivery)
		&& delivery->failed_ns == 0 && delivery->now.mono_ns < recipient->try_until_ns;
	if (!may) {
		recipient->tries = false;
		mr_recipient_tried(delivery, recipient, 0);
		return true;
	}
	struct mr_request *request = NULL;
	if (delivery->free_attempts.head != NULL)
		request = mr_request_begin(
			delivery->engine, recipient->endpoint, delivery->now.mono_ns, &retry_ns);
	if (request == NULL)
		return false;
	static const char body[] = MR_ASANA_PREFIX MR_ASANA_SUFFIX;
	struct mr_attempt *attempt = mr_attempt_take(delivery, recipient, request);
	mr_attempt_send_constant(delivery, attempt, MR_ATTEMPT_TEST, body, sizeof(body) - 1);
	return true;
}

uint32_t mr_delivery_begin_tries(struct mr_delivery *delivery)
{
	uint32_t work = 0;
	struct mr_list list = delivery->tries;
	delivery->tries = (struct mr_list){0};
	for (struct mr_link *link; (link = mr_list_pop(&list)) != NULL; work++) {
		struct mr_recipient *recipient =
			mr_container_of(link, struct mr_recipient, try_link);
		mr_assert(recipient->tries);
		if (!begin_try(delivery, recipient))
			mr_list_push(&delivery->tries, link);
	}
	return work;
}
