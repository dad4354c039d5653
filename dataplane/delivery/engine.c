#include "engine.h"

#include <string.h>

#include "bytes.h"
#include "engine_state.h"
#include "mr_assert.h"

enum { STEP_COMPLETIONS_MAX = 256, STEP_TIMERS_MAX = 64 };
static const uint64_t bound_retry_ns =
	5000000; // asked again at a bound that no request of the endpoint lifts
static const uint64_t default_connect_timeout_ns = 5000000000;
static const uint64_t default_request_timeout_ns = 10000000000;

struct mr_engine *mr_engine_new(
	struct mr_arena *arena, const struct mr_engine_limits *limits, struct mr_stats_stage *stats)
{
	size_t buffers_bytes =
		RECEIVE_BYTES + HEAD_ROOM_BYTES + ((limits->body_size + 63) & ~(size_t)63);
	struct mr_engine *engine = mr_arena_array(arena, "engine", struct mr_engine, 1);
	// a planning arena hands out nothing, yet every part must be asked for
	struct mr_engine planned;

	struct mr_engine *target = engine != NULL ? engine : &planned;
	target->limits = *limits;
	bool endpoints = mr_engine_endpoints_init(target, arena);
	struct connection *connections =
		mr_arena_array(arena, "connections", struct connection, limits->connections_max);
	uint8_t *buffers = mr_arena_array(
		arena, "connection buffers", uint8_t, buffers_bytes * limits->connections_max);
	if (engine == NULL || !endpoints || connections == NULL || buffers == NULL)
		return NULL;
	mr_assert(limits->connections_max >= 2 && limits->connections_per_endpoint > 0);
	engine->quota.slots = limits->connections_max;
	engine->stats = stats;
	engine->connections = connections;
	engine->connect_timeout_ns = default_connect_timeout_ns;
	engine->request_timeout_ns = default_request_timeout_ns;
	TAILQ_INIT(&engine->free);
	TAILQ_INIT(&engine->idle);
	STAILQ_INIT(&engine->ready);
	for (uint32_t i = 0; i < limits->connections_max; i++)
		mr_connection_init(engine, &connections[i], buffers + i * buffers_bytes);
	return engine;
}

void mr_engine_attach(struct mr_engine *engine, struct mr_net *net)
{
	mr_assert(engine->net == NULL);
	engine->net = net;
}

void mr_engine_tune(struct mr_engine *engine, const struct mr_tune *tune)
{
	engine->connect_timeout_ns = tune->connect_timeout_ns;
	engine->request_timeout_ns = tune->request_timeout_ns;
}

void mr_engine_free(struct mr_engine *engine)
{
	if (engine == NULL)
		return;
	for (uint32_t i = 0; i < engine->limits.connections_max; i++) {
		struct connection *connection = &engine->connections[i];
		if (connection->fd < 0)
			continue;
		mr_net_cancel(engine->net, &connection->out.io);
		mr_net_cancel(engine->net, &connection->in.io);
		mr_net_close_fd(engine->net, connection->fd);
		connection->fd = -1;
	}
}

static void see_time(struct mr_engine *engine, uint64_t now_ns)
{
	if (!engine->started)
		mr_timer_wheel_init(&engine->timers, now_ns);
	engine->started = true;
	if (now_ns > engine->now_ns)
		engine->now_ns = now_ns;
}

// A bound was met: idle connections of others must not be what meets it. The one longest idle goes,
// if that helps.
static void make_room(struct mr_engine *engine, const struct mr_endpoint *endpoint)
{
	const struct quota *host = &endpoint->host->quota;
	bool host_full = host->open == host->slots;
	bool all_full = engine->quota.open == engine->quota.slots;
	struct connection *connection;

	if (!host_full && !all_full && endpoint->open == 0)
		return; // too many endpoints without a success: theirs are busy
	TAILQ_FOREACH (connection, &engine->idle, slot_link) {
		const struct mr_endpoint *other = connection->endpoint;
		if (host_full ? other->host == endpoint->host : all_full || other->open > 1) {
			mr_connection_close(connection);
			return;
		}
	}
}

struct mr_request *mr_request_begin(struct mr_engine *engine, struct mr_endpoint *endpoint,
	uint64_t now_ns, uint64_t *ret_retry_ns)
{
	see_time(engine, now_ns);
	mr_assert(endpoint->references > 0);
	if (endpoint->asleep_until_ns > now_ns) {
		*ret_retry_ns = endpoint->asleep_until_ns;
		return NULL;
	}
	if (endpoint->busy >= endpoint->allowed) {
		*ret_retry_ns = 0;
		return NULL;
	}
	struct connection *connection = mr_connection_reuse(endpoint);
	if (connection == NULL && mr_endpoint_may_open(engine, endpoint))
		connection = mr_connection_open(engine, endpoint);
	else if (connection == NULL)
		make_room(engine, endpoint);
	if (connection == NULL) {
		*ret_retry_ns = now_ns + bound_retry_ns;
		return NULL;
	}
	endpoint->busy++;
	connection->request.owner = NULL;
	connection->request.tag = 0;
	connection->request.done = NULL;
	return &connection->request;
}

// The head ends where the body begins, so that both are one buffer.
static void place_head(
	struct connection *connection, const char *path, const char *headers, size_t body_length)
{
	const struct mr_endpoint *endpoint = connection->endpoint;
	uint8_t digits[20];
	struct mr_out number = mr_out_make(digits, sizeof(digits));
	size_t path_length = strlen(path);
	size_t headers_length = strlen(headers);

	mr_out_u64(&number, body_length);
	size_t digits_length = (size_t)(number.at - digits);
	size_t length =
		5 + path_length + endpoint->head_length + headers_length + 16 + digits_length + 4;
	mr_assert(path_length < MR_URL_BYTES_MAX && headers_length <= MR_REQUEST_HEADERS_BYTES_MAX);
	mr_assert(length <= HEAD_ROOM_BYTES);
	struct mr_out out = mr_out_make(connection->request.body - length, length);
	mr_out_literal(&out, "POST ");
	mr_out_bytes(&out, path, path_length);
	mr_out_bytes(&out, endpoint->head, endpoint->head_length);
	mr_out_bytes(&out, headers, headers_length);
	mr_out_literal(&out, "Content-Length: ");
	mr_out_bytes(&out, digits, digits_length);
	mr_out_literal(&out, "\r\n\r\n");
	mr_assert(!out.overflow && out.at == connection->request.body);
	connection->head = connection->request.body - length;
	connection->send_length = length + body_length;
}

void mr_request_send(struct mr_request *request, const char *path, const char *headers,
	size_t body_length, uint64_t now_ns)
{
	struct connection *connection = (struct connection *)request;
	struct mr_engine *engine = connection->engine;

	mr_assert(request->done != NULL && body_length <= request->body_size);
	see_time(engine, now_ns);
	place_head(connection, path, headers, body_length);
	connection->sent_ns = engine->now_ns;
	connection->deadline_ns = engine->now_ns + engine->request_timeout_ns;
	mr_count(&engine->stats->counters[MR_DELIVERY_REQUESTS], 1);
	mr_connection_send(connection);
}

void mr_request_abandon(struct mr_request *request)
{
	mr_connection_abandon((struct connection *)request);
}

enum mr_poll mr_engine_step(struct mr_engine *engine, uint64_t now_ns)
{
	uint32_t work = 0;

	see_time(engine, now_ns);
	while (work < STEP_COMPLETIONS_MAX && !STAILQ_EMPTY(&engine->ready)) {
		struct connection *connection = STAILQ_FIRST(&engine->ready);
		STAILQ_REMOVE_HEAD(&engine->ready, ready_link);
		connection->queued = false;
		mr_connection_step(connection);
		work++;
	}
	for (uint32_t i = 0; i < STEP_TIMERS_MAX; i++) {
		struct mr_timer *timer = mr_timer_expire(&engine->timers, engine->now_ns);
		if (timer == NULL)
			break;
		mr_connection_expire(timer);
		work++;
	}
	return work > 0 ? MR_POLL_BUSY : MR_POLL_IDLE;
}

uint64_t mr_engine_next_due(const struct mr_engine *engine)
{
	return STAILQ_EMPTY(&engine->ready) ? mr_timer_next_due(&engine->timers) : 0;
}
