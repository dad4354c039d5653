// What operators have stopped, inside the shard: bans and pauses at the door and at distribution,
// and surveys of what waits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bans.h"
#include "lineage.h"
#include "object.h"
#include "refused.h"
#include "survey.h"

struct mr_shard;

struct mr_shard_release { // of held events, after the end of a rule
	uint32_t kinds; // bits: of scopes whose rules ended; 0: nothing to do
	uint32_t at; // held list that is next
};

struct mr_shard_survey {
	struct mr_survey *survey; // NULL: none
	uint64_t end; // of the stream when it came
	uint64_t events; // found, or dropped
	uint64_t half_way; // event of the object in the sieve that has hops under way; 0: none
	uint32_t object; // that is next
};

// -- At the door
struct mr_tolls { // throttles that let an event pass: paid when it is accepted
	uint32_t count;
	uint16_t throttles[MR_BANS_PER_EVENT_MAX];
};
// Rules and pauses against an event that arrives. MR_REASON_OK: nothing; else the reason, with its
// scope and when to try again. `is_there`: else somebody only wants to know, and nothing changes.
uint8_t mr_shard_restrict(const struct mr_shard *shard, uint64_t app, const uint8_t *event,
	bool is_there, struct mr_refusal *ret_refusal, struct mr_tolls *ret_tolls);
void mr_shard_pay(struct mr_shard *shard, const struct mr_tolls *tolls);
// Ingest has refused the event for a ban: which one; its scope is none when it has just ended.
struct mr_refusal mr_shard_banned(struct mr_shard *shard, uint64_t app, const uint8_t *event);

// -- At distribution
enum mr_ban_hold {
	MR_BAN_PASSES,
	MR_BAN_HELD, // it waits for the end of a ban, or behind one of its app that does
	MR_BAN_NO_ROOM, // it would, but its position has no room: ask again
};
enum mr_ban_hold mr_shard_hold( // the first event of the object
	struct mr_shard *shard, uint32_t object, const struct mr_lineage *lineage);
uint32_t mr_shard_release(struct mr_shard *shard); // held lists looked at
// In memory a held event has nowhere else to be: at the half of the buffer it is given up.
void mr_shard_make_way(struct mr_shard *shard);
// An event of the object was given up as its record says; it has left the object's lists.
void mr_shard_gave_up(
	struct mr_shard *shard, uint64_t offset, const struct mr_lineage *lineage, uint8_t reason);
// With less in it the object may be under its bound, and may run again.
void mr_shard_relieve(struct mr_shard *shard, uint32_t object);

// -- From the steward
void mr_shard_ban(struct mr_shard *shard, const struct mr_ban_entry *entry);
void mr_shard_unban(struct mr_shard *shard, struct mr_scope scope);
void mr_shard_begin_survey(struct mr_shard *shard, struct mr_survey *survey);
uint32_t mr_shard_survey(struct mr_shard *shard); // work done
