#include "router.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"
#include "traffic.h"

enum { NIC_REPLIES = 512, NET_ENTRIES = 1024 };

uint64_t sim_hash_seed(const struct sim_options *options)
{
	return mr_hash_u64(options->seed, 1);
}

struct mr_config *sim_config(const struct sim_options *options)
{
	struct mr_config *config = mr_config_new();
	mr_assert(config != NULL);
	config->flows = options->flows;
	config->hash_seed = sim_hash_seed(options);
	config->is_volatile = true; // also with a disk that keeps: there is no journal
	config->port_mbufs = options->mbufs;
	config->port_ipv6[0] = '\0';
	config->object_queue_events = options->object_queue_events;
	config->object_penalty_after = options->penalty_after;
	config->shard_buffer_bytes = options->shard_stream_bytes * options->shards;
	config->delivery_buffer_bytes = options->delivery_stream_bytes * options->deliveries;
	config->objects_max = 4096;
	config->positions_max = 1 << 16;
	config->lane_entries_max = options->lane_entries;
	config->lane_penalised_max = options->penalised_max;
	config->sessions_max = SIM_SESSIONS_MAX;
	config->refused_runs_max = 8192;
	config->webhooks_max = SIM_WEBHOOKS_MAX;
	config->endpoints_max = SIM_ENDPOINTS_MAX * MR_DELIVERIES_MAX;
	config->connections_max = (uint64_t)options->connections * options->deliveries;
	config->connections_per_endpoint = options->connections_per_endpoint;
	config->connections_per_host = options->connections_per_endpoint;
	config->fragment_cache_bytes = 65536;
	config->batch_events_max = options->batch_events_max;
	config->batch_age_ns = options->batch_age_ns;
	config->connect_timeout_ns = options->request_timeout_ns;
	config->request_timeout_ns = options->request_timeout_ns;
	config->retry_base_ns = 10000000;
	config->retry_cap_ns = options->retry_cap_ns;
	config->apps_count = 1;
	config->apps[0] = (struct mr_config_app){.name = "sim", .app = SIM_APP, .key_id = SIM_KEY};
	return config;
}

static void init_wiring(struct sim_router *router, const struct sim_boot *boot)
{
	struct mr_wiring *wiring = &router->wiring;
	wiring->config = router->config;
	wiring->topology = &router->topology;
	wiring->segment = &router->segment;
	wiring->numbers = mr_number_stages(&router->topology);
	wiring->boot_id = mr_hash_u64(boot->options->seed, 2 + boot->number);
	wiring->secret_seed = wiring->boot_id;
	if (router->journal == NULL)
		wiring->backend = sim_disk_backend(&router->disk);
}

static void open_segment(struct sim_router *router)
{
	const struct mr_segment_layout layout = {.boot_id = router->wiring.boot_id,
		.flows = (uint32_t)router->config->flows,
		.shards = router->topology.shards,
		.deliveries = router->topology.deliveries,
		.stages_count = router->wiring.numbers.count,
		.webhooks_max = SIM_WEBHOOKS_MAX,
		.is_volatile = router->config->is_volatile};
	int err = mr_segment_open(&router->segment, &layout);
	mr_assert(err == 0);
}

static bool wire_first(struct sim_router *router)
{
	const struct mr_steward_config steward = {.wiring = &router->wiring,
		.segment = &router->segment,
		.boot_id = router->wiring.boot_id};
	bool wired = mr_wire_paths(&router->wiring, &router->arena);
	return mr_steward_init(&router->steward, &router->arena, &steward) && wired;
}

static bool wire_stages(struct sim_router *router)
{
	struct mr_wiring_port port = {.nic = router->nic};
	memcpy(port.mac, sim_router_address.mac, sizeof(port.mac));
	return mr_wire_stages(&router->wiring, &router->arena, &port);
}

// The memory that all of it takes.
static void open_arena(struct sim_router *router)
{
	struct mr_wiring_disk planned;
	if (router->journal != NULL) {
		planned = (struct mr_wiring_disk){.plan = router->journal->boot.wiring.plan};
		router->wiring.disk = &planned;
	}
	mr_arena_plan(&router->arena);
	(void)wire_first(router);
	(void)wire_stages(router);
	size_t bytes = router->arena.used;
	int err = mr_arena_open(&router->arena, bytes, false);
	mr_assert(err == 0);
	if (router->journal != NULL)
		router->wiring.disk = &router->journal->boot.wiring;
}

// What the steward does at its start, but for the control socket.
static void start_steward(struct sim_router *router)
{
	struct mr_steward *steward = &router->steward;
	steward->current = router->config;
	steward->wants_keys = true;
	steward->wants_tune = true;
	mr_registry_want(&steward->registry, router->config);
}

static bool build(struct sim_router *router)
{
	struct mr_boot_journal *journal = router->journal != NULL ? &router->journal->boot : NULL;
	bool wired = wire_first(router);
	mr_assert(wired);
	start_steward(router);
	if (journal != NULL
		&& mr_boot_journal_recover(journal, &router->wiring, &router->steward) != 0)
		return false;
	wired = wire_stages(router);
	mr_assert(wired);
	mr_steward_wired(&router->steward);
	mr_arena_seal(&router->arena);
	return journal == NULL
		|| mr_boot_journal_hand_over(journal, &router->wiring, &router->steward) == 0;
}

bool sim_router_open(struct sim_router *router, const struct sim_boot *boot)
{
	const struct sim_options *options = boot->options;
	*router = (struct sim_router){.config = boot->config,
		.journal = boot->journal,
		.topology = {.sources = options->sources,
			.shards = options->shards,
			.deliveries = options->deliveries}};
	sim_disk_init(&router->disk, options);
	sim_journal_clock(boot->now_ns);
	if (router->journal != NULL)
		sim_journal_open(router->journal, router->config);
	init_wiring(router, boot);
	open_segment(router);
	router->nic = mr_nic_fake_new(options->mbufs, NIC_REPLIES);
	open_arena(router);
	int err = mr_net_open(NET_ENTRIES, &router->net);
	mr_assert(err == 0);
	if (!build(router))
		return false;
	mr_fake_advance(router->net, boot->now_ns);
	if (router->journal != NULL)
		mr_fake_set_files(router->net, disk_fake_files(router->journal->disk));
	for (uint32_t i = 0; i < sim_router_stages(router); i++)
		if (mr_stage_has_sockets(&router->wiring.sockets[i]))
			mr_stage_attach(&router->wiring.sockets[i], router->net);
	return true;
}

void sim_router_close(struct sim_router *router)
{
	for (uint32_t i = 0; i < sim_router_stages(router); i++)
		mr_stage_detach(&router->wiring.sockets[i]);
	mr_net_close(router->net);
	mr_nic_fake_free(router->nic);
	if (router->journal != NULL)
		sim_journal_close(router->journal);
	mr_arena_close(&router->arena);
	mr_segment_close(&router->segment);
	sim_disk_fini(&router->disk);
	mr_config_free(router->config);
}

bool sim_router_fails(const struct sim_router *router)
{
	return mr_node_failed(&router->steward.node);
}

bool sim_router_has_failed(const struct sim_router *router, uint64_t now_ns)
{
	return mr_steward_has_failed(&router->steward, now_ns);
}

uint32_t sim_router_stages(const struct sim_router *router)
{
	return router->wiring.numbers.steward;
}

enum mr_poll sim_router_step(
	struct sim_router *router, uint32_t number, uint64_t now_ns, uint32_t units)
{
	const struct mr_stage *stage = &router->wiring.stages[number];
	const struct mr_now now = {
		.mono_ns = now_ns, .wall_ns = SIM_WALL_START_NS + (int64_t)now_ns};
	enum mr_poll poll = MR_POLL_IDLE;
	if (mr_stage_has_sockets(&router->wiring.sockets[number])) {
		mr_fake_advance(router->net, now_ns);
		if (mr_net_poll(router->net) > 0)
			poll = MR_POLL_BUSY;
	}
	if (stage->step(stage->state, now, (struct mr_budget){.units = units}) == MR_POLL_BUSY)
		poll = MR_POLL_BUSY;
	return poll;
}

bool sim_router_steward(struct sim_router *router, uint64_t now_ns)
{
	bool moved = mr_steward_step(&router->steward,
		(struct mr_now){.mono_ns = now_ns, .wall_ns = SIM_WALL_START_NS + (int64_t)now_ns});
	mr_steward_advance(&router->steward, now_ns);
	if (router->journal != NULL)
		moved |= mr_maker_serve(router->wiring.maker);
	return moved;
}

uint64_t sim_router_next_due(const struct sim_router *router)
{
	uint64_t due_ns = mr_fake_next_due(router->net);
	for (uint32_t i = 0; i < sim_router_stages(router); i++) {
		const struct mr_stage *stage = &router->wiring.stages[i];
		uint64_t next_ns =
			stage->next_due != NULL ? stage->next_due(stage->state) : UINT64_MAX;
		if (next_ns < due_ns)
			due_ns = next_ns;
	}
	return due_ns;
}

// -- Balances

uint64_t sim_sum(const struct sim_router *router, enum mr_counter_id id)
{
	const enum mr_stage_kind kind = mr_counter_info(id)->kind;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < sim_router_stages(router); i++)
		if (router->wiring.stages[i].kind == kind)
			sum += mr_read(&router->segment.stages[i].counters[id]);
	return sum;
}

bool sim_router_audit(const struct sim_router *router, char *ret_why, size_t why_size)
{
	for (uint32_t i = 0; i < sim_router_stages(router); i++) {
		const struct mr_stage *stage = &router->wiring.stages[i];
		char why[256];
		if ((stage->kind == MR_STAGE_SHARD
			    && !mr_shard_audit(stage->state, why, sizeof(why)))
			|| (stage->kind == MR_STAGE_DELIVERY
				&& !mr_delivery_audit(stage->state, why, sizeof(why)))) {
			snprintf(ret_why, why_size, "%s: %s", stage->name, why);
			return false;
		}
	}
	return true;
}

bool sim_router_is_done(const struct sim_router *router)
{
	return sim_sum(router, MR_SHARD_QUEUED) == 0 && sim_sum(router, MR_DELIVERY_PENDING) == 0
		&& sim_sum(router, MR_SHARD_MATCHED) == sim_sum(router, MR_DELIVERY_MATCHED)
		&& mr_nic_fake_frames_out(router->nic) == 0
		&& mr_nic_fake_replies_out(router->nic) == 0;
}

bool sim_router_balances(const struct sim_router *router, char *ret_why, size_t why_size)
{
	struct {
		const char *text;
		uint64_t left, right;
	} sides[] = {
		{"offered = accepted + refused", sim_sum(router, MR_SHARD_OFFERED),
			sim_sum(router, MR_SHARD_ACCEPTED) + sim_sum(router, MR_SHARD_REFUSED)},
		{"accepted + recovered = queued + distributed + dropped",
			sim_sum(router, MR_SHARD_ACCEPTED) + sim_sum(router, MR_SHARD_RECOVERED),
			sim_sum(router, MR_SHARD_QUEUED) + sim_sum(router, MR_SHARD_DISTRIBUTED)
				+ sim_sum(router, MR_SHARD_DROPPED)},
		{"matched at shards = matched at deliveries", sim_sum(router, MR_SHARD_MATCHED),
			sim_sum(router, MR_DELIVERY_MATCHED)},
		{"matched + recovered = delivered + pending + dropped",
			sim_sum(router, MR_DELIVERY_MATCHED)
				+ sim_sum(router, MR_DELIVERY_RECOVERED),
			sim_sum(router, MR_DELIVERY_DELIVERED)
				+ sim_sum(router, MR_DELIVERY_PENDING)
				+ sim_sum(router, MR_DELIVERY_DROPPED)},
	};
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		if (sides[i].left == sides[i].right)
			continue;
		snprintf(ret_why, why_size, "%s: %" PRIu64 " and %" PRIu64, sides[i].text,
			sides[i].left, sides[i].right);
		return false;
	}
	return true;
}
