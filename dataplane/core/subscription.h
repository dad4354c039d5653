// Webhooks by resource, and whether an event passes one's filters (W1). Names in filters are kept
// as seeded 64-bit hashes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/event.h>

#include "arena.h"
#include "table.h"
#include "webhook.h"

struct mr_subscription {
	uint64_t webhook;
	uint64_t resource;
	uint64_t resource_type; // hash, 0: taken from the event
	uint32_t lane;
	uint32_t next; // of the same resource, or free list
	uint32_t filters; // first, 0: takes everything
	uint16_t delivery;
	uint16_t reserved;
};

struct mr_subscription_filter; // in subscription.c

struct mr_subscriptions {
	struct mr_subscription *rows; // index 0 is "none"
	struct mr_subscription_filter *filters; // likewise
	struct mr_table by_resource; // first subscription
	struct mr_table by_webhook;
	uint64_t seed;
	uint64_t higher_level[3]; // hashes: workspace, team, portfolio
	uint64_t below_projects[3]; // task, subtask, story
	uint32_t capacity;
	uint32_t free;
	uint32_t fresh;
	uint32_t filters_capacity;
	uint32_t filters_free;
	uint32_t filters_fresh;
	uint32_t filters_used;
};

bool mr_subscriptions_init(struct mr_subscriptions *subscriptions, struct mr_arena *arena,
	uint32_t webhooks_max, uint64_t seed);
// Adds at the end of its resource's list, or replaces the webhook's filters where it stands. 0,
// -ENOSPC (nothing changed) or -EINVAL.
int mr_subscriptions_add(struct mr_subscriptions *subscriptions, const struct mr_webhook *webhook);
bool mr_subscriptions_remove(struct mr_subscriptions *subscriptions, uint64_t webhook);
const struct mr_subscription *mr_subscriptions_find(
	const struct mr_subscriptions *subscriptions, uint64_t webhook);
bool mr_subscriptions_any(const struct mr_subscriptions *subscriptions, uint64_t resource);
// What a webhook of the resource makes of an event.
struct mr_subscription_verdict {
	uint64_t webhook;
	uint32_t lane;
	bool wants;
};
// All webhooks of the resource, in the order in which they were added, up to `max`; how many there
// are.
uint32_t mr_subscriptions_judge(const struct mr_subscriptions *subscriptions, uint64_t resource,
	const struct mr_event *event, uint8_t ancestor, uint32_t max,
	struct mr_subscription_verdict *ret_verdicts);
// Webhooks of the resource that want the event, in the order in which they were added; how many.
// `ancestor` says how the event reaches the resource.
uint32_t mr_subscriptions_match(const struct mr_subscriptions *subscriptions, uint64_t resource,
	const struct mr_event *event, uint8_t ancestor,
	uint64_t ret_webhooks[MR_MATCH_WEBHOOKS_MAX]);
