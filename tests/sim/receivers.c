#include "receivers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivered.h"
#include "hash.h"
#include "http_request.h"
#include "mr_assert.h"

enum { SIGNATURE_BYTES = 32, ENDPOINT_PORT = 9000 };
#define DOWN_NS UINT64_C(200000000)
// What becomes of a request: the router sends it again, gives it up, or is done with it.
enum verdict { REFUSED, REJECTED, TAKEN };

static const char secret[] = "0123456789abcdef0123456789abcdef";

static bool strikes(struct sim_receivers *receivers, uint32_t chance)
{
	return chance > 0 && mr_rng_chance(&receivers->rng, chance, SIM_CHANCE_ONE);
}

// -- One request

static bool is_signed(struct sim_receivers *receivers, const struct mr_http_request *request)
{
	uint8_t mac[SIGNATURE_BYTES];
	char hex[2 * SIGNATURE_BYTES];
	mr_hmac_sign(receivers->hmac, request->body, request->body_length, mac);
	mr_hex_encode(mac, sizeof(mac), hex);
	return request->signature.length == sizeof(hex)
		&& memcmp(hex, request->signature.text, sizeof(hex)) == 0;
}

// Every answer reaches the router before it gives up waiting.
static bool is_exact(const struct sim_options *options)
{
	const struct sim_faults *faults = &options->faults;
	return options->journal.on && options->hung_endpoints == 0
		&& faults->lose_answer + faults->cut_answer + faults->trickle + faults->down
			+ faults->close_all + faults->fail_send + faults->stall
		== 0;
}

bool sim_receivers_may_forget(const struct sim_receivers *receivers, uint64_t known_ns)
{
	for (uint32_t i = 0; i < receivers->crashes; i++)
		if (receivers->crashed_ns[i] + receivers->answer_ns >= known_ns
			&& receivers->crashed_ns[i] <= known_ns + receivers->settle_ns)
			return true;
	return false;
}

static void judge_again(struct sim_receivers *receivers, const struct mr_checked_request *request)
{
	uint64_t key = mr_hash_bytes(request->id, request->id_length, request->path) | 1;
	uint64_t *taken_ns = mr_map_at(&receivers->taken, key, NULL);
	mr_assert(taken_ns != NULL);
	receivers->late += *taken_ns != 0 && !sim_receivers_may_forget(receivers, *taken_ns);
	if (request->answered)
		*taken_ns = request->now_ns;
}

struct rejection {
	struct sim_receivers *receivers;
	uint32_t path;
};

static uint64_t rejection_key(uint32_t path, uint64_t number)
{
	return (uint64_t)(path + 1) << 40 | number;
}

static void reject_event(void *context, const struct mr_delivered *event)
{
	const struct rejection *rejection = context;
	uint64_t *seen = mr_map_at(&rejection->receivers->rejected,
		rejection_key(rejection->path, event->number), NULL);
	mr_assert(seen != NULL);
	*seen = 1;
}

bool sim_receivers_rejected(struct sim_receivers *receivers, uint32_t webhook, uint64_t number)
{
	uint64_t *seen = mr_map_at(&receivers->rejected, rejection_key(webhook, number), NULL);
	mr_assert(seen != NULL);
	return *seen != 0;
}

static void check(struct sim_endpoint *endpoint, const struct mr_http_request *request,
	enum verdict verdict, uint64_t now_ns)
{
	struct sim_receivers *receivers = endpoint->receivers;
	if (!request->is_post || !is_signed(receivers, request)) {
		receivers->bad_signatures++;
		return;
	}
	int path = mr_checker_path(&receivers->checker, request->path, request->path_length);
	if (path < 0 || (uint32_t)path >= receivers->options->webhooks
		|| (uint32_t)path % receivers->options->endpoints
			!= (uint32_t)(endpoint - receivers->endpoints)) {
		receivers->bad_requests++;
		return;
	}
	const struct mr_checked_request checked = {.path = (uint32_t)path,
		.id = request->id.text,
		.id_length = request->id.length,
		.body = request->body,
		.body_length = request->body_length,
		.answered = verdict == TAKEN,
		.now_ns = now_ns};
	int err = mr_checker_request(&receivers->checker, &checked);
	mr_assert(err == 0 || err == -EBADMSG); // counted there
	struct rejection rejection = {.receivers = receivers, .path = (uint32_t)path};
	const struct mr_delivered_sink sink = {.context = &rejection, .event = reject_event};
	if (verdict == REJECTED)
		(void)mr_delivered_scan(request->body, request->body_length, &sink);
	if (receivers->exact)
		judge_again(receivers, &checked);
}

static void answer_ok(struct sim_endpoint *endpoint, struct mr_fake_answer *ret_answer)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sim_receivers *receivers = endpoint->receivers;
	const struct sim_options *options = receivers->options;
	uint64_t spread = options->answer_ns - options->answer_min_ns + 1;
	*ret_answer = (struct mr_fake_answer){.bytes = ok,
		.length = sizeof(ok) - 1,
		.delay_ns = options->answer_min_ns + mr_rng_below(&receivers->rng, spread)};
	if (strikes(receivers, receivers->faults->trickle)) {
		ret_answer->piece = 7;
		ret_answer->gap_ns = 300000;
	}
}

// The texts are static: serve() must not return them from its frame.
static enum verdict judge_request(
	struct sim_receivers *receivers, struct mr_fake_answer *ret_answer)
{
	static const char *const errors[] = {
		"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n",
		"HTTP/1.1 503 Away\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwait",
	};
	static const char rejected[] = "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n";
	const struct sim_faults *faults = receivers->faults;
	const char *text = NULL;
	if (strikes(receivers, faults->error))
		text = errors[mr_rng_below(&receivers->rng, 3)];
	else if (strikes(receivers, faults->reject))
		text = rejected;
	else if (!strikes(receivers, faults->hang))
		return TAKEN;
	*ret_answer = (struct mr_fake_answer){.bytes = text,
		.length = text != NULL ? strlen(text) : 0,
		.then = text == NULL ? MR_FAKE_HANG : MR_FAKE_KEEP};
	return text == rejected ? REJECTED : REFUSED;
}

// Taken, but the router will not hear of it.
static bool forget(struct sim_receivers *receivers, struct mr_fake_answer *ret_answer)
{
	static const enum mr_fake_then ends[] = {MR_FAKE_CLOSE, MR_FAKE_RESET, MR_FAKE_HANG};
	enum mr_fake_then then = ends[mr_rng_below(&receivers->rng, 3)];
	if (strikes(receivers, receivers->faults->lose_answer)) {
		*ret_answer = (struct mr_fake_answer){.then = then};
		return true;
	}
	if (strikes(receivers, receivers->faults->cut_answer)) {
		ret_answer->length -= 3;
		ret_answer->piece = 0;
		ret_answer->then = then;
		return true;
	}
	return false;
}

static void serve(struct mr_fake_peer *peer, const char *bytes, size_t length, uint64_t now_ns,
	struct mr_fake_answer *ret_answer)
{
	struct sim_endpoint *endpoint = peer->state;
	struct sim_receivers *receivers = endpoint->receivers;
	struct mr_http_request request;
	receivers->requests++;
	*ret_answer = (struct mr_fake_answer){.then = MR_FAKE_HANG};
	mr_http_request_init(&request);
	if (mr_http_request_feed(&request, bytes, length) != (ssize_t)length || !request.complete) {
		receivers->bad_requests++;
		mr_http_request_fini(&request);
		return;
	}
	enum verdict verdict = endpoint->hangs ? REFUSED : judge_request(receivers, ret_answer);
	if (verdict == TAKEN) {
		answer_ok(endpoint, ret_answer);
		receivers->taken_unsaid += forget(receivers, ret_answer);
	}
	receivers->refused += verdict != TAKEN;
	check(endpoint, &request, verdict, now_ns + ret_answer->delay_ns);
	mr_http_request_fini(&request);
}

// -- All of them

static void format_path(
	const struct sim_options *options, uint32_t index, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "/w%u/%" PRIu64, index, options->resources[index]);
}

static void describe(
	const struct sim_options *options, uint32_t index, struct mr_config_webhook *entry)
{
	struct mr_webhook *webhook = &entry->webhook;
	uint32_t endpoint = index % options->endpoints;
	snprintf(webhook->name, sizeof(webhook->name), "w%u", index);
	snprintf(webhook->host, sizeof(webhook->host), "192.0.2.%u", 1 + endpoint);
	format_path(options, index, webhook->path, sizeof(webhook->path));
	snprintf(entry->url, sizeof(entry->url), "http://%s:%u%.512s", webhook->host,
		ENDPOINT_PORT + endpoint, webhook->path);
	webhook->id = mr_hash_bytes(webhook->name, strlen(webhook->name), 0);
	webhook->resource = options->resources[index];
	webhook->in_flight = (uint16_t)options->in_flight;
	webhook->port = (uint16_t)(ENDPOINT_PORT + endpoint);
	const uint8_t address[16] = {[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(1 + endpoint)};
	memcpy(webhook->address, address, sizeof(address));
	memcpy(webhook->secret, secret, sizeof(secret) - 1);
	webhook->secret_length = sizeof(secret) - 1;
}

void sim_receivers_init(struct sim_receivers *receivers, const struct sim_options *options,
	const struct sim_faults *faults, const struct mr_ledger *ledger, uint64_t hash_seed)
{
	*receivers = (struct sim_receivers){
		.options = options, .faults = faults, .answer_ns = options->answer_ns};
	mr_rng_seed(&receivers->rng, options->seed ^ 0x4ec);
	receivers->hmac = mr_hmac_new(secret, sizeof(secret) - 1);
	int err = mr_checker_init(&receivers->checker, &receivers->latency);
	mr_assert(err == 0 && receivers->hmac != NULL);
	mr_latency_layout(&receivers->latency, &ledger->header->workload, hash_seed, options->flows,
		options->shards);
	receivers->checker.ledger = ledger;
	receivers->exact = is_exact(options);
	for (uint32_t i = 0; i < options->webhooks; i++) {
		char path[MR_CHECKER_PATH_BYTES];
		format_path(options, i, path, sizeof(path));
		int index = mr_checker_path(&receivers->checker, path, strlen(path));
		mr_assert(index == (int)i);
	}
	for (uint32_t i = 0; i < options->endpoints; i++) {
		struct sim_endpoint *endpoint = &receivers->endpoints[i];
		*endpoint = (struct sim_endpoint){.receivers = receivers,
			.hangs = i >= options->endpoints - options->hung_endpoints,
			.peer = {.address = {.port = (uint16_t)(ENDPOINT_PORT + i)},
				.connect_ns = 100000,
				.serve = serve,
				.state = endpoint}};
		const uint8_t ip[16] = {[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(1 + i)};
		memcpy(endpoint->peer.address.ip, ip, sizeof(ip));
	}
}

bool sim_receivers_stays(const struct sim_receivers *receivers, uint32_t webhook)
{
	const struct sim_options *options = receivers->options;
	return !options->journal.rehook || webhook < options->webhooks / 2;
}

void sim_receivers_configure(
	const struct sim_receivers *receivers, uint64_t boot, struct mr_config *config)
{
	const struct sim_options *options = receivers->options;
	config->webhooks = calloc(options->webhooks, sizeof(*config->webhooks));
	mr_assert(config->webhooks != NULL);
	for (uint32_t i = 0; i < options->webhooks; i++)
		if (sim_receivers_stays(receivers, i)
			|| mr_hash_u64(boot, options->seed + i) % 2 == 0)
			describe(options, i, &config->webhooks[config->webhooks_count++]);
}

void sim_receivers_crashed(struct sim_receivers *receivers, uint64_t now_ns)
{
	mr_assert(receivers->crashes < SIM_CRASHES_MAX);
	receivers->crashed_ns[receivers->crashes++] = now_ns;
}

void sim_receivers_attach(struct sim_receivers *receivers, struct mr_net *net)
{
	receivers->net = net;
	for (uint32_t i = 0; i < receivers->options->endpoints; i++)
		mr_fake_add(net, &receivers->endpoints[i].peer);
}

void sim_receivers_fini(struct sim_receivers *receivers)
{
	mr_map_fini(&receivers->rejected);
	mr_map_fini(&receivers->taken);
	mr_checker_fini(&receivers->checker);
	mr_hmac_free(receivers->hmac);
}

void sim_receivers_step(struct sim_receivers *receivers, uint64_t now_ns)
{
	const struct sim_faults *faults = receivers->faults;
	for (uint32_t i = 0; i < receivers->options->endpoints; i++) {
		struct sim_endpoint *endpoint = &receivers->endpoints[i];
		struct mr_fake_peer *peer = &endpoint->peer;
		if (strikes(receivers, faults->close_all))
			mr_fake_close_all(receivers->net, peer);
		if (strikes(receivers, faults->fail_send))
			mr_fake_fail_next_send(receivers->net, peer, EPIPE);
		if (now_ns < endpoint->down_until_ns)
			continue;
		peer->accept = MR_FAKE_ACCEPT;
		if (!strikes(receivers, faults->down))
			continue;
		peer->accept =
			mr_rng_chance(&receivers->rng, 1, 2) ? MR_FAKE_REFUSE : MR_FAKE_BLACK_HOLE;
		endpoint->down_until_ns = now_ns + mr_rng_below(&receivers->rng, DOWN_NS);
		mr_fake_close_all(receivers->net, peer);
	}
}
