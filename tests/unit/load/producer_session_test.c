// A session against a small model of the router over a network that loses, doubles and reorders
// packets in both directions, and over deaths of the router, which forgets what it has not
// promised.
// Whatever happens, every event ends once, with the fate that the router gave it, and nothing is
// sent beyond the window.
#include "producer_session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "rng.h"

enum { FLOWS = 4, EVENTS = 4000, EVENT_BYTES = 16, LINK_PACKETS = 512, ROUTER_WINDOW = 200 };
#define STEP_NS      UINT64_C(100000)
#define DOWN_NS      UINT64_C(20000000)
#define RECONNECT_NS UINT64_C(30000000)

struct datagram {
	uint64_t due_ns; // 0: no packet
	size_t length;
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX];
};

struct link {
	struct datagram packets[LINK_PACKETS];
};

struct router_flow {
	uint64_t next; // everything below is settled
	uint64_t known;
	uint64_t promised; // everything below was told to be settled
	uint64_t newest_send_ns;
	bool owes_ack;
	uint64_t received[EVENTS / 64 + 2]; // bit per sequence
	uint64_t number[EVENTS + 1]; // of the event that came under the sequence
	uint8_t fate[EVENTS + 1]; // by sequence
};

struct world {
	struct mr_rng rng;
	uint32_t loss; // of 100
	struct link to_router;
	struct link to_producer;
	struct router_flow flows[FLOWS];
	uint64_t boot; // of the router, from 1
	uint64_t down_until_ns;
	bool is_open; // the router knows the session
	bool is_stranger; // what it answers makes no sense
	uint32_t restarts_left;
	struct mr_producer_session session;
	uint64_t now_ns;
	uint64_t settled_events;
	uint8_t fate[EVENTS + 1]; // by event number, as the producer was told; 255: not yet
	uint8_t flow_of[EVENTS + 1];
	uint64_t sequence_of[EVENTS + 1];
};

static void link_send(struct world *world, struct link *link, const uint8_t *bytes, size_t length)
{
	if (mr_rng_chance(&world->rng, world->loss, 100))
		return;
	uint32_t copies = mr_rng_chance(&world->rng, world->loss, 100) ? 2 : 1;
	for (uint32_t i = 0; i < LINK_PACKETS && copies > 0; i++) {
		struct datagram *packet = &link->packets[i];
		if (packet->due_ns != 0)
			continue;
		packet->due_ns = world->now_ns + 1
			+ (world->loss > 0 ? mr_rng_below(&world->rng, 500000) : 0);
		packet->length = length;
		memcpy(packet->bytes, bytes, length);
		copies--;
	}
}

static uint32_t encode_event(
	void *context, const struct mr_pending *event, uint8_t *ret_bytes, uint32_t room)
{
	(void)context;
	if (room < EVENT_BYTES)
		return 0;
	memcpy(ret_bytes, &event->number, 8);
	memcpy(ret_bytes + 8, &event->object, 8);
	return EVENT_BYTES;
}

static void settle_event(
	void *context, const struct mr_pending *event, uint8_t reason, uint32_t retry_after_ms)
{
	struct world *world = context;
	(void)retry_after_ms;
	assert_int_equal(world->fate[event->number], 255); // once
	world->fate[event->number] = reason;
	world->settled_events++;
}

static bool router_has(const struct router_flow *flow, uint64_t sequence)
{
	return (flow->received[sequence / 64] >> (sequence % 64) & 1) != 0;
}

static void router_data(
	struct world *world, const struct mr_wire_header *header, const uint8_t *body)
{
	struct router_flow *flow = &world->flows[header->flow];
	if (header->known > flow->known)
		flow->known = header->known;
	assert_true(header->known <= flow->next); // nobody can know what is not settled
	flow->newest_send_ns = header->send_time_ns > flow->newest_send_ns ? header->send_time_ns
									   : flow->newest_send_ns;
	flow->owes_ack = true;
	for (uint32_t i = 0; i < header->count; i++) {
		uint64_t sequence = header->first_sequence + i;
		uint64_t number;
		memcpy(&number, body + i * EVENT_BYTES, 8);
		// The edge, as the producer can have learned it; a router that died granted more.
		if (sequence >= flow->next + ROUTER_WINDOW) {
			assert_true(world->boot > 1);
			continue;
		}
		if (router_has(flow, sequence)) {
			assert_int_equal(flow->number[sequence], number); // one sequence, one event
			continue;
		}
		flow->received[sequence / 64] |= UINT64_C(1) << (sequence % 64);
		flow->number[sequence] = number;
		flow->fate[sequence] =
			mr_rng_chance(&world->rng, 1, 5) ? MR_REASON_OBJECT_FULL : MR_REASON_OK;
	}
	while (router_has(flow, flow->next))
		flow->next++;
}

// ACK with the refusals from `known` on: as many runs as fit, and settled no further than they
// reach.
static void router_ack(struct world *world, uint32_t index)
{
	struct router_flow *flow = &world->flows[index];
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX] = {0};
	struct mr_wire_refused runs[MR_ACK_REFUSED_RUNS_MAX];
	struct mr_wire_ack ack = {.settled = flow->next,
		.edge = flow->next + ROUTER_WINDOW,
		.bitmap_words = 4,
		.echo_send_time_ns = flow->newest_send_ns};
	for (uint64_t s = flow->known > 0 ? flow->known : 1; s < flow->next; s++) {
		if (flow->fate[s] == MR_REASON_OK)
			continue;
		if (ack.refused_runs > 0
			&& runs[ack.refused_runs - 1].first + runs[ack.refused_runs - 1].count == s
			&& runs[ack.refused_runs - 1].reason == flow->fate[s]) {
			runs[ack.refused_runs - 1].count++;
			continue;
		}
		if (ack.refused_runs == MR_ACK_REFUSED_RUNS_MAX) {
			ack.settled = s;
			break;
		}
		runs[ack.refused_runs++] =
			(struct mr_wire_refused){.first = s, .count = 1, .reason = flow->fate[s]};
	}
	uint64_t bitmap[4] = {0};
	for (uint64_t i = 0; i < 256 && ack.settled + i <= EVENTS; i++)
		bitmap[i / 64] |= (uint64_t)router_has(flow, ack.settled + i) << (i % 64);
	uint8_t *at = bytes + MR_WIRE_HEADER_BYTES;
	memcpy(at, &ack, sizeof(ack));
	memcpy(at + sizeof(ack), bitmap, sizeof(bitmap));
	memcpy(at + sizeof(ack) + sizeof(bitmap), runs, ack.refused_runs * sizeof(runs[0]));
	struct mr_wire_header header = {.magic = MR_WIRE_MAGIC,
		.type = MR_WIRE_ACK,
		.flags = MR_WIRE_FLAG_VOLATILE,
		.session_id = world->session.session_id,
		.flow = (uint16_t)index};
	size_t body = sizeof(ack) + sizeof(bitmap) + ack.refused_runs * sizeof(runs[0]);
	link_send(world, &world->to_producer, bytes, mr_wire_finish(bytes, &header, body));
	flow->owes_ack = false;
	flow->promised = ack.settled > flow->promised ? ack.settled : flow->promised;
}

static void router_error(struct world *world, uint16_t reason)
{
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX] = {0};
	struct mr_wire_error error = {.reason = reason};
	memcpy(bytes + MR_WIRE_HEADER_BYTES, &error, sizeof(error));
	struct mr_wire_header header = {.magic = MR_WIRE_MAGIC,
		.type = MR_WIRE_ERROR,
		.session_id = world->session.session_id};
	link_send(world, &world->to_producer, bytes, mr_wire_finish(bytes, &header, sizeof(error)));
}

// Keeps what it promised and some of the rest; a refusal that nobody was told of is forgotten.
static void router_restart(struct world *world)
{
	world->boot++;
	world->restarts_left--;
	world->down_until_ns = world->now_ns + mr_rng_below(&world->rng, DOWN_NS);
	world->is_open = mr_rng_chance(&world->rng, 1, 2); // in the journal, or not
	world->to_router = (struct link){0};
	world->to_producer = (struct link){0};
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct router_flow *flow = &world->flows[i];
		uint64_t kept =
			flow->promised + mr_rng_below(&world->rng, flow->next - flow->promised + 1);
		for (uint64_t s = flow->promised; s < kept; s++) {
			if (flow->fate[s] != MR_REASON_OK)
				flow->fate[s] = MR_REASON_RESTARTED;
		}
		for (uint64_t s = kept; s <= EVENTS; s++)
			flow->received[s / 64] &= ~(UINT64_C(1) << (s % 64));
		flow->next = kept;
		flow->owes_ack = false;
		flow->newest_send_ns = 0;
	}
}

static void router_hello(
	struct world *world, const struct datagram *packet, const uint8_t *body, size_t body_length)
{
	struct mr_wire_hello hello;
	uint64_t known[MR_FLOWS_MAX];
	assert_int_equal(mr_wire_parse_hello(body, body_length, &hello, known), 0);
	assert_true(packet->length
		>= MR_WIRE_HELLO_BYTES); // WELCOME is never larger than what asked for it
	assert_true(hello.flows == FLOWS || (hello.flows == 0 && world->boot == 1));
	for (uint32_t i = 0; i < hello.flows; i++)
		assert_in_range(known[i], world->flows[i].known, world->flows[i].promised);
	world->is_open = true;
}

static void router_welcome(struct world *world)
{
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX] = {0};
	struct mr_wire_welcome welcome = {.hash_seed = 7, .boot_id = world->boot, .flows = FLOWS};
	struct mr_wire_grant grants[FLOWS];
	for (uint32_t i = 0; i < FLOWS; i++)
		grants[i] = (struct mr_wire_grant){
			.next = world->flows[i].next, .edge = world->flows[i].next + ROUTER_WINDOW};
	memcpy(bytes + MR_WIRE_HEADER_BYTES, &welcome, sizeof(welcome));
	memcpy(bytes + MR_WIRE_HEADER_BYTES + sizeof(welcome), grants, sizeof(grants));
	struct mr_wire_header header = {.magic = MR_WIRE_MAGIC,
		.type = MR_WIRE_WELCOME,
		.session_id = world->session.session_id};
	link_send(world, &world->to_producer, bytes,
		mr_wire_finish(bytes, &header, sizeof(welcome) + sizeof(grants)));
}

static void router_receive(struct world *world, const struct datagram *packet)
{
	struct mr_wire_header header;
	const uint8_t *body;
	size_t body_length;
	if (world->now_ns < world->down_until_ns)
		return;
	assert_int_equal(mr_wire_parse(packet->bytes, packet->length, &header, &body, &body_length),
		MR_DISCARD_COUNT);
	assert_int_equal(header.session_id, world->session.session_id);
	assert_int_equal(header.key_id, 42);
	switch (header.type) {
	case MR_WIRE_HELLO:
		router_hello(world, packet, body, body_length);
		router_welcome(world);
		break;
	case MR_WIRE_DATA:
		assert_int_equal(body_length, header.count * EVENT_BYTES);
		if (world->is_open)
			router_data(world, &header, body);
		else
			router_error(world, MR_REASON_UNKNOWN_SESSION);
		break;
	default:
		assert_int_equal(header.type, MR_WIRE_BYE);
		link_send(world, &world->to_producer, packet->bytes, packet->length);
	}
}

static void producer_receive(struct world *world, const struct datagram *packet)
{
	struct mr_settle settle = {.context = world, .event = settle_event};
	int r = mr_producer_session_receive(
		&world->session, packet->bytes, packet->length, world->now_ns, &settle);
	assert_true(r == 0 || (world->is_stranger && r == -EPROTO));
}

static void link_deliver(struct world *world, struct link *link,
	void (*receive)(struct world *world, const struct datagram *packet))
{
	for (uint32_t i = 0; i < LINK_PACKETS; i++) {
		if (link->packets[i].due_ns == 0 || link->packets[i].due_ns > world->now_ns)
			continue;
		struct datagram packet = link->packets[i];
		link->packets[i].due_ns = 0;
		receive(world, &packet);
	}
}

static void producer_step(struct world *world)
{
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX];
	mr_producer_session_tick(&world->session, world->now_ns);
	size_t length = mr_producer_session_greet(&world->session, world->now_ns, bytes);
	if (length > 0)
		link_send(world, &world->to_router, bytes, length);
	struct mr_encode encode = {.event = encode_event};
	for (uint32_t i = 0; i < world->session.flows_count; i++) {
		struct mr_producer_flow *flow = &world->session.flows[i];
		struct mr_range range;
		mr_producer_flow_tick(flow, world->now_ns);
		while ((length = mr_producer_session_data(
				&world->session, i, 7, world->now_ns, &encode, bytes, 300, &range))
			> 0) {
			assert_in_range(range.count, 1, 7);
			if (mr_rng_chance(&world->rng, world->loss, 100)) { // the port is full
				mr_producer_flow_unsent(flow, &range);
				break;
			}
			link_send(world, &world->to_router, bytes, length);
		}
	}
}

static void step(struct world *world)
{
	world->now_ns += STEP_NS;
	if (world->restarts_left > 0 && world->session.flows_count > 0
		&& mr_rng_chance(&world->rng, 1, 300))
		router_restart(world);
	producer_step(world);
	link_deliver(world, &world->to_router, router_receive);
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		if (world->flows[flow].owes_ack)
			router_ack(world, flow);
	}
	link_deliver(world, &world->to_producer, producer_receive);
}

static struct world *world_new(uint64_t seed, uint32_t loss)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	mr_rng_seed(&world->rng, seed);
	world->loss = loss;
	world->boot = 1;
	world->now_ns = 1000000000;
	memset(world->fate, 255, sizeof(world->fate));
	for (uint32_t i = 0; i < FLOWS; i++) {
		world->flows[i].next = 1;
		world->flows[i].promised = 1;
		world->flows[i].received[0] = 1; // sequence 0 is never used
	}
	const struct mr_producer_session_config config = {.key_id = 42,
		.session_id = 77 + seed,
		.buffer_events = 4096,
		.reconnect_ns = RECONNECT_NS};
	assert_int_equal(mr_producer_session_init(&world->session, &config), 0);
	return world;
}

static void world_free(struct world *world)
{
	mr_producer_session_fini(&world->session);
	free(world);
}

// Opens, sends all events, and lets the network work until all are settled or much too much time
// has passed.
static void run_world(struct world *world)
{
	for (int i = 0; i < 100000 && world->session.state != MR_PRODUCER_OPEN; i++)
		step(world);
	assert_int_equal(world->session.state, MR_PRODUCER_OPEN);
	uint64_t ends[FLOWS] = {1, 1, 1, 1};
	for (uint64_t number = 1; number <= EVENTS; number++) {
		uint32_t flow = (uint32_t)mr_rng_below(&world->rng, FLOWS);
		world->flow_of[number] = (uint8_t)flow;
		world->sequence_of[number] = ends[flow]++;
		const struct mr_pending event = {
			.number = number, .object = number, .intended_ns = world->now_ns};
		assert_true(mr_producer_flow_push(&world->session.flows[flow], &event));
		if (number % 8 == 0)
			step(world);
	}
	for (int i = 0; i < 200000 && world->settled_events < EVENTS; i++)
		step(world);
	assert_int_equal(world->settled_events, EVENTS);
	assert_int_equal(mr_producer_session_unsettled(&world->session), 0);
	for (uint64_t number = 1; number <= EVENTS; number++)
		assert_int_equal(world->fate[number],
			world->flows[world->flow_of[number]].fate[world->sequence_of[number]]);
}

static void every_event_ends_with_the_fate_the_router_gave_it(void **state)
{
	(void)state;
	const uint32_t losses[] = {0, 1, 10, 30};
	for (uint64_t seed = 1; seed <= 5; seed++) {
		for (uint32_t i = 0; i < 4; i++) {
			struct world *world = world_new(seed, losses[i]);
			run_world(world);
			assert_true(world->session.is_volatile);
			world_free(world);
		}
	}
}

static void deaths_of_the_router_change_no_fate_it_told(void **state)
{
	(void)state;
	uint64_t boots = 0;
	uint64_t restarts = 0;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world *world = world_new(seed, seed % 2 == 0 ? 5 : 0);
		world->restarts_left = 10;
		run_world(world);
		boots += world->boot - 1;
		restarts += world->session.restarts;
		assert_true(world->session.resumes >= world->session.restarts);
		world_free(world);
	}
	assert_true(boots > 50);
	assert_true(restarts > boots / 4); // the others needed no HELLO
}

static void silence_resumes_only_who_waits_for_an_answer(void **state)
{
	(void)state;
	struct world *world = world_new(3, 0);
	for (int i = 0; i < 100 && world->session.state != MR_PRODUCER_OPEN; i++)
		step(world);
	world->down_until_ns = UINT64_MAX;
	for (uint64_t end_ns = world->now_ns + 2 * RECONNECT_NS; world->now_ns < end_ns;)
		step(world);
	assert_int_equal(world->session.state, MR_PRODUCER_OPEN);
	const struct mr_pending event = {.number = 1, .object = 1, .intended_ns = world->now_ns};
	assert_true(mr_producer_flow_push(&world->session.flows[0], &event));
	uint64_t pushed_ns = world->now_ns;
	while (world->session.state == MR_PRODUCER_OPEN)
		step(world);
	assert_in_range(world->now_ns - pushed_ns, RECONNECT_NS, RECONNECT_NS + 2 * STEP_NS);
	world_free(world);
}

// A router at the same address that places objects otherwise, or that knows sequences which were
// never sent, is not the one that has the session.
static void another_router_is_not_taken_for_ours(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct world *world = world_new(3, 0);
		for (int i = 0; i < 100 && world->session.state != MR_PRODUCER_OPEN; i++)
			step(world);
		const struct mr_pending event = {
			.number = 1, .object = 1, .intended_ns = world->now_ns};
		assert_true(mr_producer_flow_push(&world->session.flows[0], &event));
		world->is_open = false; // so it is asked to resume
		world->is_stranger = kind != 0;
		if (kind == 1)
			world->session.hash_seed = 8;
		if (kind == 2)
			world->flows[1].next = 2;
		for (int i = 0; i < 1000; i++)
			step(world);
		bool resumed = world->session.state == MR_PRODUCER_OPEN;
		assert_int_equal(resumed, kind == 0);
		assert_int_equal(world->session.bad_messages > 0, kind != 0);
		world_free(world);
	}
}

static void a_clean_network_needs_no_second_packet(void **state)
{
	(void)state;
	struct world *world = world_new(5, 0);
	run_world(world);
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		assert_int_equal(world->session.flows[flow].packets_resent, 0);
		assert_int_equal(world->session.flows[flow].timeouts, 0);
	}
	world_free(world);
}

static void bye_is_answered_or_given_up(void **state)
{
	(void)state;
	for (uint32_t loss = 0; loss <= 100; loss += 50) {
		struct world *world = world_new(9 + loss, 0);
		for (int i = 0; i < 100 && world->session.state != MR_PRODUCER_OPEN; i++)
			step(world);
		world->loss = loss;
		mr_producer_session_close(&world->session, world->now_ns);
		for (int i = 0; i < 100000 && world->session.state == MR_PRODUCER_CLOSING; i++)
			step(world);
		assert_int_equal(world->session.state, MR_PRODUCER_CLOSED);
		world_free(world);
	}
}

static void messages_that_are_not_ours_are_counted_and_change_nothing(void **state)
{
	(void)state;
	struct world *world = world_new(3, 0);
	for (int i = 0; i < 100 && world->session.state != MR_PRODUCER_OPEN; i++)
		step(world);
	struct mr_settle settle = {.context = world, .event = settle_event};
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX] = {0};
	const struct {
		struct mr_wire_header header;
		size_t body;
		int expected;
	} bad[] = {
		{{.magic = MR_WIRE_MAGIC, .type = MR_WIRE_ACK, .session_id = 1}, 40,
			-EBADMSG}, // of another session
		{{.magic = MR_WIRE_MAGIC, .type = MR_WIRE_ACK, .session_id = 80, .flow = FLOWS}, 40,
			-EBADMSG},
		{{.magic = MR_WIRE_MAGIC, .type = MR_WIRE_ACK, .session_id = 80}, 32,
			-EBADMSG}, // short
		{{.magic = MR_WIRE_MAGIC, .type = MR_WIRE_DATA, .session_id = 80}, 8, -EPROTO},
		{{.magic = MR_WIRE_MAGIC, .type = MR_WIRE_WELCOME, .session_id = 80}, 16, -EBADMSG},
		{{.magic = MR_WIRE_MAGIC, .type = MR_WIRE_ERROR, .session_id = 80}, 0, -EBADMSG},
		{{.magic = MR_WIRE_MAGIC, .version = 9, .type = MR_WIRE_ACK, .session_id = 80}, 40,
			-EBADMSG},
		{{.magic = 1, .type = MR_WIRE_ACK, .session_id = 80}, 40, -EBADMSG},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_wire_header header = bad[i].header;
		size_t length = mr_wire_finish(bytes, &header, bad[i].body);
		memcpy(bytes, &bad[i].header, 8); // magic, version, type: as they are meant
		assert_int_equal(mr_producer_session_receive(
					 &world->session, bytes, length, world->now_ns, &settle),
			bad[i].expected);
		assert_int_equal(world->session.bad_messages, i + 1);
		assert_int_equal(world->session.state, MR_PRODUCER_OPEN);
	}
	world_free(world);
}

static void unknown_session_ends_who_was_never_open(void **state)
{
	(void)state;
	struct world *world = world_new(3, 0);
	struct mr_settle settle = {.context = world, .event = settle_event};
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX] = {0};
	struct mr_wire_error error = {.reason = MR_REASON_UNKNOWN_SESSION};
	memcpy(bytes + MR_WIRE_HEADER_BYTES, &error, sizeof(error));
	struct mr_wire_header header = {.magic = MR_WIRE_MAGIC,
		.type = MR_WIRE_ERROR,
		.session_id = world->session.session_id};
	size_t length = mr_wire_finish(bytes, &header, sizeof(error));
	assert_int_equal(
		mr_producer_session_receive(&world->session, bytes, length, world->now_ns, &settle),
		0);
	assert_int_equal(world->session.state, MR_PRODUCER_LOST);
	assert_int_equal(world->session.error, MR_REASON_UNKNOWN_SESSION);
	world_free(world);
}

static void hello_waits_as_long_as_it_is_told(void **state)
{
	(void)state;
	struct world *world = world_new(3, 0);
	struct mr_settle settle = {.context = world, .event = settle_event};
	_Alignas(8) uint8_t bytes[MR_WIRE_BYTES_MAX] = {0};
	assert_true(mr_producer_session_greet(&world->session, world->now_ns, bytes) > 0);
	struct mr_wire_welcome welcome = {.reconnect_after_ms = 700, .flows = FLOWS};
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes + MR_WIRE_HEADER_BYTES, &welcome, sizeof(welcome));
	struct mr_wire_header header = {.magic = MR_WIRE_MAGIC,
		.type = MR_WIRE_WELCOME,
		.session_id = world->session.session_id};
	size_t length = mr_wire_finish(
		bytes, &header, sizeof(welcome) + FLOWS * sizeof(struct mr_wire_grant));
	assert_int_equal(
		mr_producer_session_receive(&world->session, bytes, length, world->now_ns, &settle),
		0);
	assert_int_equal(world->session.state, MR_PRODUCER_OPENING);
	assert_int_equal(
		mr_producer_session_greet(&world->session, world->now_ns + 699000000, bytes), 0);
	assert_true(
		mr_producer_session_greet(&world->session, world->now_ns + 700000000, bytes) > 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_ends_with_the_fate_the_router_gave_it),
		cmocka_unit_test(a_clean_network_needs_no_second_packet),
		cmocka_unit_test(bye_is_answered_or_given_up),
		cmocka_unit_test(messages_that_are_not_ours_are_counted_and_change_nothing),
		cmocka_unit_test(deaths_of_the_router_change_no_fate_it_told),
		cmocka_unit_test(silence_resumes_only_who_waits_for_an_answer),
		cmocka_unit_test(another_router_is_not_taken_for_ours),
		cmocka_unit_test(unknown_session_ends_who_was_never_open),
		cmocka_unit_test(hello_waits_as_long_as_it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
