// What operators have stopped: the shard's copy of bans and pauses, at the door and at
// distribution.
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "shard_door.h"
#include "shard_state.h"

enum { LISTS_PER_STEP = 256, GIVEN_UP_PER_STEP = 64 };
enum { PAUSED_RETRY_MS = 1000, THROTTLED_RETRY_MS_MIN = 100, THROTTLED_RETRY_MS_MAX = 60000 };

struct scopes { // of an event whose bytes stand anywhere
	struct mr_event_scopes of;
	uint64_t ancestors[MR_ANCESTORS_MAX];
};

// The ids stand in the event in the order of their kinds, after the app, which is not in it. An
// event that ingest has refused is sound in no more than its length and object.
static void read_scopes(
	const struct mr_bans *bans, uint64_t app, const uint8_t *event, struct scopes *ret_scopes)
{
	struct mr_event_fixed fixed;
	memcpy(&fixed, event, sizeof(fixed));
	ret_scopes->of = (struct mr_event_scopes){
		.ids = {app, fixed.object, fixed.workspace, fixed.database, fixed.user},
		.ancestors = ret_scopes->ancestors,
	};
	const uint32_t count = fixed.ancestors;
	if (bans->descendants == 0 || count > MR_ANCESTORS_MAX
		|| sizeof(fixed) + count * sizeof(uint64_t) > fixed.length)
		return;
	ret_scopes->of.ancestors_count = count;
	memcpy(ret_scopes->ancestors, event + sizeof(fixed), count * sizeof(uint64_t));
}

static struct mr_refusal refusal_by(const struct mr_ban_entry *entry, uint8_t reason, uint32_t ms)
{
	return (struct mr_refusal){
		.reason = reason,
		.scope_kind = entry != NULL ? (uint8_t)entry->rule.scope.kind : MR_SCOPE_NONE,
		.scope_id = entry != NULL ? entry->rule.scope.id : 0,
		.retry_after_ms = ms,
	};
}

static uint32_t throttled_retry_ms(uint32_t rate)
{
	const uint32_t ms = rate > 0 ? 1000 / rate : THROTTLED_RETRY_MS_MAX;
	return ms > THROTTLED_RETRY_MS_MIN ? ms : THROTTLED_RETRY_MS_MIN;
}

// Whether the steward has granted one more event; who asks for an event that is there is demand.
static bool has_grant(struct mr_throttle_board *board, uint16_t at, bool is_there)
{
	mr_assert(at < MR_THROTTLES_MAX);
	if (board == NULL)
		return false;
	if (is_there)
		mr_count(&board->wanted[at], 1);
	return mr_read(&board->used[at]) < mr_read(&board->granted[at]);
}

void mr_shard_pay(struct mr_shard *shard, const struct mr_tolls *tolls)
{
	mr_assert(tolls->count <= MR_BANS_PER_EVENT_MAX);
	for (uint32_t i = 0; i < tolls->count; i++)
		mr_count(&shard->config.throttles->used[tolls->throttles[i]], 1);
}

// The first throttle without a grant; all of them hear of the event. NULL: there is none.
static const struct mr_ban_entry *ask_throttles(const struct mr_shard *shard,
	const struct mr_ban_entry *const *entries, uint32_t count, bool is_there,
	struct mr_tolls *ret_tolls)
{
	const struct mr_ban_entry *closed = NULL;
	for (uint32_t i = 0; i < count; i++) {
		if (entries[i]->rule.mode != MR_BAN_THROTTLE)
			continue;
		if (has_grant(shard->config.throttles, entries[i]->throttle, is_there))
			ret_tolls->throttles[ret_tolls->count++] = entries[i]->throttle;
		else if (closed == NULL)
			closed = entries[i];
	}
	return closed;
}

uint8_t mr_shard_restrict(const struct mr_shard *shard, uint64_t app, const uint8_t *event,
	bool is_there, struct mr_refusal *ret_refusal, struct mr_tolls *ret_tolls)
{
	const struct mr_ban_entry *entries[MR_BANS_PER_EVENT_MAX];
	struct scopes scopes;
	ret_tolls->count = 0;
	*ret_refusal = refusal_by(NULL, MR_REASON_PAUSED, PAUSED_RETRY_MS);
	if (shard->stopped & MR_PAUSE_INGEST)
		return MR_REASON_PAUSED;
	read_scopes(&shard->bans, app, event, &scopes);
	const uint32_t count = mr_bans_find_all(&shard->bans, &scopes.of, entries);
	for (uint32_t i = 0; i < count; i++) {
		if (entries[i]->rule.mode != MR_BAN_DROP)
			continue;
		*ret_refusal = refusal_by(entries[i], MR_REASON_BANNED, 0);
		return MR_REASON_BANNED;
	}
	const struct mr_ban_entry *closed =
		ask_throttles(shard, entries, count, is_there, ret_tolls);
	if (closed == NULL)
		return MR_REASON_OK;
	*ret_refusal =
		refusal_by(closed, MR_REASON_THROTTLED, throttled_retry_ms(closed->rule.rate));
	return MR_REASON_THROTTLED;
}

struct mr_refusal mr_shard_banned(struct mr_shard *shard, uint64_t app, const uint8_t *event)
{
	struct scopes scopes;
	read_scopes(&shard->bans, app, event, &scopes);
	const struct mr_ban_entry *entry = mr_bans_find(&shard->bans, &scopes.of);
	const bool is_it = entry != NULL && entry->rule.mode == MR_BAN_DROP;
	return refusal_by(is_it ? entry : NULL, MR_REASON_BANNED, 0);
}

const struct mr_ban_entry *mr_shard_holding(
	const struct mr_shard *shard, const struct mr_lineage *lineage)
{
	const struct mr_event_scopes scopes = mr_lineage_scopes(lineage);
	const struct mr_ban_entry *entry = mr_bans_find(&shard->bans, &scopes);
	return entry != NULL && entry->rule.mode != MR_BAN_THROTTLE ? entry : NULL;
}

enum mr_ban_hold mr_shard_hold(
	struct mr_shard *shard, uint32_t object, const struct mr_lineage *lineage)
{
	struct mr_objects *objects = &shard->objects;
	const uint8_t app = mr_shard_rows(shard, &lineage->origin).row[0];
	const struct mr_ban_entry *entry = mr_shard_holding(shard, lineage);
	uint32_t kind = MR_SCOPE_NONE;
	if (entry != NULL)
		kind = entry->rule.scope.kind;
	else if (!mr_objects_is_behind(objects, object, app))
		return MR_BAN_PASSES;
	return mr_objects_set_aside(objects, object, app, kind) ? MR_BAN_HELD : MR_BAN_NO_ROOM;
}

// -- The end of a rule

static void release(struct mr_shard *shard, uint32_t object)
{
	mr_assert(object != 0);
	mr_objects_release_held(&shard->objects, object);
	mr_scheduler_settle(&shard->scheduler, object);
}

// What the rule may hold is looked at again: lists that hold for a rule of its kind, one after the
// other, from the first one on.
static void begin_release(struct mr_shard *shard, const struct mr_ban_rule *rule)
{
	const bool is_one =
		rule->scope.kind == MR_SCOPE_OBJECT && !(rule->flags & MR_BAN_DESCENDANTS);
	const uint32_t object = is_one ? mr_objects_find(&shard->objects, rule->scope.id) : 0;
	if (object != 0)
		release(shard, object);
	if (is_one || rule->mode == MR_BAN_THROTTLE)
		return;
	shard->release.kinds |= 1U << rule->scope.kind;
	shard->release.at = 1;
}

uint32_t mr_shard_release(struct mr_shard *shard)
{
	const struct mr_objects *objects = &shard->objects;
	uint32_t lists = 0;
	for (; shard->release.kinds != 0 && lists < LISTS_PER_STEP; lists++) {
		if (shard->release.at >= objects->held_fresh) {
			shard->release.kinds = 0;
			break;
		}
		const struct mr_held *held = &objects->held[shard->release.at++];
		if (held->object != 0 && held->kinds & shard->release.kinds)
			release(shard, held->object);
	}
	return lists;
}

void mr_shard_ban(struct mr_shard *shard, const struct mr_ban_entry *entry)
{
	const struct mr_ban_entry *old = mr_bans_get(&shard->bans, entry->rule.scope);
	const struct mr_ban_rule before = old != NULL ? old->rule : entry->rule;
	const bool done = mr_bans_set(&shard->bans, entry);
	mr_expect(done); // the steward keeps to MR_BANS_MAX
	if (old != NULL) // it may hold less than the one whose place it takes
		begin_release(shard, &before);
}

void mr_shard_unban(struct mr_shard *shard, struct mr_scope scope)
{
	const struct mr_ban_entry *entry = mr_bans_get(&shard->bans, scope);
	if (entry == NULL)
		return;
	const struct mr_ban_rule rule = entry->rule;
	(void)mr_bans_lift(&shard->bans, scope);
	begin_release(shard, &rule);
}

// -- What is held by a ban in memory

void mr_shard_gave_up(
	struct mr_shard *shard, uint64_t offset, const struct mr_lineage *lineage, uint8_t reason)
{
	if (mr_tap_any(&shard->tap))
		mr_shard_tap_event(shard, lineage, offset,
			&(struct mr_tap_said){.step = MR_TAP_DROPPED, .reason = reason});
	const bool is_finished = mr_pin_sent(&shard->pin, offset);
	mr_assert(is_finished); // no hop of it was sent
	mr_ledger_dropped(&shard->ledger, mr_shard_rows(shard, &lineage->origin), reason);
}

void mr_shard_relieve(struct mr_shard *shard, uint32_t object)
{
	struct mr_object *state = &shard->objects.states[object];
	if (state->flags & MR_OBJECT_SHED)
		mr_door_lift_shed(shard, state);
	mr_scheduler_settle(&shard->scheduler, object);
}

// Whether the first event on the held list only waits behind one that is no longer there.
static bool waits_for_nothing(struct mr_shard *shard, uint32_t object)
{
	struct mr_lineage lineage;
	uint64_t offset;
	return mr_objects_held_front(&shard->objects, object, &offset)
		&& mr_fanout_read(shard, offset, &lineage) == MR_READ_HIT
		&& mr_shard_holding(shard, &lineage) == NULL;
}

// The oldest event that is held of the object. False: no room to record it.
static bool give_up(struct mr_shard *shard, uint32_t object, uint64_t offset)
{
	const struct mr_scope scope = {
		.id = shard->objects.states[object].id, .kind = MR_SCOPE_OBJECT};
	struct mr_lineage lineage;
	const enum mr_read read = mr_fanout_read(shard, offset, &lineage);
	mr_assert(read == MR_READ_HIT); // it pins the buffer
	if (!mr_progress_drop(shard, offset, &scope, MR_REASON_EXPIRED))
		return false;
	mr_objects_drop_held(&shard->objects, object, lineage.bytes);
	mr_shard_gave_up(shard, offset, &lineage, MR_REASON_EXPIRED);
	if (waits_for_nothing(shard, object))
		mr_objects_release_held(&shard->objects, object);
	mr_shard_relieve(shard, object);
	return true;
}

void mr_shard_make_way(struct mr_shard *shard)
{
	const struct mr_stream *stream = shard->config.stream;
	if (mr_shard_is_durable(shard))
		return; // a disk has it
	for (uint32_t i = 0; i < GIVEN_UP_PER_STEP && shard->objects.ban_held > 0; i++) {
		uint64_t offset, oldest;
		if (mr_stream_next(stream) - shard->pin.at <= stream->size / 2)
			break;
		const uint32_t object = mr_fanout_pinning(shard, &offset);
		if (object == 0 || !mr_objects_held_front(&shard->objects, object, &oldest)
			|| oldest != offset || !give_up(shard, object, offset))
			break;
	}
}
