#include "engine_fake.h"

#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"

struct mr_engine {
	size_t body_size;
};

struct mr_endpoint {
	struct mr_address address;
	uint32_t references;
};

struct fake_engine fake_engine;
static struct mr_engine the_engine;
static struct mr_endpoint endpoints[16];

void fake_engine_reset(void)
{
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++)
		free(fake_engine.requests[i].request.body);
	fake_engine = (struct fake_engine){.slots_max = FAKE_REQUESTS_MAX};
	memset(endpoints, 0, sizeof(endpoints));
}

struct mr_engine *mr_engine_new(
	struct mr_arena *arena, const struct mr_engine_limits *limits, struct mr_stats_stage *stats)
{
	(void)arena;
	(void)stats;
	the_engine.body_size = limits->body_size;
	return &the_engine;
}

void mr_engine_attach(struct mr_engine *engine, struct mr_net *net)
{
	(void)engine;
	(void)net;
}

void mr_engine_tune(struct mr_engine *engine, const struct mr_tune *tune)
{
	(void)engine;
	(void)tune;
}

void mr_engine_free(struct mr_engine *engine)
{
	(void)engine;
}

struct mr_endpoint *mr_endpoint_get(
	struct mr_engine *engine, const char *host, const struct mr_address *address)
{
	(void)engine;
	(void)host;
	struct mr_endpoint *found = NULL;
	for (uint32_t i = 0; i < 16; i++) {
		if (endpoints[i].references > 0
			&& memcmp(&endpoints[i].address, address, sizeof(*address)) == 0)
			found = &endpoints[i];
	}
	for (uint32_t i = 0; found == NULL && i < 16; i++)
		if (endpoints[i].references == 0)
			found = &endpoints[i];
	if (found == NULL)
		return NULL;
	found->address = *address;
	found->references++;
	fake_engine.endpoints++;
	return found;
}

void mr_endpoint_put(struct mr_engine *engine, struct mr_endpoint *endpoint)
{
	(void)engine;
	mr_assert(endpoint->references > 0);
	endpoint->references--;
	fake_engine.endpoints--;
}

struct mr_request *mr_request_begin(struct mr_engine *engine, struct mr_endpoint *endpoint,
	uint64_t now_ns, uint64_t *ret_retry_ns)
{
	(void)now_ns;
	uint32_t used = 0;
	struct fake_request *found = NULL;
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++) {
		if (fake_engine.requests[i].begun)
			used++;
		else
			found = &fake_engine.requests[i];
	}
	if (used >= fake_engine.slots_max || found == NULL) {
		*ret_retry_ns = fake_engine.retry_ns;
		return NULL;
	}
	free(found->request.body);
	*found = (struct fake_request){.endpoint = endpoint, .begun = true};
	found->request.body = malloc(engine->body_size);
	found->request.body_size = engine->body_size;
	fake_engine.begun++;
	return &found->request;
}

static struct fake_request *fake_of(struct mr_request *request)
{
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++)
		if (&fake_engine.requests[i].request == request)
			return &fake_engine.requests[i];
	mr_assert(false && "a request of nobody");
	return NULL;
}

void mr_request_send(struct mr_request *request, const char *path, const char *headers,
	size_t body_length, uint64_t now_ns)
{
	struct fake_request *fake = fake_of(request);
	mr_assert(fake->begun && !fake->sent && request->done != NULL);
	mr_assert(body_length <= request->body_size);
	mr_assert(strlen(path) < sizeof(fake->path) && strlen(headers) < sizeof(fake->headers));
	fake->sent = true;
	fake->order = ++fake_engine.order;
	fake->sent_ns = now_ns;
	fake->length = body_length;
	memcpy(fake->path, path, strlen(path) + 1);
	memcpy(fake->headers, headers, strlen(headers) + 1);
	fake_engine.sent++;
}

void mr_request_abandon(struct mr_request *request)
{
	struct fake_request *fake = fake_of(request);
	mr_assert(fake->begun && !fake->sent);
	fake->begun = false;
	fake_engine.abandoned++;
}

enum mr_poll mr_engine_step(struct mr_engine *engine, uint64_t now_ns)
{
	(void)engine;
	(void)now_ns;
	return MR_POLL_IDLE;
}

uint64_t mr_engine_next_due(const struct mr_engine *engine)
{
	(void)engine;
	return UINT64_MAX;
}

uint32_t fake_engine_waiting(void)
{
	uint32_t waiting = 0;
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++)
		waiting += fake_engine.requests[i].sent;
	return waiting;
}

struct fake_request *fake_engine_oldest(void)
{
	struct fake_request *oldest = NULL;
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++) {
		struct fake_request *request = &fake_engine.requests[i];
		if (request->sent && (oldest == NULL || request->order < oldest->order))
			oldest = request;
	}
	return oldest;
}

void fake_engine_answer_result(struct fake_request *request, const struct mr_result *result)
{
	mr_assert(request != NULL && request->sent);
	request->sent = false;
	request->begun = false;
	request->request.done(&request->request, result);
}

void fake_engine_answer(struct fake_request *request, enum mr_outcome outcome, uint16_t status)
{
	struct mr_result result = {.outcome = outcome, .status = status};
	fake_engine_answer_result(request, &result);
}
