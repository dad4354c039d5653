// Lanes whose endpoint has no slot wait with the endpoint, so that a hung one costs nobody else
// anything.
#include "delivery_parts.h"
#include "mr_assert.h"

static uint64_t key_of(const struct mr_endpoint *endpoint)
{
	return (uint64_t)(uintptr_t)endpoint;
}

struct mr_door *mr_door_take(struct mr_delivery *delivery, struct mr_endpoint *endpoint)
{
	uint32_t index;
	if (mr_table_find(&delivery->door_of, key_of(endpoint), &index)) {
		mr_assert(delivery->doors[index].lanes > 0);
		delivery->doors[index].lanes++;
		return &delivery->doors[index];
	}
	for (index = 0; index < delivery->config.limits.endpoints_max; index++)
		if (delivery->doors[index].lanes == 0)
			break;
	if (index == delivery->config.limits.endpoints_max)
		return NULL;
	if (mr_table_add(&delivery->door_of, key_of(endpoint), index) != 0)
		return NULL;
	delivery->doors[index] = (struct mr_door){.endpoint = endpoint, .lanes = 1};
	return &delivery->doors[index];
}

void mr_door_leave(struct mr_delivery *delivery, struct mr_door *door)
{
	mr_assert(door->lanes > 0);
	if (--door->lanes > 0)
		return;
	mr_assert(door->blocked.head == NULL);
	mr_timer_cancel(&delivery->door_timers, &door->timer);
	bool removed = mr_table_remove(&delivery->door_of, key_of(door->endpoint));
	mr_assert(removed);
}

void mr_door_block(struct mr_delivery *delivery, struct mr_recipient *recipient, uint64_t retry_ns)
{
	mr_assert(!recipient->listed);
	recipient->listed = true;
	mr_list_push(&recipient->door->blocked, &recipient->link);
	if (mr_timer_is_set(&recipient->door->timer))
		return;
	uint64_t now_ns = delivery->now.mono_ns;
	uint64_t due_ns = retry_ns > now_ns ? retry_ns : now_ns + MR_BLOCKED_POLL_NS;
	mr_timer_set(&delivery->door_timers, &recipient->door->timer, due_ns);
}

void mr_door_wake(struct mr_delivery *delivery, struct mr_door *door, uint32_t lanes)
{
	for (; lanes > 0; lanes--) {
		struct mr_link *link = mr_list_pop(&door->blocked);
		if (link == NULL)
			return;
		struct mr_recipient *recipient = mr_container_of(link, struct mr_recipient, link);
		mr_assert(recipient->listed && recipient->door == door);
		recipient->listed = false;
		mr_recipient_ready(delivery, recipient);
	}
	if (door->blocked.head != NULL && !mr_timer_is_set(&door->timer))
		mr_timer_set(&delivery->door_timers, &door->timer,
			delivery->now.mono_ns + MR_BLOCKED_POLL_NS);
}
