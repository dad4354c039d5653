// What must hold when everything has come to rest.
#include <inttypes.h>
#include <stdio.h>

#include "hash.h"
#include "world.h"

struct side {
	const char *text;
	uint64_t left, right;
};

static bool agree(struct sim_world *world, const struct side *sides, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (sides[i].left == sides[i].right)
			continue;
		snprintf(world->why, sizeof(world->why), "%s: %" PRIu64 " and %" PRIu64,
			sides[i].text, sides[i].left, sides[i].right);
		return false;
	}
	return true;
}

static bool judge_producers(struct sim_world *world)
{
	const struct sim_traffic *traffic = &world->traffic;
	const struct side sides[] = {
		{"offered = accepted + refused + unsent", traffic->offered,
			traffic->accepted + traffic->refused + traffic->unsent},
		{"producers' accepted = shards' accepted", traffic->accepted,
			sim_sum(&world->router, MR_SHARD_ACCEPTED)},
		{"producers' refused = shards' refused", traffic->refused,
			sim_sum(&world->router, MR_SHARD_REFUSED)},
	};
	return agree(world, sides, world->options.journal.on ? 1 : 3);
}

static bool judge_receivers(struct sim_world *world)
{
	const struct sim_receivers *receivers = &world->receivers;
	const struct mr_checker_counts *counts = &receivers->checker.counts;
	if (mr_checker_clean(counts) && receivers->bad_signatures + receivers->bad_requests == 0)
		return true;
	snprintf(world->why, sizeof(world->why),
		"receivers saw: bad bodies %" PRIu64 ", changed bodies %" PRIu64
		", duplicates %" PRIu64 ", out of order %" PRIu64 ", unknown %" PRIu64
		", misrouted %" PRIu64 ", bad signatures %" PRIu64 ", bad requests %" PRIu64,
		counts->bad_bodies, counts->changed_bodies, counts->duplicates_different,
		counts->out_of_order, counts->unknown, counts->misrouted, receivers->bad_signatures,
		receivers->bad_requests);
	return false;
}

static const struct mr_stats_webhook *row_of(const struct sim_world *world, uint32_t index)
{
	uint64_t id = world->router.config->webhooks[index].webhook.id;
	for (uint32_t lane = 0; lane < SIM_WEBHOOKS_MAX; lane++)
		if (mr_read(&world->router.segment.webhooks[lane].webhook) == id)
			return &world->router.segment.webhooks[lane];
	return NULL;
}

uint64_t sim_world_dropped(const struct sim_world *world, uint32_t webhook)
{
	return mr_read(&row_of(world, webhook)->dropped);
}

bool sim_world_may_purge(
	const struct sim_world *world, uint64_t number, const struct mr_ledger_view *view)
{
	return world->options.bans
		&& sim_operator_may_purge(&world->op, number, view->object, view->intended_ns);
}

// What the webhook was owed, and how much of that no purge can have dropped.
static uint64_t owed_to(const struct sim_world *world, uint64_t resource, uint64_t *ret_surely)
{
	const struct mr_ledger *ledger = &world->traffic.ledger;
	uint64_t owed = 0;
	struct mr_ledger_view view;
	*ret_surely = 0;
	for (uint64_t number = 1; mr_ledger_get(ledger, number, &view); number++) {
		if (view.state != MR_LEDGER_ACCEPTED
			|| !mr_workload_reaches(&world->options.workload, view.object, resource))
			continue;
		owed++;
		*ret_surely += !sim_world_may_purge(world, number, &view);
	}
	return owed;
}

static uint64_t purged_by(const struct sim_world *world, enum mr_stage_kind kind)
{
	uint64_t purged = 0;
	for (uint32_t i = 0; i < sim_router_stages(&world->router); i++)
		if (world->router.wiring.stages[i].kind == kind)
			purged +=
				mr_read(&world->router.segment.stages[i].reasons[MR_REASON_PURGED]);
	return purged;
}

// Events that shards had to give up for want of room: with bans, what those hold in memory.
static uint64_t given_up_by_shards(const struct sim_world *world)
{
	return sim_sum(&world->router, MR_SHARD_DROPPED) - purged_by(world, MR_STAGE_SHARD);
}

// A receiver may have taken what the router then gave up (its answer was lost), never less than the
// router thinks.
static bool judge_webhook(struct sim_world *world, uint32_t index)
{
	const struct mr_checker_path *path = &world->receivers.checker.paths[index];
	const struct mr_stats_webhook *row = row_of(world, index);
	uint64_t surely;
	uint64_t owed = owed_to(world, path->resource, &surely);
	uint64_t matched = mr_read(&row->matched);
	uint64_t delivered = mr_read(&row->delivered);
	uint64_t dropped = mr_read(&row->dropped);
	if (matched + given_up_by_shards(world) >= surely && matched <= owed
		&& delivered + dropped == matched && path->events >= delivered
		&& path->events <= owed)
		return true;
	snprintf(world->why, sizeof(world->why),
		"webhook %s: owed %" PRIu64 ", matched %" PRIu64 ", delivered %" PRIu64
		", dropped %" PRIu64 ", received %" PRIu64,
		path->name, owed, matched, delivered, dropped, path->events);
	return false;
}

// Purges have dropped what they said; all else has come since the rules ended, or a lane gave it
// up.
static bool judge_bans(struct sim_world *world)
{
	const struct sim_operator *op = &world->op;
	uint64_t deliveries_purged = purged_by(world, MR_STAGE_DELIVERY);
	uint64_t given_up = sim_sum(&world->router, MR_DELIVERY_DROPPED) - deliveries_purged
		+ given_up_by_shards(world) * world->options.webhooks;
	uint64_t lost = 0, first = 0;
	for (uint32_t i = 0; i < world->options.webhooks; i++)
		lost += sim_world_lost(world, i, &first);
	const struct side sides[] = {
		{"events dropped by purges, and what purges say", purged_by(world, MR_STAGE_SHARD),
			op->dropped},
		{"deliveries dropped by purges, and what purges say", deliveries_purged,
			op->deliveries_dropped},
		{"deliveries lost beyond those given up", lost > given_up ? lost - given_up : 0, 0},
	};
	return agree(world, sides, sizeof(sides) / sizeof(sides[0]));
}

bool sim_world_judge(struct sim_world *world)
{
	struct mr_checker_audit audit;
	if (!sim_router_audit(&world->router, world->why, sizeof(world->why))
		|| !sim_router_balances(&world->router, world->why, sizeof(world->why))
		|| !judge_producers(world) || !judge_receivers(world))
		return false;
	if (world->options.journal.on && !sim_world_judge_journal(world))
		return false;
	if (world->options.bans && !world->options.journal.on && !judge_bans(world))
		return false;
	for (uint32_t i = 0; i < world->options.webhooks && !world->options.journal.on; i++)
		if (!judge_webhook(world, i))
			return false;
	mr_checker_audit(&world->receivers.checker, &audit);
	const struct side sides[] = {
		{"phantoms", audit.phantom, 0},
		{"unsettled", audit.unsettled, 0},
		{"events accepted or refused against the bans in force",
			world->traffic.against_bans, 0},
		{"absurd messages to producers", world->traffic.absurd, 0},
	};
	return agree(world, sides, sizeof(sides) / sizeof(sides[0]));
}

uint64_t sim_world_digest(const struct sim_world *world)
{
	uint64_t digest = mr_hash_u64(world->now_ns, world->rounds);
	for (uint32_t i = 0; i < sim_router_stages(&world->router); i++)
		for (uint32_t id = 0; id < MR_COUNTER_COUNT; id++)
			digest = mr_hash_u64(
				mr_read(&world->router.segment.stages[i].counters[id]), digest);
	digest = mr_hash_u64(world->receivers.requests, digest);
	digest = mr_hash_u64(world->receivers.checker.counts.events, digest);
	return mr_hash_u64(world->network.sent, digest);
}
