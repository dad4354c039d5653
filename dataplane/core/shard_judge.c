// Whether the shard has room for one more event: asked at admission, and by who wants to know what
// would happen.
#include "shard_state.h"

uint8_t mr_shard_judge(
	const struct mr_shard *shard, uint64_t object, uint32_t bytes, uint32_t *ret_index)
{
	const struct mr_objects *objects = &shard->objects;
	*ret_index = 0;
	if (shard->journal_state == MR_JOURNAL_FULL)
		return MR_REASON_JOURNAL_FULL;
	if (shard->journal_state == MR_JOURNAL_FAILED)
		return MR_REASON_JOURNAL_FAILED;
	const uint32_t index = mr_objects_find(objects, object);
	const struct mr_object *state = &objects->states[index];
	*ret_index = index;
	if (index != 0
		&& (mr_object_events(state) >= shard->limits.object_queue_events
			|| state->bytes + bytes > shard->limits.object_queue_bytes))
		return MR_REASON_OBJECT_FULL;
	if (mr_shard_free(shard) < bytes || !mr_objects_have_room(objects))
		return MR_REASON_SHARD_FULL;
	const bool has_state = index != 0 && (state->flags & MR_OBJECT_CHARGED) != 0;
	if (!has_state && objects->charged == objects->capacity)
		return MR_REASON_SHARD_FULL;
	return MR_REASON_OK;
}
