// The webhooks that are wanted, and what the stages know of them: those of the configuration, which
// are set as a whole, and those that came over the control socket, one by one. The registry sends
// the messages that bring the stages there: a lane before its subscription, and the subscription's
// end before the lane's, so that no match is ever without a lane. What can change in a lane that
// stands (filters, secret) is told to it again.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "arena.h"
#include "config.h"
#include "postbox.h"
#include "posted.h"
#include "table.h"
#include "todo.h"

struct mr_registry_entry;

struct mr_registry_config {
	uint64_t hash_seed;
	uint32_t flows;
	uint32_t shards;
	uint32_t deliveries;
	uint32_t webhooks_max;
	uint32_t first_shard; // stage numbers
	uint32_t first_delivery;
	struct mr_stats_webhook *rows; // by lane
	const struct mr_posted_set *posted;
};

// How far the stages are with a webhook that was posted.
enum mr_registry_standing {
	MR_STANDING_NONE, // no stage has anything of it
	MR_STANDING_CHANGES,
	MR_STANDING_ASKS, // it has a lane, and waits for mr_registry_shaken
	MR_STANDING_IN_FORCE, // as it is wanted now
	MR_STANDING_GONE, // given up, as it is wanted now
};

struct mr_registry {
	struct mr_registry_config config;
	struct mr_postbox *postbox;
	struct mr_registry_entry *entries; // by lane
	struct mr_table lanes; // webhook id -> lane
	struct mr_todo free; // lanes nobody has
	struct mr_todo todo; // lanes that need a message
	const struct mr_config *wanted;
	bool waiting; // some of them for a lane
};

bool mr_registry_init(struct mr_registry *registry, struct mr_arena *arena,
	struct mr_postbox *postbox, const struct mr_registry_config *config);
// What is wanted from now on. `config` must live until the next call.
void mr_registry_want(struct mr_registry *registry, const struct mr_config *config);
// The posted webhook of this id is wanted, as it is now; one with no secret is subscribed when its
// endpoint has shaken hands. 0, or -ENOSPC: no lane is free.
int mr_registry_post(struct mr_registry *registry, uint64_t webhook);
// It is wanted no more.
void mr_registry_unpost(struct mr_registry *registry, uint64_t webhook);
void mr_registry_shaken(struct mr_registry *registry, uint64_t webhook);
enum mr_registry_standing mr_registry_standing(
	const struct mr_registry *registry, uint64_t webhook);
// Lane and delivery stage of a webhook that has them.
bool mr_registry_lane(const struct mr_registry *registry, uint64_t webhook, uint32_t *ret_lane,
	uint32_t *ret_delivery);
uint64_t mr_registry_webhook(const struct mr_registry *registry, uint32_t lane); // 0: none
bool mr_registry_is_configured(const struct mr_registry *registry, uint64_t webhook);
// The entry of the configuration that has the lane; NULL: it is free or another's.
const struct mr_config_webhook *mr_registry_configured(
	const struct mr_registry *registry, uint32_t lane);
// Sends what waits for room in the postbox. True when something moved.
bool mr_registry_work(struct mr_registry *registry);
// The delivery stage gave a webhook up: its subscription ends, and it stays out until its entry in
// the file changes.
void mr_registry_gone(struct mr_registry *registry, uint32_t lane, uint64_t webhook);
// The webhook of this lane was given up, if there is one, and the print of its entry.
bool mr_registry_given_up(const struct mr_registry *registry, uint32_t lane, uint64_t *ret_webhook,
	uint64_t *ret_print);
// Before anything was sent: an earlier boot gave the webhook up. It stays out as long as its entry
// is what it was then. True: so it is.
bool mr_registry_stays_out(struct mr_registry *registry, uint64_t webhook, uint64_t print);
// Delivery stage and sub-lanes of a webhook that is wanted; false: there is none, or it stays out
// with the entry of `expired_print` (0: it was never given up).
bool mr_registry_home(const struct mr_registry *registry, uint64_t webhook, uint64_t expired_print,
	uint32_t *ret_delivery, uint16_t *ret_in_flight);
// Whether the delivery stage may still be lending something of the lane's webhook.
bool mr_registry_lends(const struct mr_registry *registry, uint32_t lane);
// Name of the webhook that has the lane, NULL when it is not `webhook` or has been removed.
const char *mr_registry_name(const struct mr_registry *registry, uint32_t lane, uint64_t webhook);
