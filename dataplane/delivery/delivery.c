#include "delivery.h"

#include <string.h>

#include "delivery_parts.h"
#include "mr_assert.h"

enum {
	TIMERS_PER_STEP = 256,
	DURABLE_POLL_NS = 50000,
	JOURNAL_POLL_NS = 100000000, // a checkpoint that is wanted is begun at the latest
};

static bool tables_init(struct mr_delivery *delivery, struct mr_arena *arena)
{
	const struct mr_delivery_limits *limits = &delivery->config.limits;
	struct mr_lanes_config lanes = {.lanes_max = limits->lanes_max,
		.entries_max = limits->entries_max,
		.shards = delivery->config.shards,
		.shard_streams = delivery->config.shard_streams,
		.streams = delivery->config.streams,
		.seed = delivery->config.rng_seed,
		.is_durable = delivery->config.is_durable,
		.own = delivery->config.stream,
		.map = delivery->config.map,
		.needs = delivery->config.needs};
	bool ok = mr_lanes_init(&delivery->lanes, arena, &lanes);
	uint32_t slots = delivery->lanes.slots_max + 1;
	delivery->recipients = mr_arena_array(arena, "webhook targets", struct mr_recipient, slots);
	delivery->doors = mr_arena_array(arena, "endpoints", struct mr_door, limits->endpoints_max);
	ok = mr_table_init(&delivery->door_of, arena, "endpoints", limits->endpoints_max,
		     delivery->config.rng_seed)
		&& ok;
	if (delivery->config.is_durable)
		ok = mr_delivery_parked_init(delivery, arena) && ok;
	ok = mr_delivery_bans_init(delivery, arena) && ok;
	ok = mr_attempts_init(delivery, arena) && ok;
	ok = mr_fragments_init(&delivery->fragments, arena, limits->fragment_cache_bytes) && ok;
	struct mr_engine_limits engine = {.endpoints_max = limits->endpoints_max,
		.connections_max = limits->connections_max,
		.connections_per_endpoint = limits->connections_per_endpoint,
		.connections_per_host = limits->connections_per_host,
		.body_size = MR_BATCH_BYTES_MAX};
	delivery->engine = mr_engine_new(arena, &engine, delivery->config.stats);
	return ok && delivery->recipients != NULL && delivery->doors != NULL
		&& delivery->engine != NULL;
}

static void tune(struct mr_delivery *delivery, const struct mr_tune *tune)
{
	delivery->tune = *tune;
	if (delivery->tune.batch_events_max > MR_BATCH_EVENTS_MAX)
		delivery->tune.batch_events_max = MR_BATCH_EVENTS_MAX;
	if (delivery->tune.batch_events_max < 1)
		delivery->tune.batch_events_max = 1;
	// One rendered event always fits a body.
	if (delivery->tune.batch_bytes_max < MR_FRAGMENT_BYTES_MAX + 16)
		delivery->tune.batch_bytes_max = MR_FRAGMENT_BYTES_MAX + 16;
	delivery->lanes.penalised_max = tune->penalised_max;
	mr_engine_tune(delivery->engine, tune);
	for (uint32_t slot = 1; slot <= delivery->lanes.slots_used; slot++) {
		struct mr_recipient *recipient = &delivery->recipients[slot];
		if (delivery->lanes.slots[slot].open && recipient->state < MR_RECIPIENT_GONE)
			mr_recipient_wake(
				delivery, recipient); // its heartbeat may be due at another time
	}
}

struct mr_delivery *mr_delivery_new(struct mr_arena *arena, const struct mr_delivery_config *config)
{
	// A planning arena hands out nothing: the tables are then counted through a state that is
	// thrown away.
	static struct mr_delivery planned;
	struct mr_delivery *delivery = mr_arena_array(arena, "delivery", struct mr_delivery, 1);
	bool plans = delivery == NULL;
	if (plans)
		delivery = &planned;
	memset(delivery, 0, sizeof(*delivery));
	delivery->config = *config;
	mr_rng_seed(&delivery->rng, config->rng_seed);
	bool ok = tables_init(delivery, arena);
	if (!ok || plans)
		return NULL;
	mr_reader_init(&delivery->reader, config->streams, config->streams_count, config->backend);
	mr_timer_wheel_init(&delivery->sublane_timers, 0);
	mr_timer_wheel_init(&delivery->recipient_timers, 0);
	mr_timer_wheel_init(&delivery->door_timers, 0);
	mr_tap_init(&delivery->tap, config->taps);
	tune(delivery, &config->limits.tune);
	for (uint32_t stream = 0; stream < MR_STREAMS_MAX; stream++)
		atomic_store_explicit(
			&config->board->floor[stream], UINT64_MAX, memory_order_relaxed);
	return delivery;
}

void mr_delivery_attach(struct mr_delivery *delivery, struct mr_net *net)
{
	mr_engine_attach(delivery->engine, net);
}

void mr_delivery_free(struct mr_delivery *delivery)
{
	if (delivery == NULL)
		return;
	mr_engine_free(delivery->engine);
	delivery->engine = NULL;
	for (uint32_t slot = 1; slot <= delivery->lanes.slots_used; slot++) {
		if (!delivery->lanes.slots[slot].open)
			continue;
		mr_hmac_free(delivery->recipients[slot].hmac);
		delivery->recipients[slot].hmac = NULL;
		explicit_bzero(&delivery->recipients[slot].secret,
			sizeof(delivery->recipients[slot].secret));
	}
}

static void handle(struct mr_delivery *delivery, const struct mr_steward_msg *msg)
{
	switch ((uint32_t)msg->kind) {
	case MR_STEWARD_WEBHOOK_ADD:
		mr_recipient_add(delivery, &msg->webhook);
		break;
	case MR_STEWARD_WEBHOOK_REMOVE:
		mr_recipient_remove(delivery, msg->webhook.id, msg->webhook.lane);
		break;
	case MR_STEWARD_WEBHOOK_TEST:
		mr_delivery_try(delivery, msg->webhook.id, msg->webhook.lane);
		break;
	case MR_STEWARD_TUNE:
		tune(delivery, &msg->tune);
		break;
	case MR_STEWARD_BAN:
		mr_delivery_ban(delivery, &msg->ban);
		break;
	case MR_STEWARD_UNBAN:
		mr_delivery_unban(delivery, msg->ban.rule.scope);
		break;
	case MR_STEWARD_SURVEY:
		mr_delivery_survey_begin(delivery, msg->survey);
		break;
	case MR_STEWARD_TAP:
		mr_tap_follow(&delivery->tap, msg->tap.objects, msg->tap.count);
		break;
	case MR_STEWARD_STOP:
		delivery->stopped = msg->stopped;
		break;
	default:
		mr_expect(false && "a message for another stage");
	}
}

// The message is the steward's again, when what it wants is in force.
static bool publish(struct mr_delivery *delivery)
{
	struct mr_delivery_bans *bans = &delivery->bans;
	if (bans->generation == 0)
		return true;
	if (!mr_delivery_bans_stand(delivery))
		return false;
	atomic_store_explicit(
		&delivery->config.stats->generation, bans->generation, memory_order_release);
	bans->generation = 0;
	return true;
}

static uint32_t handle_steward(struct mr_delivery *delivery)
{
	struct mr_desc desc;
	uint32_t work = 0;
	for (; publish(delivery) && mr_ring_pop_burst(delivery->config.from_steward, &desc, 1) == 1;
		work++) {
		const struct mr_steward_msg *msg =
			(const struct mr_steward_msg *)(uintptr_t)desc.word[0];
		handle(delivery, msg);
		delivery->bans.generation = msg->generation;
	}
	return work;
}

static uint32_t expire_timers(struct mr_delivery *delivery)
{
	uint64_t now_ns = delivery->now.mono_ns;
	uint32_t work = 0;
	struct mr_timer *timer;
	for (; work < TIMERS_PER_STEP
		&& (timer = mr_timer_expire(&delivery->sublane_timers, now_ns)) != NULL;
		work++) {
		struct mr_sublane *sublane = mr_container_of(timer, struct mr_sublane, timer);
		mr_delivery_look(delivery, &delivery->recipients[sublane->lane], sublane);
	}
	for (; work < TIMERS_PER_STEP
		&& (timer = mr_timer_expire(&delivery->recipient_timers, now_ns)) != NULL;
		work++) {
		struct mr_recipient *recipient = mr_container_of(timer, struct mr_recipient, timer);
		mr_recipient_wake(delivery, recipient);
	}
	for (; work < TIMERS_PER_STEP
		&& (timer = mr_timer_expire(&delivery->door_timers, now_ns)) != NULL;
		work++)
		mr_door_wake(delivery, mr_container_of(timer, struct mr_door, timer), 1);
	return work;
}

// What has settled is needed no more once the records that say so are durable.
static void let_go(struct mr_delivery *delivery)
{
	const struct mr_stream *stream = delivery->config.stream;
	if (delivery->changed.head == NULL)
		mr_lane_need_recorded(&delivery->lanes.need, mr_stream_next(stream));
	mr_lane_need_durable(&delivery->lanes.need, mr_stream_watermark(stream));
}

enum mr_poll mr_delivery_step(void *state, struct mr_now now, struct mr_budget budget)
{
	struct mr_delivery *delivery = state;
	mr_assert(now.mono_ns >= delivery->now.mono_ns);
	bool paused = mr_delivery_is_paused(delivery);
	if (paused)
		delivery->paused_ns += now.mono_ns - delivery->now.mono_ns;
	delivery->now = now;
	mr_lanes_attend(&delivery->lanes, now.mono_ns, paused);
	if (delivery->config.is_durable)
		mr_delivery_follow_journal(delivery);
	// What was sent to a lane's number before it was given anew is taken before it is.
	uint32_t work = mr_delivery_intake(delivery);
	work += handle_steward(delivery);
	mr_delivery_publish_board(delivery);
	bool engine_busy = mr_engine_step(delivery->engine, now.mono_ns) == MR_POLL_BUSY;
	work += expire_timers(delivery);

	uint32_t units = budget.units;
	uint32_t used = mr_delivery_finish(delivery, units);
	used += mr_delivery_sift(delivery, units > used ? units - used : 1);
	used += mr_delivery_survey_step(delivery, units > used ? units - used : 1);
	used += mr_delivery_send_durable(delivery, units > used ? units - used : 1);
	used += mr_delivery_begin(delivery, units > used ? units - used : 1);
	used += mr_delivery_render(delivery, units > used ? units - used : 1);
	used += mr_delivery_drain(delivery, units > used ? units - used : 1);
	used += mr_lanes_loosen(&delivery->lanes, units > used ? units - used : 1);
	used += mr_delivery_refill(delivery, units > used ? units - used : 1);
	used += mr_delivery_progress(delivery, units > used ? units - used : 1);
	mr_delivery_sweep(delivery);
	if (delivery->config.is_durable) {
		used += mr_delivery_checkpoint(delivery, units > used ? units - used : 1);
		let_go(delivery);
	}
	mr_delivery_flush_holds(delivery);

	mr_stream_publish(delivery->config.stream);
	mr_stream_retire(delivery->config.stream, mr_stream_watermark(delivery->config.stream));
	mr_gauge(mr_delivery_counter(delivery, MR_DELIVERY_PENDING), delivery->lanes.pending);
	return work + used > 0 || engine_busy ? MR_POLL_BUSY : MR_POLL_IDLE;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// Whether messages that have been taken out of a ring are not in their lanes yet.
static bool waits_inbound(const struct mr_delivery *delivery)
{
	for (uint32_t shard = 0; shard < delivery->config.shards; shard++)
		if (delivery->inbound[shard].at < delivery->inbound[shard].count)
			return true;
	return false;
}

uint64_t mr_delivery_next_due(void *state)
{
	struct mr_delivery *delivery = state;
	bool paused = mr_delivery_is_paused(delivery);
	if ((delivery->ready.head != NULL && !paused) || delivery->finished.head != NULL
		|| delivery->lanes.loosen_head != 0)
		return 0;
	uint64_t due_ns = mr_timer_next_due(&delivery->sublane_timers);
	due_ns = min_u64(due_ns, mr_timer_next_due(&delivery->recipient_timers));
	due_ns = min_u64(due_ns, mr_timer_next_due(&delivery->door_timers));
	due_ns = min_u64(due_ns, mr_engine_next_due(delivery->engine));
	// A watermark moves, a read ends, the own stream gets room: nobody tells, so it is asked
	// again soon.
	if ((delivery->durable.head != NULL && !paused) || delivery->rendering.head != NULL
		|| delivery->refill.head != NULL || delivery->tries.head != NULL
		|| delivery->bans.sift.head != NULL || delivery->bans.generation != 0
		|| delivery->survey.survey != NULL
		|| delivery->checkpoint.epoch != delivery->checkpoint.done
		|| waits_inbound(delivery))
		due_ns = min_u64(due_ns, delivery->now.mono_ns + DURABLE_POLL_NS);
	if (delivery->changed.head != NULL)
		due_ns = min_u64(due_ns, delivery->progress_due_ns);
	if (delivery->lanes.pending > 0 || delivery->sweep_at != 0)
		due_ns = min_u64(due_ns, delivery->sweep_due_ns);
	if (delivery->config.is_durable)
		due_ns = min_u64(due_ns, delivery->now.mono_ns + JOURNAL_POLL_NS);
	return due_ns;
}
