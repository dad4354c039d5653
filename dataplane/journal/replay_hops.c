// Which hops of the events that wait are done: those with a match record, and those at a resource
// where a later event of the object has one. Otherwise a webhook that was added between the two
// would hear of them in the wrong order.
#include <errno.h>
#include <stdlib.h>

#include "event_codec.h"
#include "record_codec.h"
#include "replay_state.h"

struct lineage { // where an event goes, by the bit of the hop; 0: nowhere
	uint64_t gids[MR_ANCESTORS_MAX + 1];
};

enum { OBJECT_BIT = MR_ANCESTORS_MAX };
static_assert(MR_REPLAY_HOP_OBJECT == 1u << OBJECT_BIT, "the last bit is the object's");

struct object { // that has events which wait
	uint64_t id;
	uint64_t has_hops; // of any event
};

struct heard { // a resource at which a later event of the object has a match record
	uint64_t object;
	uint64_t resource;
};

struct later {
	const struct mr_replay *replay;
	const struct mr_replay_source *source;
	struct mr_replay_pool objects, heard;
	struct mr_replay_index object_by_id, heard_by_both;
};

static bool object_is(const void *thing, const void *key)
{
	return ((const struct object *)thing)->id == *(const uint64_t *)key;
}

static bool heard_is(const void *thing, const void *key)
{
	const struct heard *heard = thing, *wanted = key;
	return heard->object == wanted->object && heard->resource == wanted->resource;
}

// -ENOENT: its bytes are gone, or are no event.
static int read_lineage(
	const struct mr_replay_source *source, mr_position position, struct lineage *ret_lineage)
{
	const struct mr_record *record = NULL;
	const int error = source->read(source->owner, position, &record);
	if (error != 0)
		return error;
	if (record->kind != MR_RECORD_EVENT || !mr_record_sane(record, record->length))
		return -ENOENT;
	const uint8_t *bytes = mr_record_event_bytes((const void *)record);
	const size_t length = record->length - sizeof(struct mr_record_event);
	if (mr_event_check(bytes, length, NULL) != (ssize_t)length)
		return -ENOENT;
	struct mr_event event;
	mr_event_decode(bytes, &event);
	*ret_lineage = (struct lineage){.gids[OBJECT_BIT] = event.object};
	for (uint32_t i = 0; i < event.ancestors_count; i++)
		ret_lineage->gids[i] = event.ancestors[i].gid;
	return 0;
}

// Those that wait, and those whose match records count for them; by position.
static int compare_events(const void *a, const void *b)
{
	const mr_position left = ((const struct mr_replay_event *)a)->position;
	const mr_position right = ((const struct mr_replay_event *)b)->position;
	return (left > right) - (left < right);
}

static int list_events(const struct mr_replay *replay, struct mr_replay_event **ret_events,
	uint32_t *ret_count, bool *ret_any_hops)
{
	mr_position floors[REPLAY_FLOORS];
	replay_floors(replay, floors);
	struct mr_replay_event *events =
		malloc(((size_t)replay->events.used + 1) * sizeof(*events));
	if (events == NULL)
		return -ENOMEM;
	uint32_t count = 0;
	bool any_hops = false;
	for (uint32_t i = 0; i < replay->events.used; i++) {
		const struct mr_replay_event *event = mr_replay_pool_at(&replay->events, i);
		const bool is_done =
			event->state == MR_REPLAY_DONE && replay_matters(event, floors);
		if (event->position == 0 || (event->state != MR_REPLAY_WAITING && !is_done))
			continue;
		any_hops = any_hops || event->hops != 0;
		events[count++] = *event;
	}
	qsort(events, count, sizeof(*events), compare_events);
	*ret_events = events;
	*ret_count = count;
	*ret_any_hops = any_hops;
	return 0;
}

static struct object *find_object(const struct later *later, uint64_t id)
{
	const uint32_t number = mr_replay_index_find(&later->object_by_id,
		replay_hash(later->replay, id, 0), object_is, &later->objects, &id);
	return number == MR_REPLAY_NONE ? NULL : mr_replay_pool_at(&later->objects, number);
}

static int add_object(struct later *later, uint64_t id)
{
	if (find_object(later, id) != NULL)
		return 0;
	const uint32_t number = mr_replay_pool_take(&later->objects);
	if (number == MR_REPLAY_NONE)
		return -ENOMEM;
	((struct object *)mr_replay_pool_at(&later->objects, number))->id = id;
	return mr_replay_index_add(&later->object_by_id, replay_hash(later->replay, id, 0), number);
}

// Events before the replayed frames are known by their offsets only.
static int learn_objects(struct later *later, struct mr_replay_event *events, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct lineage lineage;
		int error = 0;
		if (events[i].object == 0) {
			error = read_lineage(later->source, events[i].position, &lineage);
			if (error == 0)
				events[i].object = lineage.gids[OBJECT_BIT];
		}
		if (error == 0 && events[i].state == MR_REPLAY_WAITING)
			error = add_object(later, events[i].object);
		if (error != 0 && error != -ENOENT)
			return error;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct object *object = find_object(later, events[i].object);
		if (object != NULL && events[i].hops != 0)
			object->has_hops = 1;
	}
	return 0;
}

static uint32_t find_heard(const struct later *later, const struct heard *heard)
{
	return mr_replay_index_find(&later->heard_by_both,
		replay_hash(later->replay, heard->object, heard->resource), heard_is, &later->heard,
		heard);
}

static int add_heard(struct later *later, const struct heard *heard)
{
	if (find_heard(later, heard) != MR_REPLAY_NONE)
		return 0;
	const uint32_t number = mr_replay_pool_take(&later->heard);
	if (number == MR_REPLAY_NONE)
		return -ENOMEM;
	*(struct heard *)mr_replay_pool_at(&later->heard, number) = *heard;
	return mr_replay_index_add(&later->heard_by_both,
		replay_hash(later->replay, heard->object, heard->resource), number);
}

// What the event has, earlier ones need no more; what later ones have, it needs no more.
static int look_back(
	struct later *later, struct mr_replay_event *event, const struct lineage *lineage)
{
	uint32_t hops = event->hops;
	for (uint32_t bit = 0; bit <= OBJECT_BIT; bit++) {
		const struct heard heard = {event->object, lineage->gids[bit]};
		if (heard.resource != 0 && find_heard(later, &heard) != MR_REPLAY_NONE)
			hops |= UINT32_C(1) << bit;
	}
	for (uint32_t bit = 0; bit <= OBJECT_BIT; bit++) {
		const struct heard heard = {event->object, lineage->gids[bit]};
		if (heard.resource == 0 || (event->hops & UINT32_C(1) << bit) == 0)
			continue;
		const int error = add_heard(later, &heard);
		if (error != 0)
			return error;
	}
	event->hops = hops;
	return 0;
}

static bool is_looked_at(const struct later *later, const struct mr_replay_event *event)
{
	const struct object *object = find_object(later, event->object);
	return object != NULL && object->has_hops;
}

// Read from the first event to the last, looked at from the last to the first.
static int look_at_all(struct later *later, struct mr_replay_event *events, uint32_t count)
{
	int error = learn_objects(later, events, count);
	size_t looked_at = 0;
	for (uint32_t i = 0; i < count && error == 0; i++)
		looked_at += is_looked_at(later, &events[i]);
	if (error != 0 || looked_at == 0)
		return error;
	struct lineage *lineages = calloc(looked_at, sizeof(*lineages));
	if (lineages == NULL)
		return -ENOMEM;
	struct lineage *lineage = lineages;
	for (uint32_t i = 0; i < count && error == 0; i++) {
		if (!is_looked_at(later, &events[i]))
			continue;
		error = read_lineage(later->source, events[i].position, lineage++);
		if (error == -ENOENT) // it goes nowhere any more
			error = 0;
	}
	for (uint32_t i = count; i-- > 0 && error == 0;)
		if (is_looked_at(later, &events[i]))
			error = look_back(later, &events[i], --lineage);
	free(lineages);
	return error;
}

int mr_replay_events(struct mr_replay *replay, const struct mr_replay_source *source,
	struct mr_replay_event **ret_events, uint32_t *ret_count)
{
	struct mr_replay_event *events = NULL;
	uint32_t count = 0;
	bool any_hops = false;
	struct later later = {.replay = replay, .source = source};
	mr_replay_pool_init(&later.objects, sizeof(struct object));
	mr_replay_pool_init(&later.heard, sizeof(struct heard));
	int error = list_events(replay, &events, &count, &any_hops);
	if (error == 0 && any_hops)
		error = look_at_all(&later, events, count);
	mr_replay_pool_fini(&later.objects);
	mr_replay_pool_fini(&later.heard);
	mr_replay_index_fini(&later.object_by_id);
	mr_replay_index_fini(&later.heard_by_both);
	if (error != 0) {
		free(events);
		return error;
	}
	uint32_t kept = 0;
	for (uint32_t i = 0; i < count; i++)
		if (events[i].state == MR_REPLAY_WAITING)
			events[kept++] = events[i];
	*ret_events = events;
	*ret_count = kept;
	return 0;
}
