// Records of the node stream that say all there is to say of a thing: webhooks and keys that did
// not come from the configuration file, the ban of each scope, and the pauses as a whole. The last
// one of each stands; one that removes it ends it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay_state.h"

struct replay_kept {
	uint64_t id; // 0: free
	uint8_t *bytes; // the record
	uint32_t kind;
	uint32_t reserved;
};

struct kept_key {
	uint64_t id;
	uint32_t kind;
};

static_assert((int)MR_WEBHOOK_RECORD_REMOVED == (int)MR_APP_RECORD_REMOVED
		&& (int)MR_WEBHOOK_RECORD_REMOVED == (int)MR_BAN_RECORD_LIFTED,
	"one bit for all");

enum {
	THE_ONLY_ONE = 1, // of its kind
	SCOPE_SHIFT = 16, // bans: above the kind of record stands that of the scope
};

void replay_kept_init(struct mr_replay *replay)
{
	mr_replay_pool_init(&replay->kept, sizeof(struct replay_kept));
}

void replay_kept_fini(struct mr_replay *replay)
{
	for (uint32_t i = 0; i < replay->kept.used; i++) {
		struct replay_kept *kept = mr_replay_pool_at(&replay->kept, i);
		if (kept->id != 0)
			free(kept->bytes);
	}
	mr_replay_pool_fini(&replay->kept);
	mr_replay_index_fini(&replay->kept_by_id);
}

static bool kept_is(const void *thing, const void *key)
{
	const struct replay_kept *kept = thing;
	const struct kept_key *wanted = key;
	return kept->id == wanted->id && kept->kind == wanted->kind;
}

static struct kept_key key_of(const struct mr_record *record)
{
	const void *bytes = record;
	const struct mr_record_webhook *webhook = bytes;
	const struct mr_record_app *app = bytes;
	const struct mr_ban *ban = &((const struct mr_record_ban *)bytes)->ban;
	struct kept_key key = {.id = THE_ONLY_ONE, .kind = record->kind};
	if (record->kind == MR_RECORD_WEBHOOK)
		key.id = webhook->webhook;
	else if (record->kind == MR_RECORD_APP)
		key.id = app->key_id;
	else if (record->kind == MR_RECORD_BAN && ban->rule.scope.kind != MR_SCOPE_NONE)
		key = (struct kept_key){.id = ban->rule.scope.id,
			.kind = record->kind | ban->rule.scope.kind << SCOPE_SHIFT};
	return key;
}

// The end of a ban is not the end of the one that has taken its place.
static bool is_end_of_another(const struct mr_record *record, const uint8_t *kept)
{
	const void *end = record;
	const void *standing = kept;
	return record->kind == MR_RECORD_BAN && (record->flags & MR_BAN_RECORD_LIFTED) != 0
		&& ((const struct mr_record_ban *)end)->ban.id
		!= ((const struct mr_record_ban *)standing)->ban.id;
}

int replay_keep(struct mr_replay *replay, const struct mr_record *record)
{
	struct kept_key key = key_of(record);
	if (key.id == 0)
		return -EBADMSG;
	const uint32_t hash = replay_hash(replay, key.id, key.kind);
	uint32_t number =
		mr_replay_index_find(&replay->kept_by_id, hash, kept_is, &replay->kept, &key);
	if (number != MR_REPLAY_NONE) {
		struct replay_kept *before = mr_replay_pool_at(&replay->kept, number);
		if (is_end_of_another(record, before->bytes))
			return 0;
		free(before->bytes);
		mr_replay_index_remove(&replay->kept_by_id, hash, number);
		mr_replay_pool_give(&replay->kept, number);
	}
	if ((record->flags & MR_WEBHOOK_RECORD_REMOVED) != 0)
		return 0;
	uint8_t *bytes = malloc(record->length);
	if (bytes == NULL)
		return -ENOMEM;
	memcpy(bytes, record, record->length);
	number = mr_replay_pool_take(&replay->kept);
	if (number == MR_REPLAY_NONE
		|| mr_replay_index_add(&replay->kept_by_id, hash, number) != 0) {
		free(bytes);
		return -ENOMEM;
	}
	*(struct replay_kept *)mr_replay_pool_at(&replay->kept, number) =
		(struct replay_kept){.id = key.id, .bytes = bytes, .kind = key.kind};
	return 0;
}

uint32_t mr_replay_kept_count(const struct mr_replay *replay)
{
	return replay->kept.used;
}

const struct mr_record *mr_replay_kept(const struct mr_replay *replay, uint32_t number)
{
	const struct replay_kept *kept = mr_replay_pool_at(&replay->kept, number);
	return kept->id != 0 ? (const void *)kept->bytes : NULL;
}
