#include "bans.h"

#include "hash.h"
#include "mr_assert.h"

bool mr_bans_init(struct mr_bans *bans, struct mr_arena *arena, uint32_t bans_max, uint64_t seed)
{
	mr_assert(bans_max > 0);
	*bans = (struct mr_bans){.free_count = bans_max};
	bans->entries = mr_arena_array(arena, "bans", struct mr_ban_entry, bans_max);
	bans->free = mr_arena_array(arena, "bans", uint32_t, bans_max);
	const bool has_table = mr_table_init(&bans->by_scope, arena, "bans", bans_max, seed);
	if (bans->entries == NULL || bans->free == NULL || !has_table)
		return false;
	for (uint32_t i = 0; i < bans_max; i++)
		bans->free[i] = bans_max - 1 - i;
	return true;
}

// Ids of two kinds may be equal: the key holds both. 0 is no key of a table.
static uint64_t key_of(uint32_t kind, uint64_t id)
{
	const uint64_t key = mr_hash_u64(id, kind);
	return key != 0 ? key : 1;
}

static bool is_of(const struct mr_ban_entry *entry, uint32_t kind, uint64_t id)
{
	return entry->rule.scope.kind == kind && entry->rule.scope.id == id;
}

static struct mr_ban_entry *find(const struct mr_bans *bans, uint32_t kind, uint64_t id)
{
	uint32_t index;
	if (!mr_table_find(&bans->by_scope, key_of(kind, id), &index))
		return NULL;
	struct mr_ban_entry *entry = &bans->entries[index];
	return is_of(entry, kind, id) ? entry : NULL;
}

static void count(struct mr_bans *bans, const struct mr_ban_rule *rule, uint32_t add)
{
	bans->count += add;
	bans->kind_counts[rule->scope.kind] += add;
	if (rule->flags & MR_BAN_DESCENDANTS)
		bans->descendants += add;
}

bool mr_bans_set(struct mr_bans *bans, const struct mr_ban_entry *entry)
{
	const struct mr_scope scope = entry->rule.scope;
	mr_assert(scope.kind >= MR_SCOPE_APP && scope.kind <= MR_SCOPE_USER);
	struct mr_ban_entry *old = find(bans, scope.kind, scope.id);
	if (old == NULL) {
		if (bans->free_count == 0)
			return false;
		const uint32_t index = bans->free[bans->free_count - 1];
		if (mr_table_add(&bans->by_scope, key_of(scope.kind, scope.id), index) != 0)
			return false; // another scope has the key
		bans->free_count--;
		old = &bans->entries[index];
	} else {
		count(bans, &old->rule, UINT32_MAX);
	}
	*old = *entry;
	count(bans, &old->rule, 1);
	return true;
}

bool mr_bans_lift(struct mr_bans *bans, struct mr_scope scope)
{
	struct mr_ban_entry *entry = find(bans, scope.kind, scope.id);
	if (entry == NULL)
		return false;
	count(bans, &entry->rule, UINT32_MAX);
	mr_table_remove(&bans->by_scope, key_of(scope.kind, scope.id));
	bans->free[bans->free_count++] = (uint32_t)(entry - bans->entries);
	*entry = (struct mr_ban_entry){0};
	return true;
}

const struct mr_ban_entry *mr_bans_get(const struct mr_bans *bans, struct mr_scope scope)
{
	return find(bans, scope.kind, scope.id);
}

static bool has(
	const struct mr_ban_entry *const *entries, uint32_t count, const struct mr_ban_entry *entry)
{
	for (uint32_t i = 0; i < count; i++)
		if (entries[i] == entry)
			return true;
	return false;
}

uint32_t mr_bans_find_all(const struct mr_bans *bans, const struct mr_event_scopes *scopes,
	const struct mr_ban_entry *ret_entries[MR_BANS_PER_EVENT_MAX])
{
	uint32_t count = 0;
	const struct mr_ban_entry *entry;
	mr_assert(scopes->ancestors_count <= MR_ANCESTORS_MAX);
	for (uint32_t kind = MR_SCOPE_APP; kind <= MR_SCOPE_USER; kind++)
		if (bans->kind_counts[kind] > 0
			&& (entry = find(bans, kind, scopes->ids[kind - 1])) != NULL)
			ret_entries[count++] = entry;
	for (uint32_t i = 0; bans->descendants > 0 && i < scopes->ancestors_count; i++) {
		entry = find(bans, MR_SCOPE_OBJECT, scopes->ancestors[i]);
		if (entry != NULL && entry->rule.flags & MR_BAN_DESCENDANTS
			&& !has(ret_entries, count, entry))
			ret_entries[count++] = entry;
	}
	return count;
}

const struct mr_ban_entry *mr_bans_find(
	const struct mr_bans *bans, const struct mr_event_scopes *scopes)
{
	const struct mr_ban_entry *entries[MR_BANS_PER_EVENT_MAX];
	const struct mr_ban_entry *strictest = NULL;
	const uint32_t count = mr_bans_find_all(bans, scopes, entries);
	mr_assert(count <= MR_BANS_PER_EVENT_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (strictest == NULL || entries[i]->rule.mode < strictest->rule.mode)
			strictest = entries[i];
	return strictest;
}

bool mr_scope_takes(
	const struct mr_scope *scope, bool with_descendants, const struct mr_event_scopes *scopes)
{
	mr_assert(scope->kind >= MR_SCOPE_APP && scope->kind <= MR_SCOPE_USER);
	if (scopes->ids[scope->kind - 1] == scope->id)
		return true;
	if (!with_descendants || scope->kind != MR_SCOPE_OBJECT)
		return false;
	for (uint32_t i = 0; i < scopes->ancestors_count; i++)
		if (scopes->ancestors[i] == scope->id)
			return true;
	return false;
}
