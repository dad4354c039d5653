#include "feed.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "event_codec.h"
#include "hash.h"
#include "record_codec.h"

enum { SHARD_STREAM = 0, OWN_STREAM = 1, RING = 1 << 14, OBJECTS = 1000000, BATCHES_WAITING = 3 };
#define SECOND UINT64_C(1000000000)
#define SECRET "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"

static struct mr_delivery_config config_of(struct mr_feed *feed)
{
	struct mr_delivery_config config = {.shards = 1,
		.boot_id = 77,
		.stream = &feed->own_stream,
		.streams = feed->streams,
		.streams_count = 2,
		.shard_streams = {SHARD_STREAM},
		.backend = mr_backend_volatile().reader,
		.from_shard = {feed->lane_msgs},
		.to_shard = {feed->holds},
		.from_steward = feed->from_steward,
		.to_steward = feed->to_steward,
		.board = &feed->board,
		.stats = &feed->stats[0],
		.webhooks = feed->rows,
		.rng_seed = 3};
	config.limits = (struct mr_delivery_limits){.lanes_max = MR_FEED_LANES_MAX,
		.entries_max = 1 << 19,
		.endpoints_max = 16,
		.connections_max = MR_FEED_LANES_MAX + 16,
		.connections_per_endpoint = MR_FEED_LANES_MAX,
		.connections_per_host = MR_FEED_LANES_MAX,
		.fragment_cache_bytes = 16 << 20,
		.progress_interval_ns = SECOND / 10,
		.tune = {.penalised_max = 1024,
			.batch_events_max = feed->options.batch_events,
			.batch_bytes_max = MR_BATCH_BYTES_MAX,
			.batch_age_ns = SECOND / 20,
			.connect_timeout_ns = 5 * SECOND,
			.request_timeout_ns = 60 * SECOND,
			.retry_base_ns = SECOND,
			.retry_cap_ns = 600 * SECOND,
			.expire_after_ns = 24 * 3600 * SECOND,
			.heartbeat_ns = 8 * 3600 * SECOND}};
	return config;
}

static bool build(struct mr_feed *feed)
{
	struct mr_arena *arena = &feed->arena;
	feed->streams[SHARD_STREAM] = &feed->shard_stream;
	feed->streams[OWN_STREAM] = &feed->own_stream;
	feed->lane_msgs = mr_ring_new(arena, "lane messages", RING);
	feed->holds = mr_ring_new(arena, "holds", 64);
	feed->from_steward = mr_ring_new(arena, "steward", MR_FEED_LANES_MAX);
	feed->to_steward = mr_ring_new(arena, "steward", MR_FEED_LANES_MAX);
	feed->stats = mr_arena_array(arena, "stats", struct mr_stats_stage, 2);
	feed->rows = mr_arena_array(arena, "rows", struct mr_stats_webhook, MR_FEED_LANES_MAX);
	if (!mr_stream_init(&feed->shard_stream, arena, SHARD_STREAM, 64u << 20, MR_STREAM_START)
		|| !mr_stream_init(&feed->own_stream, arena, OWN_STREAM, 4u << 20, MR_STREAM_START))
		return false;
	struct mr_delivery_config delivery = config_of(feed);
	struct mr_journal_config journal = {.streams = feed->streams,
		.streams_count = 2,
		.backend = mr_backend_volatile(),
		.stats = &feed->stats[1]};
	feed->delivery = mr_delivery_new(arena, &delivery);
	feed->journal = mr_journal_new(arena, &journal);
	return feed->delivery != NULL && feed->journal != NULL;
}

static uint32_t turn(struct mr_feed *feed)
{
	struct mr_now now = {mr_clock_mono_ns(), mr_clock_wall_ns()};
	uint32_t work = mr_net_poll(feed->net);
	work += mr_delivery_step(feed->delivery, now, (struct mr_budget){1024}) == MR_POLL_BUSY;
	mr_journal_step(feed->journal, now, (struct mr_budget){1024});
	return work;
}

static void add_webhooks(struct mr_feed *feed)
{
	static struct mr_steward_msg messages[MR_FEED_LANES_MAX];
	for (uint32_t lane = 0; lane < feed->options.lanes; lane++) {
		struct mr_steward_msg *msg = &messages[lane];
		struct mr_webhook *webhook = &msg->webhook;
		memset(msg, 0, sizeof(*msg)); // too large to assign from a value on the stack
		msg->kind = MR_STEWARD_WEBHOOK_ADD;
		msg->generation = lane + 1;
		webhook->id = 5000 + lane;
		webhook->lane = lane;
		webhook->in_flight = 1;
		webhook->port = feed->options.port;
		memcpy(webhook->host, "127.0.0.1", 10);
		memcpy(webhook->address, (uint8_t[16]){[10] = 0xff, 0xff, 127, 0, 0, 1}, 16);
		memcpy(webhook->path, "/hook", 6);
		webhook->secret_length = sizeof(SECRET) - 1;
		memcpy(webhook->secret, SECRET, sizeof(SECRET) - 1);
		mr_ring_push(feed->from_steward, (struct mr_desc){{(uintptr_t)msg, 0}});
	}
	turn(feed);
}

bool mr_feed_open(struct mr_feed *feed, const struct mr_feed_options *options)
{
	memset(feed, 0, sizeof(*feed));
	feed->options = *options;
	if (mr_arena_open(&feed->arena, 192u << 20, false) < 0 || !build(feed)
		|| mr_net_open(1024, &feed->net) < 0)
		return false;
	mr_arena_seal(&feed->arena);
	mr_delivery_attach(feed->delivery, feed->net);
	add_webhooks(feed);
	return true;
}

void mr_feed_close(struct mr_feed *feed)
{
	mr_delivery_free(feed->delivery);
	mr_net_close(feed->net);
	mr_arena_close(&feed->arena);
}

static uint64_t append_event(struct mr_feed *feed, uint64_t object, int64_t wall_ns)
{
	uint8_t bytes[MR_EVENT_BYTES_MAX_NO_PAYLOAD];
	struct mr_event event = {.action = MR_ACTION_CHANGED,
		.object = object,
		.user = 12,
		.created_at_ns = wall_ns,
		.type = {"task", 4},
		.change_action = MR_ACTION_CHANGED,
		.field = {"name", 4}};
	ssize_t length = mr_event_encode(&event, bytes, sizeof(bytes));
	struct mr_record_event head = {.sequence = feed->sequence, .received_at_ns = wall_ns};
	mr_record_seal(&head, sizeof(head), bytes, (size_t)length, MR_RECORD_EVENT, 0);
	return mr_stream_append(&feed->shard_stream, &head, sizeof(head), bytes, (size_t)length);
}

static void retire(struct mr_feed *feed)
{
	uint64_t floor = atomic_load(&feed->board.floor[SHARD_STREAM]);
	uint64_t next = mr_stream_next(&feed->shard_stream);
	if (atomic_load(&feed->board.taken[0]) == feed->pushed)
		mr_stream_retire(&feed->shard_stream, floor < next ? floor : next);
}

static bool wants_more(const struct mr_feed *feed)
{
	const struct mr_feed_options *options = &feed->options;
	uint64_t waiting = feed->pushed - mr_feed_count(feed).events;
	return waiting < (uint64_t)options->lanes * options->batch_events * BATCHES_WAITING
		&& mr_ring_free(feed->lane_msgs) >= MR_BURST_MAX + options->fan_out
		&& mr_stream_room(&feed->shard_stream) > MR_BURST_MAX * MR_RECORD_BYTES_MAX;
}

// What a shard does for delivery: events in its stream, and one message for each lane that wants
// them.
static void push_burst(struct mr_feed *feed, int64_t wall_ns)
{
	const struct mr_feed_options *options = &feed->options;
	for (uint32_t pushed = 0; pushed < MR_BURST_MAX; pushed += options->fan_out) {
		uint64_t number = feed->sequence++, object = 1 + number % OBJECTS;
		struct mr_lane_msg msg = {.position = mr_position_make(SHARD_STREAM,
						  append_event(feed, object, wall_ns)),
			.object_hash = (uint8_t)mr_hash_u64(object, 0)};
		for (uint32_t k = 0; k < options->fan_out; k++) {
			msg.lane = (uint32_t)((number * options->fan_out + k) % options->lanes);
			mr_ring_push(feed->lane_msgs, mr_desc_of(msg));
		}
		feed->pushed += options->fan_out;
	}
	mr_stream_publish(&feed->shard_stream);
}

void mr_feed_run(struct mr_feed *feed, double seconds)
{
	uint64_t until = mr_clock_mono_ns() + (uint64_t)(seconds * 1e9);
	while (mr_clock_mono_ns() < until) {
		uint64_t before = mr_clock_cpu_ns();
		retire(feed);
		int64_t wall_ns = mr_clock_wall_ns();
		for (uint32_t i = 0; i < 16 && wants_more(feed); i++)
			push_burst(feed, wall_ns);
		feed->shard_cpu_ns += mr_clock_cpu_ns() - before;
		if (turn(feed) == 0)
			mr_net_wait(feed->net, 200000);
	}
}

struct mr_feed_count mr_feed_count(const struct mr_feed *feed)
{
	const struct mr_stats_stage *stats = &feed->stats[0];
	return (struct mr_feed_count){
		.requests = mr_read(&stats->histograms[MR_HISTOGRAM_DELIVERY_REQUEST].count),
		.events = mr_read(&stats->counters[MR_DELIVERY_DELIVERED])
			+ mr_read(&stats->counters[MR_DELIVERY_DROPPED]),
		.cpu_s = (double)(mr_clock_cpu_ns() - feed->shard_cpu_ns) * 1e-9};
}
