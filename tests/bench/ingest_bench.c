// Packets of a memif port on one core: DPDK's own receive-and-free loop; the same through the
// ingest stage into the shard's ring; the same through the shard as well - settled, admitted,
// journalled in memory, queued on 1 M objects and distributed to nobody. With one event per packet
// and with twenty. F1, F2, F3.
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "bench.h"
#include "clock.h"
#include "router.h"

enum { OBJECTS = 1000000 };

struct world {
	struct mr_router router;
	uint32_t events_per_packet;
};

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

// What a shard does at least: takes the packets and lends them back.
static void give_back(struct mr_router *r)
{
	struct mr_desc descs[MR_BURST_MAX], back[MR_BURST_MAX];
	uint32_t count;
	while ((count = mr_ring_pop_burst(r->to_shard, descs, MR_BURST_MAX)) > 0) {
		for (uint32_t i = 0; i < count; i++) {
			struct mr_source_msg msg = mr_desc_to(struct mr_source_msg, descs[i]);
			struct mr_shard_msg release = {.data = msg.data, .kind = MR_SHARD_RELEASE};
			back[i] = mr_desc_of(release);
		}
		mr_ring_push_burst(r->from_shard, back, count);
	}
}

static struct mr_sample run_to_ring(void *state)
{
	struct mr_router *r = &((struct world *)state)->router;
	const mr_counter *events = &r->stats[MR_ROUTER_INGEST].counters[MR_INGEST_DATA_EVENTS];
	struct mr_budget budget = {4096};
	mr_router_session(r);
	give_back(r);
	uint64_t before = mr_read(events), from = mr_clock_mono_ns(), cpu = mr_clock_cpu_ns();
	while (seconds_since(from) < mr_bench_seconds(0.6)) {
		struct mr_now time = mr_router_now();
		for (int i = 0; i < 64; i++) {
			mr_ingest_step(r->ingest, time, budget);
			give_back(r);
		}
	}
	return sample((double)(mr_read(events) - before), from, cpu);
}

// Gives back every packet that the shard still has: the pool is the port's again.
static void drain(struct mr_router *r)
{
	for (int i = 0; i < 100000 && mr_ring_used(r->to_shard) > 0; i++) {
		struct mr_now time = mr_router_now();
		mr_shard_step(r->shard, time, (struct mr_budget){4096});
		mr_journal_step(r->journal, time, (struct mr_budget){4096});
		mr_ingest_step(r->ingest, time, (struct mr_budget){0});
	}
}

static struct mr_sample run_to_objects(void *state)
{
	struct mr_router *r = &((struct world *)state)->router;
	const mr_counter *accepted = &r->stats[MR_ROUTER_SHARD].counters[MR_SHARD_ACCEPTED];
	struct mr_budget budget = {4096};
	mr_router_session(r);
	uint64_t before = mr_read(accepted), from = mr_clock_mono_ns(), cpu = mr_clock_cpu_ns();
	while (seconds_since(from) < mr_bench_seconds(0.6)) {
		struct mr_now time = mr_router_now();
		for (int i = 0; i < 8; i++) {
			mr_ingest_step(r->ingest, time, (struct mr_budget){MR_BURST_MAX});
			mr_shard_step(r->shard, time, budget);
			mr_journal_step(r->journal, time, budget);
		}
	}
	struct mr_sample done = sample((double)(mr_read(accepted) - before), from, cpu);
	drain(r);
	return done;
}

struct medians { // bare, to ring, to objects
	double rate[3];
	double cpu_ns[3];
};

// Medians for the caller.
static int measure(uint32_t events_per_packet, struct medians *ret)
{
	static struct world w;
	struct mr_router_options options = {
		.events_per_packet = events_per_packet, .objects = OBJECTS};
	w.events_per_packet = events_per_packet;
	if (!mr_router_start(&w.router, &options))
		return 1;
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
		ret->rate[k] = mr_bench_median(rates[k], ROUNDS);
		ret->cpu_ns[k] = mr_bench_median(cpu[k], ROUNDS);
		printf("   %-48s %8.2f M events/s %8.1f CPU ns each\n", names[k],
			ret->rate[k] / 1e6, ret->cpu_ns[k]);
	}
	fflush(stdout);
	mr_router_stop(&w.router);
	return 0;
}

struct run {
	uint32_t events_per_packet;
	struct medians *medians; // shared
};

static int measure_one(void *state)
{
	struct run *run = state;
	return measure(run->events_per_packet, run->medians);
}

int main(void)
{
	struct medians *medians = mr_bench_shared(2 * sizeof(*medians));
	if (mr_bench_cpus() < 2) {
		fprintf(stderr, "ingest: needs two CPUs, one for the sender\n");
		return 77;
	}
	mr_bench_header("ingest over memif on one core, sender on another",
		"webhooks, delivery, a disk, IP checksums (the device's)");
	struct run single = {1, medians}, packed = {20, medians + 1};
	if (medians == NULL || mr_bench_apart(measure_one, &single) != 0
		|| mr_bench_apart(measure_one, &packed) != 0)
		return 1;
	const struct medians *one = &medians[0], *twenty = &medians[1];
	printf("   F1 ingest to shard ring / receive loop, one event per packet: %.2f, by CPU time %.2f (target 0.65)\n",
		one->rate[1] / one->rate[0], one->cpu_ns[0] / one->cpu_ns[1]);
	printf("   F2 ingest to object queue / receive loop, one event per packet: %.2f, by CPU time %.2f (target 0.35)\n",
		one->rate[2] / one->rate[0], one->cpu_ns[0] / one->cpu_ns[2]);
	printf("   F3 twenty per packet / one per packet, events to object queue: %.2f, by CPU time %.2f (target 2.5)\n",
		twenty->rate[2] / one->rate[2], one->cpu_ns[2] / twenty->cpu_ns[2]);
	return 0;
}
