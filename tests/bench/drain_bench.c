// The same drain twice: many cold objects and one hot one, offered open loop by a thread on CPU 0,
// distributed on CPU 1 - by mutex-protected queues with timed locks as in June 2020, and by a
// shard. Both spend the same CPU time per event: the lock model's work is calibrated to the
// shard's. F8.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "bench.h"
#include "clock.h"
#include "event_codec.h"
#include "hash.h"
#include "journal.h"
#include "lockmodel.h"
#include "rng.h"
#include "shard.h"
#include "steward_msg.h"

enum {
	OBJECTS = 20000,
	FLOWS = 16,
	PACKETS = 4096,
	EVENTS = 16, // per packet at most
	RING = 1 << 14,
	SAMPLES = 2000000,
	COLD_PROJECT = 900001,
	HOT_OBJECT = 1,
};
#define SEED             UINT64_C(77)
#define CALIBRATION_RATE 100000.0

struct packet_slot {
	struct mr_packet packet;
	uint8_t bytes[EVENTS * 128];
};

struct contest {
	double rate; // events offered per second
	double hot_share;
	double seconds;
	uint32_t work_ns;
	double *cold_us;
	double p99_us, median_us, cold_rate, hot_rate, cpu_ns;
	uint64_t refused, given_up;
};

// One shard with its journal and a lane that is read at once.
struct bench_shard {
	struct mr_arena arena;
	struct mr_shard *shard;
	struct mr_journal *journal;
	struct mr_ring *to_shard, *from_shard, *to_delivery, *from_delivery, *steward;
	struct mr_delivery_board *board;
	struct mr_stats_stage *stats;
	struct mr_stream stream;
	struct packet_slot *packets;
	_Atomic bool stop;
	uint64_t taken;
	size_t samples;
	struct contest *contest;
	double cpu_s;
	uint64_t hot;
};

static void subscribe(struct bench_shard *b, uint32_t lane, uint64_t resource)
{
	static struct mr_steward_msg messages[3];
	struct mr_steward_msg *msg = &messages[lane];
	*msg = (struct mr_steward_msg){.kind = MR_STEWARD_WEBHOOK_ADD, .generation = lane + 1};
	msg->webhook = (struct mr_webhook){.id = lane + 1, .resource = resource, .lane = lane};
	mr_ring_push(b->steward, (struct mr_desc){{(uintptr_t)msg, 0}});
}

static void open_session(struct bench_shard *b)
{
	static struct mr_steward_msg open = {.kind = MR_STEWARD_SESSION_OPEN, .generation = 3};
	open.session = (struct mr_session){.app = 7, .session_id = 1};
	for (uint32_t f = 0; f < FLOWS; f++)
		open.session.known[f] = 1;
	mr_ring_push(b->steward, (struct mr_desc){{(uintptr_t)&open, 0}});
}

static bool build(struct bench_shard *b)
{
	static struct mr_stream *streams[1];
	if (mr_arena_open(&b->arena, 512u << 20, false) < 0)
		return false;
	struct mr_arena *arena = &b->arena;
	streams[0] = &b->stream;
	b->stats = mr_arena_array(arena, "stats", struct mr_stats_stage, 2);
	b->to_shard = mr_ring_new(arena, "to shard", RING);
	b->from_shard = mr_ring_new(arena, "from shard", RING);
	b->to_delivery = mr_ring_new(arena, "to delivery", RING);
	b->from_delivery = mr_ring_new(arena, "from delivery", 64);
	b->steward = mr_ring_new(arena, "steward", 16);
	b->board = mr_arena_array(arena, "board", struct mr_delivery_board, 1);
	b->packets = mr_arena_array(arena, "packets", struct packet_slot, PACKETS);
	if (!mr_stream_init(&b->stream, arena, 0, 64u << 20, MR_STREAM_START))
		return false;
	for (uint32_t s = 0; s < MR_STREAMS_MAX; s++)
		atomic_store(&b->board->floor[s], UINT64_MAX);
	struct mr_journal_config journal = {.streams = streams,
		.streams_count = 1,
		.backend = mr_backend_volatile(),
		.stats = &b->stats[1]};
	struct mr_shard_config shard = {.shards = 1,
		.flows = FLOWS,
		.sources = 1,
		.deliveries = 1,
		.hash_seed = SEED,
		.is_volatile = true,
		.limits = {.objects_max = 1 << 16,
			.positions_max = 1 << 20,
			.sessions_max = 4,
			.refused_runs_max = 65536,
			.webhooks_max = 16,
			.reorder_packets_max = 1024,
			.object_queue_events = 1024,
			.object_queue_bytes = 1 << 20,
			.penalty_after = 8,
			.quantum_units = 64,
			.ack_interval_ns = 200000,
			.progress_interval_ns = 100000000},
		.stream = &b->stream,
		.streams = streams,
		.streams_count = 1,
		.backend = journal.backend.reader,
		.from_source = {b->to_shard},
		.to_source = {b->from_shard},
		.to_delivery = {b->to_delivery},
		.from_delivery = {b->from_delivery},
		.boards = {b->board},
		.from_steward = b->steward,
		.stats = &b->stats[0],
		.scopes = mr_arena_array(arena, "scopes", struct mr_stats_scope,
			MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX)};
	b->shard = mr_shard_new(arena, &shard);
	b->journal = mr_journal_new(arena, &journal);
	return b->shard != NULL && b->journal != NULL;
}

static void read_lane(struct bench_shard *b)
{
	struct mr_desc descs[MR_BURST_MAX];
	uint32_t count = mr_ring_pop_burst(b->to_delivery, descs, MR_BURST_MAX);
	int64_t now = count > 0 ? (int64_t)mr_clock_mono_ns() : 0;
	for (uint32_t i = 0; i < count; i++) {
		struct mr_lane_msg msg = mr_desc_to(struct mr_lane_msg, descs[i]);
		struct mr_record_event record;
		if (msg.lane != 0) {
			b->hot++;
			continue;
		}
		bool found = mr_stream_read(
			&b->stream, mr_position_offset(msg.position), &record, sizeof(record));
		if (found && b->samples < SAMPLES)
			b->contest->cold_us[b->samples++] =
				(double)(now - record.received_at_ns) * 1e-3;
	}
	b->taken += count;
	atomic_store_explicit(&b->board->taken[0], b->taken, memory_order_release);
}

static void *run_shard(void *arg)
{
	struct bench_shard *b = arg;
	mr_bench_pin(1);
	uint64_t cpu = mr_clock_cpu_ns();
	while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
		int64_t mono = (int64_t)mr_clock_mono_ns();
		struct mr_now now = {(uint64_t)mono, mono};
		int busy = mr_shard_step(b->shard, now, (struct mr_budget){512}) == MR_POLL_BUSY;
		mr_journal_step(b->journal, now, (struct mr_budget){512});
		read_lane(b);
		if (!busy) {
			struct timespec pause = {.tv_nsec = 20000};
			nanosleep(&pause, NULL);
		}
	}
	b->cpu_s = (double)(mr_clock_cpu_ns() - cpu) * 1e-9;
	return NULL;
}

// -- The producer: open loop, one packet per flow at a time.
struct producer {
	struct bench_shard *b;
	struct packet_slot *free[PACKETS];
	uint32_t free_count;
	struct packet_slot *open[FLOWS];
	uint64_t sequence[FLOWS];
	uint8_t cold[128], hot[128];
	uint32_t cold_bytes, hot_bytes;
};

static void take_back(struct producer *p)
{
	struct mr_desc descs[MR_BURST_MAX];
	uint32_t count;
	while ((count = mr_ring_pop_burst(p->b->from_shard, descs, MR_BURST_MAX)) > 0) {
		for (uint32_t i = 0; i < count; i++) {
			struct mr_shard_msg msg = mr_desc_to(struct mr_shard_msg, descs[i]);
			if (msg.kind == MR_SHARD_RELEASE)
				p->free[p->free_count++] =
					(struct packet_slot *)(uintptr_t)msg.data;
			struct mr_source_msg done = {.data = msg.data, .kind = MR_SOURCE_ACK_DONE};
			if (msg.kind == MR_SHARD_ACK)
				mr_ring_push(p->b->to_shard, mr_desc_of(done));
		}
	}
}

static void flush(struct producer *p, uint32_t flow)
{
	struct packet_slot *slot = p->open[flow];
	if (slot == NULL)
		return;
	struct mr_packet *packet = &slot->packet;
	packet->known = packet->first_sequence;
	packet->decoded = packet->count;
	struct mr_source_msg msg = {.data = (uintptr_t)packet, .kind = MR_SOURCE_PACKET};
	if (!mr_ring_push(p->b->to_shard, mr_desc_of(msg)))
		return; // stays open: the next event finds it full and tries again
	p->sequence[flow] += packet->count;
	p->open[flow] = NULL;
}

static void offer(struct producer *p, uint64_t object, bool hot, uint64_t now_ns)
{
	uint32_t flow = mr_flow_of_slot(mr_slot_of(object, SEED), FLOWS);
	if (p->open[flow] == NULL) {
		if (p->free_count == 0)
			return;
		p->open[flow] = p->free[--p->free_count];
		p->open[flow]->packet = (struct mr_packet){.events = p->open[flow]->bytes,
			.first_sequence = p->sequence[flow],
			.received_at_ns = (int64_t)now_ns,
			.flow = (uint8_t)flow};
	}
	struct packet_slot *slot = p->open[flow];
	if (slot->packet.count == EVENTS) {
		flush(p, flow);
		return;
	}
	uint8_t *at = slot->bytes + slot->packet.events_bytes;
	memcpy(at, hot ? p->hot : p->cold, hot ? p->hot_bytes : p->cold_bytes);
	memcpy(at + offsetof(struct mr_event_fixed, object), &object, 8);
	slot->packet.events_bytes += hot ? p->hot_bytes : p->cold_bytes;
	slot->packet.count++;
}

static void encode(struct producer *p)
{
	struct mr_event event = {.action = MR_ACTION_DELETED,
		.object = HOT_OBJECT,
		.workspace = 1,
		.type = {"task", 4}};
	p->hot_bytes = (uint32_t)mr_event_encode(&event, p->hot, sizeof(p->hot));
	event.ancestors_count = 1;
	event.ancestors[0] = (struct mr_ancestor){
		.gid = COLD_PROJECT, .type = {"project", 7}, .via = MR_VIA_OBJECT};
	p->cold_bytes = (uint32_t)mr_event_encode(&event, p->cold, sizeof(p->cold));
}

// Calls `one` for each event when it is due; returns when the time is over.
static void open_loop(struct contest *contest, void *state,
	void (*one)(void *state, bool hot, uint64_t object, uint64_t now_ns),
	void (*tick)(void *state))
{
	struct mr_rng rng;
	mr_rng_seed(&rng, 7);
	uint64_t start = mr_clock_mono_ns(), sent = 0;
	for (;;) {
		uint64_t now = mr_clock_mono_ns();
		double elapsed = (double)(now - start) * 1e-9;
		if (elapsed > contest->seconds)
			return;
		for (uint64_t due = (uint64_t)(elapsed * contest->rate); sent < due; sent++) {
			bool hot = mr_rng_unit(&rng) < contest->hot_share;
			one(state, hot, hot ? HOT_OBJECT : 2 + mr_rng_below(&rng, OBJECTS - 2),
				now);
		}
		tick(state);
		struct timespec pause = {.tv_nsec = 20000};
		nanosleep(&pause, NULL);
	}
}

static void shard_one(void *state, bool hot, uint64_t object, uint64_t now_ns)
{
	offer(state, object, hot, now_ns);
}

static void shard_tick(void *state)
{
	struct producer *p = state;
	for (uint32_t f = 0; f < FLOWS; f++)
		flush(p, f);
	take_back(p);
}

static bool contest_shard(struct contest *contest)
{
	static struct bench_shard b;
	static struct producer p;
	pthread_t thread;
	memset(&b, 0, sizeof(b));
	memset(&p, 0, sizeof(p));
	b.contest = contest;
	p.b = &b;
	if (!build(&b))
		return false;
	open_session(&b);
	subscribe(&b, 0, COLD_PROJECT);
	subscribe(&b, 1, HOT_OBJECT);
	for (uint32_t i = 0; i < PACKETS; i++)
		p.free[p.free_count++] = &b.packets[i];
	for (uint32_t f = 0; f < FLOWS; f++)
		p.sequence[f] = 1;
	encode(&p);
	if (pthread_create(&thread, NULL, run_shard, &b) != 0)
		return false;
	open_loop(contest, &p, shard_one, shard_tick);
	atomic_store(&b.stop, true);
	pthread_join(thread, NULL);
	uint64_t done = b.hot + b.samples;
	contest->cold_rate = (double)b.samples / contest->seconds;
	contest->hot_rate = (double)b.hot / contest->seconds;
	contest->refused = mr_read(&b.stats[0].counters[MR_SHARD_REFUSED]);
	contest->cpu_ns = done > 0 ? b.cpu_s * 1e9 / (double)done : 0;
	contest->median_us = mr_bench_quantile(contest->cold_us, b.samples, 0.5);
	contest->p99_us = mr_bench_quantile(contest->cold_us, b.samples, 0.99);
	mr_arena_close(&b.arena);
	return true;
}

static void lock_one(void *state, bool hot, uint64_t object, uint64_t now_ns)
{
	mr_lockmodel_offer(state, hot ? 0 : (uint32_t)object, now_ns);
}

static void lock_tick(void *state)
{
	(void)state;
}

static bool contest_locks(struct contest *contest)
{
	struct mr_lockmodel_options options = {.objects = OBJECTS,
		.distributors = 8,
		.cpu = 1,
		.work_ns = contest->work_ns,
		.queue_events = 1024,
		.ret_cold_us = contest->cold_us,
		.cold_max = SAMPLES};
	struct mr_lockmodel *model = mr_lockmodel_start(&options);
	if (model == NULL)
		return false;
	open_loop(contest, model, lock_one, lock_tick);
	struct mr_lockmodel_result result = mr_lockmodel_stop(model);
	uint64_t done = result.cold + result.hot;
	contest->cold_rate = (double)result.cold / contest->seconds;
	contest->hot_rate = (double)result.hot / contest->seconds;
	contest->refused = result.lost;
	contest->given_up = result.given_up;
	contest->cpu_ns = done > 0 ? result.cpu_s * 1e9 / (double)done : 0;
	contest->median_us = mr_bench_quantile(contest->cold_us, result.cold_samples, 0.5);
	contest->p99_us = mr_bench_quantile(contest->cold_us, result.cold_samples, 0.99);
	return true;
}

static void print(const char *name, const struct contest *c)
{
	printf("   %-26s cold %8.0f/s  hot %8.0f/s  cold p50 %9.0f us  p99 %9.0f us  %6.0f CPU ns each  refused %llu, lists given up %llu\n",
		name, c->cold_rate, c->hot_rate, c->median_us, c->p99_us, c->cpu_ns,
		(unsigned long long)c->refused, (unsigned long long)c->given_up);
	fflush(stdout);
}

// Both ways with the same cold traffic, and a hot object on top of it.
static bool round_of(double cold_rate, double hot_share, uint32_t work_ns, double *cold_us)
{
	struct contest ours = {.rate = cold_rate / (1 - hot_share),
		.hot_share = hot_share,
		.seconds = mr_bench_seconds(4),
		.cold_us = cold_us,
		.work_ns = work_ns};
	struct contest theirs = ours;
	if (!contest_shard(&ours) || !contest_locks(&theirs))
		return false;
	printf("   hot share %.0f %%: cold %.0f/s and hot %.0f/s offered\n", hot_share * 100,
		cold_rate, ours.rate * hot_share);
	print("mutexes and timed locks", &theirs);
	print("shard", &ours);
	printf("   ratio of cold p99, locks / shard: %.1f%s\n", theirs.p99_us / ours.p99_us,
		hot_share > 0 ? "  (F8 target 20)" : "");
	return true;
}

int main(void)
{
	static const double shares[] = {0, 0.5, 0.8, 0.9};
	double *cold_us = calloc(SAMPLES, sizeof(*cold_us));
	if (cold_us == NULL || mr_bench_cpus() < 2) {
		fprintf(stderr, "drain: needs two CPUs\n");
		return 77;
	}
	mr_bench_header(
		"drain with one hot object: timed locks beside a shard", "packets, HTTP, a disk");
	struct contest calibration = {
		.rate = CALIBRATION_RATE, .seconds = mr_bench_seconds(2), .cold_us = cold_us};
	if (!contest_shard(&calibration))
		return 1;
	double cold_rate = 0.3e9 / calibration.cpu_ns;
	printf("   %d objects; an event costs %.0f CPU ns either way, cold traffic is 30 %% of one core;\n"
	       "   lock times of June 2020 divided by 12,000\n",
		OBJECTS, calibration.cpu_ns);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		if (!round_of(cold_rate, shares[i], (uint32_t)calibration.cpu_ns, cold_us))
			return 1;
	}
	free(cold_us);
	return 0;
}
