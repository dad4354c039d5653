// Random work on several shards wired together, beside a model: whatever is refused, re-sent, held,
// banned, purged, stopped or out of order, the ledgers balance in every step, what waits of a
// banned scope stays where it is, and in the end every lane has heard every accepted event of its
// resource that was not dropped, once and in order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "event_codec.h"
#include "rng.h"
#include "shard_rig.h"
#include "shard_state.h"

enum {
	SEEDS = 6,
	OBJECTS = 24,
	PROJECTS = 6,
	PACKET_MAX = 30,
	LANES = OBJECTS + PROJECTS,
	BANS = 6,
	USERS = 5,
	BUFFER_AMPLE = 1 << 22,
	BUFFER_SHORT = 1 << 17, // always
};

struct ban { // one per kind of scope, and one of a project with its descendants
	struct mr_ban_rule rule; // mode 0: none
	uint64_t waiting; // events of the scope when it came, or what a purge left of them
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
static struct ban bans[BANS];
static uint64_t expired; // events given up so far

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
		.user = 1 + object % USERS,
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

static bool takes(const struct mr_ban_rule *rule, uint32_t shard, uint64_t offset)
{
	uint8_t bytes[MR_LINEAGE_BYTES];
	const struct mr_stream *stream = &rig.streams[shard];
	const uint32_t length = (uint32_t)mr_stream_word_own(stream, offset);
	struct mr_lineage lineage;
	mr_stream_copy_own(stream, offset, bytes, length < sizeof(bytes) ? length : sizeof(bytes));
	mr_lineage_parse(bytes, &lineage);
	const struct mr_event_scopes scopes = mr_lineage_scopes(&lineage);
	return mr_scope_takes(&rule->scope, rule->flags & MR_BAN_DESCENDANTS, &scopes);
}

// Events of the scope that are accepted and have no hop under way.
static uint64_t waiting_of(const struct mr_ban_rule *rule)
{
	uint64_t waiting = 0;
	for (uint32_t i = 0; i < rig.options.shards; i++) {
		const struct mr_shard *shard = rig.shards[i];
		const struct mr_objects *objects = &shard->objects;
		uint64_t offset;
		for (uint32_t at = 1; at < objects->fresh; at++) {
			const struct mr_object *object = &objects->states[at];
			if (object->id == 0)
				continue;
			const uint64_t half_way =
				object->ancestor_next > 0 ? mr_objects_front(objects, at) : 0;
			struct mr_object_iter iter = mr_object_begin(objects, at);
			while (mr_object_next(&iter, objects, &offset))
				waiting += offset != half_way && takes(rule, i, offset);
		}
		for (offset = shard->walked; offset < mr_stream_next(&rig.streams[i]);
			offset += (uint32_t)mr_stream_word_own(&rig.streams[i], offset))
			if ((uint16_t)(mr_stream_word_own(&rig.streams[i], offset) >> 32)
				== MR_RECORD_EVENT)
				waiting += takes(rule, i, offset);
	}
	return waiting;
}

// Nothing of a dropped scope comes or goes; of a held one it only comes. In a buffer that is short
// some of it is given up, and counted.
static void check_bans(void)
{
	const uint64_t given_up = rig_reason(&rig, MR_REASON_EXPIRED) - expired;
	expired += given_up;
	for (uint32_t i = 0; i < BANS; i++) {
		const uint64_t waiting = bans[i].rule.mode == 0 ? 0 : waiting_of(&bans[i].rule);
		if (bans[i].rule.mode == MR_BAN_DROP)
			assert_true(waiting <= bans[i].waiting);
		if (bans[i].rule.mode == MR_BAN_DROP || bans[i].rule.mode == MR_BAN_HOLD)
			assert_true(waiting + given_up >= bans[i].waiting);
		bans[i].waiting = waiting;
	}
	if (rig.options.buffer_bytes == BUFFER_AMPLE)
		assert_int_equal(expired, 0);
	for (uint32_t i = 0; i < rig.options.shards; i++)
		for (uint32_t at = 0; at < MR_THROTTLES_MAX; at++)
			assert_true(mr_read(&rig.throttles[i].used[at])
				<= mr_read(&rig.throttles[i].granted[at]));
}

static struct mr_scope scope_of(uint32_t which)
{
	const uint64_t object = below(OBJECTS);
	const uint64_t ids[BANS] = {RIG_APP + below(2), object_ids[object], 1 + object % 3,
		object % 4, 1 + object % USERS, project_ids[below(PROJECTS)]};
	const uint32_t kind = which == BANS - 1 ? MR_SCOPE_OBJECT : MR_SCOPE_APP + which;
	return (struct mr_scope){.kind = kind, .id = ids[which]};
}

static void ban_or_lift(uint32_t which)
{
	struct ban *ban = &bans[which];
	if (ban->rule.mode != 0) {
		ban->rule.mode = 0;
		rig_unban(&rig, ban->rule.scope);
		return;
	}
	ban->rule = (struct mr_ban_rule){.scope = scope_of(which),
		.mode = (uint8_t)(MR_BAN_DROP + below(3)),
		.flags = which == BANS - 1 ? MR_BAN_DESCENDANTS : 0};
	rig_ban(&rig, ban->rule);
	ban->waiting = waiting_of(&ban->rule);
}

static void purge(uint32_t which)
{
	rig.journal_stopped = false;
	(void)rig_survey(&rig, scope_of(which), which == BANS - 1,
		mr_rng_chance(&rng, 1, 2) ? MR_REASON_PURGED : MR_REASON_OK);
	for (uint32_t i = 0; i < BANS; i++)
		if (bans[i].rule.mode != 0)
			bans[i].waiting = waiting_of(&bans[i].rule);
}

static void operate(void)
{
	if (mr_rng_chance(&rng, 1, 8))
		ban_or_lift((uint32_t)below(BANS));
	if (mr_rng_chance(&rng, 1, 30))
		purge((uint32_t)below(BANS));
	if (mr_rng_chance(&rng, 1, 30))
		rig_stop(&rig, mr_rng_chance(&rng, 1, 2) ? (uint32_t)below(4) : 0);
	for (uint32_t i = 0; i < rig.options.shards; i++)
		mr_count(&rig.throttles[i].granted[below(BANS)], below(3));
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
	rig_stop(&rig, 0);
	for (uint32_t i = 0; i < BANS; i++)
		if (bans[i].rule.mode != 0)
			ban_or_lift(i);
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
		.buffer_bytes = seed % 2 == 0 ? BUFFER_AMPLE : BUFFER_SHORT,
		.limits = {.object_queue_events = 60,
			.reorder_packets_max = 40,
			.refused_runs_max = 60,
			.quantum_units = 8},
	};
	mr_rng_seed(&rng, seed);
	memset(producers, 0, sizeof(producers));
	memset(bans, 0, sizeof(bans));
	expired = 0;
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	rig_session_of(&rig, 1, RIG_APP + 1);
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
		if (seed % 3 != 0)
			operate();
		rig_step(&rig);
		if (step % 16 == 0) {
			rig_audit(&rig);
			check_bans();
		}
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
		const uint64_t distributed = rig_total(&rig, MR_SHARD_DISTRIBUTED);
		assert_true(accepted > 1000);
		assert_int_equal(distributed + rig_total(&rig, MR_SHARD_DROPPED), accepted);
		assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 0);
		uint64_t heard = 0;
		for (uint32_t lane = 1; lane <= OBJECTS; lane++)
			heard += rig_heard(&rig, lane);
		assert_int_equal(heard, distributed);
		assert_int_equal(rig_total(&rig, MR_SHARD_MATCHED), rig.log_count);
		assert_true(rig_total(&rig, MR_SHARD_REFUSED) > 0);
		assert_int_equal(rig_total(&rig, MR_SHARD_CYCLES_CUT), distributed);
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
