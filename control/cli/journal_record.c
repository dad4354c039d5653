// What a record says, as text and as the ids that it names.
#include <inttypes.h>
#include <string.h>

#include <millrace/event.h>
#include <millrace/reason.h>

#include "journal_tool.h"

static const char *const kinds[MR_RECORD_KIND_COUNT] = {
	[MR_RECORD_EVENT] = "event",
	[MR_RECORD_MATCH] = "match",
	[MR_RECORD_DISTRIBUTED] = "distributed",
	[MR_RECORD_DROPPED] = "dropped",
	[MR_RECORD_CHECKPOINT] = "checkpoint",
	[MR_RECORD_BATCH] = "batch",
	[MR_RECORD_PROGRESS] = "progress",
	[MR_RECORD_LANE] = "lane",
	[MR_RECORD_SESSION] = "session",
	[MR_RECORD_WEBHOOK] = "webhook",
	[MR_RECORD_BAN] = "ban",
	[MR_RECORD_PAUSE] = "pause",
	[MR_RECORD_APP] = "app",
	[MR_RECORD_QUEUED] = "queued",
	[MR_RECORD_TAKEN] = "taken",
	[MR_RECORD_EXPIRED] = "expired",
};

const char *mr_record_kind_name(unsigned kind)
{
	return kind > 0 && kind < MR_RECORD_KIND_COUNT ? kinds[kind] : "unknown";
}

unsigned mr_record_kind_find(const char *name)
{
	for (unsigned kind = 1; kind < MR_RECORD_KIND_COUNT; kind++) {
		if (strcmp(kinds[kind], name) == 0)
			return kind;
	}
	return 0;
}

#define SAY(facts, ...) snprintf((facts)->detail, sizeof((facts)->detail), __VA_ARGS__)

static void describe_event(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_event *event = (const void *)record;
	const struct mr_event_fixed *fixed = (const void *)(event + 1);

	facts->object = fixed->object;
	SAY(facts,
		"%s, app %" PRIu64 ", workspace %" PRIu64 ", session %" PRIu64
		" flow %u sequence %" PRIu64 "%s",
		mr_action_name(fixed->action), event->app, fixed->workspace, event->session_id,
		event->flow, event->sequence,
		record->flags & MR_EVENT_COPIED ? ", copied from an earlier boot" : "");
}

static void describe_dropped(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_dropped *dropped = (const void *)record;

	facts->webhook = dropped->webhook;
	facts->count = 1;
	SAY(facts, "%s of %u:%" PRIu64 ": %s", dropped->webhook ? "one delivery" : "the event",
		mr_position_stream(dropped->origin), mr_position_offset(dropped->origin),
		mr_reason_info(dropped->reason)->label);
}

static void describe_batch(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_batch *batch = (const void *)record;

	facts->webhook = batch->webhook;
	facts->count = batch->count;
	SAY(facts, "number %" PRIu64 ", sub-lane %u%s", batch->number, batch->sublane,
		record->flags & MR_BATCH_AGAIN ? ", repeated by a checkpoint" : "");
}

static void describe_progress(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_progress *progress = (const void *)record;

	facts->webhook = progress->webhook;
	SAY(facts, "settled up to %" PRIu64 ", sub-lane %u, attempts %u, last status %u%s",
		progress->settled_number, progress->sublane, progress->attempts, progress->status,
		progress->failing_since_ns ? ", failing" : "");
}

static void describe_lane(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_lane *lane = (const void *)record;

	facts->webhook = lane->webhook;
	facts->count = lane->count;
	SAY(facts, "sub-lane %u of %u, first entry %" PRIu64 "%s%s", lane->sublane, lane->sublanes,
		lane->first_entry, record->flags & MR_LANE_RECORD_STATE ? ", state" : ", spilled",
		record->flags & MR_LANE_RECORD_INDEX ? ", of lane records" : "");
}

static void describe_session(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_session *session = (const void *)record;

	SAY(facts, "%s, app %" PRIu64 ", session %" PRIu64 " epoch %u",
		record->flags & MR_SESSION_CLOSED ? "closed" : "opened", session->app,
		session->session_id, session->session_epoch);
}

static void describe_lists(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_match *match = (const void *)record;
	const struct mr_record_distributed *distributed = (const void *)record;
	const struct mr_record_taken *taken = (const void *)record;

	switch (record->kind) {
	case MR_RECORD_MATCH:
		facts->count = match->count;
		facts->object = match->resource;
		if (match->count == 1)
			memcpy(&facts->webhook, match + 1, sizeof(facts->webhook));
		SAY(facts, "%s of %u:%" PRIu64 " heard by %u webhook%s",
			match->ancestor == MR_VIA_OBJECT ? "object" : "ancestor",
			mr_position_stream(match->origin), mr_position_offset(match->origin),
			match->count, match->count == 1 ? "" : "s");
		break;
	case MR_RECORD_TAKEN:
		facts->count = taken->count;
		SAY(facts, "checkpoint %" PRIu64, taken->epoch);
		break;
	default: // distributed, queued: the same shape
		facts->count = distributed->count;
		break;
	}
}

static void describe_node(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_checkpoint *checkpoint = (const void *)record;
	const struct mr_record_expired *expired = (const void *)record;
	const struct mr_record_webhook *webhook = (const void *)record;

	switch (record->kind) {
	case MR_RECORD_CHECKPOINT:
		SAY(facts, "app %" PRIu64 ", session %" PRIu64 " flow %u, next %" PRIu64,
			checkpoint->app, checkpoint->session_id, checkpoint->flow,
			checkpoint->next);
		break;
	case MR_RECORD_EXPIRED:
		facts->webhook = expired->webhook;
		SAY(facts, "given up");
		break;
	default:
		facts->webhook = webhook->webhook;
		facts->object = webhook->resource;
		SAY(facts, "%.*s", (int)webhook->type_length, (const char *)(webhook + 1));
		break;
	}
}

static void describe_ban(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_ban *ban = &((const struct mr_record_ban *)(const void *)record)->ban;
	const struct mr_scope *scope = &ban->rule.scope;

	if (scope->kind == MR_SCOPE_OBJECT)
		facts->object = scope->id;
	if (scope->kind == MR_SCOPE_NONE)
		SAY(facts, "last id %" PRIu64, ban->id);
	else
		SAY(facts, "%" PRIu64 " %s: %s %s %" PRIu64 " by %.*s", ban->id,
			record->flags & MR_BAN_RECORD_LIFTED ? "ended" : "set",
			mr_ban_mode_name(ban->rule.mode), mr_scope_kind_name(scope->kind),
			scope->id, (int)sizeof(ban->author) - 1, ban->author);
}

static void describe_pause(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_paused *paused =
		((const struct mr_record_pause *)(const void *)record)->paused;
	const bool is_on[MR_PAUSES] = {
		paused[0].what != 0, paused[1].what != 0, paused[2].what != 0};

	SAY(facts, "ingest %s, distribution %s, delivery %s", is_on[0] ? "paused" : "on",
		is_on[1] ? "paused" : "on", is_on[2] ? "paused" : "on");
}

static void describe_app(const struct mr_record *record, struct mr_record_facts *facts)
{
	const struct mr_record_app *app = (const void *)record;

	SAY(facts, "app %" PRIu64 ", key %" PRIu64 "%s", app->app, app->key_id,
		record->flags & MR_APP_RECORD_REMOVED ? " removed" : "");
}

void mr_record_describe(const struct mr_record *record, struct mr_record_facts *ret_facts)
{
	static void (*const describe[MR_RECORD_KIND_COUNT])(
		const struct mr_record *record, struct mr_record_facts *facts) = {
		[MR_RECORD_EVENT] = describe_event,
		[MR_RECORD_MATCH] = describe_lists,
		[MR_RECORD_DISTRIBUTED] = describe_lists,
		[MR_RECORD_DROPPED] = describe_dropped,
		[MR_RECORD_CHECKPOINT] = describe_node,
		[MR_RECORD_BATCH] = describe_batch,
		[MR_RECORD_PROGRESS] = describe_progress,
		[MR_RECORD_LANE] = describe_lane,
		[MR_RECORD_SESSION] = describe_session,
		[MR_RECORD_WEBHOOK] = describe_node,
		[MR_RECORD_QUEUED] = describe_lists,
		[MR_RECORD_TAKEN] = describe_lists,
		[MR_RECORD_EXPIRED] = describe_node,
		[MR_RECORD_BAN] = describe_ban,
		[MR_RECORD_PAUSE] = describe_pause,
		[MR_RECORD_APP] = describe_app,
	};

	*ret_facts = (struct mr_record_facts){0};
	describe[record->kind](record, ret_facts);
}

bool mr_record_names_webhook(const struct mr_record *record, uint64_t webhook)
{
	const struct mr_record_match *match = (const void *)record;
	const uint64_t *webhooks = (const void *)(match + 1);
	struct mr_record_facts facts;

	if (record->kind != MR_RECORD_MATCH) {
		mr_record_describe(record, &facts);
		return facts.webhook == webhook;
	}
	for (uint32_t i = 0; i < match->count; i++) {
		if (webhooks[i] == webhook)
			return true;
	}
	return false;
}

static uint32_t copy(const void *from, uint32_t count, mr_position *ret_positions, uint32_t max)
{
	if (count > max)
		count = max;
	memcpy(ret_positions, from, count * sizeof(*ret_positions));
	return count;
}

uint32_t mr_record_refers(const struct mr_record *record, uint16_t stream,
	mr_position *ret_positions, uint32_t positions_max)
{
	const struct mr_record_match *match = (const void *)record;
	const struct mr_record_dropped *dropped = (const void *)record;
	const struct mr_record_batch *batch = (const void *)record;
	const struct mr_record_lane *lane = (const void *)record;
	const struct mr_record_distributed *list = (const void *)record;
	uint32_t count = 0;

	switch (record->kind) {
	case MR_RECORD_MATCH:
		return copy(&match->origin, 1, ret_positions, positions_max);
	case MR_RECORD_DROPPED:
		return copy(&dropped->origin, 1, ret_positions, positions_max);
	case MR_RECORD_BATCH:
		return copy(batch + 1, batch->count, ret_positions, positions_max);
	case MR_RECORD_LANE:
		return copy(lane + 1, lane->count, ret_positions, positions_max);
	case MR_RECORD_DISTRIBUTED:
	case MR_RECORD_QUEUED:
		count = copy(list + 1, list->count, ret_positions, positions_max);
		for (uint32_t i = 0; i < count; i++)
			ret_positions[i] = mr_position_make(stream, ret_positions[i]);
		return count;
	default:
		return 0;
	}
}
