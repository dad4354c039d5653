#include "operator.h"

#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"
#include "traffic.h"

enum { ACT_ROUNDS = 60, EVENT_BYTES = 1500 };
#define DEAL_NS (UINT64_C(1000000) * 20)

// -- Messages

static struct mr_stage_set stages_of(const struct sim_router *router, bool with_sources)
{
	const struct mr_stage_numbers *numbers = &router->wiring.numbers;
	struct mr_stage_set set = {{0}};
	for (uint32_t i = 0; i < numbers->steward; i++)
		if (i < numbers->journal && (with_sources || i >= numbers->shard))
			mr_stage_set_add(&set, i);
	return set;
}

static struct mr_stage_set shards_of(const struct sim_router *router)
{
	const struct mr_stage_numbers *numbers = &router->wiring.numbers;
	struct mr_stage_set set = {{0}};
	for (uint32_t i = numbers->shard; i < numbers->journal; i++)
		mr_stage_set_add(&set, i);
	return set;
}

static void now_in_force(void *owner, const struct mr_post *post)
{
	struct sim_operator *operator= owner;
	struct sim_act *act = &operator->acts[post->tag];
	if (post->msg.kind == MR_STEWARD_BAN && act->in_force_ns == UINT64_MAX)
		act->in_force_ns = operator->now_ns;
	if (post->msg.kind == MR_STEWARD_UNBAN)
		act->end_ns = operator->now_ns;
	if (post->msg.kind == MR_STEWARD_STOP && !(operator->stopped & MR_PAUSE_INGEST))
		operator->resume_ns = operator->now_ns;
}

// False: too many messages are under way.
static bool tell(struct sim_operator *operator, enum mr_steward_kind kind, uint32_t act,
	struct mr_stage_set targets)
{
	struct mr_postbox *postbox = &operator->router->steward.postbox;
	struct mr_post *post = mr_postbox_take(postbox);
	if (post == NULL)
		return false;
	post->msg.kind = kind;
	if (kind == MR_STEWARD_STOP)
		post->msg.stopped = operator->stopped;
	else if (kind == MR_STEWARD_SURVEY)
		post->msg.survey = operator->survey;
	else
		post->msg.ban = (struct mr_ban_entry){
			.rule = operator->acts[act].rule, .throttle = (uint16_t)(act % 256)};
	mr_postbox_send(postbox, post, targets, now_in_force, operator, act);
	return true;
}

// -- Acts

static struct mr_scope draw_scope(struct sim_operator *operator)
{
	const struct mr_workload_options *workload = &operator->options->workload;
	struct mr_rng *rng = &operator->rng;
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

static bool has_rule_of(const struct sim_operator *operator, struct mr_scope scope)
{
	for (uint32_t i = 0; i < operator->acts_count; i++)
		if (operator->acts[i]
				.end_ns == UINT64_MAX &&
				operator->acts[i]
				.rule.scope.kind == scope.kind &&
				operator->acts[i]
				.rule.scope.id == scope.id)
			return true;
	return false;
}

static void ban(struct sim_operator *operator, uint32_t * rule)
{
	const struct mr_scope scope = draw_scope(operator);
	if (operator->acts_count == SIM_ACTS_MAX || has_rule_of(operator, scope))
		return;
	const uint32_t index = operator->acts_count;
	operator->acts[index] =(struct sim_act){
		.rule = {.scope = scope,
			.mode = (uint8_t)(MR_BAN_DROP + mr_rng_below(&operator->rng, 3)),
			.flags = mr_rng_chance(&operator->rng, 1, 2) ? MR_BAN_DESCENDANTS : 0},
		.sent_ns = operator->now_ns,
		.in_force_ns = UINT64_MAX,
		.lift_ns = UINT64_MAX,
		.end_ns = UINT64_MAX,
	};
	if (operator->acts[index].rule.mode == MR_BAN_THROTTLE)
		operator->acts[index].rule.rate = 1 +(uint32_t) mr_rng_below(&operator->rng, 500);
	if (!tell(operator, MR_STEWARD_BAN, index, stages_of(operator->router, true)))
		return;
	operator->acts_count++;
	*rule = index;
}

static void lift(struct sim_operator *operator, uint32_t * rule)
{
	struct sim_act *act = &operator->acts[*rule];
	if (!tell(operator, MR_STEWARD_UNBAN, *rule, stages_of(operator->router, true)))
		return;
	act->lift_ns = operator->now_ns;
	*rule = SIM_ACTS_MAX;
}

static void stop(struct sim_operator *operator, uint32_t stopped)
{
	const uint32_t before = operator->stopped;
	operator->stopped = stopped;
	if (!tell(operator, MR_STEWARD_STOP, 0, stages_of(operator->router, false))) {
		operator->stopped = before;
	} else if (stopped & MR_PAUSE_INGEST) {
		operator->resume_ns = UINT64_MAX;
		if (!(before & MR_PAUSE_INGEST))
			operator->pause_ns = operator->now_ns;
	}
}

static void survey(struct sim_operator *operator)
{
	struct mr_survey *survey = operator->survey;
	const bool purge = mr_rng_chance(&operator->rng, 1, 2);
	if (operator->purges_count == SIM_ACTS_MAX)
		return;
	memset(survey, 0, sizeof(*survey));
	survey->scope = draw_scope(operator);
	survey->with_descendants = mr_rng_chance(&operator->rng, 1, 2);
	survey->drop_reason = purge ? MR_REASON_PURGED : MR_REASON_OK;
	if (!tell(operator, MR_STEWARD_SURVEY, 0, shards_of(operator->router)))
		return;
	operator->is_surveying = true;
	operator->is_purging = purge;
	if (purge)
		operator->purges[operator->purges_count++] =(struct sim_purge){
			.scope = survey->scope,
			.with_descendants = survey->with_descendants,
			.done_ns = UINT64_MAX};
}

static void end_survey(struct sim_operator *operator)
{
	operator->is_surveying = false;
	if (operator->is_purging)
		operator->purges[operator->purges_count - 1].done_ns = operator->now_ns;
}

static void look_at_survey(struct sim_operator *operator)
{
	const struct mr_stage_numbers *numbers = &operator->router->wiring.numbers;
	uint64_t events = 0;
	for (uint32_t i = numbers->shard; i < numbers->journal; i++) {
		const struct mr_survey_part *part = &operator->survey->parts[i];
		if (atomic_load_explicit(&part->done, memory_order_acquire) == 0)
			return;
		events += part->events;
	}
	*(operator->is_purging ? &operator->dropped : &operator->counted) += events;
	end_survey(operator);
}

// What the steward does for throttled scopes, after its fashion: every shard may have all of it.
static void deal(struct sim_operator *operator)
{
	if (operator->now_ns<operator->deal_ns)
		return;
	operator->deal_ns = operator->now_ns + DEAL_NS;
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++) {
		const uint32_t act = operator->rules[i];
		if (act == SIM_ACTS_MAX || operator->acts[act].rule.mode != MR_BAN_THROTTLE)
			continue;
		for (uint32_t shard = 0; shard < operator->options->shards; shard++)
			mr_count(&operator->router->wiring.throttles[shard]->granted[act % 256], 1);
	}
}

static void act(struct sim_operator *operator)
{
	struct mr_rng *rng = &operator->rng;
	uint32_t *rule = &operator->rules[mr_rng_below(rng, SIM_RULES_MAX)];
	const uint64_t what = mr_rng_below(rng, 10);
	if (what == 0)
		stop(operator, mr_rng_chance(rng, 1, 3) ? (uint32_t)mr_rng_below(rng, 4) : 0);
	else if (what < 3 && !operator->is_surveying)
		survey(operator);
	else if (*rule == SIM_ACTS_MAX)
		ban(operator, rule);
	else
		lift(operator, rule);
}

void sim_operator_step(struct sim_operator *operator, uint64_t now_ns)
{
	operator->now_ns = now_ns;
	if (operator->is_surveying)
		look_at_survey(operator);
	deal(operator);
	if (!operator->is_calm) {
		if (mr_rng_chance(&operator->rng, 1, ACT_ROUNDS))
			act(operator);
		return;
	}
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++)
		if (operator->rules[i] != SIM_ACTS_MAX)
			lift(operator, & operator->rules[i]);
	if (operator->stopped != 0)
		stop(operator, 0);
}

// -- Life

void sim_operator_init(struct sim_operator *operator, const struct sim_options * options,
	const struct mr_workload *workload)
{
	*operator=(struct sim_operator){.options = options, .workload = workload};
	mr_rng_seed(&operator->rng, options->seed ^ 0xba25);
	operator->survey = aligned_alloc(_Alignof(struct mr_survey), sizeof(struct mr_survey));
	mr_assert(operator->survey != NULL);
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++)
		operator->rules[i] = SIM_ACTS_MAX;
}

void sim_operator_fini(struct sim_operator *operator)
{
	free(operator->survey);
}

void sim_operator_boot(struct sim_operator *operator, struct sim_router * router, uint64_t now_ns)
{
	bool told = true;
	operator->router = router;
	operator->now_ns = now_ns;
	if (operator->is_surveying)
		end_survey(operator); // nobody goes on with it
	for (uint32_t i = 0; i < operator->acts_count; i++)
		if (operator->acts[i]
				.lift_ns != UINT64_MAX &&
				operator->acts[i]
				.end_ns == UINT64_MAX)
			operator->acts[i].end_ns = now_ns;
	for (uint32_t i = 0; i < SIM_RULES_MAX; i++)
		if (operator->rules[i] != SIM_ACTS_MAX)
			told &= tell(operator, MR_STEWARD_BAN, operator->rules[i],
				stages_of(router, true));
	if (operator->stopped != 0)
		told &= tell(operator, MR_STEWARD_STOP, 0, stages_of(router, false));
	else
		operator->resume_ns = operator->pause_ns != 0 && operator->resume_ns == UINT64_MAX
			? now_ns
			:
			operator->resume_ns;
	mr_assert(told);
}

bool sim_operator_is_idle(const struct sim_operator *operator)
{
	for (uint32_t i = 0; i < operator->acts_count; i++)
		if (operator->acts[i].end_ns == UINT64_MAX)
			return false;
	return operator->is_calm && !operator->is_surveying && operator->stopped == 0;
}

// -- What may have come of it

static bool takes(const struct sim_operator *operator, struct mr_scope scope, bool with_descendants,
	uint64_t number, uint64_t object)
{
	uint8_t bytes[EVENT_BYTES];
	struct mr_event_fixed fixed;
	const uint32_t length =
		mr_workload_encode(operator->workload, number, object, 0, bytes, sizeof(bytes));
	mr_assert(length >= sizeof(fixed));
	memcpy(&fixed, bytes, sizeof(fixed));
	const uint64_t ids[] = {
		0, SIM_APP, fixed.object, fixed.workspace, fixed.database, fixed.user};
	if (ids[scope.kind] == scope.id)
		return true;
	for (uint32_t i = 0; i < fixed.ancestors; i++) {
		uint64_t ancestor;
		memcpy(&ancestor, bytes + sizeof(fixed) + i * sizeof(ancestor), sizeof(ancestor));
		if (with_descendants && scope.kind == MR_SCOPE_OBJECT && ancestor == scope.id)
			return true;
	}
	return false;
}

static bool rule_takes(const struct sim_operator *operator, const struct sim_act * act,
	uint64_t number, uint64_t object)
{
	return takes(operator, act->rule.scope, act->rule.flags & MR_BAN_DESCENDANTS, number,
		object);
}

bool sim_operator_may_refuse(const struct sim_operator *operator, uint64_t number, uint64_t object,
	uint64_t offered_ns, uint8_t reason)
{
	const uint8_t mode = reason == MR_REASON_BANNED ? MR_BAN_DROP : MR_BAN_THROTTLE;
	if (reason == MR_REASON_PAUSED)
		return operator->pause_ns != 0 && operator->resume_ns >= offered_ns;
	if (reason != MR_REASON_BANNED && reason != MR_REASON_THROTTLED)
		return true;
	for (uint32_t i = 0; i < operator->acts_count; i++)
		if (operator->acts[i]
				.rule.mode == mode &&
				operator->acts[i]
				.end_ns >= offered_ns && rule_takes(operator, & operator->acts[i],
					number, object))
			return true;
	return false;
}

bool sim_operator_may_accept(
	const struct sim_operator *operator, uint64_t number, uint64_t object, uint64_t offered_ns)
{
	for (uint32_t i = 0; i < operator->acts_count; i++) {
		const struct sim_act *act = &operator->acts[i];
		if (act->rule.mode == MR_BAN_DROP && act->in_force_ns < offered_ns
			&& act->lift_ns == UINT64_MAX && rule_takes(operator, act, number, object))
			return false;
	}
	return true;
}

bool sim_operator_may_purge(
	const struct sim_operator *operator, uint64_t number, uint64_t object, uint64_t offered_ns)
{
	for (uint32_t i = 0; i < operator->purges_count; i++) {
		const struct sim_purge *purge = &operator->purges[i];
		if (purge->done_ns >= offered_ns
			&& takes(operator, purge->scope, purge->with_descendants, number, object))
			return true;
	}
	return false;
}
