// What a hand-off of 16-byte descriptors between two cores costs through mr_ring, beside bare
// rte_ring with the same element size, burst and pinning. One producer, one consumer; nothing is
// done with the descriptors.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "arena.h"
#include "bench.h"
#include "ring.h"

enum { CAPACITY = 4096, BURST_MAX = 64 };

struct handoff {
	struct rte_ring *ring;
	struct mr_ring *mr_ring;
	uint32_t burst;
	bool bare;
	uint64_t total;
	uint64_t checksum;
};

static double thread_cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint32_t push(struct handoff *h, const struct mr_desc *descs, uint32_t count)
{
	if (h->bare)
		return rte_ring_sp_enqueue_burst_elem(h->ring, descs, sizeof(*descs), count, NULL);
	return mr_ring_push_burst(h->mr_ring, descs, count);
}

static uint32_t pop(struct handoff *h, struct mr_desc *descs, uint32_t max)
{
	if (h->bare)
		return rte_ring_sc_dequeue_burst_elem(h->ring, descs, sizeof(*descs), max, NULL);
	return mr_ring_pop_burst(h->mr_ring, descs, max);
}

static void *consume(void *arg)
{
	struct handoff *h = arg;
	struct mr_desc descs[BURST_MAX];
	mr_bench_pin(0);
	for (uint64_t seen = 0; seen < h->total;) {
		uint32_t count = pop(h, descs, h->burst);
		for (uint32_t i = 0; i < count; i++)
			h->checksum += descs[i].word[0];
		seen += count;
	}
	return NULL;
}

static struct mr_sample run(struct handoff *h, bool bare)
{
	struct mr_desc descs[BURST_MAX] = {0};
	struct timespec from, to;
	pthread_t thread;
	h->bare = bare;
	h->checksum = 0;
	h->total = (uint64_t)mr_bench_seconds(4e6 * (h->burst < 8 ? 2 : 8)) / BURST_MAX * BURST_MAX;
	if (pthread_create(&thread, NULL, consume, h) != 0)
		exit(1);
	mr_bench_pin(1);
	clock_gettime(CLOCK_MONOTONIC, &from);
	double cpu = thread_cpu_s();
	for (uint64_t sent = 0; sent < h->total;) {
		uint32_t want = h->burst;
		for (uint32_t i = 0; i < want; i++)
			descs[i].word[0] = sent + i;
		for (uint32_t done = 0; done < want;)
			done += push(h, descs + done, want - done);
		sent += want;
	}
	cpu = thread_cpu_s() - cpu;
	pthread_join(thread, NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (h->checksum != h->total / 2 * (h->total - 1)) {
		fprintf(stderr, "handoff: descriptors were lost or changed\n");
		exit(1);
	}
	double wall =
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
	return (struct mr_sample){.units = (double)h->total, .wall_s = wall, .cpu_s = cpu};
}

static struct mr_sample run_ours(void *state)
{
	return run(state, false);
}

static struct mr_sample run_bare(void *state)
{
	return run(state, true);
}

int main(void)
{
	static const uint32_t bursts[] = {1, 8, 32, 64};
	struct mr_arena arena;
	struct handoff h = {0};
	if (mr_arena_open(&arena, 1 << 20, false) < 0)
		return 1;
	h.mr_ring = mr_ring_new(&arena, "bench", CAPACITY);
	h.ring = mr_arena_take(&arena, "bare",
		(size_t)rte_ring_get_memsize_elem(sizeof(struct mr_desc), CAPACITY), 64);
	rte_ring_init(h.ring, "bare", CAPACITY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	mr_bench_header("hand-off between two cores, 16-byte descriptors", "packets, tables, naps");
	for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
		h.burst = bursts[i];
		printf("   burst %u\n", h.burst);
		struct mr_bench_pair pair = {.name = "mr_ring",
			.baseline = "bare rte_ring",
			.unit = "descriptors",
			.run = run_ours,
			.run_baseline = run_bare,
			.state = &h,
			.two_cpus = mr_bench_cpus() > 1};
		mr_bench_pair(&pair, 5);
	}
	mr_arena_close(&arena);
	return 0;
}
