// The stages on threads of their own, as on a machine with a core for each: two shards, the
// journal, a delivery stage and a source, wired and run by the product's own code with real naps
// and doorbells. Only the port and the HTTP engine are made up. Buffers are so small that writers
// come round while others read. ThreadSanitizer judges every hand-off: packets lent, ACK bodies,
// hops, lane messages, boards, watermarks, messages of the steward. Built with
// MR_THREADS_PLANT_LATE_WRITE, the source writes to a packet that it has lent: that must be found.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "engine_fake.h"
#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"
#include "nic_fake.h"
#include "runner.h"
#include "wire_codec.h"
#include "wiring.h"

enum {
	SHARDS = 2,
	FLOWS = 4,
	EVENTS = 6000,
	PER_PACKET = 4,
	PACKETS = 64,
	OBJECTS = 48,
	PROJECTS = 5, // each with a webhook; object n belongs to project n mod PROJECTS
	FIRST_PROJECT = 500,
	RUNNERS = SHARDS + 3, // journal, delivery, source
	NAP_NS = 200000,
};

struct parcel { // a packet and its bytes
	struct mr_packet packet;
	uint8_t bytes[PER_PACKET * MR_EVENT_BYTES_MAX];
	bool lent;
};

struct source { // one thread's: the source's
	struct parcel parcels[PACKETS];
	uint64_t next[FLOWS]; // sequences
	uint64_t edge[FLOWS];
	uint64_t settled[FLOWS];
	uint64_t numbers; // of events: the next one's user
	uint32_t refused_runs;
	uint32_t lent;
};

struct world {
	struct mr_config *config;
	struct mr_topology topology;
	struct mr_segment segment;
	struct mr_arena arena;
	struct mr_wiring wiring;
	struct mr_nic *nic;
	struct mr_runner runners[RUNNERS];
	struct mr_runner *all[RUNNERS];
	struct mr_steward_msg messages[PROJECTS + 1];
	struct source source;
	atomic_bool open; // the session: the source may begin
	_Atomic uint64_t source_settled; // by the source, for the main thread
	// the delivery thread's
	uint64_t last[OBJECTS]; // number of the object's last event that was delivered
	uint64_t delivered;
	uint64_t out_of_order;
};
static struct world world;

// -- The source: fills packets, lends them, reads ACKs, takes packets and bodies back.

static uint32_t flow_of(uint64_t resource)
{
	return mr_flow_of_slot(mr_slot_of(resource, world.config->hash_seed), FLOWS);
}

// Objects are numbered from 1 in `last`, but named so that all flows have some.
static uint64_t object_of(uint64_t number)
{
	return 1 + number % OBJECTS;
}

static size_t encode(uint64_t number, uint64_t object, uint8_t *ret_bytes)
{
	const struct mr_event event = {.action = MR_ACTION_CHANGED,
		.change_action = MR_ACTION_CHANGED,
		.ancestors_count = 1,
		.object = object,
		.user = number,
		.created_at_ns = 1600000000000000000,
		.type = {"task", 4},
		.field = {"name", 4},
		.ancestors = {{FIRST_PROJECT + object % PROJECTS, {"project", 7}, MR_VIA_OBJECT}}};
	ssize_t length = mr_event_encode(&event, ret_bytes, MR_EVENT_BYTES_MAX);
	mr_assert(length > 0);
	return (size_t)length;
}

static struct parcel *free_parcel(struct source *source)
{
	for (uint32_t i = 0; i < PACKETS; i++)
		if (!source->parcels[i].lent)
			return &source->parcels[i];
	return NULL;
}

// A packet of the next object's events; false when no packet, window or ring has room.
static bool lend(struct source *source)
{
	const uint64_t object = object_of(source->numbers / PER_PACKET);
	const uint32_t flow = flow_of(object);
	struct parcel *parcel = free_parcel(source);
	if (parcel == NULL || source->next[flow] + PER_PACKET > source->edge[flow])
		return false;
	size_t length = 0;
	for (uint32_t i = 0; i < PER_PACKET; i++)
		length += encode(source->numbers + i + 1, object, parcel->bytes + length);
	parcel->packet = (struct mr_packet){.events = parcel->bytes,
		.events_bytes = (uint32_t)length,
		.first_sequence = source->next[flow],
		.known = source->settled[flow],
		.received_at_ns = 1600000000000000000,
		.flow = (uint8_t)flow,
		.count = PER_PACKET,
		.decoded = PER_PACKET};
	const struct mr_source_msg message = {
		.data = (uint64_t)(uintptr_t)&parcel->packet, .kind = MR_SOURCE_PACKET};
	if (!mr_ring_push(world.wiring.source_shard[0][mr_shard_of_flow(flow, SHARDS)],
		    mr_desc_of(message)))
		return false;
#ifdef MR_THREADS_PLANT_LATE_WRITE
	parcel->packet.send_time_ns = source->numbers; // no longer ours
#endif
	parcel->lent = true;
	source->lent++;
	source->next[flow] += PER_PACKET;
	source->numbers += PER_PACKET;
	return true;
}

static void read_ack(struct source *source, const struct mr_ack_slot *slot)
{
	struct mr_wire_ack_view view;
	mr_assert(mr_wire_parse_ack(slot->body, slot->length, &view) == 0);
	mr_assert(slot->flow < FLOWS && view.ack.settled <= source->next[slot->flow]);
	if (source->edge[slot->flow] < view.ack.edge)
		source->edge[slot->flow] = view.ack.edge;
	if (source->settled[slot->flow] < view.ack.settled)
		source->settled[slot->flow] = view.ack.settled;
	source->refused_runs += view.ack.refused_runs;
}

static uint32_t take_back(struct source *source, uint32_t shard)
{
	struct mr_desc descs[MR_BURST_MAX];
	uint32_t taken =
		mr_ring_pop_burst(world.wiring.shard_source[shard][0], descs, MR_BURST_MAX);
	for (uint32_t i = 0; i < taken; i++) {
		struct mr_shard_msg message = mr_desc_to(struct mr_shard_msg, descs[i]);
		if (message.kind == MR_SHARD_RELEASE) {
			struct parcel *parcel = (struct parcel *)(uintptr_t)message.data;
			mr_assert(parcel->lent);
			parcel->lent = false;
			source->lent--;
		} else if (message.kind == MR_SHARD_ACK) {
			read_ack(source, (const struct mr_ack_slot *)(uintptr_t)message.data);
			const struct mr_source_msg done = {
				.data = message.data, .kind = MR_SOURCE_ACK_DONE};
			bool pushed =
				mr_ring_push(world.wiring.source_shard[0][shard], mr_desc_of(done));
			mr_assert(pushed); // far larger than all there is to lend
		}
	}
	return taken;
}

static enum mr_poll source_step(void *state, struct mr_now now, struct mr_budget budget)
{
	struct source *source = state;
	(void)now;
	(void)budget;
	if (!atomic_load_explicit(&world.open, memory_order_acquire))
		return MR_POLL_IDLE;
	uint32_t work = 0;
	for (uint32_t shard = 0; shard < SHARDS; shard++)
		work += take_back(source, shard);
	for (uint32_t i = 0; i < 8 && source->numbers < EVENTS && lend(source); i++)
		work++;
	uint64_t settled = 0;
	for (uint32_t flow = 0; flow < FLOWS; flow++)
		settled += source->settled[flow] - 1;
	if (source->lent == 0)
		atomic_store_explicit(&world.source_settled, settled, memory_order_release);
	return work > 0 ? MR_POLL_BUSY : MR_POLL_IDLE;
}

// -- The delivery stage, and a receiver that accepts everything, in its thread

// Numbers of one object rise from body to body: its project has one lane.
static void receive(const struct fake_request *request)
{
	const char *at = (const char *)request->request.body;
	const char *const end = at + request->length;
	static const char user[] = "{\"user\":{\"gid\":\"";
	while ((at = memmem(at, (size_t)(end - at), user, sizeof(user) - 1)) != NULL) {
		at += sizeof(user) - 1;
		uint64_t number = strtoull(at, NULL, 10);
		mr_assert(number >= 1 && number <= EVENTS);
		uint64_t *last = &world.last[object_of((number - 1) / PER_PACKET) - 1];
		world.out_of_order += number <= *last;
		*last = number;
		world.delivered++;
	}
}

static enum mr_poll delivery_step(void *delivery, struct mr_now now, struct mr_budget budget)
{
	enum mr_poll poll = mr_delivery_step(delivery, now, budget);
	for (struct fake_request *request; (request = fake_engine_oldest()) != NULL;) {
		receive(request);
		fake_engine_answer(request, MR_OUTCOME_OK, 200);
		poll = MR_POLL_BUSY;
	}
	return poll;
}

// -- The router

static void configure(void)
{
	world.config = mr_config_new();
	assert_non_null(world.config);
	world.config->flows = FLOWS;
	world.config->hash_seed = 11;
	world.config->is_volatile = true;
	world.config->port_mbufs = 1024;
	world.config->shard_buffer_bytes = SHARDS * (128 << 10);
	world.config->delivery_buffer_bytes = 64 << 10;
	world.config->objects_max = 1024;
	world.config->positions_max = 16384;
	world.config->sessions_max = 1;
	world.config->refused_runs_max = 1024;
	world.config->webhooks_max = 8;
	world.config->lane_entries_max = 65536;
	world.config->endpoints_max = 8;
	world.config->connections_max = 8;
	world.config->fragment_cache_bytes = 65536;
	world.config->batch_age_ns = 500000;
	world.topology = (struct mr_topology){.sources = 1, .shards = SHARDS, .deliveries = 1};
}

static void build(void)
{
	configure();
	fake_engine_reset();
	world.nic = mr_nic_fake_new(16, 16);
	world.wiring.config = world.config;
	world.wiring.topology = &world.topology;
	world.wiring.segment = &world.segment;
	world.wiring.numbers = mr_number_stages(&world.topology);
	world.wiring.backend = mr_backend_volatile();
	const struct mr_segment_layout layout = {.flows = FLOWS,
		.shards = SHARDS,
		.deliveries = world.topology.deliveries,
		.stages_count = world.wiring.numbers.count,
		.webhooks_max = 8,
		.is_volatile = true};
	assert_int_equal(mr_segment_open(&world.segment, &layout), 0);
	const struct mr_wiring_port port = {.nic = world.nic};
	mr_arena_plan(&world.arena);
	(void)mr_wire(&world.wiring, &world.arena, &port);
	assert_int_equal(mr_arena_open(&world.arena, world.arena.used, false), 0);
	assert_true(mr_wire(&world.wiring, &world.arena, &port));
	mr_arena_seal(&world.arena);
}

// The source takes the place of the ingest stage, whose rings it uses.
static void man(void)
{
	for (uint32_t i = 0; i < RUNNERS; i++) {
		struct mr_stage stage = world.wiring.stages[i];
		bool delivers = stage.kind == MR_STAGE_DELIVERY;
		if (stage.kind == MR_STAGE_INGEST) {
			stage.state = &world.source;
			stage.step = source_step;
		} else if (delivers) {
			stage.step = delivery_step;
		}
		world.all[i] = &world.runners[i];
		mr_runner_init(&world.runners[i], 0, NAP_NS, true);
		const struct mr_runner_sockets sockets = {.state = &world.wiring.sockets[i],
			.attach = mr_stage_attach,
			.detach = mr_stage_detach};
		mr_runner_add(&world.runners[i], &stage, 1, delivers ? &sockets : NULL);
		world.runners[i].peers = world.all;
		world.runners[i].peers_count = RUNNERS;
	}
}

// -- The main thread is the steward.

// To all stages from the first shard to before `end`, and until it is in force there.
static void tell(struct mr_steward_msg *message, uint64_t generation, uint32_t end)
{
	const struct mr_desc desc = {{(uint64_t)(uintptr_t)message, 0}};
	const struct mr_wiring *wiring = &world.wiring;
	message->generation = generation;
	for (uint32_t i = wiring->numbers.shard; i < end; i++) {
		if (wiring->from_steward[i] == NULL)
			continue; // the journal
		assert_true(mr_ring_push(wiring->from_steward[i], desc));
		mr_runner_wake(&world.runners[i]);
		while (atomic_load_explicit(
			       &world.segment.stages[i].generation, memory_order_acquire)
			< generation)
			(void)sched_yield();
	}
}

static void open_session_and_webhooks(void)
{
	for (uint32_t i = 0; i < PROJECTS; i++) {
		struct mr_webhook *webhook = &world.messages[i].webhook;
		world.messages[i].kind = MR_STEWARD_WEBHOOK_ADD;
		webhook->id = 900 + i;
		webhook->resource = FIRST_PROJECT + i;
		webhook->lane = i;
		webhook->shard = (uint16_t)mr_shard_of_flow(flow_of(webhook->resource), SHARDS);
		webhook->in_flight = 1;
		webhook->port = (uint16_t)(8000 + i);
		webhook->secret_length = 32;
		memset(webhook->secret, 's', 32);
		(void)mr_copy_text(webhook->host, sizeof(webhook->host), "127.0.0.1", 9);
		(void)mr_copy_text(webhook->path, sizeof(webhook->path), "/", 1);
		tell(&world.messages[i], i + 1, world.wiring.numbers.steward);
	}
	struct mr_steward_msg *open = &world.messages[PROJECTS];
	open->kind = MR_STEWARD_SESSION_OPEN;
	open->session.app = 7;
	open->session.session_id = 70;
	for (uint32_t flow = 0; flow < FLOWS; flow++)
		open->session.known[flow] = 1;
	tell(open, PROJECTS + 1, world.wiring.numbers.journal);
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		world.source.next[flow] = open->session.grants[flow].next;
		world.source.settled[flow] = open->session.grants[flow].next;
		world.source.edge[flow] = open->session.grants[flow].edge;
	}
	atomic_store_explicit(&world.open, true, memory_order_release);
	mr_runner_wake(&world.runners[0]);
}

static uint64_t sum(unsigned counter)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < world.wiring.numbers.steward; i++)
		total += mr_read(&world.segment.stages[i].counters[counter]);
	return total;
}

static void *run(void *runner)
{
	return (void *)(intptr_t)mr_runner_main(runner);
}

static void run_until_all_is_delivered(void)
{
	pthread_t threads[RUNNERS];
	for (uint32_t i = 0; i < RUNNERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, &world.runners[i]), 0);
	open_session_and_webhooks();
	while (atomic_load_explicit(&world.source_settled, memory_order_acquire) < EVENTS
		|| sum(MR_SHARD_DISTRIBUTED) + sum(MR_SHARD_DROPPED) < sum(MR_SHARD_ACCEPTED)
		|| sum(MR_DELIVERY_DELIVERED) + sum(MR_DELIVERY_DROPPED) < sum(MR_SHARD_MATCHED))
		(void)sched_yield();
	for (uint32_t i = 0; i < RUNNERS; i++) {
		mr_runner_wake(&world.runners[i]);
		atomic_store_explicit(&world.runners[i].stop, true, memory_order_release);
	}
	for (uint32_t i = 0; i < RUNNERS; i++) {
		void *err = NULL;
		assert_int_equal(pthread_join(threads[i], &err), 0);
		assert_null(err);
	}
}

static void what_five_threads_hand_on_arrives_once_and_in_order(void **state)
{
	(void)state;
	char why[256] = "";
	build();
	man();
	run_until_all_is_delivered();
	for (uint32_t i = 0; i < SHARDS; i++)
		if (!mr_shard_audit(world.wiring.stages[world.wiring.numbers.shard + i].state, why,
			    sizeof(why)))
			fail_msg("shard %u: %s", i, why);
	// Buffers this small are full at times: what was refused was named in an ACK.
	assert_int_equal(sum(MR_SHARD_ACCEPTED) + sum(MR_SHARD_REFUSED), EVENTS);
	assert_int_equal(sum(MR_SHARD_REFUSED) > 0, world.source.refused_runs > 0);
	// A machine that stops a thread for a second puts lanes behind: what they lose is counted.
	assert_int_equal(world.delivered + sum(MR_DELIVERY_DROPPED), sum(MR_SHARD_ACCEPTED));
	assert_int_equal(world.out_of_order, 0);
	assert_int_equal(world.delivered, sum(MR_DELIVERY_DELIVERED));
	assert_true(world.delivered > 0);
	for (uint32_t i = 0; i < SHARDS; i++) // every buffer was overwritten, so readers met it
		assert_true(mr_stream_next(&world.wiring.streams[i])
			> 2 * world.wiring.streams[i].size);
	assert_int_equal(mr_expect_failures(), 0);
	mr_nic_fake_free(world.nic);
	mr_arena_close(&world.arena);
	mr_segment_close(&world.segment);
	mr_config_free(world.config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_five_threads_hand_on_arrives_once_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
