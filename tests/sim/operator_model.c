// What may have come of the operator's acts.
#include <string.h>

#include "mr_assert.h"
#include "operator.h"
#include "traffic.h"

enum { EVENT_BYTES = 1500 };

static bool takes(const struct sim_operator *op, struct mr_scope scope, bool with_descendants,
	uint64_t number, uint64_t object)
{
	uint8_t bytes[EVENT_BYTES];
	struct mr_event_fixed fixed;
	const uint32_t length =
		mr_workload_encode(op->workload, number, object, 0, bytes, sizeof(bytes));
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

static bool rule_takes(
	const struct sim_operator *op, const struct sim_act *act, uint64_t number, uint64_t object)
{
	return takes(op, act->rule.scope, act->rule.flags & MR_BAN_DESCENDANTS, number, object);
}

bool sim_operator_may_refuse(const struct sim_operator *op, uint64_t number, uint64_t object,
	uint64_t offered_ns, uint8_t reason)
{
	const uint8_t mode = reason == MR_REASON_BANNED ? MR_BAN_DROP : MR_BAN_THROTTLE;
	if (reason == MR_REASON_PAUSED)
		return op->pause_ns != 0 && op->resume_ns >= offered_ns;
	if (reason != MR_REASON_BANNED && reason != MR_REASON_THROTTLED)
		return true;
	for (uint32_t i = 0; i < op->acts_count; i++)
		if (op->acts[i].rule.mode == mode && op->acts[i].end_ns >= offered_ns
			&& rule_takes(op, &op->acts[i], number, object))
			return true;
	return false;
}

bool sim_operator_may_accept(
	const struct sim_operator *op, uint64_t number, uint64_t object, uint64_t offered_ns)
{
	for (uint32_t i = 0; i < op->acts_count; i++) {
		const struct sim_act *act = &op->acts[i];
		if (act->rule.mode == MR_BAN_DROP && act->in_force_ns < offered_ns
			&& act->lift_ns == UINT64_MAX && rule_takes(op, act, number, object))
			return false;
	}
	return true;
}

bool sim_operator_may_purge(
	const struct sim_operator *op, uint64_t number, uint64_t object, uint64_t offered_ns)
{
	for (uint32_t i = 0; i < op->purges_count; i++) {
		const struct sim_purge *purge = &op->purges[i];
		if (purge->done_ns >= offered_ns
			&& takes(op, purge->scope, purge->with_descendants, number, object))
			return true;
	}
	return false;
}

static bool has_crashed(const struct sim_barred *asked, uint64_t until_ns)
{
	for (uint32_t i = 0; i < asked->crashes; i++)
		if (asked->crashed_ns[i] >= asked->offered_ns && asked->crashed_ns[i] <= until_ns)
			return true;
	return false;
}

bool sim_operator_bars(const struct sim_operator *op, const struct sim_barred *asked)
{
	for (uint32_t i = 0; i < op->acts_count; i++) {
		const struct sim_act *act = &op->acts[i];
		if (act->rule.mode != MR_BAN_THROTTLE && act->in_force_ns < asked->at_ns
			&& act->lift_ns >= asked->at_ns && !has_crashed(asked, act->in_force_ns)
			&& rule_takes(op, act, asked->number, asked->object))
			return true;
	}
	return false;
}
