// Packets of a memif port on one core: DPDK's own receive-and-free loop; the same through the
// ingest stage into the shard's ring; the same through the shard as well - settled, admitted,
// journalled in memory, queued on 1 M objects and distributed to nobody. With one event per packet
// and with twenty. F1, F2, F3.
#include "ingest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "arena.h"
#include "bench.h"
#include "blaster.h"
#include "clock.h"
#include "eal.h"
#include "journal.h"
#include "shard.h"

enum { FLOWS = 16, OBJECTS = 1000000, RING = 1 << 15, MBUFS = 16383, BUFFER = 256 << 20 };
#define SEED UINT64_C(0x6d696c6c72616365)

struct world {
	struct mr_nic *nic;
	struct mr_ingest *ingest;
	struct mr_shard *shard;
	struct mr_journal *journal;
	struct mr_ring *to_shard, *from_shard, *steward[2], *to_steward;
	struct mr_stats_stage *stats; // ingest, shard, journal
	struct mr_stream stream;
	uint32_t events_per_packet;
};

static struct mr_now now(void)
{
	return (struct mr_now){mr_clock_mono_ns(), mr_clock_wall_ns()};
}

static double seconds_since(uint64_t from_ns)
{
	return (double)(mr_clock_mono_ns() - from_ns) * 1e-9;
}

static struct mr_sample sample(double events, uint64_t from_ns, uint64_t cpu_ns)
{
	return (struct mr_sample){.units = events,
		.wall_s = seconds_since(from_ns),
		.cpu_s = (double)(mr_clock_cpu_ns() - cpu_ns) * 1e-9};
}

static struct mr_sample run_bare(void *state)
{
	struct world *w = state;
	struct rte_mbuf *mbufs[MR_BURST_MAX];
	uint64_t packets = 0, from = mr_clock_mono_ns(), cpu = mr_clock_cpu_ns();
	while (seconds_since(from) < mr_bench_seconds(0.6)) {
		for (int i = 0; i < 64; i++) {
			uint16_t count = rte_eth_rx_burst(0, 0, mbufs, MR_BURST_MAX);
			rte_pktmbuf_free_bulk(mbufs, count);
			packets += count;
		}
	}
	return sample((double)packets * w->events_per_packet, from, cpu);
}

static void tell(struct world *w, struct mr_steward_msg *msg)
{
	mr_ring_push(w->steward[1], (struct mr_desc){{(uintptr_t)msg, 0}});
	mr_shard_step(w->shard, now(), (struct mr_budget){64});
	mr_ring_push(w->steward[0], (struct mr_desc){{(uintptr_t)msg, 0}});
	mr_ingest_step(w->ingest, now(), (struct mr_budget){0});
}

// Where each flow of the sender stands now: nothing is lost after that, the port just holds it
// back.
static void sniff(struct world *w, uint64_t *ret_next)
{
	struct mr_rx frames[MR_BURST_MAX];
	struct mr_frame *done[MR_BURST_MAX];
	uint64_t seen = 0;
	while (seen != (1u << FLOWS) - 1) {
		uint16_t count = mr_nic_rx_burst(w->nic, 0, frames, MR_BURST_MAX);
		for (uint16_t i = 0; i < count; i++) {
			struct mr_wire_header header;
			memcpy(&header, frames[i].data + 42, sizeof(header));
			ret_next[header.flow] = header.first_sequence + header.count;
			seen |= 1u << header.flow;
			done[i] = frames[i].frame;
		}
		mr_nic_free_burst(w->nic, done, count);
	}
}

static void open_session(struct world *w)
{
	static struct mr_steward_msg keys = {.kind = MR_STEWARD_KEYS};
	static struct mr_steward_msg session;
	static bool is_open;
	keys.keys.count = 1;
	keys.keys.keys[0] = (struct mr_key){1, 7};
	session.session = (struct mr_session){.app = 7, .session_id = 99, .key_id = 1};
	session.kind = MR_STEWARD_SESSION_CLOSE;
	if (is_open)
		tell(w, &session);
	is_open = true;
	sniff(w, session.session.known);
	session.kind = MR_STEWARD_SESSION_OPEN;
	tell(w, &keys);
	tell(w, &session);
}

// What a shard does at least: takes the packets and lends them back.
static void give_back(struct world *w)
{
	struct mr_desc descs[MR_BURST_MAX], back[MR_BURST_MAX];
	uint32_t count;
	while ((count = mr_ring_pop_burst(w->to_shard, descs, MR_BURST_MAX)) > 0) {
		for (uint32_t i = 0; i < count; i++) {
			struct mr_source_msg msg = mr_desc_to(struct mr_source_msg, descs[i]);
			struct mr_shard_msg release = {.data = msg.data, .kind = MR_SHARD_RELEASE};
			back[i] = mr_desc_of(release);
		}
		mr_ring_push_burst(w->from_shard, back, count);
	}
}

static struct mr_sample run_to_ring(void *state)
{
	struct world *w = state;
	const mr_counter *events = &w->stats[0].counters[MR_INGEST_DATA_EVENTS];
	struct mr_budget budget = {4096};
	open_session(w);
	give_back(w);
	uint64_t before = mr_read(events), from = mr_clock_mono_ns(), cpu = mr_clock_cpu_ns();
	while (seconds_since(from) < mr_bench_seconds(0.6)) {
		struct mr_now time = now();
		for (int i = 0; i < 64; i++) {
			mr_ingest_step(w->ingest, time, budget);
			give_back(w);
		}
	}
	return sample((double)(mr_read(events) - before), from, cpu);
}

static struct mr_sample run_to_objects(void *state)
{
	struct world *w = state;
	const mr_counter *accepted = &w->stats[1].counters[MR_SHARD_ACCEPTED];
	struct mr_budget budget = {4096};
	open_session(w);
	uint64_t before = mr_read(accepted), from = mr_clock_mono_ns(), cpu = mr_clock_cpu_ns();
	while (seconds_since(from) < mr_bench_seconds(0.6)) {
		struct mr_now time = now();
		for (int i = 0; i < 8; i++) {
			mr_ingest_step(w->ingest, time, budget);
			mr_shard_step(w->shard, time, budget);
			mr_journal_step(w->journal, time, budget);
		}
	}
	return sample((double)(mr_read(accepted) - before), from, cpu);
}

static bool build(struct world *w, struct mr_arena *arena)
{
	static struct mr_stream *streams[1];
	streams[0] = &w->stream;
	w->stats = mr_arena_array(arena, "stats", struct mr_stats_stage, 3);
	w->to_shard = mr_ring_new(arena, "to shard", RING);
	w->from_shard = mr_ring_new(arena, "from shard", RING);
	w->steward[0] = mr_ring_new(arena, "steward", 16);
	w->steward[1] = mr_ring_new(arena, "steward", 16);
	w->to_steward = mr_ring_new(arena, "steward", 64);
	if (!mr_stream_init(&w->stream, arena, 0, BUFFER, MR_STREAM_START))
		return false;
	struct mr_ingest_config ingest = {.shards = 1,
		.flows = FLOWS,
		.hash_seed = SEED,
		.is_volatile = true,
		.port_base = 7400,
		.sessions_max = 16,
		.ipv4 = {10, 77, 0, 1},
		.nic = w->nic,
		.to_shard = {w->to_shard},
		.from_shard = {w->from_shard},
		.from_steward = w->steward[0],
		.to_steward = w->to_steward,
		.stats = &w->stats[0]};
	memcpy(ingest.mac, mr_blaster_mac, sizeof(ingest.mac));
	struct mr_journal_config journal = {.streams = streams,
		.streams_count = 1,
		.backend = mr_backend_volatile(),
		.stats = &w->stats[2]};
	struct mr_shard_config shard = {.shards = 1,
		.flows = FLOWS,
		.sources = 1,
		.hash_seed = SEED,
		.is_volatile = true,
		.limits = {.objects_max = 1 << 20,
			.positions_max = 1 << 22,
			.sessions_max = 16,
			.refused_runs_max = 4096,
			.webhooks_max = 16,
			.reorder_packets_max = 1024,
			.object_queue_events = 1024,
			.object_queue_bytes = 1 << 20,
			.penalty_after = 8,
			.quantum_units = 64,
			.ack_interval_ns = 200000,
			.progress_interval_ns = 100000000},
		.stream = &w->stream,
		.streams = streams,
		.streams_count = 1,
		.backend = journal.backend.reader,
		.from_source = {w->to_shard},
		.to_source = {w->from_shard},
		.from_steward = w->steward[1],
		.stats = &w->stats[1],
		.scopes = mr_arena_array(arena, "scopes", struct mr_stats_scope,
			MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX)};
	w->ingest = mr_ingest_new(arena, &ingest);
	w->shard = mr_shard_new(arena, &shard);
	w->journal = mr_journal_new(arena, &journal);
	return w->ingest != NULL && w->shard != NULL && w->journal != NULL;
}

// Medians for the caller: bare, to ring, to objects.
static int measure(uint32_t events_per_packet, double *ret_rates)
{
	char socket[64], device[128], why[256] = "";
	const char *nic_why = "";
	static struct world w;
	static struct mr_arena arena;
	snprintf(socket, sizeof(socket), "/tmp/millrace-bench-%d.sock", (int)getpid());
	struct mr_blaster blaster = {.socket = socket,
		.events_per_packet = events_per_packet,
		.flows = FLOWS,
		.objects = OBJECTS,
		.hash_seed = SEED,
		.session_id = 99,
		.key_id = 1,
		.port = 7400,
		.from = {10, 77, 0, 2},
		.to = {10, 77, 0, 1}};
	pid_t sender = mr_blaster_start(&blaster);
	snprintf(device, sizeof(device), "net_memif0,role=server,socket=%s,socket-abstract=no",
		socket);
	struct mr_eal_options eal = {.memory_mib = 128,
		.file_prefix = "millrace-bench",
		.devices = {device},
		.devices_count = 1,
		.main_cpu = 1};
	struct mr_nic_options nic = {.device = "net_memif0",
		.queues = 1,
		.ring_size = 1024,
		.mbufs = MBUFS,
		.mtu = MR_MTU};
	w.events_per_packet = events_per_packet;
	if (mr_eal_start(&eal, why, sizeof(why)) < 0 || mr_nic_open(&nic, &w.nic, &nic_why) < 0
		|| mr_arena_open(&arena, 1u << 30, false) < 0 || !build(&w, &arena)) {
		fprintf(stderr, "ingest: %s %s\n", why, nic_why);
		return 1;
	}
	mr_bench_pin(1);
	while (run_bare(&w).units == 0)
		;
	static double rates[3][MR_BENCH_SAMPLES_MAX], cpu[3][MR_BENCH_SAMPLES_MAX];
	enum { ROUNDS = 5 };
	for (int i = 0; i < ROUNDS; i++) {
		struct mr_sample samples[3] = {run_bare(&w), run_to_ring(&w), run_to_objects(&w)};
		for (int k = 0; k < 3; k++) {
			rates[k][i] = samples[k].units / samples[k].wall_s;
			cpu[k][i] = samples[k].cpu_s * 1e9 / samples[k].units;
		}
	}
	static const char *const names[3] = {"rte_eth_rx_burst and free",
		"through ingest to the shard's ring",
		"through ingest and shard: queued, distributed"};
	printf("   %u events per packet (%d-byte events)\n", events_per_packet,
		MR_EVENT_FIXED_BYTES + 8);
	for (int k = 0; k < 3; k++) {
		ret_rates[k] = mr_bench_median(rates[k], ROUNDS);
		printf("   %-48s %8.2f M events/s %8.1f CPU ns each\n", names[k],
			ret_rates[k] / 1e6, mr_bench_median(cpu[k], ROUNDS));
	}
	fflush(stdout);
	mr_blaster_stop(sender);
	unlink(socket);
	return 0;
}

static int measure_apart(uint32_t events_per_packet, double *shared)
{
	int status;
	fflush(NULL);
	pid_t pid = fork(); // one EAL per process
	if (pid == 0) {
		int result = measure(events_per_packet, shared);
		fflush(NULL);
		_exit(result);
	}
	return pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0;
}

int main(void)
{
	double *rates = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mr_bench_cpus() < 2) {
		fprintf(stderr, "ingest: needs two CPUs, one for the sender\n");
		return 77;
	}
	mr_bench_header("ingest over memif on one core, sender on another",
		"webhooks, delivery, a disk, IP checksums (the device's)");
	if (rates == MAP_FAILED || measure_apart(1, rates) || measure_apart(20, rates + 3))
		return 1;
	printf("   F1 ingest to shard ring / receive loop, one event per packet: %.2f (target 0.65)\n",
		rates[1] / rates[0]);
	printf("   F2 ingest to object queue / receive loop, one event per packet: %.2f (target 0.35)\n",
		rates[2] / rates[0]);
	printf("   F3 twenty per packet / one per packet, events to object queue: %.2f (target 2.5)\n",
		rates[5] / rates[2]);
	return 0;
}
