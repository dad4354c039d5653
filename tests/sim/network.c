#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"

#define LATENCY_NS UINT64_C(20000)
#define LATE_NS    UINT64_C(20000000)

void sim_network_init(struct sim_network *network, const struct sim_faults *faults, uint64_t seed)
{
	*network = (struct sim_network){.faults = faults};
	mr_rng_seed(&network->rng, seed ^ 0x6e7);
}

void sim_network_fini(struct sim_network *network)
{
	for (uint32_t i = 0; i < network->count; i++)
		free(network->heap[i]);
	free(network->heap);
}

static bool is_before(const struct sim_frame *a, const struct sim_frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void push(struct sim_network *network, struct sim_frame *frame)
{
	if (network->count == network->size) {
		network->size = network->size == 0 ? 256 : 2 * network->size;
		network->heap = realloc(network->heap, network->size * sizeof(*network->heap));
		mr_assert(network->heap != NULL);
	}
	uint32_t at = network->count++;
	while (at > 0 && is_before(frame, network->heap[(at - 1) / 2])) {
		network->heap[at] = network->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	network->heap[at] = frame;
}

static struct sim_frame *pop(struct sim_network *network)
{
	struct sim_frame *first = network->heap[0];
	struct sim_frame *last = network->heap[--network->count];
	uint32_t at = 0;
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child + 1 < network->count
			&& is_before(network->heap[child + 1], network->heap[child]))
			child++;
		if (child >= network->count || !is_before(network->heap[child], last))
			break;
		network->heap[at] = network->heap[child];
		at = child;
	}
	if (network->count > 0)
		network->heap[at] = last;
	return first;
}

static bool strikes(struct sim_network *network, uint32_t chance)
{
	return chance > 0 && mr_rng_chance(&network->rng, chance, SIM_CHANCE_ONE);
}

static void send_one(struct sim_network *network, uint64_t now_ns, bool to_router, uint16_t queue,
	const void *bytes, uint32_t length)
{
	struct sim_frame *frame = malloc(sizeof(*frame) + length);
	mr_assert(frame != NULL);
	*frame = (struct sim_frame){
		.due_ns = now_ns + LATENCY_NS,
		.number = network->number++,
		.to_router = to_router,
		.queue = queue,
		.length = length,
	};
	memcpy(frame->bytes, bytes, length);
	if (strikes(network, network->faults->delay)) {
		frame->due_ns += mr_rng_below(&network->rng, LATE_NS);
		network->delayed++;
	}
	if (strikes(network, network->faults->corrupt)) {
		uint64_t bit = mr_rng_below(&network->rng, length * UINT64_C(8));
		frame->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		network->corrupted++;
	}
	push(network, frame);
}

void sim_network_send(struct sim_network *network, uint64_t now_ns, bool to_router, uint16_t queue,
	const void *bytes, uint32_t length)
{
	network->sent++;
	if (strikes(network, network->faults->drop)) {
		network->dropped++;
		return;
	}
	send_one(network, now_ns, to_router, queue, bytes, length);
	if (strikes(network, network->faults->duplicate)) {
		send_one(network, now_ns, to_router, queue, bytes, length);
		network->duplicated++;
	}
}

struct sim_frame *sim_network_arrived(struct sim_network *network, uint64_t now_ns)
{
	return network->count > 0 && network->heap[0]->due_ns <= now_ns ? pop(network) : NULL;
}

uint64_t sim_network_next_due(const struct sim_network *network)
{
	return network->count > 0 ? network->heap[0]->due_ns : UINT64_MAX;
}
