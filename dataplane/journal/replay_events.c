// Events that wait for distribution, and which of their hops are done.
#include <errno.h>
#include <string.h>

#include "mr_assert.h"
#include "replay_state.h"

static_assert((int)MR_STREAMS_MAX <= (int)REPLAY_FLOORS, "a floor for each stream of a boot");

static bool event_is(const void *thing, const void *key)
{
	return ((const struct mr_replay_event *)thing)->position == *(const mr_position *)key;
}

static uint32_t find(const struct mr_replay *replay, mr_position position)
{
	return mr_replay_index_find(&replay->event_by_position, replay_hash(replay, position, 0),
		event_is, &replay->events, &position);
}

static void forget(struct mr_replay *replay, uint32_t number)
{
	const struct mr_replay_event *event = mr_replay_pool_at(&replay->events, number);
	mr_replay_index_remove(
		&replay->event_by_position, replay_hash(replay, event->position, 0), number);
	mr_replay_pool_give(&replay->events, number);
}

void replay_floors(const struct mr_replay *replay, mr_position ret_floors[REPLAY_FLOORS])
{
	for (uint32_t i = 0; i < REPLAY_FLOORS; i++)
		ret_floors[i] = UINT64_MAX;
	for (uint32_t i = 0; i < replay->events.used; i++) {
		const struct mr_replay_event *event = mr_replay_pool_at(&replay->events, i);
		mr_position *floor =
			&ret_floors[mr_position_stream(event->position) % REPLAY_FLOORS];
		if (event->state == MR_REPLAY_WAITING && event->position < *floor)
			*floor = event->position;
	}
}

static void purge(struct mr_replay *replay)
{
	mr_position floors[REPLAY_FLOORS];
	replay_floors(replay, floors);
	for (uint32_t i = 0; i < replay->events.used; i++) {
		const struct mr_replay_event *event = mr_replay_pool_at(&replay->events, i);
		if (event->position != 0 && event->state == MR_REPLAY_DONE
			&& !replay_matters(event, floors))
			forget(replay, i);
	}
}

// The event, made when it is new; NULL: no memory.
static struct mr_replay_event *event_at(struct mr_replay *replay, mr_position position)
{
	uint32_t number = find(replay, position);
	if (number != MR_REPLAY_NONE)
		return mr_replay_pool_at(&replay->events, number);
	if (mr_replay_pool_is_full(&replay->events))
		purge(replay);
	number = mr_replay_pool_take(&replay->events);
	if (number == MR_REPLAY_NONE
		|| mr_replay_index_add(
			   &replay->event_by_position, replay_hash(replay, position, 0), number)
			!= 0)
		return NULL;
	struct mr_replay_event *event = mr_replay_pool_at(&replay->events, number);
	event->position = position;
	event->state = MR_REPLAY_STRAY;
	return event;
}

int replay_event(
	struct mr_replay *replay, mr_position position, const struct mr_record_event *record)
{
	struct mr_replay_event *event = event_at(replay, position);
	if (event == NULL)
		return -ENOMEM;
	memcpy(&event->object, (const uint8_t *)record + MR_RECORD_EVENT_OBJECT_AT,
		sizeof(event->object));
	event->hops |= record->hops_done;
	if (record->record.flags & MR_EVENT_OBJECT_DONE)
		event->hops |= MR_REPLAY_HOP_OBJECT;
	if (event->state == MR_REPLAY_STRAY)
		event->state = MR_REPLAY_WAITING;
	return 0;
}

int replay_hop(struct mr_replay *replay, const struct mr_record_match *match)
{
	if (match->origin == 0
		|| (match->ancestor != MR_VIA_OBJECT && match->ancestor >= MR_ANCESTORS_MAX))
		return -EBADMSG;
	struct mr_replay_event *event = event_at(replay, match->origin);
	if (event == NULL)
		return -ENOMEM;
	event->hops |= match->ancestor == MR_VIA_OBJECT ? (uint32_t)MR_REPLAY_HOP_OBJECT
							: UINT32_C(1) << match->ancestor;
	return 0;
}

int replay_queued(
	struct mr_replay *replay, uint16_t stream, const uint64_t *offsets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct mr_replay_event *event =
			event_at(replay, mr_position_make(stream, offsets[i]));
		if (event == NULL)
			return -ENOMEM;
		if (event->state == MR_REPLAY_STRAY)
			event->state = MR_REPLAY_WAITING;
	}
	return 0;
}

void replay_distributed(struct mr_replay *replay, mr_position position)
{
	const uint32_t number = find(replay, position);
	if (number == MR_REPLAY_NONE)
		return;
	struct mr_replay_event *event = mr_replay_pool_at(&replay->events, number);
	if (event->state == MR_REPLAY_WAITING && event->hops != 0)
		event->state = MR_REPLAY_DONE;
	else
		forget(replay, number);
}
