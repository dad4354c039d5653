#include <string.h>

#include "bytes.h"
#include "engine_state.h"
#include "hash.h"
#include "mr_assert.h"

enum { BREAKER_FAILURES = 3, BREAKER_DOUBLINGS_MAX = 5 };
static const uint64_t breaker_base_ns = 1000000000; // up to 32 s

static void gauge(const struct mr_engine *engine, enum mr_counter_id id, uint64_t value)
{
	mr_gauge(&engine->stats->counters[id], value);
}

bool mr_engine_endpoints_init(struct mr_engine *engine, struct mr_arena *arena)
{
	uint32_t count = engine->limits.endpoints_max;
	uint32_t buckets = 16;

	while (buckets < count)
		buckets *= 2;
	engine->buckets_mask = buckets - 1;
	engine->endpoints = mr_arena_array(arena, "endpoints", struct mr_endpoint, count);
	engine->hosts = mr_arena_array(arena, "endpoints", struct host, count);
	engine->buckets = mr_arena_array(arena, "endpoints", struct mr_endpoint *, buckets);
	if (engine->endpoints == NULL || engine->hosts == NULL || engine->buckets == NULL)
		return false;
	for (uint32_t i = count; i > 0; i--) {
		engine->endpoints[i - 1].next = engine->endpoints_free;
		engine->endpoints_free = &engine->endpoints[i - 1];
	}
	return true;
}

static uint64_t hash_of(const char *host, size_t host_length, const struct mr_address *address)
{
	uint64_t seed = mr_hash_bytes(address->ip, sizeof(address->ip), address->port);

	return mr_hash_bytes(host, host_length, seed);
}

static bool is(const struct mr_endpoint *endpoint, uint64_t hash, const char *host,
	size_t host_length, const struct mr_address *address)
{
	return endpoint->hash == hash && endpoint->name_length == host_length
		&& memcmp(endpoint->name, host, host_length) == 0
		&& endpoint->address.port == address->port
		&& memcmp(endpoint->address.ip, address->ip, sizeof(address->ip)) == 0;
}

// The row of an address; there are as many rows as endpoints, so one is always free. Endpoints are
// made seldom: a scan will do.
static struct host *host_get(struct mr_engine *engine, const struct mr_address *address)
{
	struct host *fresh = NULL;

	for (uint32_t i = 0; i < engine->limits.endpoints_max; i++) {
		struct host *host = &engine->hosts[i];
		if (host->quota.known == 0) {
			if (fresh == NULL)
				fresh = host;
		} else if (memcmp(host->ip, address->ip, sizeof(host->ip)) == 0) {
			host->quota.known++;
			return host;
		}
	}
	mr_assert(fresh != NULL && fresh->quota.open == 0);
	memcpy(fresh->ip, address->ip, sizeof(fresh->ip));
	fresh->quota = (struct quota){.slots = engine->limits.connections_per_host, .known = 1};
	return fresh;
}

// The part of a request's head that never changes.
static bool fill_head(struct mr_endpoint *endpoint)
{
	struct mr_out out = mr_out_make(endpoint->head, sizeof(endpoint->head));

	mr_out_literal(&out, " HTTP/1.1\r\nHost: ");
	mr_out_bytes(&out, endpoint->name, endpoint->name_length);
	if (endpoint->address.port != 80) {
		mr_out_literal(&out, ":");
		mr_out_u64(&out, endpoint->address.port);
	}
	mr_out_literal(&out,
		"\r\nUser-Agent: Millrace/" MR_VERSION "\r\nContent-Type: application/json\r\n");
	endpoint->head_length = (uint16_t)(out.at - (uint8_t *)endpoint->head);
	return !out.overflow;
}

struct mr_endpoint *mr_endpoint_get(
	struct mr_engine *engine, const char *host, const struct mr_address *address)
{
	size_t length = strlen(host);
	uint64_t hash = hash_of(host, length, address);
	struct mr_endpoint **bucket = &engine->buckets[hash & engine->buckets_mask];
	struct mr_endpoint *endpoint;

	for (endpoint = *bucket; endpoint != NULL; endpoint = endpoint->next) {
		if (is(endpoint, hash, host, length, address)) {
			endpoint->references++;
			return endpoint;
		}
	}
	endpoint = engine->endpoints_free;
	if (endpoint == NULL || length > MR_HOST_BYTES_MAX)
		return NULL;
	struct mr_endpoint *rest = endpoint->next;
	*endpoint = (struct mr_endpoint){
		.address = *address,
		.hash = hash,
		.references = 1,
		.allowed = 1,
		.name_length = (uint16_t)length,
	};
	memcpy(endpoint->name, host, length);
	bool fits = fill_head(endpoint);
	mr_assert(fits); // the longest host leaves room
	LIST_INIT(&endpoint->idle);
	endpoint->host = host_get(engine, address);
	engine->endpoints_free = rest;
	endpoint->next = *bucket;
	*bucket = endpoint;
	gauge(engine, MR_DELIVERY_ENDPOINTS, ++engine->quota.known);
	return endpoint;
}

static void endpoint_free(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	struct mr_endpoint **at = &engine->buckets[endpoint->hash & engine->buckets_mask];

	mr_assert(endpoint->busy == 0 && endpoint->open == 0);
	while (*at != endpoint)
		at = &(*at)->next;
	*at = endpoint->next;
	mr_assert(endpoint->host->quota.known > 0);
	endpoint->host->quota.known--;
	if (endpoint->failing)
		gauge(engine, MR_DELIVERY_ENDPOINTS_FAILING, --engine->endpoints_failing);
	endpoint->next = engine->endpoints_free;
	engine->endpoints_free = endpoint;
	gauge(engine, MR_DELIVERY_ENDPOINTS, --engine->quota.known);
}

void mr_endpoint_put(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	mr_assert(endpoint->references > 0);
	if (--endpoint->references > 0)
		return;
	if (endpoint->open == 0) {
		endpoint_free(engine, endpoint);
		return;
	}
	// The last connection that closes frees the endpoint.
	while (!LIST_EMPTY(&endpoint->idle))
		mr_connection_close(LIST_FIRST(&endpoint->idle));
}

static uint32_t half_of(const struct quota *quota)
{
	return quota->slots / 2;
}

// Slots that second and further connections may have together.
static uint32_t extras_max(const struct quota *quota)
{
	uint32_t kept = quota->known < half_of(quota) ? quota->known : half_of(quota);

	return quota->slots - kept;
}

static uint32_t extras(const struct quota *quota)
{
	mr_assert(quota->firsts <= quota->open && quota->open <= quota->slots);
	return quota->open - quota->firsts;
}

bool mr_endpoint_may_open(const struct mr_engine *engine, const struct mr_endpoint *endpoint)
{
	const struct quota *all = &engine->quota;
	const struct quota *host = &endpoint->host->quota;

	if (all->open == all->slots || host->open == host->slots
		|| endpoint->open >= engine->limits.connections_per_endpoint)
		return false;
	if (endpoint->open == 0) // a first connection
		return endpoint->proven || engine->endpoints_unproven < half_of(all);
	return extras(all) < extras_max(all) && extras(host) < extras_max(host);
}

bool mr_endpoint_is_over(const struct mr_engine *engine, const struct mr_endpoint *endpoint)
{
	const struct quota *all = &engine->quota;
	const struct quota *host = &endpoint->host->quota;

	if (endpoint->references == 0 || endpoint->open > endpoint->allowed)
		return true;
	return endpoint->open > 1
		&& (extras(all) > extras_max(all) || extras(host) > extras_max(host));
}

void mr_endpoint_opened(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	struct quota *host = &endpoint->host->quota;

	engine->quota.open++;
	host->open++;
	if (endpoint->open++ == 0) {
		engine->quota.firsts++;
		host->firsts++;
		engine->endpoints_unproven += endpoint->proven ? 0 : 1;
	}
	gauge(engine, MR_DELIVERY_CONNECTIONS, engine->quota.open);
}

void mr_endpoint_closed(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	struct quota *host = &endpoint->host->quota;

	mr_assert(endpoint->open > 0 && host->open > 0 && engine->quota.open > 0);
	engine->quota.open--;
	host->open--;
	if (--endpoint->open == 0) {
		engine->quota.firsts--;
		host->firsts--;
		engine->endpoints_unproven -= endpoint->proven ? 0 : 1;
	}
	gauge(engine, MR_DELIVERY_CONNECTIONS, engine->quota.open);
	if (endpoint->open == 0 && endpoint->references == 0)
		endpoint_free(engine, endpoint);
}

static void set_proven(struct mr_engine *engine, struct mr_endpoint *endpoint, bool proven)
{
	mr_assert(endpoint->open > 0);
	if (endpoint->proven != proven)
		engine->endpoints_unproven += proven ? -1u : 1u;
	endpoint->proven = proven;
}

// Connections that fail, all of one moment counting once they have opened the breaker.
static void note_failed_connection(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	if (engine->now_ns < endpoint->asleep_until_ns)
		return;
	endpoint->failures++;
	if (endpoint->failures < BREAKER_FAILURES)
		return;
	uint32_t doublings = endpoint->failures - BREAKER_FAILURES;
	if (doublings > BREAKER_DOUBLINGS_MAX)
		doublings = BREAKER_DOUBLINGS_MAX;
	endpoint->asleep_until_ns = engine->now_ns + (breaker_base_ns << doublings);
}

void mr_endpoint_judge(
	struct mr_engine *engine, struct mr_endpoint *endpoint, const struct mr_result *result)
{
	bool answered = result->outcome == MR_OUTCOME_OK || result->outcome == MR_OUTCOME_STATUS;
	bool failing = result->outcome != MR_OUTCOME_OK;

	if (failing != endpoint->failing) {
		engine->endpoints_failing += failing ? 1u : -1u;
		gauge(engine, MR_DELIVERY_ENDPOINTS_FAILING, engine->endpoints_failing);
	}
	endpoint->failing = failing;
	if (!answered)
		note_failed_connection(engine, endpoint);
	else
		endpoint->failures = 0;
	if (!failing) {
		uint32_t doubled = 2 * endpoint->allowed;
		uint32_t most = engine->limits.connections_per_endpoint;
		endpoint->allowed = doubled < most ? doubled : most;
		set_proven(engine, endpoint, true);
	} else if (!answered || result->status >= 500 || result->status == 429) {
		endpoint->allowed = 1;
		set_proven(engine, endpoint, false);
	}
	// Any other refusal says something about the request, not about the endpoint.
}
