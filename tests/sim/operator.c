#include "operator.h"

#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"
#include "traffic.h"

enum { ACT_ROUNDS = 60 };
#define DEAL_NS (UINT64_C(1000000) * 20)

// -- Messages

// Those that the steward tells: sources or not, shards, deliveries.
static struct mr_stage_set stages_of(const struct sim_router *router, bool with_sources)
{
	const struct mr_stage_numbers *numbers = &router->wiring.numbers;
	struct mr_stage_set set = {{0}};
	for (uint32_t i = with_sources ? 0 : numbers->shard; i < numbers->steward; i++)
		if (i < numbers->journal || i >= numbers->delivery)
			mr_stage_set_add(&set, i);
	return set;
}

static void now_in_force(void *owner, const struct mr_post *post)
{
	struct sim_operator *op = owner;
	struct sim_act *act = &op->acts[post->tag];
	if (post->msg.kind == MR_STEWARD_BAN && act->in_force_ns == UINT64_MAX)
		act->in_force_ns = op->now_ns;
	if (post->msg.kind == MR_STEWARD_UNBAN)
		act->end_ns = op->now_ns;
	if (post->msg.kind == MR_STEWARD_STOP && !(op->stopped & MR_PAUSE_INGEST))
		op->resume_ns = op->now_ns;
	if (post->msg.kind == MR_STEWARD_STOP && post->msg.stopped & op->stopped & MR_PAUSE_DELIVERY
		&& op->still_ns == UINT64_MAX)
		op->still_ns = op->now_ns;
}

static void follow(const struct sim_operator *op, struct mr_post *post)
{
	post->msg.tap.count = MR_TAPS_MAX;
	memcpy(post->msg.tap.objects, op->objects, sizeof(op->objects));
}

// False: too many messages are under way.
static bool tell(struct sim_operator *op, enum mr_steward_kind kind, uint32_t act,
	struct mr_stage_set targets)
{
	struct mr_postbox *postbox = &op->router->steward.postbox;
	struct mr_post *post = mr_postbox_take(postbox);
	if (post == NULL)
		return false;
	post->msg.kind = kind;
	if (kind == MR_STEWARD_STOP)
		post->msg.stopped = op->stopped;
	else if (kind == MR_STEWARD_SURVEY)
		post->msg.survey = op->survey;
	else if (kind == MR_STEWARD_TAP)
		follow(op, post);
	else
		post->msg.ban = (struct mr_ban_entry){
			.rule = op->acts[act].rule, .throttle = (uint16_t)(act % 256)};
	mr_postbox_send(postbox, post, targets, now_in_force, op, act);
	return true;
}

// -- Acts

static struct mr_scope draw_scope(struct sim_operator *op)
{
	const struct mr_workload_options *workload = &op->options->workload;
	struct mr_rng *rng = &op->rng;
	const uint64_t object = mr_rng_chance(rng, 1, 3)
		? workload->hot_object
		: workload->first_object + mr_rng_below(rng, workload->objects);
	struct mr_scope scope = {.kind = (uint32_t)(MR_SCOPE_APP + mr_rng_below(rng, 5))};
	if (scope.kind == MR_SCOPE_APP && mr_rng_chance(rng, 2, 3))
		scope.kind = MR_SCOPE_OBJECT; // there is one app
	if (scope.kind == MR_SCOPE_APP)
		scope.id = SIM_APP;
	else if (scope.kind == MR_SCOPE_OBJECT)
		scope.id = mr_rng_chance(rng, 1, 2)
			? object
			: workload->project_base + mr_rng_below(rng, workload->projects);
	else if (scope.kind == MR_SCOPE_WORKSPACE)
		scope.id = mr_workload_workspace(workload, object);
	else if (scope.kind == MR_SCOPE_DATABASE)
		scope.id = workload->database_base + mr_rng_below(rng, workload->databases);
	else
		scope.id = MR_WORKLOAD_USER_BASE + mr_rng_below(rng, 4);
	return scope;
}

static bool has_rule_of(const struct sim_operator *op, struct mr_scope scope)
{
	for (uint32_t i = 0; i < op->acts_count; i++)
		if (op->acts[i].end_ns == UINT64_MAX && op->acts[i].rule.scope.kind == scope.kind
			&& op->acts[i].rule.scope.id == scope.id)
			return true;
	return false;
}

static void ban(struct sim_operator *op, uint32_t *rule)
{
	const struct mr_scope scope = draw_scope(op);
	if (op->acts_count == SIM_ACTS_MAX || has_rule_of(op, scope))
		return;
	const uint32_t index = op->acts_count;
	op->acts[index] = (struct sim_act){
		.rule = {.scope = scope,
			.mode = (uint8_t)(MR_BAN_DROP + mr_rng_below(&op->rng, 3)),
			.flags = mr_rng_chance(&op->rng, 1, 2) ? MR_BAN_DESCENDANTS : 0},
		.sent_ns = op->now_ns,
		.in_force_ns = UINT64_MAX,
		.lift_ns = UINT64_MAX,
		.end_ns = UINT64_MAX,
	};
	if (op->acts[index].rule.mode == MR_BAN_THROTTLE)
		op->acts[index].rule.rate = 1 + (uint32_t)mr_rng_below(&op->rng, 500);
	if (!tell(op, MR_STEWARD_BAN, index, stages_of(op->router, true)))
		return;
	op->acts_count++;
	*rule = index;
}

static void lift(struct sim_operator *op, uint32_t *rule)
{
	struct sim_act *act = &op->acts[*rule];
	if (!tell(op, MR_STEWARD_UNBAN, *rule, stages_of(op->router, true)))
		return;
	act->lift_ns = op->now_ns;
	*rule = SIM_ACTS_MAX;
}

static void stop(struct sim_operator *op, uint32_t stopped)
{
	const uint32_t before = op->stopped;
	op->stopped = stopped;
	if (!tell(op, MR_STEWARD_STOP, 0, stages_of(op->router, false))) {
		op->stopped = before;
	} else if (stopped & MR_PAUSE_INGEST) {
		op->resume_ns = UINT64_MAX;
		if (!(before & MR_PAUSE_INGEST))
			op->pause_ns = op->now_ns;
	}
	if (!(op->stopped & MR_PAUSE_DELIVERY))
		op->still_ns = UINT64_MAX;
}

static void survey(struct sim_operator *op)
{
	struct mr_survey *survey = op->survey;
	const bool purge = mr_rng_chance(&op->rng, 1, 2);
	if (op->purges_count == SIM_ACTS_MAX)
		return;
	memset(survey, 0, sizeof(*survey));
	survey->scope = draw_scope(op);
	survey->with_descendants = mr_rng_chance(&op->rng, 1, 2);
	survey->drop_reason = purge ? MR_REASON_PURGED : MR_REASON_OK;
	if (!tell(op, MR_STEWARD_SURVEY, 0, stages_of(op->router, false)))
		return;
	op->is_surveying = true;
	op->is_purging = purge;
	if (purge)
		op->purges[op->purges_count++] = (struct sim_purge){.scope = survey->scope,
			.with_descendants = survey->with_descendants,
			.done_ns = UINT64_MAX};
}

static void end_survey(struct sim_operator *op)
{
	op->is_surveying = false;
	if (op->is_purging)
		op->purges[op->purges_count - 1].done_ns = op->now_ns;
}

static void look_at_survey(struct sim_operator *op)
{
	const struct mr_stage_set stages = stages_of(op->router, false);
	uint64_t events = 0, deliveries = 0;
	for (uint32_t i = 0; i < sim_router_stages(op->router); i++) {
		const struct mr_survey_part *part = &op->survey->parts[i];
		if (!(stages.bits[i / 64] >> i % 64 & 1))
			continue;
		if (atomic_load_explicit(&part->done, memory_order_acquire) == 0)
			return;
		events += part->events;
		deliveries += part->deliveries;
	}
	*(op->is_purging ? &op->dropped : &op->counted) += events;
	*(op->is_purging ? &op->deliveries_dropped : &op->deliveries_counted) += deliveries;
	end_survey(op);
}

// What the steward does for throttled scopes, after its fashion: every shard may have all of it.
static void deal(struct sim_operator *op)
{
	if (op->now_ns < op->deal_ns)
		return;
	op->deal_ns = op->now_ns + DEAL_NS;
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++) {
		const uint32_t act = op->rules[i];
		if (act == SIM_ACTS_MAX || op->acts[act].rule.mode != MR_BAN_THROTTLE)
			continue;
		for (uint32_t shard = 0; shard < op->options->shards; shard++)
			mr_count(&op->router->wiring.throttles[shard]->granted[act % 256], 1);
	}
}

static void act(struct sim_operator *op)
{
	struct mr_rng *rng = &op->rng;
	uint32_t *rule = &op->rules[mr_rng_below(rng, SIM_RULES_MAX)];
	const uint64_t what = mr_rng_below(rng, 10);
	if (what == 0)
		stop(op,
			mr_rng_chance(rng, 1, 3) ? (uint32_t)mr_rng_below(rng, MR_PAUSE_ALL + 1)
						 : 0);
	else if (what < 3 && !op->is_surveying)
		survey(op);
	else if (*rule == SIM_ACTS_MAX)
		ban(op, rule);
	else
		lift(op, rule);
}

void sim_operator_step(struct sim_operator *op, uint64_t now_ns)
{
	op->now_ns = now_ns;
	if (op->is_surveying)
		look_at_survey(op);
	deal(op);
	if (!op->is_calm) {
		if (mr_rng_chance(&op->rng, 1, ACT_ROUNDS))
			act(op);
		return;
	}
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++)
		if (op->rules[i] != SIM_ACTS_MAX)
			lift(op, &op->rules[i]);
	if (op->stopped != 0)
		stop(op, 0);
}

// -- Life

void sim_operator_init(struct sim_operator *op, const struct sim_options *options,
	const struct mr_workload *workload)
{
	*op = (struct sim_operator){.options = options, .workload = workload};
	mr_rng_seed(&op->rng, options->seed ^ 0xba25);
	op->survey = aligned_alloc(_Alignof(struct mr_survey), sizeof(struct mr_survey));
	mr_assert(op->survey != NULL);
	op->still_ns = UINT64_MAX;
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++)
		op->rules[i] = SIM_ACTS_MAX;
	op->objects[0] = options->workload.hot_object;
	for (uint32_t i = 1; i < MR_TAPS_MAX; i++)
		op->objects[i] = options->workload.first_object
			+ mr_rng_below(&op->rng, options->workload.objects);
}

void sim_operator_fini(struct sim_operator *op)
{
	free(op->survey);
}

void sim_operator_boot(struct sim_operator *op, struct sim_router *router, uint64_t now_ns)
{
	op->router = router;
	op->now_ns = now_ns;
	bool told = tell(op, MR_STEWARD_TAP, 0, stages_of(router, false));
	if (op->is_surveying)
		end_survey(op); // nobody goes on with it
	for (uint32_t i = 0; i < op->acts_count; i++)
		if (op->acts[i].lift_ns != UINT64_MAX && op->acts[i].end_ns == UINT64_MAX)
			op->acts[i].end_ns = now_ns;
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++)
		if (op->rules[i] != SIM_ACTS_MAX)
			told &= tell(op, MR_STEWARD_BAN, op->rules[i], stages_of(router, true));
	if (op->stopped != 0)
		told &= tell(op, MR_STEWARD_STOP, 0, stages_of(router, false));
	else
		op->resume_ns =
			op->pause_ns != 0 && op->resume_ns == UINT64_MAX ? now_ns : op->resume_ns;
	mr_assert(told);
}

bool sim_operator_is_idle(const struct sim_operator *op)
{
	for (uint32_t i = 0; i < op->acts_count; i++)
		if (op->acts[i].end_ns == UINT64_MAX)
			return false;
	return op->is_calm && !op->is_surveying && op->stopped == 0;
}
