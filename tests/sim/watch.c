#include "watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

void sim_watch_init(struct sim_watch *watch, const struct sim_operator *op,
	const struct sim_receivers *receivers, const struct sim_traffic *traffic)
{
	*watch = (struct sim_watch){.op = op, .receivers = receivers, .traffic = traffic};
}

void sim_watch_fini(struct sim_watch *watch)
{
	mr_map_fini(&watch->numbers);
	mr_map_fini(&watch->begun);
	mr_map_fini(&watch->purged);
}

void sim_watch_boot(struct sim_watch *watch, const struct sim_router *router)
{
	watch->router = router;
	for (uint32_t i = 0; i < MR_STAGES_MAX; i++)
		watch->taps[i] = 1;
	for (uint32_t i = 0; i < MR_DELIVERIES_MAX; i++)
		watch->ended[i] = 1;
}

static uint64_t *at(struct mr_map *map, uint64_t key)
{
	uint64_t *value = mr_map_at(map, key | 1, NULL);
	mr_assert(value != NULL);
	return value;
}

static uint64_t *of_pair(struct mr_map *map, uint64_t webhook, uint64_t number)
{
	return at(map, mr_hash_u64(number, webhook));
}

static uint64_t time_of(const mr_counter *wall_ns)
{
	return mr_read(wall_ns) - (uint64_t)SIM_WALL_START_NS;
}

static void fail(
	struct sim_watch *watch, const char *what, const struct mr_stats_tap *row, uint64_t number)
{
	if (watch->why[0] == '\0')
		snprintf(watch->why, sizeof(watch->why),
			"%s: event %" PRIu64 " of object %" PRIu64 ", webhook %016" PRIx64
			", batch %" PRIu64 ", at %.6f s",
			what, number, mr_read(&row->object), mr_read(&row->webhook),
			mr_read(&row->detail), (double)time_of(&row->at_ns) / 1e9);
}

// Attempts that have ended, of batches that the taps may not have shown: their events were not at
// hand.
static void look_at_ended(struct sim_watch *watch, uint32_t delivery)
{
	const struct mr_stats_attempts *attempts = &watch->router->segment.attempts[delivery];
	const uint64_t end = mr_read(&attempts->next);
	mr_assert(end <= watch->ended[delivery] + MR_ATTEMPT_ROWS);
	for (; watch->ended[delivery] < end; watch->ended[delivery]++) {
		const struct mr_stats_attempt *row =
			&attempts->rows[watch->ended[delivery] % MR_ATTEMPT_ROWS];
		if (mr_read(&row->batch) == 0)
			continue;
		uint64_t *begun_ns =
			of_pair(&watch->begun, mr_read(&row->webhook), mr_read(&row->batch));
		if (*begun_ns == 0)
			*begun_ns = time_of(&row->at_ns);
	}
}

// The event has just been accepted, and its producer does not know it yet.
static void accepted(struct sim_watch *watch, const struct mr_stats_tap *row)
{
	const struct sim_traffic *traffic = watch->traffic;
	const uint64_t object = mr_read(&row->object);
	const struct mr_producer_session *session =
		&traffic->sessions[mr_workload_session(&traffic->workload, object)];
	const uint32_t flow =
		mr_flow_of_slot(mr_slot_of(object, session->hash_seed), session->flows_count);
	const struct mr_pending *event =
		mr_producer_flow_event(&session->flows[flow], mr_read(&row->sequence));
	mr_assert(event->object == object);
	*at(&watch->numbers, mr_hash_u64(mr_read(&row->position), 0)) =
		mr_producer_flow_number(event);
}

static bool is_purged(struct sim_watch *watch, uint64_t webhook, uint64_t number)
{
	const uint64_t purged_ns = *of_pair(&watch->purged, webhook, number);
	return purged_ns != 0 && !sim_receivers_may_forget(watch->receivers, purged_ns);
}

static void attempted(struct sim_watch *watch, const struct mr_stats_tap *row, uint64_t number)
{
	const uint64_t webhook = mr_read(&row->webhook);
	uint64_t *begun_ns = of_pair(&watch->begun, webhook, mr_read(&row->detail));
	struct mr_ledger_view view;
	const bool is_there = mr_ledger_get(&watch->traffic->ledger, number, &view);
	mr_assert(is_there);
	if (*begun_ns == 0)
		*begun_ns = time_of(&row->at_ns);
	const struct sim_barred asked = {
		.number = number,
		.object = view.object,
		.offered_ns = view.intended_ns,
		.at_ns = *begun_ns,
		.crashed_ns = watch->receivers->crashed_ns,
		.crashes = watch->receivers->crashes,
	};
	watch->attempts++;
	if (sim_operator_bars(watch->op, &asked))
		fail(watch, "a first attempt against a ban", row, number);
	if (is_purged(watch, webhook, number) || is_purged(watch, 0, number))
		fail(watch, "an attempt of what was purged", row, number);
	if (watch->op->still_ns < time_of(&row->at_ns))
		fail(watch, "an attempt although delivery is paused", row, number);
}

static void look_at_row(struct sim_watch *watch, const struct mr_stats_tap *row)
{
	const uint64_t what = mr_read(&row->what);
	const uint64_t step = what & UINT16_MAX;
	if (step == MR_TAP_ACCEPTED) {
		accepted(watch, row);
		return;
	}
	const uint64_t number = *at(&watch->numbers, mr_hash_u64(mr_read(&row->position), 0));
	if (number == 0)
		return; // accepted before anybody looked, or its row is lost
	if (step == MR_TAP_ATTEMPTED)
		attempted(watch, row, number);
	if (step != MR_TAP_DROPPED || what >> 16 != MR_REASON_PURGED)
		return;
	*of_pair(&watch->purged, mr_read(&row->webhook), number) = time_of(&row->at_ns);
	watch->drops++;
}

static void look_at_stage(struct sim_watch *watch, uint32_t index)
{
	const struct mr_stats_taps *taps = &watch->router->segment.taps[index];
	uint64_t *next = &watch->taps[index];
	const uint64_t end = mr_read(&taps->next);
	if (end > *next + MR_TAP_ROWS)
		*next = end - MR_TAP_ROWS;
	for (; *next < end; ++*next)
		look_at_row(watch, &taps->rows[*next % MR_TAP_ROWS]);
}

bool sim_watch_round(struct sim_watch *watch)
{
	const struct mr_topology *topology = &watch->router->topology;
	for (uint32_t i = 0; i < topology->deliveries; i++)
		look_at_ended(watch, i);
	for (uint32_t i = 0; i < topology->shards + topology->deliveries; i++)
		look_at_stage(watch, i);
	return watch->why[0] == '\0';
}
