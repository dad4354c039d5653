#include <stdio.h>

#include "hash.h"
#include "mr_assert.h"
#include "registry_state.h"

enum { ROW_GONE = 4 }; // struct mr_stats_webhook.flags

struct mr_registry_entry *mr_registry_find(const struct mr_registry *registry, uint64_t webhook)
{
	uint32_t lane;
	return mr_table_find(&registry->lanes, webhook, &lane) ? &registry->entries[lane] : NULL;
}

void mr_registry_describe(
	const struct mr_registry *registry, uint32_t lane, const struct mr_webhook *webhook)
{
	struct mr_stats_webhook *row = &registry->config.rows[lane];
	snprintf(row->name, sizeof(row->name), "%s", webhook->name);
	snprintf(row->origin, sizeof(row->origin), "http://%.50s:%u", webhook->host, webhook->port);
}

uint16_t mr_registry_delivery_of(
	const struct mr_registry *registry, const struct mr_webhook *webhook)
{
	uint64_t endpoint =
		mr_hash_bytes(webhook->address, sizeof(webhook->address), webhook->port);
	return (uint16_t)(endpoint % registry->config.deliveries);
}

const struct mr_webhook *mr_registry_as_wanted(
	const struct mr_registry *registry, const struct mr_registry_entry *entry)
{
	if (entry->wanted != NULL)
		return &entry->wanted->webhook;
	const struct mr_posted *posted = mr_posted_find(registry->config.posted, entry->id);
	mr_assert(posted != NULL);
	return mr_posted_expand(registry->config.posted, posted);
}

enum mr_registry_standing mr_registry_standing(const struct mr_registry *registry, uint64_t webhook)
{
	const struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	if (entry == NULL)
		return MR_STANDING_NONE;
	if (mr_registry_is_changed(entry) || !mr_registry_is_wanted(entry))
		return MR_STANDING_CHANGES;
	if (entry->state == STATE_ASKING)
		return MR_STANDING_ASKS;
	if (entry->state == STATE_DISABLED)
		return MR_STANDING_GONE;
	return entry->state == STATE_ACTIVE ? MR_STANDING_IN_FORCE : MR_STANDING_CHANGES;
}

bool mr_registry_lane(const struct mr_registry *registry, uint64_t webhook, uint32_t *ret_lane,
	uint32_t *ret_delivery)
{
	const struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	if (entry == NULL || !entry->has_lane)
		return false;
	*ret_lane = (uint32_t)(entry - registry->entries);
	*ret_delivery = entry->delivery;
	return true;
}

uint64_t mr_registry_webhook(const struct mr_registry *registry, uint32_t lane)
{
	return lane < registry->config.webhooks_max ? registry->entries[lane].id : 0;
}

bool mr_registry_is_configured(const struct mr_registry *registry, uint64_t webhook)
{
	const struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	return entry != NULL && entry->wanted != NULL;
}

const struct mr_config_webhook *mr_registry_configured(
	const struct mr_registry *registry, uint32_t lane)
{
	mr_assert(lane < registry->config.webhooks_max);
	return registry->entries[lane].wanted;
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
	if (entry->wanted == NULL || entry->wanted_print != print)
		return false;
	entry->given_up = true;
	entry->print = print;
	mr_registry_describe(registry, lane, &entry->wanted->webhook);
	mr_gauge(&registry->config.rows[lane].webhook, webhook);
	mr_gauge(&registry->config.rows[lane].resource, entry->wanted->webhook.resource);
	mr_gauge(&registry->config.rows[lane].flags, ROW_GONE);
	return true;
}

bool mr_registry_home(const struct mr_registry *registry, uint64_t webhook, uint64_t expired_print,
	uint32_t *ret_delivery, uint16_t *ret_in_flight)
{
	const struct mr_registry_entry *entry = mr_registry_find(registry, webhook);
	if (entry == NULL || !mr_registry_is_wanted(entry)
		|| (expired_print != 0 && entry->wanted_print == expired_print))
		return false;
	const struct mr_webhook *wanted = mr_registry_as_wanted(registry, entry);
	*ret_delivery = mr_registry_delivery_of(registry, wanted);
	*ret_in_flight = wanted->in_flight;
	return true;
}

bool mr_registry_lends(const struct mr_registry *registry, uint32_t lane)
{
	if (lane >= registry->config.webhooks_max)
		return false;
	const struct mr_registry_entry *entry = &registry->entries[lane];
	return entry->has_lane && entry->state != STATE_REMOVE_LANE;
}
