#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "mr_assert.h"
#include "registry_state.h"

bool mr_registry_init(struct mr_registry *registry, struct mr_arena *arena,
	struct mr_postbox *postbox, const struct mr_registry_config *config)
{
	mr_assert(config->shards > 0 && config->deliveries > 0);
	*registry = (struct mr_registry){.config = *config, .postbox = postbox};
	const char *name = "steward: webhooks";
	registry->entries =
		mr_arena_array(arena, name, struct mr_registry_entry, config->webhooks_max);
	bool done = registry->entries != NULL;
	done = mr_table_init(&registry->lanes, arena, name, config->webhooks_max, config->hash_seed)
		&& done;
	done = mr_todo_init(&registry->free, arena, name, config->webhooks_max) && done;
	done = mr_todo_init(&registry->todo, arena, name, config->webhooks_max) && done;
	for (uint32_t lane = 0; done && lane < config->webhooks_max; lane++)
		mr_todo_put(&registry->free, lane);
	return done;
}

static uint64_t text_hash(const char *text, uint64_t seed)
{
	return mr_hash_bytes(text, strlen(text), seed);
}

// Of what a lane cannot change without being made anew.
static uint64_t lane_print(const struct mr_config_webhook *entry)
{
	uint64_t print = mr_hash_u64(entry->webhook.resource, entry->webhook.in_flight);
	return text_hash(entry->url, print);
}

// Of everything that makes a webhook what it is. A secret made at a handshake is no part of it: the
// file did not change when it came.
static uint64_t fingerprint(const struct mr_config_webhook *entry)
{
	const struct mr_webhook *webhook = &entry->webhook;
	uint64_t print = mr_hash_bytes(
		webhook->filters, webhook->filters_count * sizeof(webhook->filters[0]), 0);
	print = mr_hash_u64(webhook->resource, print);
	print = mr_hash_u64(webhook->in_flight, print);
	print = text_hash(webhook->resource_type, print);
	print = text_hash(entry->url, print);
	if (entry->secret_file[0] != '\0')
		print = mr_hash_bytes(webhook->secret, webhook->secret_length, print);
	return print;
}

static void want(
	struct mr_registry *registry, struct mr_registry_entry *entry, enum mr_registry_state state)
{
	entry->state = (uint8_t)state;
	mr_todo_put(&registry->todo, (uint32_t)(entry - registry->entries));
}

// What was sent of it has to leave the stages.
static bool must_leave(const struct mr_registry_entry *entry)
{
	return !mr_registry_is_wanted(entry) || entry->given_up
		|| entry->wanted_lane_print != entry->lane_print;
}

static void forget(struct mr_registry *registry, struct mr_registry_entry *entry)
{
	mr_table_remove(&registry->lanes, entry->id);
	mr_todo_put(&registry->free, (uint32_t)(entry - registry->entries));
	*entry = (struct mr_registry_entry){0};
}

// The stages know what was asked last: is it still what is wanted?
static void settle(struct mr_registry *registry, struct mr_registry_entry *entry)
{
	if (entry->state == STATE_ACTIVE && must_leave(entry)) {
		want(registry, entry, STATE_REMOVE_SUBSCRIPTION);
	} else if (entry->state == STATE_ACTIVE && mr_registry_is_changed(entry)) {
		want(registry, entry, STATE_ADD_LANE);
	} else if (entry->state == STATE_ASKING && must_leave(entry)) {
		want(registry, entry, STATE_REMOVE_LANE);
	} else if (entry->state == STATE_ASKING && entry->shaken) {
		want(registry, entry, STATE_ADD_SUBSCRIPTION);
	} else if (entry->state == STATE_DISABLED && !mr_registry_is_wanted(entry)) {
		forget(registry, entry);
	} else if (entry->state == STATE_DISABLED && mr_registry_is_changed(entry)) {
		entry->given_up = false;
		want(registry, entry, STATE_ADD_LANE);
	}
}

// A lane for a webhook that has none; NULL: those that leave still have theirs.
static struct mr_registry_entry *take_lane(struct mr_registry *registry, uint64_t webhook)
{
	if (registry->free.count == 0)
		return NULL;
	uint32_t lane = mr_todo_take(&registry->free);
	struct mr_registry_entry *entry = &registry->entries[lane];
	int err = mr_table_add(&registry->lanes, webhook, lane);
	mr_assert(err == 0); // as many rows as lanes, and the id was not there
	*entry = (struct mr_registry_entry){.id = webhook};
	want(registry, entry, STATE_ADD_LANE);
	return entry;
}

void mr_registry_want(struct mr_registry *registry, const struct mr_config *config)
{
	registry->wanted = config;
	registry->waiting = false;
	for (uint32_t lane = 0; lane < registry->config.webhooks_max; lane++)
		registry->entries[lane].wanted = NULL;
	for (uint32_t i = 0; i < config->webhooks_count; i++) {
		const struct mr_config_webhook *wanted = &config->webhooks[i];
		struct mr_registry_entry *entry = mr_registry_find(registry, wanted->webhook.id);
		if (entry == NULL)
			entry = take_lane(registry, wanted->webhook.id);
		if (entry == NULL) {
			registry->waiting = true;
			continue;
		}
		entry->wanted = wanted;
		entry->wanted_print = fingerprint(wanted);
		entry->wanted_lane_print = lane_print(wanted);
	}
	for (uint32_t lane = 0; lane < registry->config.webhooks_max; lane++)
		settle(registry, &registry->entries[lane]);
}

int mr_registry_post(struct mr_registry *registry, uint64_t webhook)
{
	const struct mr_posted *posted = mr_posted_find(registry->config.posted, webhook);
	mr_assert(posted != NULL);
	struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	if (entry == NULL)
		entry = take_lane(registry, webhook);
	if (entry == NULL)
		return -ENOSPC;
	entry->posted = true;
	entry->wanted_print = mr_posted_print(posted);
	entry->wanted_lane_print = mr_posted_lane_print(posted);
	settle(registry, entry);
	return 0;
}

void mr_registry_unpost(struct mr_registry *registry, uint64_t webhook)
{
	struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	if (entry == NULL)
		return;
	entry->posted = false;
	settle(registry, entry);
}

void mr_registry_shaken(struct mr_registry *registry, uint64_t webhook)
{
	struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	if (entry == NULL)
		return;
	entry->shaken = true;
	settle(registry, entry);
}

static void applied(void *owner, const struct mr_post *post)
{
	struct mr_registry *registry = owner;
	struct mr_registry_entry *entry = &registry->entries[post->tag];
	switch ((enum mr_registry_state)entry->state) {
	case STATE_ADD_LANE:
		if (entry->asks) {
			entry->state = STATE_ASKING;
			break;
		}
		want(registry, entry, STATE_ADD_SUBSCRIPTION);
		return;
	case STATE_ADD_SUBSCRIPTION:
		entry->state = STATE_ACTIVE;
		break;
	case STATE_REMOVE_SUBSCRIPTION:
		entry->has_subscription = false;
		want(registry, entry, STATE_REMOVE_LANE);
		return;
	case STATE_REMOVE_LANE:
		entry->has_lane = false;
		entry->state = STATE_DISABLED;
		if (!entry->given_up)
			entry->print = 0; // it does not stay out for what it was
		break;
	case STATE_FREE:
	case STATE_ASKING:
	case STATE_ACTIVE:
	case STATE_DISABLED:
		mr_assert(false); // no message was under way
	}
	settle(registry, entry);
}

// Where the two halves of a webhook live.
static void place(const struct mr_registry *registry, struct mr_registry_entry *entry,
	const struct mr_webhook *webhook)
{
	const struct mr_registry_config *config = &registry->config;
	uint32_t slot = mr_slot_of(webhook->resource, config->hash_seed);
	entry->shard =
		(uint16_t)mr_shard_of_flow(mr_flow_of_slot(slot, config->flows), config->shards);
	entry->delivery = mr_registry_delivery_of(registry, webhook);
	entry->resource = webhook->resource;
	entry->print = entry->wanted_print;
	entry->lane_print = entry->wanted_lane_print;
	entry->asks = entry->posted && webhook->handshake;
}

static void fill(const struct mr_registry *registry, struct mr_registry_entry *entry, uint32_t lane,
	struct mr_post *post)
{
	bool adds = entry->state == STATE_ADD_LANE || entry->state == STATE_ADD_SUBSCRIPTION;
	struct mr_webhook *webhook = &post->msg.webhook;
	post->msg.kind = adds ? MR_STEWARD_WEBHOOK_ADD : MR_STEWARD_WEBHOOK_REMOVE;
	if (adds)
		*webhook = *mr_registry_as_wanted(registry, entry);
	if (entry->state == STATE_ADD_LANE) {
		place(registry, entry, webhook);
		mr_registry_describe(registry, lane, webhook);
		entry->has_lane = true;
	} else if (entry->state == STATE_ADD_SUBSCRIPTION) {
		entry->has_subscription = true;
	}
	webhook->id = entry->id;
	webhook->resource = entry->resource;
	webhook->lane = lane;
	webhook->shard = entry->shard;
	webhook->delivery = entry->delivery;
}

// Changed its mind before the message was sent. True: there is none to send.
static bool redirect(struct mr_registry *registry, struct mr_registry_entry *entry)
{
	if (entry->state == STATE_ADD_LANE && !entry->has_lane) {
		if (mr_registry_is_wanted(entry) && !entry->given_up)
			return false;
		entry->state = STATE_DISABLED;
		settle(registry, entry);
		return true;
	}
	bool adds = entry->state == STATE_ADD_LANE || entry->state == STATE_ADD_SUBSCRIPTION;
	if (adds && must_leave(entry))
		entry->state =
			entry->has_subscription ? STATE_REMOVE_SUBSCRIPTION : STATE_REMOVE_LANE;
	return false;
}

bool mr_registry_work(struct mr_registry *registry)
{
	bool moved = false;
	if (registry->waiting && registry->free.count > 0)
		mr_registry_want(registry, registry->wanted);
	while (registry->todo.count > 0) {
		struct mr_stage_set target = {0};
		uint32_t lane = registry->todo.indices[registry->todo.head];
		struct mr_registry_entry *entry = &registry->entries[lane];
		struct mr_post *post = mr_postbox_take(registry->postbox);
		if (post == NULL)
			return moved;
		mr_todo_take(&registry->todo);
		moved = true;
		if (redirect(registry, entry)) {
			mr_postbox_give_back(registry->postbox, post);
			continue;
		}
		fill(registry, entry, lane, post);
		bool to_shard = entry->state == STATE_ADD_SUBSCRIPTION
			|| entry->state == STATE_REMOVE_SUBSCRIPTION;
		mr_stage_set_add(&target,
			to_shard ? registry->config.first_shard + entry->shard
				 : registry->config.first_delivery + entry->delivery);
		mr_postbox_send(registry->postbox, post, target, applied, registry, lane);
	}
	return moved;
}

void mr_registry_gone(struct mr_registry *registry, uint32_t lane, uint64_t webhook)
{
	if (mr_registry_name(registry, lane, webhook) == NULL)
		return; // it was removed while the message was on its way
	struct mr_registry_entry *entry = &registry->entries[lane];
	entry->given_up = true;
	settle(registry, entry);
}
