// The HTTP engine of one delivery stage: endpoints, their connections and their bounds. It sends
// one request at a time per connection and says how it went; what to send and when to try again is
// the delivery stage's business.
//
// Everything that comes back is hostile: header bytes and count, body bytes, interim responses and
// time are bounded; a connection whose peer said more than it should is closed.
//
// Fairness: a new or failing endpoint has one connection; each success doubles what it may have up
// to its bound, a failure takes it back to one. Endpoints whose connections fail again and again
// are asked once per backoff. Second and further connections never take the last slots: as many as
// there are endpoints (half of all at most) are kept for first ones, and endpoints without a
// success hold at most half of all slots. A hung endpoint so holds its own few slots and nobody
// else's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "arena.h"
#include "net.h"
#include "stage.h"
#include "steward_msg.h"

struct mr_engine;
struct mr_endpoint;

enum { MR_REQUEST_HEADERS_BYTES_MAX = 1024 }; // header lines that a caller may add

struct mr_result {
	enum mr_outcome outcome;
	uint16_t status; // 0: none was read
	uint64_t retry_after_ns; // 0: not said; clamped to 1 s .. 1 h
	char secret[MR_SECRET_BYTES_MAX]; // X-Hook-Secret of the response
	uint16_t secret_length;
	uint16_t excerpt_length;
	uint8_t excerpt[MR_ATTEMPT_BODY_BYTES]; // first bytes of the body, as they came
};

// A request under way: a connection slot with its buffers. Fill the body, then send.
struct mr_request {
	uint8_t *body; // room for body_size bytes
	size_t body_size;
	void *owner; // the caller's
	uint64_t tag; // the caller's
	// Called once, by mr_engine_step or mr_request_send. The slot is free already: the request
	// may be read until the next mr_request_begin, which may be called from here.
	void (*done)(struct mr_request *request, const struct mr_result *result);
};

struct mr_engine_limits {
	uint32_t endpoints_max;
	uint32_t connections_max; // 2 at least
	uint32_t connections_per_endpoint;
	uint32_t connections_per_host; // same address, any port
	size_t body_size;
};

// All memory comes from the arena. NULL when it is exhausted or plans.
struct mr_engine *mr_engine_new(struct mr_arena *arena, const struct mr_engine_limits *limits,
	struct mr_stats_stage *stats);
void mr_engine_attach(struct mr_engine *engine, struct mr_net *net);
// Timeouts of requests to come.
void mr_engine_tune(struct mr_engine *engine, const struct mr_tune *tune);
// Closes every connection; requests under way are forgotten without a call. Accepts NULL. The net
// must still be open.
void mr_engine_free(struct mr_engine *engine);

// One endpoint per (host, address, port); counted references. NULL: endpoints.max, or the host is
// too long.
struct mr_endpoint *mr_endpoint_get(
	struct mr_engine *engine, const char *host, const struct mr_address *address);
void mr_endpoint_put(struct mr_engine *engine, struct mr_endpoint *endpoint);

// A slot for one request, or NULL: the endpoint or the engine is at its bound (or the breaker is
// open). Then *ret_retry_ns is when to ask again at the earliest; 0: when a request of this
// endpoint is done.
struct mr_request *mr_request_begin(struct mr_engine *engine, struct mr_endpoint *endpoint,
	uint64_t now_ns, uint64_t *ret_retry_ns);
// POSTs `body_length` bytes of request->body to `path`; `headers` are whole lines, each ended by CR
// LF (may be empty).
void mr_request_send(struct mr_request *request, const char *path, const char *headers,
	size_t body_length, uint64_t now_ns);
void mr_request_abandon(struct mr_request *request); // begun, never sent
// Completions and deadlines; bounded work.
enum mr_poll mr_engine_step(struct mr_engine *engine, uint64_t now_ns);
uint64_t mr_engine_next_due(const struct mr_engine *engine); // 0: at once
