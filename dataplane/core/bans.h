// One stage's copy of the bans. Looking an event up costs a test when nothing is banned, and one
// probe per kind of scope that is. Pure; one owner.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/limits.h>

#include "arena.h"
#include "table.h"

// The ids of one event that bans can name.
struct mr_event_scopes {
	uint64_t ids[5]; // by enum mr_scope_kind - 1
	const uint64_t *ancestors; // for MR_BAN_DESCENDANTS
	uint32_t ancestors_count;
};

struct mr_ban_entry {
	struct mr_ban_rule rule;
	uint16_t throttle; // THROTTLE: place on the boards, below MR_THROTTLES_MAX
};

// Rules that one event can fall under: one per kind of scope, one per ancestor.
enum { MR_BANS_PER_EVENT_MAX = MR_SCOPE_USER + MR_ANCESTORS_MAX };

struct mr_bans {
	struct mr_ban_entry *entries;
	struct mr_table by_scope;
	uint32_t *free;
	uint32_t free_count;
	uint32_t count;
	uint32_t kind_counts[6]; // in force, by enum mr_scope_kind
	uint32_t descendants; // in force with MR_BAN_DESCENDANTS
};

bool mr_bans_init(struct mr_bans *bans, struct mr_arena *arena, uint32_t bans_max, uint64_t seed);
// A rule of the same scope is replaced. False: bans_max.
bool mr_bans_set(struct mr_bans *bans, const struct mr_ban_entry *entry);
// NULL: there is none.
const struct mr_ban_entry *mr_bans_get(const struct mr_bans *bans, struct mr_scope scope);
// False: there was none.
bool mr_bans_lift(struct mr_bans *bans, struct mr_scope scope);

static inline bool mr_bans_any(const struct mr_bans *bans)
{
	return bans->count > 0;
}

// The strictest rule that the event falls under (drop before hold before throttle; among equals in
// the order of enum mr_scope_kind, ancestors last); NULL: none.
const struct mr_ban_entry *mr_bans_find(
	const struct mr_bans *bans, const struct mr_event_scopes *scopes);
// All of them, each once; how many.
uint32_t mr_bans_find_all(const struct mr_bans *bans, const struct mr_event_scopes *scopes,
	const struct mr_ban_entry *ret_entries[MR_BANS_PER_EVENT_MAX]);
// Whether a rule's scope takes the event in.
bool mr_scope_takes(
	const struct mr_scope *scope, bool with_descendants, const struct mr_event_scopes *scopes);
