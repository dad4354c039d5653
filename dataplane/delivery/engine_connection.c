#include <errno.h>
#include <string.h>

#include "engine_state.h"
#include "histogram.h"
#include "mr_assert.h"

static const uint64_t idle_timeout_ns = 60000000000;
static const uint64_t second_ns = 1000000000;
static const uint64_t retry_after_s_max = 3600;

static void on_done(struct mr_io *io, int32_t result)
{
	struct connection_io *half = (struct connection_io *)io;
	struct connection *connection = half->connection;

	half->result = result;
	half->completed = true;
	if (!connection->queued)
		STAILQ_INSERT_TAIL(&connection->engine->ready, connection, ready_link);
	connection->queued = true;
}

void mr_connection_init(struct mr_engine *engine, struct connection *connection, uint8_t *buffers)
{
	connection->engine = engine;
	connection->fd = -1;
	connection->out = (struct connection_io){.io.done = on_done, .connection = connection};
	connection->in = connection->out;
	connection->receive = buffers;
	connection->request.body = buffers + RECEIVE_BYTES + HEAD_ROOM_BYTES;
	connection->request.body_size = engine->limits.body_size;
	TAILQ_INSERT_TAIL(&engine->free, connection, slot_link);
}

static void count(struct connection *connection, enum mr_counter_id id)
{
	mr_count(&connection->engine->stats->counters[id], 1);
}

static void receive(struct connection *connection)
{
	mr_net_recv(connection->engine->net, &connection->in.io, connection->fd,
		connection->receive, RECEIVE_BYTES);
}

static void leave_idle(struct connection *connection)
{
	mr_assert(connection->state == CONNECTION_IDLE);
	TAILQ_REMOVE(&connection->engine->idle, connection, slot_link);
	LIST_REMOVE(connection, idle_link);
	mr_timer_cancel(&connection->engine->timers, &connection->timer);
}

// The latest of the idle connections that are still good.
struct connection *mr_connection_reuse(struct mr_endpoint *endpoint)
{
	struct connection *connection, *next;

	for (connection = LIST_FIRST(&endpoint->idle); connection != NULL; connection = next) {
		next = LIST_NEXT(connection, idle_link);
		if (connection->in.completed) // its end, or bytes nobody asked for
			continue;
		leave_idle(connection);
		connection->state = CONNECTION_BEGUN;
		connection->reused = true;
		return connection;
	}
	return NULL;
}

// A slot with a socket that is not connected yet; NULL: no slot, or no descriptor.
struct connection *mr_connection_open(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	struct connection *connection = TAILQ_FIRST(&engine->free);

	if (connection == NULL)
		return NULL;
	int fd = mr_net_socket(engine->net, &endpoint->address);
	if (fd < 0)
		return NULL;
	TAILQ_REMOVE(&engine->free, connection, slot_link);
	mr_assert(connection->state == CONNECTION_FREE && connection->fd < 0);
	connection->fd = fd;
	connection->endpoint = endpoint;
	connection->state = CONNECTION_BEGUN;
	connection->reused = false;
	mr_endpoint_opened(engine, endpoint);
	return connection;
}

static void release(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;

	if (connection->out.io.busy || connection->in.io.busy)
		return;
	connection->out.completed = false;
	connection->in.completed = false;
	if (connection->fd >= 0)
		mr_net_close_fd(engine->net, connection->fd);
	connection->fd = -1;
	connection->state = CONNECTION_FREE;
	TAILQ_INSERT_HEAD(&engine->free, connection, slot_link);
	mr_endpoint_closed(engine, connection->endpoint);
	connection->endpoint = NULL;
}

// Ends what is under way; the slot is free when the kernel has let go of its buffers.
void mr_connection_close(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;

	mr_assert(connection->state != CONNECTION_FREE && connection->state != CONNECTION_CLOSING);
	if (connection->state == CONNECTION_IDLE)
		leave_idle(connection);
	mr_timer_cancel(&engine->timers, &connection->timer);
	connection->state = CONNECTION_CLOSING;
	mr_net_cancel(engine->net, &connection->out.io);
	mr_net_cancel(engine->net, &connection->in.io);
	release(connection);
}

static void go_idle(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;

	connection->state = CONNECTION_IDLE;
	TAILQ_INSERT_TAIL(&engine->idle, connection, slot_link);
	LIST_INSERT_HEAD(&connection->endpoint->idle, connection, idle_link);
	mr_timer_set(&engine->timers, &connection->timer, engine->now_ns + idle_timeout_ns);
	if (!connection->in.io.busy)
		receive(connection);
}

static void fill_result(const struct connection *connection, struct mr_result *ret_result)
{
	const struct mr_http_response *response = &connection->response;
	uint64_t retry_after_s = response->retry_after_s;

	ret_result->status = response->status;
	if (retry_after_s > retry_after_s_max)
		retry_after_s = retry_after_s_max;
	ret_result->retry_after_ns = retry_after_s * second_ns;
	ret_result->secret_length = response->secret_length;
	memcpy(ret_result->secret, response->secret, response->secret_length);
	ret_result->excerpt_length = response->excerpt_length;
	memcpy(ret_result->excerpt, response->excerpt, response->excerpt_length);
}

// Tells the caller, last of all: it may use the slot again at once.
static void finish(struct connection *connection, enum mr_outcome outcome, bool keep)
{
	struct mr_engine *engine = connection->engine;
	struct mr_endpoint *endpoint = connection->endpoint;
	void (*done)(struct mr_request *, const struct mr_result *) = connection->request.done;
	struct mr_result result;

	result.outcome = outcome;
	if (connection->state == CONNECTION_EXCHANGING) {
		fill_result(connection, &result);
	} else {
		result.status = 0;
		result.retry_after_ns = 0;
		result.secret_length = 0;
		result.excerpt_length = 0;
	}
	if (outcome != MR_OUTCOME_OK)
		count(connection, MR_DELIVERY_REQUESTS_FAILED);
	mr_histogram_record(&engine->stats->histograms[MR_HISTOGRAM_DELIVERY_REQUEST],
		engine->now_ns - connection->sent_ns);
	mr_assert(endpoint->busy > 0);
	endpoint->busy--;
	mr_endpoint_judge(engine, endpoint, &result);
	if (keep && !mr_endpoint_is_over(engine, endpoint))
		go_idle(connection);
	else
		mr_connection_close(connection);
	done(&connection->request, &result);
}

static void connect_to(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;
	uint64_t connect_by_ns = engine->now_ns + engine->connect_timeout_ns;

	count(connection, MR_DELIVERY_CONNECTS);
	connection->state = CONNECTION_CONNECTING;
	mr_timer_set(&engine->timers, &connection->timer,
		connect_by_ns < connection->deadline_ns ? connect_by_ns : connection->deadline_ns);
	mr_net_connect(
		engine->net, &connection->out.io, connection->fd, &connection->endpoint->address);
}

static void exchange(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;

	connection->state = CONNECTION_EXCHANGING;
	connection->answered = false;
	mr_http_response_init(&connection->response);
	mr_timer_set(&engine->timers, &connection->timer, connection->deadline_ns);
	mr_net_send(engine->net, &connection->out.io, connection->fd, connection->head,
		connection->send_length);
	if (!connection->in.io.busy)
		receive(connection);
}

// The old socket goes when nothing is under way on it any more.
static void reconnect(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;

	if (connection->out.io.busy || connection->in.io.busy)
		return;
	connection->out.completed = false;
	connection->in.completed = false;
	connection->reconnect = false;
	mr_net_close_fd(engine->net, connection->fd);
	connection->fd = mr_net_socket(engine->net, &connection->endpoint->address);
	if (connection->fd >= 0)
		connect_to(connection);
	else
		finish(connection, MR_OUTCOME_CONNECT, false);
}

// A kept connection may be closed by the peer just as we write. What was sent may be sent again
// (same id, same bytes), so one fresh connection is tried before anybody hears of it.
static void retry(struct connection *connection)
{
	struct mr_engine *engine = connection->engine;

	mr_assert(connection->reused && !connection->retried);
	connection->retried = true;
	connection->reconnect = true;
	mr_timer_cancel(&engine->timers, &connection->timer);
	mr_net_cancel(engine->net, &connection->out.io);
	reconnect(connection);
}

void mr_connection_send(struct connection *connection)
{
	mr_assert(connection->state == CONNECTION_BEGUN);
	connection->retried = false;
	if (!connection->reused)
		connect_to(connection);
	else if (connection->in.completed) // closed while the caller filled the body
		retry(connection);
	else
		exchange(connection);
}

void mr_connection_abandon(struct connection *connection)
{
	mr_assert(connection->state == CONNECTION_BEGUN && connection->endpoint->busy > 0);
	connection->endpoint->busy--;
	if (connection->reused && !connection->in.completed
		&& !mr_endpoint_is_over(connection->engine, connection->endpoint))
		go_idle(connection);
	else
		mr_connection_close(connection);
}

// Whole, cut, or ended by the peer: the status decides. `surplus`: bytes came behind it.
static void finish_by_status(struct connection *connection, bool surplus)
{
	const struct mr_http_response *response = &connection->response;
	bool keep = response->keep_alive && !surplus && !connection->out.io.busy;

	mr_assert(response->complete && response->status >= 200);
	finish(connection, response->status < 300 ? MR_OUTCOME_OK : MR_OUTCOME_STATUS, keep);
}

static void received(struct connection *connection, int32_t result)
{
	if (result > 0) {
		connection->answered = true;
		ssize_t used = mr_http_response_feed(
			&connection->response, connection->receive, (size_t)result);
		if (used < 0)
			finish(connection, MR_OUTCOME_BAD_RESPONSE, false);
		else if (connection->response.complete)
			finish_by_status(connection, used < result);
		else
			receive(connection);
	} else if (result == 0 && mr_http_response_eof(&connection->response) == 0) {
		finish_by_status(connection, false);
	} else if (connection->reused && !connection->retried && !connection->answered) {
		retry(connection);
	} else {
		finish(connection, MR_OUTCOME_RESET, false);
	}
}

// What came back counts more than what could not be sent: a peer may answer and close before it has
// read everything.
static void exchanged(struct connection *connection)
{
	if (connection->out.completed) {
		connection->out.completed = false;
		bool whole = connection->out.result >= 0
			&& (size_t)connection->out.result == connection->send_length;
		if (!whole)
			mr_net_cancel(connection->engine->net, &connection->in.io);
	}
	if (connection->in.completed) {
		connection->in.completed = false;
		received(connection, connection->in.result);
	}
}

void mr_connection_step(struct connection *connection)
{
	if (connection->reconnect) {
		reconnect(connection);
		return;
	}
	switch (connection->state) {
	case CONNECTION_CONNECTING:
		if (!connection->out.completed)
			break;
		connection->out.completed = false;
		if (connection->out.result == 0)
			exchange(connection);
		else
			finish(connection, MR_OUTCOME_CONNECT, false);
		break;
	case CONNECTION_EXCHANGING:
		exchanged(connection);
		break;
	case CONNECTION_IDLE:
		if (connection->in.completed)
			mr_connection_close(connection);
		break;
	case CONNECTION_CLOSING:
		release(connection);
		break;
	case CONNECTION_FREE: // released since it was queued
	case CONNECTION_BEGUN: // what has completed waits for mr_connection_send
		break;
	}
}

void mr_connection_expire(struct mr_timer *timer)
{
	void *at = (char *)timer - offsetof(struct connection, timer);
	struct connection *connection = at;

	if (connection->state == CONNECTION_IDLE)
		mr_connection_close(connection);
	else if (connection->state == CONNECTION_CONNECTING)
		finish(connection, MR_OUTCOME_CONNECT, false);
	else
		finish(connection, MR_OUTCOME_TIMEOUT, false);
}
