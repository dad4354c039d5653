#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hash.h"
#include "mr_assert.h"

enum state {
	STATE_FREE = 0,
	STATE_ADD_LANE,
	STATE_ADD_SUBSCRIPTION,
	STATE_ACTIVE,
	STATE_REMOVE_SUBSCRIPTION,
	STATE_REMOVE_LANE,
	STATE_DISABLED, // given up; the lane stays taken so that we remember why
};

enum { ROW_GONE = 4 }; // struct mr_stats_webhook.flags

struct mr_registry_entry {
	const struct mr_webhook *wanted; // of the configuration; NULL: to be removed
	uint64_t wanted_print;
	uint64_t id; // of what the stages know
	uint64_t resource;
	uint64_t print;
	uint16_t shard;
	uint16_t delivery;
	// enum state; before ACTIVE and DISABLED: the message for it waits or is under way
	uint8_t state;
	bool given_up;
};

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

static void want(struct mr_registry *registry, struct mr_registry_entry *entry, enum state state)
{
	entry->state = (uint8_t)state;
	mr_todo_put(&registry->todo, (uint32_t)(entry - registry->entries));
}

// The stages know what was asked last: is it still what is wanted?
static void settle(struct mr_registry *registry, struct mr_registry_entry *entry)
{
	bool same = entry->wanted != NULL && entry->wanted_print == entry->print;
	if (entry->state == STATE_ACTIVE && (!same || entry->given_up)) {
		want(registry, entry, STATE_REMOVE_SUBSCRIPTION);
	} else if (entry->state == STATE_DISABLED && !same) {
		entry->given_up = false;
		if (entry->wanted != NULL) {
			want(registry, entry, STATE_ADD_LANE);
			return;
		}
		mr_table_remove(&registry->lanes, entry->id);
		mr_todo_put(&registry->free, (uint32_t)(entry - registry->entries));
		*entry = (struct mr_registry_entry){0};
	}
}

static void describe_row(
	const struct mr_registry *registry, uint32_t lane, const struct mr_webhook *webhook)
{
	struct mr_stats_webhook *row = &registry->config.rows[lane];
	snprintf(row->name, sizeof(row->name), "%s", webhook->name);
	snprintf(row->origin, sizeof(row->origin), "http://%.50s:%u", webhook->host, webhook->port);
}

static void add(struct mr_registry *registry, const struct mr_config_webhook *wanted)
{
	if (registry->free.count == 0) { // those that leave still have their lanes
		registry->waiting = true;
		return;
	}
	uint32_t lane = mr_todo_take(&registry->free);
	struct mr_registry_entry *entry = &registry->entries[lane];
	int err = mr_table_add(&registry->lanes, wanted->webhook.id, lane);
	mr_assert(err == 0); // as many rows as lanes, and the id was not there
	*entry = (struct mr_registry_entry){.id = wanted->webhook.id,
		.wanted = &wanted->webhook,
		.wanted_print = fingerprint(wanted)};
	want(registry, entry, STATE_ADD_LANE);
}

void mr_registry_want(struct mr_registry *registry, const struct mr_config *config)
{
	uint32_t lane;
	registry->wanted = config;
	registry->waiting = false;
	for (lane = 0; lane < registry->config.webhooks_max; lane++)
		registry->entries[lane].wanted = NULL;
	for (uint32_t i = 0; i < config->webhooks_count; i++) {
		const struct mr_config_webhook *wanted = &config->webhooks[i];
		if (!mr_table_find(&registry->lanes, wanted->webhook.id, &lane)) {
			add(registry, wanted);
			continue;
		}
		registry->entries[lane].wanted = &wanted->webhook;
		registry->entries[lane].wanted_print = fingerprint(wanted);
	}
	for (lane = 0; lane < registry->config.webhooks_max; lane++)
		settle(registry, &registry->entries[lane]);
}

static void applied(void *owner, const struct mr_post *post)
{
	struct mr_registry *registry = owner;
	struct mr_registry_entry *entry = &registry->entries[post->tag];
	switch ((enum state)entry->state) {
	case STATE_ADD_LANE:
		want(registry, entry, STATE_ADD_SUBSCRIPTION);
		return;
	case STATE_ADD_SUBSCRIPTION:
		entry->state = STATE_ACTIVE;
		break;
	case STATE_REMOVE_SUBSCRIPTION:
		want(registry, entry, STATE_REMOVE_LANE);
		return;
	case STATE_REMOVE_LANE:
		entry->state = STATE_DISABLED;
		if (!entry->given_up)
			entry->print = 0; // it does not stay out for what it was
		break;
	case STATE_FREE:
	case STATE_ACTIVE:
	case STATE_DISABLED:
		mr_assert(false); // no message was under way
	}
	settle(registry, entry);
}

static uint16_t delivery_of(const struct mr_registry *registry, const struct mr_webhook *webhook)
{
	uint64_t endpoint =
		mr_hash_bytes(webhook->address, sizeof(webhook->address), webhook->port);
	return (uint16_t)(endpoint % registry->config.deliveries);
}

// Where the two halves of a webhook live.
static void place(const struct mr_registry *registry, struct mr_registry_entry *entry,
	const struct mr_webhook *webhook)
{
	const struct mr_registry_config *config = &registry->config;
	uint32_t slot = mr_slot_of(webhook->resource, config->hash_seed);
	entry->shard =
		(uint16_t)mr_shard_of_flow(mr_flow_of_slot(slot, config->flows), config->shards);
	entry->delivery = delivery_of(registry, webhook);
	entry->resource = webhook->resource;
	entry->print = entry->wanted_print;
}

static void fill(const struct mr_registry *registry, struct mr_registry_entry *entry, uint32_t lane,
	struct mr_post *post)
{
	bool adds = entry->state == STATE_ADD_LANE || entry->state == STATE_ADD_SUBSCRIPTION;
	struct mr_webhook *webhook = &post->msg.webhook;
	post->msg.kind = adds ? MR_STEWARD_WEBHOOK_ADD : MR_STEWARD_WEBHOOK_REMOVE;
	if (entry->state == STATE_ADD_LANE) {
		place(registry, entry, entry->wanted);
		describe_row(registry, lane, entry->wanted);
	}
	if (adds)
		*webhook = *entry->wanted;
	webhook->id = entry->id;
	webhook->resource = entry->resource;
	webhook->lane = lane;
	webhook->shard = entry->shard;
	webhook->delivery = entry->delivery;
}

// Changed its mind before anything was sent, or between lane and subscription.
static bool redirect(struct mr_registry *registry, struct mr_registry_entry *entry)
{
	bool unwanted = entry->wanted == NULL;
	if (entry->state == STATE_ADD_LANE && (unwanted || entry->given_up)) {
		entry->state = STATE_DISABLED;
		if (unwanted)
			entry->print = entry->wanted_print + 1;
		settle(registry, entry);
		return true;
	}
	if (entry->state == STATE_ADD_SUBSCRIPTION
		&& (unwanted || entry->wanted_print != entry->print || entry->given_up))
		entry->state = STATE_REMOVE_LANE;
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

const char *mr_registry_name(const struct mr_registry *registry, uint32_t lane, uint64_t webhook)
{
	if (lane >= registry->config.webhooks_max)
		return NULL;
	const struct mr_registry_entry *entry = &registry->entries[lane];
	bool known = entry->state != STATE_FREE && entry->state != STATE_DISABLED;
	return known && entry->id == webhook ? registry->config.rows[lane].name : NULL;
}

bool mr_registry_given_up(const struct mr_registry *registry, uint32_t lane, uint64_t *ret_webhook,
	uint64_t *ret_print)
{
	mr_assert(lane < registry->config.webhooks_max);
	const struct mr_registry_entry *entry = &registry->entries[lane];
	if (entry->state == STATE_FREE || !entry->given_up)
		return false;
	*ret_webhook = entry->id;
	*ret_print = entry->print;
	return true;
}

bool mr_registry_stays_out(struct mr_registry *registry, uint64_t webhook, uint64_t print)
{
	uint32_t lane;
	if (!mr_table_find(&registry->lanes, webhook, &lane))
		return false;
	struct mr_registry_entry *entry = &registry->entries[lane];
	mr_assert(entry->state == STATE_ADD_LANE);
	if (entry->wanted_print != print)
		return false;
	entry->given_up = true;
	entry->print = print;
	describe_row(registry, lane, entry->wanted);
	mr_gauge(&registry->config.rows[lane].webhook, webhook);
	mr_gauge(&registry->config.rows[lane].resource, entry->wanted->resource);
	mr_gauge(&registry->config.rows[lane].flags, ROW_GONE);
	return true;
}

bool mr_registry_home(const struct mr_registry *registry, uint64_t webhook, uint64_t expired_print,
	uint32_t *ret_delivery, uint16_t *ret_in_flight)
{
	uint32_t lane;
	if (!mr_table_find(&registry->lanes, webhook, &lane))
		return false;
	const struct mr_registry_entry *entry = &registry->entries[lane];
	const struct mr_webhook *wanted = entry->wanted;
	if (wanted == NULL || (expired_print != 0 && entry->wanted_print == expired_print))
		return false;
	*ret_delivery = delivery_of(registry, wanted);
	*ret_in_flight = wanted->in_flight;
	return true;
}

bool mr_registry_lends(const struct mr_registry *registry, uint32_t lane)
{
	if (lane >= registry->config.webhooks_max)
		return false;
	uint8_t state = registry->entries[lane].state;
	return state >= STATE_ADD_SUBSCRIPTION && state <= STATE_REMOVE_SUBSCRIPTION;
}
