// Attempts: a request is begun, its body rendered, its batch made durable, signed, sent.
#include "asana_json.h"
#include "bytes.h"
#include "delivery_parts.h"
#include "failpoint.h"
#include "hash.h"
#include "mr_assert.h"

enum { HEADERS_BYTES_MAX = 512, WOKEN_PER_ANSWER = 2 };

bool mr_attempts_init(struct mr_delivery *delivery, struct mr_arena *arena)
{
	uint32_t count = delivery->config.limits.connections_max;
	delivery->attempts = mr_arena_array(arena, "attempts", struct mr_attempt, count);
	if (delivery->attempts == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		delivery->attempts[i].delivery = delivery;
		mr_list_push(&delivery->free_attempts, &delivery->attempts[i].link);
	}
	return true;
}

static bool may_send(const struct mr_delivery *delivery, const struct mr_recipient *recipient)
{
	return recipient->lane->failures == 0
		|| delivery->now.mono_ns >= recipient->next_attempt_ns;
}

// Whether something is due that may still be sent: after the journal has failed what it has
// recorded, after a ban what was looked at since.
static bool still_due(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		bool may = mr_delivery_may_attempt(delivery, sublane)
			&& (sublane->number != 0
				|| mr_delivery_may_batch(delivery, recipient, sublane));
		if (!may)
			recipient->due &= (uint8_t) ~(1u << i);
	}
	return recipient->due != 0;
}

static bool may_begin(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	if (recipient->state >= MR_RECIPIENT_GONE
		|| recipient->lane->active >= recipient->lane->allowed)
		return false;
	if (!may_send(delivery, recipient))
		return false;
	if (delivery->failed_ns != 0)
		return recipient->state == MR_RECIPIENT_ACTIVE && still_due(delivery, recipient);
	if (recipient->state == MR_RECIPIENT_HANDSHAKE)
		return recipient->lane->active == 0;
	if (recipient->due != 0 && (delivery->bans.epoch != 0 || delivery->survey.survey != NULL)
		&& still_due(delivery, recipient))
		return true;
	return recipient->due != 0 || recipient->heartbeat_due;
}

static void done(struct mr_request *request, const struct mr_result *result)
{
	struct mr_attempt *attempt = request->owner;
	attempt->result = *result;
	attempt->request = NULL;
	mr_list_push(&attempt->delivery->finished, &attempt->link);
}

// Lower-case hex of the signature over the body.
static void sign(struct mr_delivery *delivery, const struct mr_attempt *attempt, char ret_hex[64])
{
	uint8_t mac[32];
	mr_hmac_sign(attempt->recipient->hmac, attempt->request->body, attempt->length, mac);
	mr_hex_encode(mac, sizeof(mac), ret_hex);
	delivery->signatures++;
#ifdef MR_BENCH_BREAK_SIGNATURE
	if (delivery->signatures % 1000 == 100) // the planted fault that the proofs must notice
		ret_hex[0] = ret_hex[0] == '0' ? '1' : '0';
#endif
}

// Stable over retries, different for every batch of every webhook. In memory the numbers start
// anew with the router and with a webhook that is added again, hence boot and time; with a journal
// on disk they do not, and a batch has the same id after a restart.
static void write_webhook_id(
	struct mr_out *out, const struct mr_delivery *delivery, const struct mr_attempt *attempt)
{
	uint64_t words[] = {attempt->recipient->webhook,
		attempt->sublane != NULL ? attempt->sublane->number : attempt->begun_ns,
		delivery->config.boot_id, attempt->recipient->added_ns, attempt->kind};
	if (delivery->config.is_durable && attempt->kind == MR_ATTEMPT_BATCH)
		words[2] = words[3] = 0;
	uint64_t hash[] = {
		mr_hash_bytes(words, sizeof(words), 0), mr_hash_bytes(words, sizeof(words), 1)};
	char hex[2 * sizeof(hash)];
	mr_hex_encode((const uint8_t *)hash, sizeof(hash), hex);
	mr_out_literal(out, "webhook-id: msg_");
	mr_out_bytes(out, hex, sizeof(hex));
	mr_out_literal(out, "\r\n");
}

// What the engine does not say itself: it adds Host, User-Agent, Content-Type and Content-Length.
static void write_headers(
	struct mr_delivery *delivery, struct mr_attempt *attempt, char *ret_headers, size_t size)
{
	const struct mr_recipient *recipient = attempt->recipient;
	struct mr_out out = mr_out_make(ret_headers, size);
	if (attempt->kind == MR_ATTEMPT_HANDSHAKE) {
		mr_out_literal(&out, "X-Hook-Secret: ");
		mr_out_bytes(&out, recipient->secret.secret, recipient->secret.secret_length);
		mr_out_literal(&out, "\r\n");
	} else {
		char hex[64];
		sign(delivery, attempt, hex);
		mr_out_literal(&out, "X-Hook-Signature: ");
		mr_out_bytes(&out, hex, sizeof(hex));
		mr_out_literal(&out, "\r\n");
		write_webhook_id(&out, delivery, attempt);
	}
	mr_out_bytes(&out, "", 1);
	mr_assert(!out.overflow);
}

static void send_attempt(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	char headers[HEADERS_BYTES_MAX];
	attempt->begun_ns = delivery->now.mono_ns;
	write_headers(delivery, attempt, headers, sizeof(headers));
	if (attempt->sublane != NULL)
		mr_lane_sent(attempt->sublane);
	mr_delivery_tell_batch(delivery, attempt, MR_TAP_ATTEMPTED, attempt->number);
	if (attempt->recipient->row != NULL)
		mr_count(&attempt->recipient->row->requests, 1);
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_BODY_BYTES), attempt->length);
	struct mr_request *request = attempt->request;
	request->owner = attempt;
	request->done = done;
	mr_request_send(
		request, attempt->recipient->path, headers, attempt->length, delivery->now.mono_ns);
	explicit_bzero(headers, sizeof(headers));
}

void mr_attempt_send_constant(struct mr_delivery *delivery, struct mr_attempt *attempt,
	enum mr_attempt_kind kind, const char *body, size_t length)
{
	mr_assert(length <= attempt->request->body_size);
	attempt->kind = (uint8_t)kind;
	memcpy(attempt->request->body, body, length);
	attempt->length = length;
	send_attempt(delivery, attempt);
}

static struct mr_sublane *next_due(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	mr_assert(recipient->due != 0);
	uint32_t index = recipient->next_sublane;
	while ((recipient->due & 1u << index) == 0)
		index = (index + 1) % lane->in_flight;
	recipient->due &= (uint8_t) ~(1u << index);
	recipient->next_sublane = (uint8_t)((index + 1) % lane->in_flight);
	return mr_lane_sublane(&delivery->lanes, lane, index);
}

static void start_batch(
	struct mr_delivery *delivery, struct mr_attempt *attempt, struct mr_sublane *sublane)
{
	mr_assert(!sublane->busy);
	sublane->busy = true;
	mr_timer_cancel(&delivery->sublane_timers, &sublane->timer);
	attempt->kind = MR_ATTEMPT_BATCH;
	attempt->sublane = sublane;
	attempt->number = sublane->number;
	attempt->first = sublane->number == 0;
	attempt->cursor = mr_lane_begin(sublane);
	attempt->bytes_max = delivery->tune.batch_bytes_max;
	if (attempt->bytes_max > attempt->request->body_size)
		attempt->bytes_max = attempt->request->body_size;
	memcpy(attempt->quota, sublane->batch, sizeof(attempt->quota));
	if (attempt->first)
		mr_lane_plan(
			&delivery->lanes, sublane, delivery->tune.batch_events_max, attempt->quota);
	// Each side gets its share of the bytes as of the entries.
	uint64_t all = attempt->quota[MR_LANE_NORMAL] + attempt->quota[MR_LANE_PENALTY];
	attempt->normal_bytes = attempt->bytes_max;
	if (all > 0 && attempt->quota[MR_LANE_PENALTY] > 0)
		attempt->normal_bytes = attempt->bytes_max * attempt->quota[MR_LANE_NORMAL] / all;
	mr_list_push(&delivery->rendering, &attempt->link);
}

struct mr_attempt *mr_attempt_take(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_request *request)
{
	struct mr_link *link = mr_list_pop(&delivery->free_attempts);
	mr_assert(link != NULL);
	struct mr_attempt *attempt = mr_container_of(link, struct mr_attempt, link);
	attempt->recipient = recipient;
	attempt->request = request;
	attempt->sublane = NULL;
	attempt->number = 0;
	attempt->first = false;
	attempt->backlogged = false;
	attempt->side = MR_LANE_NORMAL;
	attempt->length = 0;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		attempt->taken[side] = 0;
	return attempt;
}

static void start(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_request *request)
{
	struct mr_attempt *attempt = mr_attempt_take(delivery, recipient, request);
	attempt->backlogged = mr_backlog_is(delivery, recipient);
	delivery->backlogged_active += attempt->backlogged;
	recipient->lane->active++;
	if (recipient->state == MR_RECIPIENT_HANDSHAKE) {
		mr_attempt_send_constant(delivery, attempt, MR_ATTEMPT_HANDSHAKE, "{}", 2);
	} else if (recipient->due != 0) {
		start_batch(delivery, attempt, next_due(delivery, recipient));
	} else {
		static const char heartbeat[] = MR_ASANA_PREFIX MR_ASANA_SUFFIX;
		recipient->heartbeat_due = false;
		mr_attempt_send_constant(
			delivery, attempt, MR_ATTEMPT_HEARTBEAT, heartbeat, sizeof(heartbeat) - 1);
	}
}

uint32_t mr_delivery_begin(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = mr_delivery_begin_tries(delivery);
	if (mr_delivery_is_paused(delivery))
		return work;
	mr_backlog_wake(delivery);
	// Attempts that are answered but not yet judged have no connection any more: there may be
	// fewer attempts.
	while (work < units && delivery->ready.head != NULL
		&& delivery->free_attempts.head != NULL) {
		struct mr_link *link = mr_list_pop(&delivery->ready);
		struct mr_recipient *recipient = mr_container_of(link, struct mr_recipient, link);
		recipient->listed = false;
		work++;
		while (delivery->free_attempts.head != NULL && may_begin(delivery, recipient)) {
			if (!mr_backlog_admits(delivery, recipient))
				break;
			uint64_t retry_ns = 0;
			struct mr_request *request = mr_request_begin(delivery->engine,
				recipient->endpoint, delivery->now.mono_ns, &retry_ns);
			if (request == NULL) {
				mr_door_block(delivery, recipient, retry_ns);
				break;
			}
			start(delivery, recipient, request);
			work++;
		}
		if (delivery->free_attempts.head == NULL)
			mr_recipient_ready(delivery, recipient);
	}
	return work;
}

void mr_attempt_end(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	struct mr_recipient *recipient = attempt->recipient;
	struct mr_sublane *sublane = attempt->sublane;
	bool is_try = attempt->kind == MR_ATTEMPT_TEST; // has no share of the lane's
	mr_assert(attempt->request == NULL);
	mr_assert(is_try ? recipient->tries : recipient->lane->active > 0);
	recipient->lane->active = (uint8_t)(recipient->lane->active - !is_try);
	recipient->tries = recipient->tries && !is_try;
	mr_assert(delivery->backlogged_active >= attempt->backlogged);
	delivery->backlogged_active -= attempt->backlogged;
	mr_list_push(&delivery->free_attempts, &attempt->link);
	if (sublane != NULL) {
		sublane->busy = false;
		mr_lane_trim(&delivery->lanes, recipient->lane, sublane);
		mr_delivery_look(delivery, recipient, sublane);
	}
	mr_recipient_ready(delivery, recipient);
	mr_door_wake(delivery, recipient->door, WOKEN_PER_ANSWER);
}

void mr_attempt_abort(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	mr_request_abandon(attempt->request);
	attempt->request = NULL;
	if (attempt->number == 0)
		mr_lane_return(attempt->sublane, attempt->taken);
	mr_attempt_end(delivery, attempt);
}

uint32_t mr_delivery_send_durable(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	uint64_t watermark = mr_stream_watermark(delivery->config.stream);
	if (mr_delivery_is_paused(delivery))
		return 0;
	struct mr_list list = delivery->durable;
	delivery->durable = (struct mr_list){0};
	for (struct mr_link *link; (link = mr_list_pop(&list)) != NULL;) {
		struct mr_attempt *attempt = mr_container_of(link, struct mr_attempt, link);
		const struct mr_recipient *recipient = attempt->recipient;
		if (recipient->state >= MR_RECIPIENT_GONE || !may_send(delivery, recipient)
			|| recipient->lane->active > recipient->lane->allowed
			|| attempt->sublane->number != attempt->number
			|| !mr_delivery_may_attempt(delivery, attempt->sublane)) {
			mr_attempt_abort(delivery, attempt); // it failed, went or is void
		} else if (work >= units || watermark < attempt->sublane->recorded_end
			|| (delivery->bans.judges && mr_lane_is_unsent(attempt->sublane))) {
			mr_list_push(&delivery->durable, link);
		} else {
			work += 1 + (uint32_t)(attempt->length / 256);
			MR_FAILPOINT(batch_recorded);
			if (attempt->first)
				mr_attempt_record_age(
					delivery, attempt, MR_HISTOGRAM_DELIVERY_ACCEPT_TO_ATTEMPT);
			send_attempt(delivery, attempt);
		}
	}
	return work;
}
