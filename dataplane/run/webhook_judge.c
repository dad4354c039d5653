#include "webhook_judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "hash.h"
#include "mr_assert.h"

enum { SECRET_RANDOM_BYTES = 32 };

static int say(int err, char *ret_why, size_t why_size, const char *text)
{
	snprintf(ret_why, why_size, "%s", text);
	return err;
}

// -- Filters

static int judge_filters(const struct mr_posted_set *set, const char *resource_type,
	const char *text, char *ret_why, size_t why_size)
{
	struct mr_webhook *scratch = set->scratch;
	bool higher = mr_filter_is_higher_level(resource_type);
	uint8_t count;
	const char *why = NULL;
	if (mr_filters_parse(text, strlen(text), scratch->filters, &count, &why) != 0) {
		snprintf(ret_why, why_size, "filters: line %u: %s", count, why);
		return -EINVAL;
	}
	if (higher && count == 0) {
		snprintf(ret_why, why_size, "a webhook on a %s needs filters", resource_type);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < count; i++) {
		why = mr_filter_mistake(&scratch->filters[i], higher);
		if (why == NULL)
			continue;
		snprintf(ret_why, why_size, "filters: line %u: %s", i + 1, why);
		return -EINVAL;
	}
	return 0;
}

// -- New ones

static int judge_target(
	const char *url, const struct mr_guard *guard, char *ret_why, size_t why_size)
{
	struct mr_target target;
	const char *why = NULL;
	int err = mr_target_parse(url, &target, &why);
	if (err != 0) {
		snprintf(ret_why, why_size, "target: %s", why);
		return err;
	}
	if (mr_guard_permits(guard, &target.address, &why))
		return 0;
	snprintf(ret_why, why_size, "target: %s; allow it with delivery.allow_targets", why);
	return -EACCES;
}

static bool is_duplicate(const struct mr_posted *posted, const struct mr_control_webhook *webhook)
{
	uint16_t length;
	const char *url = mr_posted_url(posted, &length);
	return posted->record.user == webhook->user && posted->record.resource == webhook->resource
		&& strlen(webhook->target) == length && memcmp(url, webhook->target, length) == 0;
}

static int judge_others(const struct mr_registry *registry,
	const struct mr_control_webhook *webhook, char *ret_why, size_t why_size)
{
	const struct mr_posted_set *set = registry->config.posted;
	uint32_t count = 0;
	for (uint32_t i = 0; i < registry->config.webhooks_max; i++) {
		const struct mr_posted *posted = set->slots[i];
		const struct mr_config_webhook *entry = mr_registry_configured(registry, i);
		count += entry != NULL && entry->webhook.resource == webhook->resource;
		if (posted == NULL || posted->record.resource != webhook->resource)
			continue;
		count++;
		if (is_duplicate(posted, webhook))
			return say(-EEXIST, ret_why, why_size,
				"the user has a webhook for this resource and target");
	}
	return count < MR_MATCH_WEBHOOKS_MAX
		? 0
		: say(-ENOSPC, ret_why, why_size, "the resource has 1000 webhooks already");
}

static int judge_secret(const struct mr_control_webhook *webhook, char *ret_why, size_t why_size)
{
	for (uint32_t i = 0; i < webhook->secret_length; i++)
		if (webhook->secret[i] <= ' ' || webhook->secret[i] > '~')
			return say(-EINVAL, ret_why, why_size,
				"secret: expected printable ASCII without blanks");
	return 0;
}

int mr_webhook_judge_new(const struct mr_registry *registry,
	const struct mr_control_webhook *webhook, const struct mr_guard *guard, char *ret_why,
	size_t why_size)
{
	if (webhook->resource == 0)
		return say(-EINVAL, ret_why, why_size, "resource: 0 is no id");
	if (webhook->flags != 0)
		return say(-EINVAL, ret_why, why_size, "a new webhook takes no flags");
	if (strlen(webhook->resource_type) > MR_TYPE_BYTES_MAX)
		return say(-EINVAL, ret_why, why_size, "resource_type: longer than 32 bytes");
	int err = judge_target(webhook->target, guard, ret_why, why_size);
	if (err == 0)
		err = judge_filters(registry->config.posted, webhook->resource_type,
			webhook->filters, ret_why, why_size);
	if (err == 0)
		err = judge_secret(webhook, ret_why, why_size);
	return err != 0 ? err : judge_others(registry, webhook, ret_why, why_size);
}

static int make_secret(struct mr_secret *ret_secret)
{
	uint8_t random[SECRET_RANDOM_BYTES];
	int err = mr_random_bytes(random, sizeof(random));
	if (err != 0)
		return err;
	mr_hex_encode(random, sizeof(random), ret_secret->bytes);
	ret_secret->length = 2 * SECRET_RANDOM_BYTES;
	explicit_bzero(random, sizeof(random));
	return 0;
}

// Of a fresh random value, below 2^63: programs that read JSON have no larger integers.
static int make_id(const struct mr_registry *registry, uint64_t *ret_id)
{
	uint64_t random;
	uint32_t ignored;
	do {
		int err = mr_random_bytes(&random, sizeof(random));
		if (err != 0)
			return err;
		*ret_id = mr_hash_u64(random, registry->config.hash_seed) >> 1;
	} while (*ret_id == 0 || mr_posted_find(registry->config.posted, *ret_id) != NULL
		|| mr_table_find(&registry->lanes, *ret_id, &ignored));
	return 0;
}

int mr_webhook_make(const struct mr_registry *registry, struct mr_posted_set *set,
	const struct mr_control_webhook *webhook, int64_t wall_ns, struct mr_posted **ret_posted,
	char *ret_why, size_t why_size)
{
	struct mr_secret secret = {.length = webhook->secret_length};
	struct mr_record_webhook from = {.resource = webhook->resource,
		.owner = webhook->owner,
		.user = webhook->user,
		.workspace = webhook->workspace,
		.at_ns = wall_ns};
	struct mr_posted_draft draft = {.from = &from,
		.state = secret.length > 0 ? MR_POSTED_KEPT : MR_POSTED_TRIAL,
		.resource_type = webhook->resource_type,
		.url = webhook->target,
		.filters = webhook->filters,
		.secret = &secret};
	memcpy(secret.bytes, webhook->secret, secret.length);
	int err = make_id(registry, &from.webhook);
	if (err == 0 && secret.length == 0)
		err = make_secret(&secret);
	if (err != 0)
		return say(err, ret_why, why_size, "no random bytes");
	err = mr_posted_put(set, &draft, ret_posted, ret_why, why_size);
	explicit_bzero(&secret, sizeof(secret));
	return err;
}

// -- Changes

static int judge_change(const struct mr_registry *registry, const struct mr_posted *posted,
	const struct mr_control_webhook *webhook, const struct mr_guard *guard, char *ret_why,
	size_t why_size)
{
	const char *why = NULL;
	const uint32_t known = MR_WEBHOOK_DISABLED | MR_WEBHOOK_KEEP_FILTERS | MR_WEBHOOK_ROTATE;
	if (posted == NULL && mr_registry_is_configured(registry, webhook->id))
		return say(-EPERM, ret_why, why_size,
			"it stands in the configuration file: change it there, and reload");
	if (posted == NULL || posted->state == MR_POSTED_TRIAL)
		return say(-ENOENT, ret_why, why_size, "there is no such webhook");
	if ((webhook->flags & ~known) != 0)
		return say(-EINVAL, ret_why, why_size, "flags: some are not known");
	if (posted->secret.length == 0 && (webhook->flags & MR_WEBHOOK_ROTATE) == 0)
		return say(-ENOKEY, ret_why, why_size,
			"its secret cannot be opened: put the key back and restart, or rotate the secret");
	if ((webhook->flags & MR_WEBHOOK_DISABLED) == 0
		&& !mr_posted_permitted(posted, guard, &why)) {
		snprintf(ret_why, why_size, "its target: %s; allow it with delivery.allow_targets",
			why);
		return -EACCES;
	}
	return 0;
}

int mr_webhook_change(const struct mr_registry *registry, struct mr_posted_set *set,
	const struct mr_control_webhook *webhook, const struct mr_guard *guard, char *ret_why,
	size_t why_size)
{
	char type[MR_TYPE_BYTES_MAX + 1];
	char url[MR_URL_BYTES_MAX];
	char filters[sizeof(webhook->filters)];
	uint16_t length;
	struct mr_posted *posted = mr_posted_find(set, webhook->id);
	int err = judge_change(registry, posted, webhook, guard, ret_why, why_size);
	if (err != 0)
		return err;
	struct mr_secret secret = posted->secret;
	struct mr_record_webhook from = posted->record;
	struct mr_posted_draft draft = {.from = &from,
		.state = MR_POSTED_KEPT,
		.resource_type = type,
		.url = url,
		.filters = filters,
		.secret = &secret};
	const char *text = mr_posted_type(posted, &length);
	bool fits = mr_copy_text(type, sizeof(type), text, length);
	text = mr_posted_url(posted, &length);
	fits = mr_copy_text(url, sizeof(url), text, length) && fits;
	text = mr_posted_filters(posted, &length);
	if ((webhook->flags & MR_WEBHOOK_KEEP_FILTERS) == 0) {
		text = webhook->filters;
		length = (uint16_t)strlen(text);
	}
	fits = mr_copy_text(filters, sizeof(filters), text, length) && fits;
	mr_assert(fits); // as they did before
	from.record.flags = webhook->flags & MR_WEBHOOK_DISABLED ? MR_WEBHOOK_RECORD_DISABLED : 0;
	err = judge_filters(set, type, filters, ret_why, why_size);
	if (err == 0 && (webhook->flags & MR_WEBHOOK_ROTATE) != 0
		&& (err = make_secret(&secret)) != 0)
		say(err, ret_why, why_size, "no random bytes");
	if (err == 0)
		err = mr_posted_put(set, &draft, &posted, ret_why, why_size);
	if (err == 0)
		posted->gone = posted->gone && (webhook->flags & MR_WEBHOOK_DISABLED) != 0;
	explicit_bzero(&secret, sizeof(secret));
	return err;
}
