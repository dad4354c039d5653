#include "posted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "hash.h"
#include "mr_assert.h"

bool mr_posted_init(struct mr_posted_set *set, struct mr_arena *arena, uint32_t webhooks_max,
	const char *state_dir, uint64_t seed)
{
	static const char name[] = "steward: webhooks";
	*set = (struct mr_posted_set){.state_dir = state_dir};
	set->slots = mr_arena_array(arena, name, struct mr_posted *, webhooks_max);
	set->scratch = mr_arena_array(arena, name, struct mr_webhook, 1);
	bool done = set->slots != NULL && set->scratch != NULL;
	done = mr_table_init(&set->by_id, arena, name, webhooks_max, seed) && done;
	done = mr_todo_init(&set->free, arena, name, webhooks_max) && done;
	for (uint32_t slot = 0; done && slot < webhooks_max; slot++)
		mr_todo_put(&set->free, slot);
	return done;
}

struct mr_posted *mr_posted_find(const struct mr_posted_set *set, uint64_t id)
{
	uint32_t slot;
	return id != 0 && mr_table_find(&set->by_id, id, &slot) ? set->slots[slot] : NULL;
}

uint32_t mr_posted_count(const struct mr_posted_set *set)
{
	return set->by_id.count;
}

// -- The texts of a record

struct texts {
	const char *type;
	const char *url;
	const char *secret; // sealed
	const char *filters;
};

static struct texts texts_of(const struct mr_record_webhook *record)
{
	struct texts texts = {.type = (const char *)(record + 1)};
	texts.url = texts.type + record->type_length;
	texts.secret = texts.url + record->url_length;
	texts.filters = texts.secret + record->secret_length;
	return texts;
}

const char *mr_posted_type(const struct mr_posted *posted, uint16_t *ret_length)
{
	*ret_length = posted->record.type_length;
	return texts_of(&posted->record).type;
}

const char *mr_posted_url(const struct mr_posted *posted, uint16_t *ret_length)
{
	*ret_length = posted->record.url_length;
	return texts_of(&posted->record).url;
}

const char *mr_posted_filters(const struct mr_posted *posted, uint16_t *ret_length)
{
	*ret_length = posted->record.filters_length;
	return texts_of(&posted->record).filters;
}

static int target_of(
	const struct mr_posted *posted, struct mr_target *ret_target, const char **ret_why)
{
	char url[MR_URL_BYTES_MAX];
	uint16_t length;
	const char *text = mr_posted_url(posted, &length);
	if (!mr_copy_text(url, sizeof(url), text, length)) {
		*ret_why = "is too long";
		return -EINVAL;
	}
	return mr_target_parse(url, ret_target, ret_why);
}

// -- The key

// What is in memory only is sealed with a key that is in memory only.
static int need_key(struct mr_posted_set *set, bool may_make, char *ret_why, size_t why_size)
{
	int err = 0;
	if (set->has_key)
		return 0;
	if (set->is_volatile) {
		err = mr_random_bytes(set->key.bytes, sizeof(set->key.bytes));
		snprintf(ret_why, why_size, "no random bytes");
	} else {
		err = mr_secret_seal_key(set->state_dir, may_make, &set->key, ret_why, why_size);
	}
	set->has_key = err == 0;
	return err;
}

// -- Changes

static void drop(struct mr_posted *posted)
{
	if (posted == NULL)
		return;
	explicit_bzero(&posted->secret, sizeof(posted->secret));
	free(posted);
}

// Takes the place of the one of its id. 0 or -ENOSPC.
static int place(struct mr_posted_set *set, struct mr_posted *posted)
{
	uint64_t id = posted->record.webhook;
	uint32_t slot;
	if (!mr_table_find(&set->by_id, id, &slot)) {
		if (set->free.count == 0)
			return -ENOSPC;
		slot = mr_todo_take(&set->free);
		int err = mr_table_add(&set->by_id, id, slot);
		mr_assert(err == 0); // as many rows as slots, and the id was not there
	} else {
		posted->revision = set->slots[slot]->revision + 1;
		posted->gone = set->slots[slot]->gone;
		drop(set->slots[slot]);
	}
	set->slots[slot] = posted;
	return 0;
}

static size_t record_bytes(const struct mr_record_webhook *record)
{
	size_t texts = (size_t)record->type_length + record->url_length + record->secret_length
		+ record->filters_length;
	return (sizeof(*record) + texts + 7) & ~(size_t)7;
}

int mr_posted_put(struct mr_posted_set *set, const struct mr_posted_draft *draft,
	struct mr_posted **ret_posted, char *ret_why, size_t why_size)
{
	struct mr_record_webhook head = *draft->from;
	const struct mr_secret *secret = draft->secret;
	int err = need_key(set, true, ret_why, why_size);
	if (err != 0)
		return err;
	head.type_length = (uint16_t)strlen(draft->resource_type);
	head.url_length = (uint16_t)strlen(draft->url);
	head.secret_length = (uint16_t)(secret->length + MR_SEAL_BYTES);
	head.filters_length = (uint16_t)strlen(draft->filters);
	size_t bytes = record_bytes(&head);
	snprintf(ret_why, why_size, "no memory");
	struct mr_posted *posted = calloc(1, sizeof(*posted) - sizeof(head) + bytes);
	if (posted == NULL)
		return -ENOMEM;
	posted->record = head;
	posted->record.record.length = (uint32_t)bytes;
	posted->secret = *secret;
	posted->state = draft->state;
	struct mr_out out = mr_out_make(&posted->record + 1, bytes - sizeof(head));
	mr_out_bytes(&out, draft->resource_type, head.type_length);
	mr_out_bytes(&out, draft->url, head.url_length);
	err = mr_seal(&set->key, head.webhook, secret->bytes, secret->length, out.at);
	out.at += head.secret_length;
	mr_out_bytes(&out, draft->filters, head.filters_length);
	mr_assert(!out.overflow);
	if (err == 0)
		err = place(set, posted);
	if (err != 0)
		drop(posted);
	else
		*ret_posted = posted;
	return err;
}

// 0, or why the record cannot be in force.
static int open_record(
	struct mr_posted_set *set, struct mr_posted *posted, char *ret_why, size_t why_size)
{
	const struct mr_record_webhook *record = &posted->record;
	struct texts texts = texts_of(record);
	struct mr_target target;
	uint8_t count;
	const char *why = "a text of its record is too long";
	if (record->type_length > MR_TYPE_BYTES_MAX || record->secret_length <= MR_SEAL_BYTES
		|| record->secret_length > MR_SECRET_BYTES_MAX + MR_SEAL_BYTES
		|| target_of(posted, &target, &why) != 0
		|| mr_filters_parse(texts.filters, record->filters_length, set->scratch->filters,
			   &count, &why)
			!= 0) {
		snprintf(ret_why, why_size, "%s", why);
		return -EBADMSG;
	}
	int err = need_key(set, false, ret_why, why_size);
	if (err != 0)
		return err;
	err = mr_unseal(&set->key, record->webhook, (const uint8_t *)texts.secret,
		record->secret_length, posted->secret.bytes);
	snprintf(ret_why, why_size, "the key in %.200s/secrets does not open its secret",
		set->state_dir);
	if (err == 0)
		posted->secret.length = (uint16_t)(record->secret_length - MR_SEAL_BYTES);
	return err;
}

int mr_posted_recover(struct mr_posted_set *set, const struct mr_record_webhook *record,
	char *ret_why, size_t why_size)
{
	size_t bytes = record->record.length;
	struct mr_posted *posted = calloc(1, sizeof(*posted) - sizeof(*record) + bytes);
	snprintf(ret_why, why_size, "no memory");
	if (posted == NULL)
		return -ENOMEM;
	memcpy(&posted->record, record, bytes);
	posted->state = MR_POSTED_KEPT;
	int err = place(set, posted);
	if (err != 0) {
		snprintf(ret_why, why_size, "more webhooks than webhooks.max");
		drop(posted);
		return err;
	}
	err = open_record(set, posted, ret_why, why_size);
	if (err != 0)
		posted->state = MR_POSTED_BLOCKED;
	return err;
}

void mr_posted_remove(struct mr_posted_set *set, uint64_t id)
{
	uint32_t slot;
	if (!mr_table_find(&set->by_id, id, &slot))
		return;
	mr_table_remove(&set->by_id, id);
	drop(set->slots[slot]);
	set->slots[slot] = NULL;
	mr_todo_put(&set->free, slot);
}

void mr_posted_free(struct mr_posted_set *set)
{
	for (uint32_t slot = 0; set->slots != NULL && slot < set->free.capacity; slot++) {
		drop(set->slots[slot]);
		set->slots[slot] = NULL;
	}
	explicit_bzero(&set->key, sizeof(set->key));
}

// -- For the stages

bool mr_posted_permitted(
	const struct mr_posted *posted, const struct mr_guard *guard, const char **ret_why)
{
	struct mr_target target;
	return target_of(posted, &target, ret_why) == 0
		&& mr_guard_permits(guard, &target.address, ret_why);
}

const struct mr_webhook *mr_posted_expand(
	const struct mr_posted_set *set, const struct mr_posted *posted)
{
	struct mr_webhook *webhook = set->scratch;
	const struct mr_record_webhook *record = &posted->record;
	struct texts texts = texts_of(record);
	struct mr_target target = {0};
	const char *why = NULL;
	*webhook = (struct mr_webhook){.id = record->webhook,
		.resource = record->resource,
		.in_flight = set->in_flight,
		.handshake = posted->state == MR_POSTED_TRIAL,
		.secret_length = posted->secret.length};
	snprintf(webhook->name, sizeof(webhook->name), "%llu", (unsigned long long)record->webhook);
	bool fits = mr_copy_text(webhook->resource_type, sizeof(webhook->resource_type), texts.type,
		record->type_length);
	int err = target_of(posted, &target, &why);
	if (err == 0)
		err = mr_filters_parse(texts.filters, record->filters_length, webhook->filters,
			&webhook->filters_count, &why);
	mr_assert(fits && err == 0); // was judged when it came, and when it came back
	memcpy(webhook->host, target.host, sizeof(webhook->host));
	memcpy(webhook->path, target.path, sizeof(webhook->path));
	memcpy(webhook->address, target.address.ip, sizeof(webhook->address));
	webhook->port = target.address.port;
	memcpy(webhook->secret, posted->secret.bytes, posted->secret.length);
	return webhook;
}

uint64_t mr_posted_lane_print(const struct mr_posted *posted)
{
	uint16_t length;
	const char *url = mr_posted_url(posted, &length);
	return mr_hash_bytes(url, length, posted->record.resource);
}

uint64_t mr_posted_print(const struct mr_posted *posted)
{
	return mr_hash_u64(posted->revision, mr_posted_lane_print(posted));
}
