#include "router.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "eal.h"

enum { FLOWS = 16, RING = 1 << 15, MBUFS = 16383, BUFFER = 256 << 20, WEBHOOKS = 16 };
#define SEED   UINT64_C(0x6d696c6c72616365)
#define SECOND UINT64_C(1000000000)

static const char SECRET[] = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";

struct mr_now mr_router_now(void)
{
	return (struct mr_now){mr_clock_mono_ns(), mr_clock_wall_ns()};
}

static void tell(struct mr_router *router, struct mr_steward_msg *msg)
{
	mr_ring_push(router->steward[MR_ROUTER_SHARD], (struct mr_desc){{(uintptr_t)msg, 0}});
	mr_shard_step(router->shard, mr_router_now(), (struct mr_budget){64});
	mr_ring_push(router->steward[MR_ROUTER_INGEST], (struct mr_desc){{(uintptr_t)msg, 0}});
	mr_ingest_step(router->ingest, mr_router_now(), (struct mr_budget){0});
}

// Where each flow of the sender stands now: nothing is lost after that, the port just holds it
// back.
static void sniff(struct mr_router *router, uint64_t *ret_next)
{
	enum { PACKETS = 4096 }; // enough to see every flow that has objects
	struct mr_rx frames[MR_BURST_MAX];
	struct mr_frame *done[MR_BURST_MAX];
	for (uint32_t packets = 0; packets < PACKETS;) {
		uint16_t count = mr_nic_rx_burst(router->nic, 0, frames, MR_BURST_MAX);
		for (uint16_t i = 0; i < count; i++) {
			struct mr_wire_header header;
			memcpy(&header, frames[i].data + 42, sizeof(header));
			ret_next[header.flow] = header.first_sequence + header.count;
			done[i] = frames[i].frame;
		}
		mr_nic_free_burst(router->nic, done, count);
		packets += count;
	}
}

void mr_router_session(struct mr_router *router)
{
	static struct mr_steward_msg keys = {.kind = MR_STEWARD_KEYS};
	static struct mr_steward_msg session;
	static bool is_open;
	keys.keys.count = 1;
	keys.keys.keys[0] = (struct mr_key){1, 7};
	session.session = (struct mr_session){.app = 7, .session_id = 99, .key_id = 1};
	session.kind = MR_STEWARD_SESSION_CLOSE;
	if (is_open)
		tell(router, &session);
	is_open = true;
	for (uint32_t flow = 0; flow < FLOWS; flow++)
		session.session.known[flow] = 1;
	if (router->delivery == NULL)
		sniff(router, session.session.known);
	session.kind = MR_STEWARD_SESSION_OPEN;
	tell(router, &keys);
	tell(router, &session);
}

static bool take_rings(struct mr_router *router)
{
	struct mr_arena *arena = &router->arena;
	router->streams[0] = &router->shard_stream;
	router->streams[1] = &router->delivery_stream;
	router->stats = mr_arena_array(arena, "stats", struct mr_stats_stage, MR_ROUTER_STAGES);
	router->rows = mr_arena_array(arena, "rows", struct mr_stats_webhook, WEBHOOKS);
	router->board = mr_arena_array(arena, "board", struct mr_delivery_board, 1);
	router->to_shard = mr_ring_new(arena, "to shard", RING);
	router->from_shard = mr_ring_new(arena, "from shard", RING);
	router->to_delivery = mr_ring_new(arena, "to delivery", RING);
	router->from_delivery = mr_ring_new(arena, "from delivery", 1024);
	router->to_steward = mr_ring_new(arena, "steward", 64);
	for (int i = 0; i < MR_ROUTER_STAGES; i++)
		router->steward[i] = mr_ring_new(arena, "steward", 16);
	return mr_stream_init(&router->shard_stream, arena, 0, BUFFER, MR_STREAM_START)
		&& mr_stream_init(&router->delivery_stream, arena, 1, 4 << 20, MR_STREAM_START);
}

static struct mr_ingest *new_ingest(struct mr_router *router)
{
	struct mr_ingest_config config = {.shards = 1,
		.flows = FLOWS,
		.hash_seed = SEED,
		.is_volatile = true,
		.port_base = 7400,
		.sessions_max = 16,
		.ipv4 = {10, 77, 0, 1},
		.nic = router->nic,
		.to_shard = {router->to_shard},
		.from_shard = {router->from_shard},
		.from_steward = router->steward[MR_ROUTER_INGEST],
		.to_steward = router->to_steward,
		.stats = &router->stats[MR_ROUTER_INGEST]};
	memcpy(config.mac, mr_blaster_mac, sizeof(config.mac));
	return mr_ingest_new(&router->arena, &config);
}

static struct mr_shard *new_shard(struct mr_router *router, bool delivers)
{
	struct mr_shard_config config = {.shards = 1,
		.flows = FLOWS,
		.sources = 1,
		.deliveries = delivers ? 1 : 0,
		.hash_seed = SEED,
		.is_volatile = true,
		.limits = {.objects_max = 1 << 20,
			.positions_max = 1 << 22,
			.sessions_max = 16,
			.refused_runs_max = 4096,
			.webhooks_max = WEBHOOKS,
			.reorder_packets_max = 1024,
			.object_queue_events = 1024,
			.object_queue_bytes = 1 << 20,
			.penalty_after = 8,
			.quantum_units = 64,
			.ack_interval_ns = 200000,
			.progress_interval_ns = SECOND / 10},
		.stream = &router->shard_stream,
		.streams = router->streams,
		.streams_count = 2,
		.backend = mr_backend_volatile().reader,
		.from_source = {router->to_shard},
		.to_source = {router->from_shard},
		.to_delivery = {router->to_delivery},
		.from_delivery = {router->from_delivery},
		.boards = {router->board},
		.from_steward = router->steward[MR_ROUTER_SHARD],
		.stats = &router->stats[MR_ROUTER_SHARD],
		.scopes = mr_arena_array(&router->arena, "scopes", struct mr_stats_scope,
			MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX)};
	return mr_shard_new(&router->arena, &config);
}

static struct mr_journal *new_journal(struct mr_router *router)
{
	struct mr_journal_config config = {.streams = router->streams,
		.streams_count = 2,
		.backend = mr_backend_volatile(),
		.stats = &router->stats[MR_ROUTER_JOURNAL]};
	return mr_journal_new(&router->arena, &config);
}

static struct mr_delivery *new_delivery(struct mr_router *router)
{
	struct mr_delivery_config config = {.shards = 1,
		.boot_id = 77,
		.stream = &router->delivery_stream,
		.streams = router->streams,
		.streams_count = 2,
		.shard_streams = {0},
		.backend = mr_backend_volatile().reader,
		.from_shard = {router->to_delivery},
		.to_shard = {router->from_delivery},
		.from_steward = router->steward[MR_ROUTER_DELIVERY],
		.to_steward = router->to_steward,
		.board = router->board,
		.stats = &router->stats[MR_ROUTER_DELIVERY],
		.webhooks = router->rows,
		.rng_seed = 3,
		.limits = {.lanes_max = WEBHOOKS,
			.entries_max = 1 << 20,
			.endpoints_max = 16,
			.connections_max = 32,
			.connections_per_endpoint = 16,
			.connections_per_host = 16,
			.fragment_cache_bytes = 32 << 20,
			.tune = {.penalised_max = 1024,
				.batch_events_max = MR_BATCH_EVENTS_MAX,
				.batch_bytes_max = MR_BATCH_BYTES_MAX,
				.batch_age_ns = SECOND / 20,
				.connect_timeout_ns = 5 * SECOND,
				.request_timeout_ns = 60 * SECOND,
				.retry_base_ns = SECOND,
				.retry_cap_ns = 600 * SECOND,
				.expire_after_ns = 24 * 3600 * SECOND,
				.heartbeat_ns = 8 * 3600 * SECOND}}};
	return mr_delivery_new(&router->arena, &config);
}

static bool build(struct mr_router *router, bool delivers)
{
	if (mr_arena_open(&router->arena, 1u << 30, false) < 0 || !take_rings(router))
		return false;
	router->ingest = new_ingest(router);
	router->shard = new_shard(router, delivers);
	router->journal = new_journal(router);
	if (delivers) {
		router->delivery = new_delivery(router);
		if (router->delivery == NULL || mr_net_open(1024, &router->net) < 0)
			return false;
		mr_delivery_attach(router->delivery, router->net);
	}
	mr_arena_seal(&router->arena);
	return router->ingest != NULL && router->shard != NULL && router->journal != NULL;
}

static bool await_sender(const struct mr_router *router)
{
	enum { TRIES = 4000 };
	static struct mr_rx frames[MR_BURST_MAX];
	static struct mr_frame *done[MR_BURST_MAX];
	for (int i = 0; i < TRIES; i++) {
		uint16_t count = mr_nic_rx_burst(router->nic, 0, frames, MR_BURST_MAX);
		for (uint16_t k = 0; k < count; k++)
			done[k] = frames[k].frame;
		mr_nic_free_burst(router->nic, done, count);
		if (count > 0)
			return true;
		usleep(5000);
	}
	fprintf(stderr, "router: the sender did not come\n");
	return false;
}

bool mr_router_start(struct mr_router *router, const struct mr_router_options *options)
{
	char device[128], why[256] = "";
	const char *nic_why = "";
	memset(router, 0, sizeof(*router));
	snprintf(router->socket, sizeof(router->socket), "/tmp/millrace-bench-%d.sock",
		(int)getpid());
	struct mr_blaster blaster = {.socket = router->socket,
		.events_per_packet = options->events_per_packet,
		.flows = FLOWS,
		.objects = options->objects,
		.ancestor = options->ancestor,
		.obeys_credit = options->delivers,
		.hash_seed = SEED,
		.session_id = 99,
		.key_id = 1,
		.port = 7400,
		.from = {10, 77, 0, 2},
		.to = {10, 77, 0, 1}};
	router->sender = mr_blaster_start(&blaster);
	snprintf(device, sizeof(device), "net_memif0,role=server,socket=%s,socket-abstract=no",
		router->socket);
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
	if (mr_eal_start(&eal, why, sizeof(why)) < 0
		|| mr_nic_open(&nic, &router->nic, &nic_why) < 0
		|| !build(router, options->delivers)) {
		fprintf(stderr, "router: %s %s\n", why, nic_why);
		return false;
	}
	mr_bench_pin(1);
	return options->delivers || await_sender(router);
}

void mr_router_stop(struct mr_router *router)
{
	mr_blaster_stop(router->sender);
	unlink(router->socket);
}

void mr_router_webhook(struct mr_router *router, uint64_t resource, uint16_t port)
{
	static struct mr_steward_msg msg = {.kind = MR_STEWARD_WEBHOOK_ADD,
		.generation = 1,
		.webhook = {.id = 5000,
			.in_flight = MR_IN_FLIGHT_MAX,
			.host = "127.0.0.1",
			.address = {[10] = 0xff, 0xff, 127, 0, 0, 1},
			.path = "/hook",
			.secret_length = sizeof(SECRET) - 1}};
	msg.webhook.resource = resource;
	msg.webhook.port = port;
	memcpy(msg.webhook.secret, SECRET, sizeof(SECRET) - 1);
	struct mr_desc desc = {{(uintptr_t)&msg, 0}};
	mr_ring_push(router->steward[MR_ROUTER_DELIVERY], desc);
	mr_delivery_step(router->delivery, mr_router_now(), (struct mr_budget){64});
	mr_ring_push(router->steward[MR_ROUTER_SHARD], desc);
	mr_shard_step(router->shard, mr_router_now(), (struct mr_budget){64});
}
