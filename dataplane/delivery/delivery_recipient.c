// A webhook's endpoint as the stage knows it: when it may be asked, how it fares, and how it goes.
#include "bytes.h"
#include "delivery_parts.h"
#include "mr_assert.h"
#include "record_codec.h"

enum { FRAGMENT_BYTES_GUESS = 256, SECRET_RANDOM_BYTES = 32 };

static void give_up(struct mr_delivery *delivery, struct mr_stats_webhook *row, uint32_t count,
	struct mr_record_dropped *dropped)
{
	enum mr_reason reason = (enum mr_reason)dropped->reason;
	mr_assert(reason != MR_REASON_OK && reason < MR_REASON_LIMIT);
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_DROPPED), count);
	mr_count(&delivery->config.stats->reasons[reason], count);
	if (row != NULL)
		mr_count(&row->dropped, count);
	if (mr_stream_room(delivery->config.stream) < sizeof(*dropped))
		return; // the count stands; after a crash it would be delivered, which is no harm
	mr_record_seal(dropped, sizeof(*dropped), NULL, 0, MR_RECORD_DROPPED, 0);
	mr_stream_append(delivery->config.stream, dropped, sizeof(*dropped), NULL, 0);
}

void mr_delivery_dropped(struct mr_delivery *delivery, struct mr_stats_webhook *row,
	uint64_t webhook, mr_position position, enum mr_reason reason)
{
	struct mr_record_dropped dropped = {
		.origin = position, .webhook = webhook, .reason = (uint8_t)reason};
	give_up(delivery, row, 1, &dropped);
	mr_delivery_tell_dropped(delivery, webhook, position, reason);
}

void mr_delivery_dropped_record(struct mr_delivery *delivery, struct mr_recipient *recipient,
	mr_position position, uint32_t count)
{
	struct mr_record_dropped dropped = {.origin = position,
		.webhook = recipient->webhook,
		.scope_id = count,
		.reason = MR_REASON_EXPIRED};
	give_up(delivery, recipient->row, count, &dropped);
}

void mr_recipient_flags(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	if (recipient->row == NULL)
		return;
	uint64_t active = recipient->state == MR_RECIPIENT_ACTIVE;
	uint64_t behind = mr_lane_is_behind(&delivery->lanes, recipient->lane);
	uint64_t gone = recipient->state >= MR_RECIPIENT_GONE;
	mr_gauge(&recipient->row->flags, active | behind << 1 | gone << 2);
}

static bool is_failing(const struct mr_recipient *recipient)
{
	return recipient->lane->failures > 0;
}

void mr_recipient_ready(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	if (recipient->listed || recipient->state >= MR_RECIPIENT_GONE)
		return;
	if (is_failing(recipient) && delivery->now.mono_ns < recipient->next_attempt_ns)
		return; // the timer comes back
	bool asks = recipient->state == MR_RECIPIENT_HANDSHAKE;
	if (!asks && recipient->due == 0 && !recipient->heartbeat_due)
		return;
	recipient->listed = true;
	mr_list_push(&delivery->ready, &recipient->link);
}

void mr_recipient_wake(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	uint64_t now_ns = delivery->now.mono_ns;
	uint64_t due_ns = recipient->success_ns + delivery->tune.heartbeat_ns;
	if (!is_failing(recipient)) {
		bool idle = recipient->lane->pending == recipient->lane->held
			&& recipient->lane->active == 0;
		if (now_ns >= due_ns && idle && recipient->state == MR_RECIPIENT_ACTIVE
			&& delivery->failed_ns == 0)
			recipient->heartbeat_due = true;
		if (now_ns >= due_ns)
			due_ns = now_ns + delivery->tune.heartbeat_ns;
		mr_timer_set(&delivery->recipient_timers, &recipient->timer, due_ns);
	}
	mr_recipient_ready(delivery, recipient);
}

// A webhook that is gone may still have an attempt under way under the same number, and drains; its
// row is the new one's now.
static void take_row(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	uint32_t number = recipient->lane->number;
	for (struct mr_link *link = delivery->drain.head; link != NULL; link = link->next) {
		struct mr_recipient *other = mr_container_of(link, struct mr_recipient, drain_link);
		if (other->lane->number == number)
			other->row = NULL;
	}
	struct mr_stats_webhook *row = &delivery->config.webhooks[number];
	mr_counter *counters[] = {&row->matched, &row->delivered, &row->pending, &row->dropped,
		&row->requests, &row->requests_failed, &row->last_status, &row->failing_since_ns,
		&row->oldest_ns, &row->flags, &row->recovered, &row->spilled, &row->eta_s};
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		mr_gauge(counters[i], 0);
	mr_gauge(&row->stage, delivery->config.index);
	mr_gauge(&row->webhook, recipient->webhook);
	recipient->row = row;
}

// The secret of the webhook, or a new one. Where a handshake is wanted its endpoint must echo it
// first.
static bool take_secret(struct mr_recipient *recipient, const struct mr_webhook *webhook)
{
	struct mr_made_secret *secret = &recipient->secret;
	secret->webhook = webhook->id;
	secret->lane = webhook->lane;
	if (webhook->secret_length > 0) {
		mr_assert(webhook->secret_length <= MR_SECRET_BYTES_MAX);
		memcpy(secret->secret, webhook->secret, webhook->secret_length);
		secret->secret_length = webhook->secret_length;
	} else {
		uint8_t random[SECRET_RANDOM_BYTES];
		if (mr_random_bytes(random, sizeof(random)) != 0)
			return false;
		mr_hex_encode(random, sizeof(random), secret->secret);
		explicit_bzero(random, sizeof(random));
		secret->secret_length = 2 * SECRET_RANDOM_BYTES;
	}
	bool asks = webhook->handshake || webhook->secret_length == 0;
	recipient->state = asks ? MR_RECIPIENT_HANDSHAKE : MR_RECIPIENT_ACTIVE;
	recipient->hmac = mr_hmac_new(secret->secret, secret->secret_length);
	return recipient->hmac != NULL;
}

static bool take_endpoint(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_webhook *webhook)
{
	struct mr_address address = {.port = webhook->port};
	memcpy(address.ip, webhook->address, sizeof(address.ip));
	recipient->endpoint = mr_endpoint_get(delivery->engine, webhook->host, &address);
	if (recipient->endpoint == NULL)
		return false;
	recipient->door = mr_door_take(delivery, recipient->endpoint);
	return recipient->door != NULL;
}

// Numbers of a webhook's batches must never have been used before: with a journal on disk they
// begin behind the time in microseconds, which no webhook overtakes.
uint64_t mr_recipient_first_number(const struct mr_delivery *delivery)
{
	if (!delivery->config.is_durable || delivery->now.wall_ns <= 0)
		return 0;
	return (uint64_t)delivery->now.wall_ns / 1000;
}

// A lane of its own for the webhook.
static struct mr_recipient *open_lane(
	struct mr_delivery *delivery, const struct mr_webhook *webhook)
{
	uint32_t in_flight = webhook->in_flight < 1 ? 1 : webhook->in_flight;
	if (in_flight > MR_IN_FLIGHT_MAX)
		in_flight = MR_IN_FLIGHT_MAX;
	struct mr_lane *lane = mr_lane_open(&delivery->lanes, webhook->lane, in_flight);
	mr_expect(lane != NULL); // the steward numbers lanes, and below webhooks.max
	if (lane == NULL)
		return NULL;
	lane->webhook = webhook->id;
	struct mr_recipient *recipient = &delivery->recipients[lane->slot];
	*recipient = (struct mr_recipient){.lane = lane,
		.webhook = webhook->id,
		.last_number = mr_recipient_first_number(delivery)};
	return recipient;
}

// What can change while the lane stands. The secret may be lent to the steward: it is not touched
// when it is the same.
static void update(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_webhook *webhook)
{
	const struct mr_made_secret *secret = &recipient->secret;
	mr_expect(recipient->webhook == webhook->id);
	if (recipient->state >= MR_RECIPIENT_GONE || webhook->secret_length == 0)
		return;
	if (secret->secret_length == webhook->secret_length
		&& mr_equal_constant_time(secret->secret, webhook->secret, webhook->secret_length))
		return;
	mr_hmac_free(recipient->hmac);
	if (!take_secret(recipient, webhook)) {
		mr_recipient_gone(delivery, recipient);
		return;
	}
	mr_recipient_flags(delivery, recipient);
	mr_recipient_ready(delivery, recipient);
}

void mr_recipient_add(struct mr_delivery *delivery, const struct mr_webhook *webhook)
{
	const struct mr_lane *known = mr_lane_find(&delivery->lanes, webhook->lane);
	if (known != NULL) {
		update(delivery, &delivery->recipients[known->slot], webhook);
		return;
	}
	struct mr_recipient *recipient = mr_recipient_unpark(delivery, webhook);
	if (recipient == NULL)
		recipient = open_lane(delivery, webhook);
	if (recipient == NULL)
		return;
	struct mr_lane *lane = recipient->lane;
	recipient->shard = (uint8_t)webhook->shard;
	recipient->added_ns = delivery->now.mono_ns;
	recipient->success_ns = delivery->now.mono_ns;
	recipient->success_paused_ns = delivery->paused_ns;
	recipient->rate.at_ns = delivery->now.mono_ns;
	recipient->fragment_bytes = FRAGMENT_BYTES_GUESS;
	mr_copy_text(recipient->path, sizeof(recipient->path), webhook->path,
		strnlen(webhook->path, sizeof(webhook->path)));
	take_row(delivery, recipient);
	mr_gauge(&recipient->row->resource, webhook->resource);
	mr_gauge(&recipient->row->recovered, lane->pending);
	mr_gauge(&recipient->row->failing_since_ns, (uint64_t)recipient->failing_since_ns);
	bool ok = take_secret(recipient, webhook);
	ok = take_endpoint(delivery, recipient, webhook) && ok;
	if (!ok) {
		mr_recipient_gone(
			delivery, recipient); // no room for its endpoint: said, not hidden
		return;
	}
	mr_timer_set(&delivery->recipient_timers, &recipient->timer,
		is_failing(recipient) ? recipient->next_attempt_ns
				      : delivery->now.mono_ns + delivery->tune.heartbeat_ns);
	mr_recipient_flags(delivery, recipient);
	for (uint32_t i = 0; i < lane->in_flight; i++)
		mr_delivery_look(delivery, recipient, mr_lane_sublane(&delivery->lanes, lane, i));
	mr_recipient_ready(delivery, recipient);
}

static void start_draining(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	mr_timer_cancel(&delivery->recipient_timers, &recipient->timer);
	for (uint32_t i = 0; i < recipient->lane->in_flight; i++)
		mr_timer_cancel(&delivery->sublane_timers,
			&mr_lane_sublane(&delivery->lanes, recipient->lane, i)->timer);
	recipient->due = 0;
	mr_lane_release_holds(&delivery->lanes, recipient->lane);
	mr_recipient_flags(delivery, recipient);
	if (recipient->draining)
		return;
	recipient->draining = true;
	mr_list_push(&delivery->drain, &recipient->drain_link);
}

void mr_recipient_gone(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	if (recipient->state < MR_RECIPIENT_GONE) {
		recipient->state = MR_RECIPIENT_GONE;
		recipient->tells_gone = true;
	}
	start_draining(delivery, recipient);
}

void mr_recipient_remove(struct mr_delivery *delivery, uint64_t webhook, uint32_t number)
{
	struct mr_lane *lane = mr_lane_find(&delivery->lanes, number);
	if (lane == NULL)
		return;
	struct mr_recipient *recipient = &delivery->recipients[lane->slot];
	mr_expect(recipient->webhook == webhook);
	recipient->state = MR_RECIPIENT_REMOVED;
	recipient->tells_secret = false;
	recipient->tells_gone = false;
	recipient->tells_tried = false;
	mr_lane_forget(&delivery->lanes, lane);
	start_draining(delivery, recipient);
}

void mr_recipient_fini(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	mr_hmac_free(recipient->hmac);
	explicit_bzero(&recipient->secret, sizeof(recipient->secret));
	if (recipient->door != NULL)
		mr_door_leave(delivery, recipient->door);
	if (recipient->endpoint != NULL)
		mr_endpoint_put(delivery->engine, recipient->endpoint);
	recipient->hmac = NULL;
	recipient->door = NULL;
	recipient->endpoint = NULL;
}

void mr_recipient_succeeded(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	struct mr_lane *lane = recipient->lane;
	recipient->success_ns = delivery->now.mono_ns;
	recipient->success_paused_ns = delivery->paused_ns;
	recipient->carried_ns = 0;
	recipient->heartbeat_due = false;
	uint8_t left = (uint8_t)(lane->in_flight - lane->allowed);
	lane->allowed = (uint8_t)(lane->allowed + (left < lane->allowed ? left : lane->allowed));
	if (!is_failing(recipient))
		return;
	lane->failures = 0;
	recipient->failing_since_ns = 0;
	if (recipient->row != NULL)
		mr_gauge(&recipient->row->failing_since_ns, 0);
	mr_timer_set(&delivery->recipient_timers, &recipient->timer,
		delivery->now.mono_ns + delivery->tune.heartbeat_ns);
}

void mr_recipient_failed(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_attempt *attempt)
{
	struct mr_lane *lane = recipient->lane;
	uint64_t now_ns = delivery->now.mono_ns;
	if (recipient->row != NULL)
		mr_count(&recipient->row->requests_failed, 1);
	if (is_failing(recipient) && attempt->begun_ns < recipient->failed_ns)
		return; // begun before the last failure: it says nothing new
	struct mr_backoff backoff = {delivery->tune.retry_base_ns, delivery->tune.retry_cap_ns};
	lane->failures++;
	lane->allowed = 1;
	recipient->failed_ns = now_ns;
	recipient->next_attempt_ns = now_ns
		+ mr_backoff_delay(
			&backoff, lane->failures, attempt->result.retry_after_ns, &delivery->rng);
	if (recipient->failing_since_ns == 0)
		recipient->failing_since_ns = delivery->now.wall_ns;
	if (recipient->row != NULL)
		mr_gauge(&recipient->row->failing_since_ns, (uint64_t)recipient->failing_since_ns);
	mr_lane_release_holds(&delivery->lanes, lane);
	mr_timer_set(&delivery->recipient_timers, &recipient->timer, recipient->next_attempt_ns);
	uint64_t paused_ns = delivery->paused_ns - recipient->success_paused_ns;
	uint64_t failing_ns = now_ns - recipient->success_ns - paused_ns + recipient->carried_ns;
	bool expired = failing_ns >= delivery->tune.expire_after_ns;
	if (recipient->state == MR_RECIPIENT_ACTIVE && expired)
		mr_recipient_gone(delivery, recipient);
}

void mr_recipient_shaken(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	mr_assert(recipient->state == MR_RECIPIENT_HANDSHAKE);
	recipient->state = MR_RECIPIENT_ACTIVE;
	recipient->tells_secret = true;
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_HANDSHAKES), 1);
	mr_recipient_tell(delivery, recipient);
	mr_recipient_flags(delivery, recipient);
}

bool mr_recipient_tell(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	uint64_t lane = (uint64_t)recipient->lane->number << 32;
	if (recipient->tells_secret) {
		struct mr_desc desc = {
			{(uint64_t)(uintptr_t)&recipient->secret, lane | MR_TO_STEWARD_SECRET}};
		recipient->tells_secret = !mr_ring_push(delivery->config.to_steward, desc);
	}
	if (recipient->tells_gone && !recipient->tells_secret) {
		struct mr_desc desc = {{recipient->webhook, lane | MR_TO_STEWARD_WEBHOOK_GONE}};
		recipient->tells_gone = !mr_ring_push(delivery->config.to_steward, desc);
	}
	if (recipient->tells_tried) {
		struct mr_desc desc = {
			{recipient->tried_status, lane | MR_TO_STEWARD_WEBHOOK_TRIED}};
		recipient->tells_tried = !mr_ring_push(delivery->config.to_steward, desc);
	}
	return !recipient->tells_secret && !recipient->tells_gone && !recipient->tells_tried;
}
