// Random work on several shards wired together, beside a model: whatever is refused, re-sent, held,
// stopped or out of order, the ledgers balance in every step, and in the end every lane has heard
// every accepted event of its resource once and in order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "event_codec.h"
#include "rng.h"
#include "shard_rig.h"

enum {
	SEEDS = 6,
	OBJECTS = 24,
	PROJECTS = 6,
	PACKET_MAX = 30,
	LANES = OBJECTS + PROJECTS,
};

struct producer { // one flow of one session
	uint64_t next; // first sequence never sent
	uint64_t object_of[1 << 14]; // by sequence
};

static struct rig rig;
static struct producer producers[2][4];
static struct mr_rng rng;
static uint64_t object_ids[OBJECTS];
static uint64_t project_ids[PROJECTS];
static uint32_t holds[OBJECTS];

static uint64_t below(uint64_t limit)
{
	return mr_rng_below(&rng, limit);
}

// An object's events are the same each time: a re-sent packet has the same bytes.
static struct rig_event describe(uint32_t object)
{
	struct rig_event event = {
		.object = object_ids[object],
		.workspace = 1 + object % 3,
		.database = object % 4,
		.payload_bytes = object * 20,
		.ancestors = 3,
		.gids = {project_ids[object % PROJECTS], project_ids[object / 2 % PROJECTS],
			object_ids[object]},
		.via = {MR_VIA_OBJECT, MR_VIA_OBJECT, 0},
	};
	return event;
}

// Packets hold events of one object, as chosen by its first sequence: so a re-sent one is the same.
static void send_one(uint16_t session, uint32_t flow, uint64_t first, uint64_t known)
{
	struct producer *producer = &producers[session][flow];
	const uint64_t object = producer->object_of[first];
	uint64_t count = 0;
	while (first + count < producer->next && producer->object_of[first + count] == object
		&& count < PACKET_MAX)
		count++;
	const struct rig_event event = describe((uint32_t)object);
	rig_lend(&rig, rig_packet(&rig, session, first, known, &event, (uint32_t)count));
}

static void produce(uint16_t session, uint32_t flow)
{
	struct producer *producer = &producers[session][flow];
	const struct rig_ack *ack = &rig.acks[session][flow];
	const uint64_t settled = ack->settled > 0 ? ack->settled : 1;
	const uint64_t edge = ack->edge > 0 ? ack->edge : 200;
	uint32_t object;
	do
		object = (uint32_t)below(OBJECTS);
	while (rig_flow(&rig, object_ids[object]) != flow);
	const uint64_t count = 1 + below(PACKET_MAX);
	const uint64_t first = producer->next;
	if (first + count < edge + 20 && first + count < 1 << 14) { // now and then beyond the edge
		for (uint64_t i = 0; i < count; i++)
			producer->object_of[first + i] = object;
		producer->next += count;
	}
	if (settled < producer->next && mr_rng_chance(&rng, 1, 3))
		send_one(session, flow, settled, settled); // again, from the first unsettled one
	if (first < producer->next && !mr_rng_chance(&rng, 1, 5))
		send_one(session, flow, first, settled); // one in five is lost
}

static void disturb(void)
{
	if (mr_rng_chance(&rng, 1, 40))
		rig.journal_stopped = !rig.journal_stopped;
	if (mr_rng_chance(&rng, 1, 40))
		rig.deliveries_stopped = !rig.deliveries_stopped;
	rig.units = 16 + (uint32_t)below(300);
	const uint32_t object = (uint32_t)below(OBJECTS);
	if (mr_rng_chance(&rng, 1, 20) && holds[object] == 0) {
		rig_hold(&rig, object_ids[object], MR_HOLD);
		holds[object]++;
	} else if (holds[object] > 0 && mr_rng_chance(&rng, 1, 2)) {
		rig_hold(&rig, object_ids[object], MR_RELEASE);
		holds[object]--;
	}
}

static bool all_settled(void)
{
	for (uint16_t session = 0; session < 2; session++) {
		for (uint32_t flow = 0; flow < 4; flow++) {
			const uint64_t settled = rig.acks[session][flow].settled;
			if (producers[session][flow].next > 1
				&& settled < producers[session][flow].next)
				return false;
		}
	}
	return rig_total(&rig, MR_SHARD_QUEUED) == 0;
}

// No more faults: what is unsettled is sent until it is settled, and everything queued is
// distributed.
static void calm_down(void)
{
	rig.journal_stopped = false;
	rig.deliveries_stopped = false;
	rig.units = 300;
	for (uint32_t i = 0; i < OBJECTS; i++) {
		for (; holds[i] > 0; holds[i]--)
			rig_hold(&rig, object_ids[i], MR_RELEASE);
	}
	for (uint32_t round = 0; round < 2000 && !all_settled(); round++) {
		for (uint16_t session = 0; session < 2; session++) {
			for (uint32_t flow = 0; flow < 4; flow++) {
				const uint64_t settled = rig.acks[session][flow].settled > 0
					? rig.acks[session][flow].settled
					: 1;
				if (settled < producers[session][flow].next)
					send_one(session, flow, settled, settled);
			}
		}
		rig_run(&rig, 4);
	}
	assert_true(all_settled());
}

static uint32_t nth_of(uint64_t object)
{
	for (uint32_t i = 0; i < OBJECTS; i++) {
		if (object_ids[i] == object)
			return i;
	}
	fail_msg("an object that nobody sent");
	return 0;
}

// Each lane: every accepted event of its resource once; per session and flow of an object in order.
static void check_lanes(void)
{
	for (uint32_t lane = 1; lane <= LANES; lane++) {
		uint64_t last[2][OBJECTS] = {{0}};
		for (uint32_t i = 0; i < rig.log_count; i++) {
			const struct rig_entry *entry = &rig.log[i];
			if (entry->message.lane != lane)
				continue;
			if (lane <= OBJECTS)
				assert_int_equal(entry->object, object_ids[lane - 1]);
			uint64_t *before =
				&last[entry->session_id - RIG_SESSION_ID][nth_of(entry->object)];
			assert_true(entry->sequence > *before);
			*before = entry->sequence;
		}
	}
}

static void run_seed(uint64_t seed)
{
	const struct rig_options options = {
		.shards = 1 + (uint32_t)seed % 4,
		.flows = 4,
		.buffer_bytes = seed % 2 == 0 ? 1 << 22 : 1 << 17, // one is always short
		.limits = {.object_queue_events = 60,
			.reorder_packets_max = 40,
			.refused_runs_max = 60,
			.quantum_units = 8},
	};
	mr_rng_seed(&rng, seed);
	memset(producers, 0, sizeof(producers));
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	rig_session(&rig, 1);
	for (uint32_t i = 0; i < OBJECTS; i++)
		object_ids[i] = rig_object_of(&rig, i % 4, 10 + i);
	for (uint32_t i = 0; i < PROJECTS; i++)
		project_ids[i] = 100000 + i;
	for (uint32_t i = 0; i < OBJECTS; i++)
		rig_subscribe(&rig, 1 + i, object_ids[i]);
	for (uint32_t i = 0; i < PROJECTS; i++)
		rig_subscribe(&rig, 1 + OBJECTS + i, project_ids[i]);
	for (uint32_t i = 0; i < 8; i++)
		producers[i / 4][i % 4].next = 1;
	for (uint32_t step = 0; step < 400; step++) {
		for (uint32_t i = 0; i < 3; i++)
			produce((uint16_t)below(2), (uint32_t)below(4));
		disturb();
		rig_step(&rig);
		if (step % 16 == 0)
			rig_audit(&rig);
	}
	calm_down();
	check_lanes();
}

static void ledger_balances_after_random_steps(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		print_message("# seed %u\n", (unsigned)seed);
		run_seed(seed);
		const uint64_t accepted = rig_total(&rig, MR_SHARD_ACCEPTED);
		assert_true(accepted > 1000);
		assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), accepted);
		uint64_t heard = 0;
		for (uint32_t lane = 1; lane <= OBJECTS; lane++)
			heard += rig_heard(&rig, lane);
		assert_int_equal(heard, accepted);
		assert_int_equal(rig_total(&rig, MR_SHARD_MATCHED), rig.log_count);
		assert_true(rig_total(&rig, MR_SHARD_REFUSED) > 0);
		assert_int_equal(rig_total(&rig, MR_SHARD_CYCLES_CUT), accepted);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ledger_balances_after_random_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
