// Posted webhooks from one start to the next.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "control_codec.h"
#include "log.h"
#include "webhook_acts.h"

bool mr_webhook_acts_record(struct mr_webhook_acts *acts, uint32_t slot)
{
	struct mr_posted *posted = acts->posted->slots[slot];
	if (posted == NULL || posted->state == MR_POSTED_TRIAL)
		return true;
	if (!mr_node_fits(acts->node, posted->record.record.length))
		return false;
	(void)mr_node_webhook(acts->node, &posted->record, posted->record.record.flags);
	return true;
}

void mr_webhook_acts_recover(struct mr_webhook_acts *acts, const struct mr_record_webhook *record,
	const struct mr_guard *guard)
{
	char why[MR_CONTROL_WHY_BYTES];
	const char *not_permitted = NULL;
	uint64_t id = record->webhook;
	int err = mr_posted_recover(acts->posted, record, why, sizeof(why));
	struct mr_posted *posted = mr_posted_find(acts->posted, id);
	if (err == 0 && !mr_posted_permitted(posted, guard, &not_permitted)) {
		err = -EACCES;
		snprintf(why, sizeof(why), "its target %s; allow it with delivery.allow_targets",
			not_permitted);
		posted->state = MR_POSTED_BLOCKED;
	}
	if (err == 0 && (record->record.flags & MR_WEBHOOK_RECORD_DISABLED) == 0)
		err = mr_registry_post(acts->registry, id);
	if (err == -ENOSPC)
		snprintf(why, sizeof(why), "more webhooks than webhooks.max: raise it");
	if (err != 0)
		mr_log(MR_LOG_ERROR, "webhook %" PRIu64 " is out of force: %s, and restart", id,
			why);
}

void mr_webhook_acts_judge_all(struct mr_webhook_acts *acts, const struct mr_guard *guard)
{
	for (uint32_t slot = 0; slot < acts->registry->config.webhooks_max; slot++) {
		struct mr_posted *posted = acts->posted->slots[slot];
		const char *why = NULL;
		if (posted == NULL || posted->secret.length == 0
			|| posted->state == MR_POSTED_TRIAL)
			continue;
		const uint64_t id = posted->record.webhook;
		const bool disabled =
			(posted->record.record.flags & MR_WEBHOOK_RECORD_DISABLED) != 0;
		if (!mr_posted_permitted(posted, guard, &why)) {
			if (posted->state == MR_POSTED_KEPT)
				mr_log(MR_LOG_WARNING,
					"webhook %" PRIu64 " is out of force: its target %s", id,
					why);
			posted->state = MR_POSTED_BLOCKED;
			mr_registry_unpost(acts->registry, id);
		} else if (posted->state == MR_POSTED_BLOCKED
			&& (disabled || mr_registry_post(acts->registry, id) == 0)) {
			posted->state = MR_POSTED_KEPT;
		}
	}
}
