// The bans in force, as the steward holds them: ascending by id, one per scope.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/ban.h>

#include "arena.h"

struct mr_listed_ban {
	struct mr_ban ban;
	uint16_t throttle; // THROTTLE: its place on the boards
};

struct mr_ban_list {
	struct mr_listed_ban *bans;
	uint32_t count;
	uint32_t max;
	uint64_t last_id; // ever given out
};

bool mr_ban_list_init(struct mr_ban_list *list, struct mr_arena *arena, uint32_t max);
// NULL: none. Good until the list changes, like the next one.
struct mr_listed_ban *mr_ban_list_find(const struct mr_ban_list *list, struct mr_scope scope);
// The first one with an id above `id`; NULL: none.
struct mr_listed_ban *mr_ban_list_after(const struct mr_ban_list *list, uint64_t id);
bool mr_ban_list_is_full(const struct mr_ban_list *list);
// The scope has none, no other ban has the id, and the list is not full.
void mr_ban_list_add(struct mr_ban_list *list, const struct mr_listed_ban *ban);
void mr_ban_list_remove(struct mr_ban_list *list, struct mr_scope scope);
