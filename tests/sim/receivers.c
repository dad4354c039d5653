#include "receivers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "http_request.h"
#include "mr_assert.h"

enum { SIGNATURE_BYTES = 32, ENDPOINT_PORT = 9000 };
#define DOWN_NS UINT64_C(200000000)
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

static void check(struct sim_endpoint *endpoint, const struct mr_http_request *request, bool taken,
	uint64_t now_ns)
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
		.answered = taken,
		.now_ns = now_ns};
	int err = mr_checker_request(&receivers->checker, &checked);
	mr_assert(err == 0 || err == -EBADMSG); // counted there
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

// Not taken. The texts are static: serve() must not return them from its frame.
static bool refuse(struct sim_receivers *receivers, struct mr_fake_answer *ret_answer)
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
		return false;
	*ret_answer = (struct mr_fake_answer){.bytes = text,
		.length = text != NULL ? strlen(text) : 0,
		.then = text == NULL ? MR_FAKE_HANG : MR_FAKE_KEEP};
	return true;
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
	bool taken = !endpoint->hangs && !refuse(receivers, ret_answer);
	if (taken) {
		answer_ok(endpoint, ret_answer);
		receivers->taken_unsaid += forget(receivers, ret_answer);
	}
	receivers->refused += !taken;
	check(endpoint, &request, taken, now_ns + ret_answer->delay_ns);
	mr_http_request_fini(&request);
}

// -- All of them

static void describe(
	const struct sim_options *options, uint32_t index, struct mr_config_webhook *entry)
{
	struct mr_webhook *webhook = &entry->webhook;
	uint32_t endpoint = index % options->endpoints;
	snprintf(webhook->name, sizeof(webhook->name), "w%u", index);
	snprintf(webhook->host, sizeof(webhook->host), "192.0.2.%u", 1 + endpoint);
	snprintf(webhook->path, sizeof(webhook->path), "/w%u/%" PRIu64, index,
		options->resources[index]);
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
	const struct sim_faults *faults, const struct mr_ledger *ledger, struct mr_config *config)
{
	*receivers = (struct sim_receivers){.options = options, .faults = faults};
	mr_rng_seed(&receivers->rng, options->seed ^ 0x4ec);
	receivers->hmac = mr_hmac_new(secret, sizeof(secret) - 1);
	int err = mr_checker_init(&receivers->checker, &receivers->latency);
	mr_assert(err == 0 && receivers->hmac != NULL);
	mr_latency_layout(&receivers->latency, &ledger->header->workload, config->hash_seed,
		options->flows, options->shards);
	receivers->checker.ledger = ledger;
	config->webhooks_count = options->webhooks;
	config->webhooks = calloc(options->webhooks, sizeof(*config->webhooks));
	mr_assert(config->webhooks != NULL);
	for (uint32_t i = 0; i < options->webhooks; i++) {
		describe(options, i, &config->webhooks[i]);
		const char *path = config->webhooks[i].webhook.path;
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

void sim_receivers_attach(struct sim_receivers *receivers, struct mr_net *net)
{
	receivers->net = net;
	for (uint32_t i = 0; i < receivers->options->endpoints; i++)
		mr_fake_add(net, &receivers->endpoints[i].peer);
}

void sim_receivers_fini(struct sim_receivers *receivers)
{
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
