// The engine's own structures, shared by its three source files and by nobody else.
//
// A slot goes FREE -> BEGUN -> CONNECTING -> EXCHANGING -> IDLE -> BEGUN ..., and from anywhere
// through CLOSING (its operations are being canceled) to FREE. A connection that is IDLE or
// EXCHANGING always has a receive under way, so the end of an idle one is seen at once and an
// answer needs no further call.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "engine.h"
#include "http_response.h"
#include "timer.h"

enum {
	RECEIVE_BYTES = 4096,
	HEAD_ROOM_BYTES = 3072, // in front of the body: one send covers both
	ENDPOINT_HEAD_BYTES_MAX = 512,
};
static_assert(5 + MR_URL_BYTES_MAX + ENDPOINT_HEAD_BYTES_MAX + MR_REQUEST_HEADERS_BYTES_MAX + 64
		<= HEAD_ROOM_BYTES,
	"a request's head fits in front of its body");

enum connection_state {
	CONNECTION_FREE,
	CONNECTION_BEGUN, // a caller fills the body
	CONNECTION_CONNECTING,
	CONNECTION_EXCHANGING,
	CONNECTION_IDLE,
	CONNECTION_CLOSING,
};

struct connection_io {
	struct mr_io io;
	struct connection *connection;
	int32_t result;
	bool completed; // result is waiting for mr_engine_step
};

struct connection {
	struct mr_request request; // first: the caller's handle
	struct mr_engine *engine;
	struct mr_endpoint *endpoint;
	enum connection_state state;
	int fd; // -1: none
	bool reused; // has carried a request before
	bool retried; // the request is on its second connection
	bool reconnect; // the old socket is going, a new one takes over
	bool answered; // a byte of the response was seen
	bool queued; // stands in engine->ready
	struct connection_io out; // connect and send
	struct connection_io in;
	struct mr_timer timer;
	uint64_t sent_ns;
	uint64_t deadline_ns;
	const uint8_t *head; // what is sent: head and body in one piece
	size_t send_length;
	uint8_t *receive;
	TAILQ_ENTRY(connection) slot_link; // engine->free or engine->idle
	LIST_ENTRY(connection) idle_link; // endpoint->idle
	STAILQ_ENTRY(connection) ready_link;
	struct mr_http_response response;
};

// How a number of slots is shared: as many as there are endpoints (half of all at most) are kept
// for first connections.
struct quota {
	uint32_t slots;
	uint32_t known; // endpoints
	uint32_t firsts; // endpoints with at least one slot
	uint32_t open; // slots in use
};

struct host { // an address, any port; known 0: a free row
	uint8_t ip[16];
	struct quota quota;
};

struct mr_endpoint {
	struct mr_address address;
	uint64_t hash;
	struct mr_endpoint *next; // in its bucket, or in the free list
	struct host *host;
	uint32_t references; // 0: goes when its last connection is closed
	uint32_t open; // slots, those that are closing included
	uint32_t busy; // slots with a request
	uint32_t allowed; // slow start: how many may be busy
	uint32_t failures; // connections that failed in a row
	uint64_t asleep_until_ns; // the breaker is open
	bool proven; // the last attempt succeeded
	bool failing; // the last attempt failed
	LIST_HEAD(, connection) idle; // latest first
	uint16_t name_length;
	uint16_t head_length;
	char name[MR_HOST_BYTES_MAX + 1];
	char head[ENDPOINT_HEAD_BYTES_MAX]; // from the version to the last constant header
};

struct mr_engine {
	struct mr_engine_limits limits;
	struct mr_net *net;
	struct mr_stats_stage *stats;
	uint64_t connect_timeout_ns;
	uint64_t request_timeout_ns;
	struct connection *connections;
	TAILQ_HEAD(, connection) free;
	TAILQ_HEAD(idle_list, connection) idle; // longest idle first
	STAILQ_HEAD(, connection) ready; // completions not yet looked at
	struct mr_endpoint *endpoints;
	struct mr_endpoint *endpoints_free;
	struct mr_endpoint **buckets;
	uint32_t buckets_mask;
	struct host *hosts;
	struct quota quota;
	uint32_t endpoints_failing;
	uint32_t endpoints_unproven; // with a slot and without a success
	struct mr_timer_wheel timers;
	bool started; // the wheel stands at the first time that was seen
	uint64_t now_ns;
};

// engine_endpoint.c: who may have how many slots.
bool mr_engine_endpoints_init(struct mr_engine *engine, struct mr_arena *arena);
// False: some bound says no.
bool mr_endpoint_may_open(const struct mr_engine *engine, const struct mr_endpoint *endpoint);
// True: the endpoint has more than its share by now.
bool mr_endpoint_is_over(const struct mr_engine *engine, const struct mr_endpoint *endpoint);
// The endpoint gains or loses a slot.
void mr_endpoint_opened(struct mr_engine *engine, struct mr_endpoint *endpoint);
void mr_endpoint_closed(struct mr_engine *engine, struct mr_endpoint *endpoint);
// What an attempt says about its endpoint.
void mr_endpoint_judge(
	struct mr_engine *engine, struct mr_endpoint *endpoint, const struct mr_result *result);

// engine_connection.c: the life of one slot.
void mr_connection_init(struct mr_engine *engine, struct connection *connection, uint8_t *buffers);
struct connection *mr_connection_reuse(struct mr_endpoint *endpoint);
struct connection *mr_connection_open(struct mr_engine *engine, struct mr_endpoint *endpoint);
void mr_connection_send(struct connection *connection);
void mr_connection_abandon(struct connection *connection);
void mr_connection_close(struct connection *connection);
void mr_connection_step(struct connection *connection);
void mr_connection_expire(struct mr_timer *timer);
