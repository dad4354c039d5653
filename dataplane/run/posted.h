// Webhooks that came over the control socket: each is the record that stands for it in the journal,
// in heap memory, and its secret. What the stages are told is made from it when it is sent.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/control.h>
#include <millrace/record.h>

#include "arena.h"
#include "seal.h"
#include "secrets.h"
#include "table.h"
#include "target.h"
#include "todo.h"
#include "webhook.h"

enum mr_posted_state {
	MR_POSTED_TRIAL, // its endpoint is being asked; nobody was told, nothing is written
	MR_POSTED_KEPT,
	MR_POSTED_BLOCKED, // kept, and out of force: see the log
};

struct mr_posted {
	uint64_t revision; // another one after every change
	enum mr_posted_state state;
	bool gone; // disabled because its endpoint was given up
	struct mr_secret secret;
	struct mr_record_webhook record; // the texts follow
};

struct mr_posted_set {
	struct mr_posted **slots; // webhooks_max; NULL: free
	struct mr_todo free;
	struct mr_table by_id;
	const char *state_dir;
	uint16_t in_flight; // of webhooks that do not say
	bool is_volatile;
	bool has_key;
	struct mr_seal_key key;
	struct mr_webhook *scratch;
};

// What a webhook is to be, as it was asked for.
struct mr_posted_draft {
	const struct mr_record_webhook *from; // ids, time, flags
	enum mr_posted_state state;
	const char *resource_type;
	const char *url;
	const char *filters;
	const struct mr_secret *secret;
};

// False: the arena has no room (or plans). `state_dir` outlives the set.
bool mr_posted_init(struct mr_posted_set *set, struct mr_arena *arena, uint32_t webhooks_max,
	const char *state_dir, uint64_t seed);
struct mr_posted *mr_posted_find(const struct mr_posted_set *set, uint64_t id); // NULL: none
uint32_t mr_posted_count(const struct mr_posted_set *set);
// Puts the draft in the place of the webhook of its id, or makes it. 0; -ENOSPC; -ENOMEM; or what
// keeps secrets from being sealed, with a sentence.
int mr_posted_put(struct mr_posted_set *set, const struct mr_posted_draft *draft,
	struct mr_posted **ret_posted, char *ret_why, size_t why_size);
// A record that a start has recovered. 0, or negative errno with a sentence: it is there all the
// same, BLOCKED, but for -ENOSPC and -ENOMEM.
int mr_posted_recover(struct mr_posted_set *set, const struct mr_record_webhook *record,
	char *ret_why, size_t why_size);
void mr_posted_remove(struct mr_posted_set *set, uint64_t id);
void mr_posted_free(struct mr_posted_set *set); // all of them; wipes secrets

const char *mr_posted_url(const struct mr_posted *posted, uint16_t *ret_length); // not terminated
const char *mr_posted_type(const struct mr_posted *posted, uint16_t *ret_length);
const char *mr_posted_filters(const struct mr_posted *posted, uint16_t *ret_length);
// Whether the target may be dialled today; false with a static sentence.
bool mr_posted_permitted(
	const struct mr_posted *posted, const struct mr_guard *guard, const char **ret_why);
// As the stages are told, until the next call; lane, shard and delivery are the registry's.
const struct mr_webhook *mr_posted_expand(
	const struct mr_posted_set *set, const struct mr_posted *posted);
// Prints of all of it, and of what a lane cannot change without being made anew.
uint64_t mr_posted_print(const struct mr_posted *posted);
uint64_t mr_posted_lane_print(const struct mr_posted *posted);
