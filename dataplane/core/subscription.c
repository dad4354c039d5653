#include "subscription.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

struct mr_subscription_filter {
	uint64_t type; // hash, 0: any
	uint64_t subtype; // hash, 0: any
	uint64_t fields[MR_FILTER_FIELDS_MAX]; // hashes
	uint32_t next;
	uint8_t actions; // bits, 0: any
	uint8_t fields_count;
	uint16_t reserved;
};

enum { FILTERS_PER_WEBHOOK = 2 }; // on average

static uint64_t name_of(
	const struct mr_subscriptions *subscriptions, const char *text, size_t length)
{
	if (length == 0)
		return 0;
	const uint64_t hash = mr_hash_bytes(text, length, subscriptions->seed);
	return hash != 0 ? hash : 1;
}

static uint64_t name_of_text(const struct mr_subscriptions *subscriptions, struct mr_text text)
{
	return name_of(subscriptions, text.data, text.length);
}

bool mr_subscriptions_init(struct mr_subscriptions *subscriptions, struct mr_arena *arena,
	uint32_t webhooks_max, uint64_t seed)
{
	const uint32_t filters_max = webhooks_max * FILTERS_PER_WEBHOOK + MR_FILTERS_MAX;
	mr_assert(webhooks_max > 0 && webhooks_max < UINT32_MAX / (FILTERS_PER_WEBHOOK * 2));
	*subscriptions = (struct mr_subscriptions){
		.seed = seed,
		.capacity = webhooks_max,
		.fresh = 1,
		.filters_capacity = filters_max,
		.filters_fresh = 1,
	};
	static const char *const higher_level[3] = {"workspace", "team", "portfolio"};
	static const char *const below_projects[3] = {"task", "subtask", "story"};
	for (uint32_t i = 0; i < 3; i++) {
		subscriptions->higher_level[i] =
			name_of(subscriptions, higher_level[i], strlen(higher_level[i]));
		subscriptions->below_projects[i] =
			name_of(subscriptions, below_projects[i], strlen(below_projects[i]));
	}
	subscriptions->rows =
		mr_arena_array(arena, "subscriptions", struct mr_subscription, webhooks_max + 1);
	subscriptions->filters = mr_arena_array(
		arena, "subscription filters", struct mr_subscription_filter, filters_max + 1);
	const bool has_resources = mr_table_init(
		&subscriptions->by_resource, arena, "subscriptions", webhooks_max, seed);
	const bool has_webhooks = mr_table_init(
		&subscriptions->by_webhook, arena, "subscriptions", webhooks_max, seed);
	return subscriptions->rows != NULL && subscriptions->filters != NULL && has_resources
		&& has_webhooks;
}

static void free_filters(struct mr_subscriptions *subscriptions, uint32_t first)
{
	while (first != 0) {
		struct mr_subscription_filter *filter = &subscriptions->filters[first];
		const uint32_t next = filter->next;
		mr_assert(subscriptions->filters_used > 0);
		filter->next = subscriptions->filters_free;
		subscriptions->filters_free = first;
		subscriptions->filters_used--;
		first = next;
	}
}

// A list of the webhook's filters, in any order. The caller has checked the room.
static uint32_t make_filters(
	struct mr_subscriptions *subscriptions, const struct mr_webhook *webhook)
{
	uint32_t first = 0;
	for (uint32_t i = 0; i < webhook->filters_count; i++) {
		const struct mr_filter *from = &webhook->filters[i];
		uint32_t index = subscriptions->filters_free;
		if (index != 0)
			subscriptions->filters_free = subscriptions->filters[index].next;
		else
			index = subscriptions->filters_fresh++;
		mr_assert(index <= subscriptions->filters_capacity);
		struct mr_subscription_filter *filter = &subscriptions->filters[index];
		*filter = (struct mr_subscription_filter){
			.type = name_of(subscriptions, from->type, strlen(from->type)),
			.subtype = name_of(subscriptions, from->subtype, strlen(from->subtype)),
			.next = first,
			.actions = from->actions,
			.fields_count = from->fields_count,
		};
		for (uint32_t field = 0; field < from->fields_count; field++)
			filter->fields[field] = name_of(
				subscriptions, from->fields[field], strlen(from->fields[field]));
		first = index;
	}
	subscriptions->filters_used += webhook->filters_count;
	return first;
}

static void link_last(struct mr_subscriptions *subscriptions, uint64_t resource, uint32_t index)
{
	uint32_t at = 0;
	if (!mr_table_find(&subscriptions->by_resource, resource, &at)) {
		const bool done = mr_table_add(&subscriptions->by_resource, resource, index) == 0;
		mr_assert(done); // the table has room for every subscription
		return;
	}
	while (subscriptions->rows[at].next != 0)
		at = subscriptions->rows[at].next;
	subscriptions->rows[at].next = index;
}

static bool is_sound(const struct mr_webhook *webhook)
{
	bool is_sound = webhook->id != 0 && webhook->resource != 0
		&& webhook->filters_count <= MR_FILTERS_MAX
		&& webhook->delivery < MR_DELIVERIES_MAX;
	for (uint32_t i = 0; is_sound && i < webhook->filters_count; i++)
		is_sound = webhook->filters[i].fields_count <= MR_FILTER_FIELDS_MAX;
	return is_sound;
}

int mr_subscriptions_add(struct mr_subscriptions *subscriptions, const struct mr_webhook *webhook)
{
	if (!is_sound(webhook))
		return -EINVAL;
	if (subscriptions->filters_used + webhook->filters_count > subscriptions->filters_capacity)
		return -ENOSPC;
	uint32_t index = 0;
	const bool is_known = mr_table_find(&subscriptions->by_webhook, webhook->id, &index);
	if (is_known && subscriptions->rows[index].resource != webhook->resource)
		return -EINVAL;
	if (is_known) {
		free_filters(subscriptions, subscriptions->rows[index].filters);
	} else {
		if (subscriptions->by_webhook.count == subscriptions->capacity)
			return -ENOSPC;
		index = subscriptions->free != 0 ? subscriptions->free : subscriptions->fresh++;
		if (index == subscriptions->free)
			subscriptions->free = subscriptions->rows[index].next;
		subscriptions->rows[index] = (struct mr_subscription){.webhook = webhook->id};
		const bool done = mr_table_add(&subscriptions->by_webhook, webhook->id, index) == 0;
		mr_assert(done); // the table has room for every webhook
		link_last(subscriptions, webhook->resource, index);
	}
	struct mr_subscription *row = &subscriptions->rows[index];
	row->resource = webhook->resource;
	row->resource_type =
		name_of(subscriptions, webhook->resource_type, strlen(webhook->resource_type));
	row->lane = webhook->lane;
	row->delivery = webhook->delivery;
	row->filters = make_filters(subscriptions, webhook);
	return 0;
}

static void unlink_row(struct mr_subscriptions *subscriptions, uint64_t resource, uint32_t index)
{
	const uint32_t next = subscriptions->rows[index].next;
	uint32_t at = 0;
	const bool done = mr_table_find(&subscriptions->by_resource, resource, &at);
	mr_assert(done); // a subscription stands under its resource
	if (at == index) {
		(void)mr_table_remove(&subscriptions->by_resource, resource);
		if (next != 0)
			(void)mr_table_add(&subscriptions->by_resource, resource, next);
		return;
	}
	while (subscriptions->rows[at].next != index) {
		at = subscriptions->rows[at].next;
		mr_assert(at != 0);
	}
	subscriptions->rows[at].next = next;
}

bool mr_subscriptions_remove(struct mr_subscriptions *subscriptions, uint64_t webhook)
{
	uint32_t index = 0;
	if (webhook == 0 || !mr_table_find(&subscriptions->by_webhook, webhook, &index))
		return false;
	struct mr_subscription *row = &subscriptions->rows[index];
	unlink_row(subscriptions, row->resource, index);
	free_filters(subscriptions, row->filters);
	(void)mr_table_remove(&subscriptions->by_webhook, webhook);
	*row = (struct mr_subscription){.next = subscriptions->free};
	subscriptions->free = index;
	return true;
}

const struct mr_subscription *mr_subscriptions_find(
	const struct mr_subscriptions *subscriptions, uint64_t webhook)
{
	uint32_t index = 0;
	if (webhook == 0 || !mr_table_find(&subscriptions->by_webhook, webhook, &index))
		return NULL;
	return &subscriptions->rows[index];
}

bool mr_subscriptions_any(const struct mr_subscriptions *subscriptions, uint64_t resource)
{
	uint32_t index;
	return resource != 0 && mr_table_find(&subscriptions->by_resource, resource, &index);
}

struct names { // of one event, hashed
	uint64_t type;
	uint64_t subtype;
	uint64_t field;
	uint64_t resource_type;
	uint8_t action;
	bool is_below_projects; // task, subtask or story
};

static bool passes(const struct mr_subscription_filter *filter, const struct names *names)
{
	if (filter->type != 0 && filter->type != names->type)
		return false;
	if (filter->subtype != 0 && filter->subtype != names->subtype)
		return false;
	if (filter->actions != 0 && !(filter->actions & 1u << names->action))
		return false;
	if (filter->fields_count == 0)
		return true;
	if (names->action != MR_ACTION_CHANGED)
		return false;
	for (uint32_t i = 0; i < filter->fields_count; i++) {
		if (filter->fields[i] == names->field)
			return true;
	}
	return false;
}

static bool is_one_of(uint64_t name, const uint64_t names[3])
{
	return name == names[0] || name == names[1] || name == names[2];
}

// Higher-level resources must have filters, and nothing below a project ever reaches them.
static bool may_hear(const struct mr_subscriptions *subscriptions,
	const struct mr_subscription *row, const struct names *names)
{
	const uint64_t type = row->resource_type != 0 ? row->resource_type : names->resource_type;
	if (!is_one_of(type, subscriptions->higher_level))
		return true;
	return row->filters != 0 && !names->is_below_projects;
}

static struct names names_of(const struct mr_subscriptions *subscriptions,
	const struct mr_event *event, uint8_t ancestor)
{
	struct names names = {
		.type = name_of_text(subscriptions, event->type),
		.subtype = name_of_text(subscriptions, event->subtype),
		.field = name_of_text(subscriptions, event->field),
		.action = event->action,
	};
	names.resource_type = ancestor == MR_VIA_OBJECT
		? names.type
		: name_of_text(subscriptions, event->ancestors[ancestor].type);
	names.is_below_projects = is_one_of(names.type, subscriptions->below_projects);
	return names;
}

static bool wants(const struct mr_subscriptions *subscriptions, const struct mr_subscription *row,
	const struct names *names)
{
	if (!may_hear(subscriptions, row, names))
		return false;
	bool passed = row->filters == 0;
	for (uint32_t filter = row->filters; filter != 0 && !passed;
		filter = subscriptions->filters[filter].next)
		passed = passes(&subscriptions->filters[filter], names);
	return passed;
}

uint32_t mr_subscriptions_judge(const struct mr_subscriptions *subscriptions, uint64_t resource,
	const struct mr_event *event, uint8_t ancestor, uint32_t max,
	struct mr_subscription_verdict *ret_verdicts)
{
	uint32_t at = 0;
	uint32_t count = 0;
	mr_assert(ancestor == MR_VIA_OBJECT || ancestor < event->ancestors_count);
	if (resource == 0 || !mr_table_find(&subscriptions->by_resource, resource, &at))
		return 0;
	const struct names names = names_of(subscriptions, event, ancestor);
	for (; at != 0; at = subscriptions->rows[at].next) {
		const struct mr_subscription *row = &subscriptions->rows[at];
		if (count++ < max)
			*ret_verdicts++ = (struct mr_subscription_verdict){
				.webhook = row->webhook,
				.lane = row->lane,
				.wants = wants(subscriptions, row, &names),
			};
	}
	return count;
}

uint32_t mr_subscriptions_match(const struct mr_subscriptions *subscriptions, uint64_t resource,
	const struct mr_event *event, uint8_t ancestor,
	uint64_t ret_webhooks[MR_MATCH_WEBHOOKS_MAX])
{
	uint32_t at = 0;
	uint32_t count = 0;
	mr_assert(ancestor == MR_VIA_OBJECT || ancestor < event->ancestors_count);
	if (resource == 0 || !mr_table_find(&subscriptions->by_resource, resource, &at))
		return 0;
	const struct names names = names_of(subscriptions, event, ancestor);
	for (; at != 0 && count < MR_MATCH_WEBHOOKS_MAX; at = subscriptions->rows[at].next) {
		const struct mr_subscription *row = &subscriptions->rows[at];
		if (wants(subscriptions, row, &names))
			ret_webhooks[count++] = row->webhook;
	}
	return count;
}
