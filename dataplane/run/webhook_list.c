// Webhooks of both sources as they are listed: one page, found in one walk over all of them.
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "webhook_acts.h"

enum { ROW_GONE = 256 };

// What a row is made of: either one.
struct found {
	uint64_t id; // 0: nothing
	const struct mr_posted *posted;
	const struct mr_config_webhook *configured;
};

// Keeps the lowest ids above `after`, ascending; one too many, so that a page knows of the next.
struct page {
	uint64_t after;
	uint32_t count;
	struct found rows[MR_CONTROL_WEBHOOKS_MAX + 1];
};

static void offer(struct page *page, struct found found)
{
	const uint32_t capacity = sizeof(page->rows) / sizeof(page->rows[0]);
	uint32_t at = page->count;
	if (found.id <= page->after
		|| (page->count == capacity && found.id > page->rows[capacity - 1].id))
		return;
	if (page->count < capacity)
		page->count++;
	else
		at--;
	for (; at > 0 && page->rows[at - 1].id > found.id; at--)
		page->rows[at] = page->rows[at - 1];
	page->rows[at] = found;
}

static void fill_posted(const struct mr_posted *posted, struct mr_control_webhook_row *ret_row)
{
	static const char cut[] = "...";
	const struct mr_record_webhook *record = &posted->record;
	bool out = posted->state == MR_POSTED_BLOCKED
		|| (record->record.flags & MR_WEBHOOK_RECORD_DISABLED) != 0;
	uint16_t length;
	*ret_row = (struct mr_control_webhook_row){.id = record->webhook,
		.resource = record->resource,
		.owner = record->owner,
		.user = record->user,
		.workspace = record->workspace,
		.created_at_ns = record->at_ns,
		.flags = (out ? MR_WEBHOOK_DISABLED : 0) | (posted->gone ? ROW_GONE : 0)};
	const char *text = mr_posted_type(posted, &length);
	mr_copy_text(ret_row->resource_type, sizeof(ret_row->resource_type), text, length);
	text = mr_posted_url(posted, &length);
	mr_copy_text(ret_row->target, sizeof(ret_row->target), text, length);
	text = mr_posted_filters(posted, &length);
	if (!mr_copy_text(ret_row->filters, sizeof(ret_row->filters), text, length))
		memcpy(ret_row->filters + sizeof(ret_row->filters) - sizeof(cut), cut, sizeof(cut));
}

static void fill_configured(
	const struct mr_config_webhook *entry, struct mr_control_webhook_row *ret_row)
{
	const struct mr_webhook *webhook = &entry->webhook;
	*ret_row =
		(struct mr_control_webhook_row){.id = webhook->id, .resource = webhook->resource};
	snprintf(ret_row->resource_type, sizeof(ret_row->resource_type), "%s",
		webhook->resource_type);
	snprintf(ret_row->target, sizeof(ret_row->target), "%s", entry->url);
	mr_filters_format(webhook->filters, webhook->filters_count, ret_row->filters,
		sizeof(ret_row->filters));
}

void mr_webhook_acts_list(
	const struct mr_webhook_acts *acts, uint64_t after, struct mr_control_webhooks *ret_list)
{
	const struct mr_registry *registry = acts->registry;
	struct page page = {.after = after};
	for (uint32_t i = 0; i < registry->config.webhooks_max; i++) {
		const struct mr_posted *posted = acts->posted->slots[i];
		const struct mr_config_webhook *entry = mr_registry_configured(registry, i);
		if (posted != NULL && posted->state != MR_POSTED_TRIAL)
			offer(&page,
				(struct found){.id = posted->record.webhook, .posted = posted});
		if (entry != NULL)
			offer(&page, (struct found){.id = entry->webhook.id, .configured = entry});
	}
	*ret_list = (struct mr_control_webhooks){
		.count = page.count, .more = page.count > MR_CONTROL_WEBHOOKS_MAX};
	if (ret_list->more != 0)
		ret_list->count = MR_CONTROL_WEBHOOKS_MAX;
	for (uint32_t i = 0; i < ret_list->count; i++) {
		struct mr_control_webhook_row *row = &ret_list->rows[i];
		uint32_t lane = UINT32_MAX;
		uint32_t delivery;
		if (page.rows[i].posted != NULL)
			fill_posted(page.rows[i].posted, row);
		else
			fill_configured(page.rows[i].configured, row);
		row->lane =
			mr_registry_lane(registry, row->id, &lane, &delivery) ? lane : UINT32_MAX;
		if (page.rows[i].configured != NULL
			&& mr_registry_standing(registry, row->id) == MR_STANDING_GONE)
			row->flags = MR_WEBHOOK_DISABLED | ROW_GONE;
	}
}
