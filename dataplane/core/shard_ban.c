// What operators have stopped: the shard's copy of bans and pauses, at the door and at distribution.
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "shard_state.h"

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

// Whether the steward has granted one more event; asking counts as demand.
static bool has_grant(struct mr_throttle_board *board, uint16_t at)
{
	mr_assert(at < MR_THROTTLES_MAX);
	if (board == NULL)
		return false;
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
static const struct mr_ban_entry *ask_throttles(struct mr_shard *shard,
	const struct mr_ban_entry *const *entries, uint32_t count, struct mr_tolls *ret_tolls)
{
	const struct mr_ban_entry *closed = NULL;
	for (uint32_t i = 0; i < count; i++) {
		if (entries[i]->rule.mode != MR_BAN_THROTTLE)
			continue;
		if (has_grant(shard->config.throttles, entries[i]->throttle))
			ret_tolls->throttles[ret_tolls->count++] = entries[i]->throttle;
		else if (closed == NULL)
			closed = entries[i];
	}
	return closed;
}

uint8_t mr_shard_restrict(struct mr_shard *shard, uint64_t app, const uint8_t *event,
	struct mr_refusal *ret_refusal, struct mr_tolls *ret_tolls)
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
	const struct mr_ban_entry *closed = ask_throttles(shard, entries, count, ret_tolls);
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

void mr_shard_ban(struct mr_shard *shard, const struct mr_ban_entry *entry)
{
	const bool done = mr_bans_set(&shard->bans, entry);
	mr_expect(done); // the steward keeps to MR_BANS_MAX
}

void mr_shard_unban(struct mr_shard *shard, struct mr_scope scope)
{
	(void)mr_bans_lift(&shard->bans, scope);
}
