#include "ban_list.h"

#include <string.h>

#include "mr_assert.h"

bool mr_ban_list_init(struct mr_ban_list *list, struct mr_arena *arena, uint32_t max)
{
	mr_assert(max > 0);
	*list = (struct mr_ban_list){.max = max};
	list->bans = mr_arena_array(arena, "steward: bans", struct mr_listed_ban, max);
	return list->bans != NULL;
}

struct mr_listed_ban *mr_ban_list_find(const struct mr_ban_list *list, struct mr_scope scope)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct mr_scope *at = &list->bans[i].ban.rule.scope;
		if (at->id == scope.id && at->kind == scope.kind)
			return &list->bans[i];
	}
	return NULL;
}

struct mr_listed_ban *mr_ban_list_after(const struct mr_ban_list *list, uint64_t id)
{
	uint32_t low = 0, high = list->count;
	while (low < high) {
		const uint32_t middle = (low + high) / 2;
		if (list->bans[middle].ban.id > id)
			high = middle;
		else
			low = middle + 1;
	}
	return low < list->count ? &list->bans[low] : NULL;
}

bool mr_ban_list_is_full(const struct mr_ban_list *list)
{
	return list->count == list->max;
}

void mr_ban_list_add(struct mr_ban_list *list, const struct mr_listed_ban *ban)
{
	mr_assert(!mr_ban_list_is_full(list) && ban->ban.id != 0);
	uint32_t at = list->count++;
	for (; at > 0 && list->bans[at - 1].ban.id > ban->ban.id; at--)
		list->bans[at] = list->bans[at - 1];
	list->bans[at] = *ban;
	if (ban->ban.id > list->last_id)
		list->last_id = ban->ban.id;
}

void mr_ban_list_remove(struct mr_ban_list *list, struct mr_scope scope)
{
	struct mr_listed_ban *ban = mr_ban_list_find(list, scope);
	mr_assert(ban != NULL);
	const size_t behind = (size_t)(&list->bans[list->count] - (ban + 1));
	memmove(ban, ban + 1, behind * sizeof(*ban));
	list->count--;
}
