// Names and texts of the enums of include/millrace, generated from their lists.
#include <stddef.h>

#include <millrace/ban.h>
#include <millrace/discard.h>
#include <millrace/event.h>
#include <millrace/reason.h>
#include <millrace/scope.h>
#include <millrace/stats.h>

static const char *pick(
	const char *const *names, unsigned count, unsigned index, const char *otherwise)
{
	return index < count ? names[index] : otherwise;
}

const struct mr_reason_info *mr_reason_info(unsigned reason)
{
	static const struct mr_reason_info unknown = {
		.label = "unknown", .text = "unknown reason", .kind = MR_REASON_NONE};
	static const struct mr_reason_info infos[MR_REASON_LIMIT] = {
#define X(symbol, value, name, class, http, again, words) \
	[value] = {.label = (name),                       \
		.text = (words),                          \
		.kind = MR_REASON_##class,                \
		.retry = MR_RETRY_##again,                \
		.http_status = (http)},
		MR_REASONS(X)
#undef X
	};
	return reason < MR_REASON_LIMIT && infos[reason].label != NULL ? &infos[reason] : &unknown;
}

const char *mr_discard_label(unsigned discard)
{
	static const char *const labels[] = {
#define X(symbol, label, text) label,
		MR_DISCARDS(X)
#undef X
	};
	return pick(labels, MR_DISCARD_COUNT, discard, "unknown");
}

const char *mr_scope_kind_name(unsigned kind)
{
	static const char *const names[] = {
		"none", "app", "object", "workspace", "database", "user"};
	return pick(names, MR_SCOPE_USER + 1, kind, "none");
}

const char *mr_ban_mode_name(unsigned mode)
{
	static const char *const names[] = {"none", "drop", "hold", "throttle"};
	return pick(names, MR_BAN_THROTTLE + 1, mode, "none");
}

const char *mr_pause_name(unsigned what)
{
	static const char *const names[] = {"none", "ingest", "distribution", "none", "delivery"};
	return pick(names, MR_PAUSE_DELIVERY + 1, what, "none");
}

const char *mr_action_name(unsigned action)
{
	static const char *const names[] = {
		"none", "added", "removed", "changed", "deleted", "undeleted"};
	return pick(names, MR_ACTION_COUNT, action, "none");
}

const char *mr_stage_kind_name(unsigned kind)
{
	static const char *const names[] = {
		"none", "ingest", "shard", "journal", "delivery", "steward"};
	return pick(names, MR_STAGE_KIND_COUNT, kind, "none");
}

const char *mr_attempt_kind_name(unsigned kind)
{
	static const char *const names[] = {"none", "batch", "heartbeat", "handshake", "test"};
	return pick(names, MR_ATTEMPT_TEST + 1, kind, "none");
}

const char *mr_outcome_name(unsigned outcome)
{
	static const char *const names[] = {
		"ok", "status", "connect", "reset", "timeout", "bad_response", "canceled"};
	return pick(names, MR_OUTCOME_CANCELED + 1, outcome, "unknown");
}

const char *mr_tap_step_name(unsigned step)
{
	static const char *const names[] = {"none", "accepted", "refused", "held", "distributed",
		"matched", "attempted", "delivered", "failed", "dropped"};
	return pick(names, MR_TAP_DROPPED + 1, step, "none");
}

#define TYPE_COUNTER     "counter"
#define TYPE_GAUGE       "gauge"
#define UNIT_BANS        "bans"
#define UNIT_BATCHES     "batches"
#define UNIT_BYTES       "bytes"
#define UNIT_CHECKPOINTS "checkpoints"
#define UNIT_COMMITS     "commits"
#define UNIT_CONNECTIONS "connections"
#define UNIT_DELIVERIES  "deliveries"
#define UNIT_ENDPOINTS   "endpoints"
#define UNIT_EVENTS      "events"
#define UNIT_FRAMES      "frames"
#define UNIT_GENERATION  "generation"
#define UNIT_HOLDS       "holds"
#define UNIT_HOPS        "hops"
#define UNIT_LANES       "lanes"
#define UNIT_OBJECTS     "objects"
#define UNIT_PACKETS     "packets"
#define UNIT_READS       "reads"
#define UNIT_RECORDS     "records"
#define UNIT_RELOADS     "reloads"
#define UNIT_REQUESTS    "requests"
#define UNIT_SEGMENTS    "segments"
#define UNIT_SESSIONS    "sessions"
#define UNIT_STATE       "state"
#define UNIT_WRITES      "writes"

const struct mr_counter_info *mr_counter_info(unsigned id)
{
	static const struct mr_counter_info infos[] = {
#define X(stage, symbol, name, kind_of, unit_of, words) \
	{MR_STAGE_##stage, name, TYPE_##kind_of, UNIT_##unit_of, words},
		MR_COUNTERS(X)
#undef X
	};
	return id < MR_COUNTER_COUNT ? &infos[id] : NULL;
}
