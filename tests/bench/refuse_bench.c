// What it costs a whole router - ingest, shard, journal, delivery in one thread - to take an event
// from RX to the recorded 2xx, and what it costs to refuse one from RX to the ACK, when one object
// is far over its bound. Twenty events per packet, events of one project with one webhook. F16.
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "receiver.h"
#include "router.h"

enum { EVENTS_PER_PACKET = 20, OBJECTS = 1000000, WAITING_MAX = 16384, ROUNDS = 5 };
#define PROJECT UINT64_C(500001)
#define SLOW_US 50000 // before each answer, while one object is too hot
#define BUDGET  ((struct mr_budget){1024})

struct result {
	double accept_ns; // CPU time per event, accepted and delivered
	double refuse_ns; // per event refused
	double accepted_per_s, refused_per_s; // in the second part
	double shed_share; // of those refused, at the door
};

struct count {
	uint64_t accepted, refused, shed, delivered, cpu_ns, wall_ns;
};

static struct count count_of(const struct mr_router *router)
{
	const struct mr_stats_stage *stats = router->stats;
	return (struct count){
		.accepted = mr_read(&stats[MR_ROUTER_SHARD].counters[MR_SHARD_ACCEPTED]),
		.refused = mr_read(&stats[MR_ROUTER_SHARD].counters[MR_SHARD_REFUSED]),
		.shed = mr_read(&stats[MR_ROUTER_INGEST].counters[MR_INGEST_SHED_EVENTS]),
		.delivered = mr_read(&stats[MR_ROUTER_DELIVERY].counters[MR_DELIVERY_DELIVERED]),
		.cpu_ns = mr_clock_cpu_ns(),
		.wall_ns = mr_clock_mono_ns()};
}

static struct count since(const struct mr_router *router, struct count before)
{
	struct count now = count_of(router);
	return (struct count){.accepted = now.accepted - before.accepted,
		.refused = now.refused - before.refused,
		.shed = now.shed - before.shed,
		.delivered = now.delivered - before.delivered,
		.cpu_ns = now.cpu_ns - before.cpu_ns,
		.wall_ns = now.wall_ns - before.wall_ns};
}

// Every stage in turn, as in a router with one core; asleep when none has work. With `held_back`,
// no packets are taken while many events wait for the receiver: then nothing has to be refused.
static void run(struct mr_router *router, bool held_back, double seconds)
{
	uint64_t until = mr_clock_mono_ns() + (uint64_t)(seconds * 1e9);
	for (struct mr_now now = mr_router_now(); now.mono_ns < until; now = mr_router_now()) {
		bool busy = mr_net_poll(router->net) > 0;
		struct count count = count_of(router);
		if (!held_back || count.accepted - count.delivered < WAITING_MAX)
			busy |= mr_ingest_step(router->ingest, now, BUDGET) == MR_POLL_BUSY;
		busy |= mr_shard_step(router->shard, now, BUDGET) == MR_POLL_BUSY;
		busy |= mr_journal_step(router->journal, now, BUDGET) == MR_POLL_BUSY;
		busy |= mr_delivery_step(router->delivery, now, BUDGET) == MR_POLL_BUSY;
		if (!busy)
			mr_net_wait(router->net, 200000);
	}
}

// The sender has come, and every page it uses has been used.
static bool warm_up(struct mr_router *router, bool held_back)
{
	for (int i = 0; i < 20; i++) {
		run(router, held_back, 0.5);
		if (count_of(router).accepted > 0)
			return true;
	}
	fprintf(stderr, "refuse: nothing came\n");
	return false;
}

static bool start(struct mr_router *router, uint64_t objects, const struct mr_receiver *receiver)
{
	struct mr_router_options options = {.events_per_packet = EVENTS_PER_PACKET,
		.objects = objects,
		.ancestor = PROJECT,
		.delivers = true};
	if (!mr_router_start(router, &options))
		return false;
	mr_router_webhook(router, PROJECT, mr_receiver_port(receiver));
	mr_router_session(router);
	return true;
}

static int measure_accepting(void *state)
{
	static struct mr_router router;
	struct result *result = state;
	struct mr_receiver *receiver = mr_receiver_start(0, 0);
	double ns[ROUNDS], rate[ROUNDS];
	uint64_t refused = 0;
	if (receiver == NULL || !start(&router, OBJECTS, receiver) || !warm_up(&router, true))
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		struct count before = count_of(&router);
		run(&router, true, mr_bench_seconds(1));
		struct count count = since(&router, before);
		if (count.delivered == 0)
			return 1;
		ns[i] = (double)count.cpu_ns / (double)count.delivered;
		rate[i] = (double)count.delivered / (double)count.wall_ns * 1e9;
		refused += count.refused;
	}
	result->accept_ns = mr_bench_median(ns, ROUNDS);
	printf("   accepting: %8.1f CPU ns per event from RX to the recorded 2xx (%.3f M events/s, %llu refused)\n",
		result->accept_ns, mr_bench_median(rate, ROUNDS) / 1e6,
		(unsigned long long)refused);
	mr_router_stop(&router);
	mr_receiver_stop(receiver);
	return 0;
}

static int measure_refusing(void *state)
{
	static struct mr_router router;
	struct result *result = state;
	struct mr_receiver *receiver = mr_receiver_start(0, SLOW_US);
	double ns[ROUNDS], refused[ROUNDS], accepted[ROUNDS], shed[ROUNDS];
	if (receiver == NULL || !start(&router, 1, receiver) || !warm_up(&router, false))
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		struct count before = count_of(&router);
		run(&router, false, mr_bench_seconds(1));
		struct count count = since(&router, before);
		if (count.refused == 0) {
			fprintf(stderr, "refuse: %llu events accepted, none refused\n",
				(unsigned long long)count.accepted);
			return 1;
		}
		double seconds = (double)count.wall_ns * 1e-9;
		double others_ns = result->accept_ns * (double)count.accepted;
		ns[i] = ((double)count.cpu_ns - others_ns) / (double)count.refused;
		refused[i] = (double)count.refused / seconds;
		accepted[i] = (double)count.accepted / seconds;
		shed[i] = (double)count.shed / (double)count.refused;
	}
	result->refuse_ns = mr_bench_median(ns, ROUNDS);
	printf("   refusing:  %8.1f CPU ns per event from RX to the ACK (%.3f M refused/s, %.0f %% of them at the door;\n"
	       "              %.3f M/s of the hot object accepted meanwhile, at the cost above)\n",
		result->refuse_ns, mr_bench_median(refused, ROUNDS) / 1e6,
		100 * mr_bench_median(shed, ROUNDS), mr_bench_median(accepted, ROUNDS) / 1e6);
	mr_router_stop(&router);
	mr_receiver_stop(receiver);
	return 0;
}

int main(void)
{
	struct result *result = mr_bench_shared(sizeof(*result));
	if (mr_bench_cpus() < 2) {
		fprintf(stderr, "refuse: needs two CPUs, one for sender and receiver\n");
		return 77;
	}
	mr_bench_header("refusing beside accepting, a whole router in one thread",
		"a disk, a network, several cores");
	if (result == NULL || mr_bench_apart(measure_accepting, result) != 0
		|| mr_bench_apart(measure_refusing, result) != 0)
		return 1;
	printf("   F16 refusing / accepting an event: %.3f (target 0.05)\n",
		result->refuse_ns / result->accept_ns);
	return 0;
}
