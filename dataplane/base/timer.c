#include "timer.h"

#include <stddef.h>
#include <string.h>

#include "mr_assert.h"

enum { SLOT_BITS = 6, SLOT_MASK = MR_TIMER_SLOTS - 1 };

static const uint64_t horizon_ticks = UINT64_C(1) << (SLOT_BITS * MR_TIMER_LEVELS);

// The first tick at whose start the time is not before `due_ns`.
static uint64_t tick_of_due(uint64_t due_ns)
{
	uint64_t within = due_ns & ((UINT64_C(1) << MR_TIMER_TICK_SHIFT) - 1);
	return (due_ns >> MR_TIMER_TICK_SHIFT) + (within != 0);
}

static void link_timer(struct mr_timer_wheel *wheel, struct mr_timer *timer)
{
	uint64_t due = tick_of_due(timer->due_ns);
	uint64_t ahead = due > wheel->tick ? due - wheel->tick : 0;
	if (ahead >= horizon_ticks)
		ahead = horizon_ticks - 1; // comes round, and is placed again
	uint32_t level = ahead == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(ahead)) / SLOT_BITS;
	uint32_t slot = (uint32_t)((wheel->tick + ahead) >> (SLOT_BITS * level)) & SLOT_MASK;

	struct mr_timer **head = &wheel->slots[level][slot];
	timer->next = *head;
	timer->prev = head;
	if (*head != NULL)
		(*head)->prev = &timer->next;
	*head = timer;
	wheel->occupied[level] |= UINT64_C(1) << slot;
}

static void unlink_timer(struct mr_timer_wheel *wheel, struct mr_timer *timer)
{
	*timer->prev = timer->next;
	if (timer->next != NULL) {
		timer->next->prev = timer->prev;
	} else {
		// The last of its list; when the list is now empty, prev is the slot itself.
		uintptr_t at = (uintptr_t)timer->prev - (uintptr_t)&wheel->slots[0][0];
		if (at < sizeof(wheel->slots)) {
			size_t index = at / sizeof(wheel->slots[0][0]);
			wheel->occupied[index / MR_TIMER_SLOTS] &=
				~(UINT64_C(1) << (index % MR_TIMER_SLOTS));
		}
	}
	timer->prev = NULL;
	timer->next = NULL;
}

void mr_timer_wheel_init(struct mr_timer_wheel *wheel, uint64_t now_ns)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->tick = now_ns >> MR_TIMER_TICK_SHIFT;
}

void mr_timer_set(struct mr_timer_wheel *wheel, struct mr_timer *timer, uint64_t due_ns)
{
	mr_timer_cancel(wheel, timer);
	timer->due_ns = due_ns;
	link_timer(wheel, timer);
	wheel->armed++;
}

void mr_timer_cancel(struct mr_timer_wheel *wheel, struct mr_timer *timer)
{
	if (timer->prev == NULL)
		return;
	mr_assert(wheel->armed > 0);
	unlink_timer(wheel, timer);
	wheel->armed--;
}

bool mr_timer_is_set(const struct mr_timer *timer)
{
	return timer->prev != NULL;
}

// The next tick at which a slot falls due or is dealt out to the levels below it.
static uint64_t next_tick(const struct mr_timer_wheel *wheel)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t level = 0; level < MR_TIMER_LEVELS; level++) {
		uint64_t occupied = wheel->occupied[level];
		if (occupied == 0)
			continue;
		// Above level 0 the present slot has been dealt out: what stands there is a turn
		// away.
		uint64_t from = (wheel->tick >> (SLOT_BITS * level)) + (level > 0);
		uint32_t turn = (uint32_t)from & SLOT_MASK;
		if (turn > 0)
			occupied = occupied >> turn | occupied << (MR_TIMER_SLOTS - turn);
		uint64_t tick = (from + (uint64_t)__builtin_ctzll(occupied)) << (SLOT_BITS * level);
		next = tick < next ? tick : next;
	}
	return next;
}

// Called when the tick has moved: slots of higher levels whose time begins are dealt out again.
static void deal_out(struct mr_timer_wheel *wheel)
{
	for (uint32_t level = 1; level < MR_TIMER_LEVELS; level++) {
		uint32_t shift = SLOT_BITS * level;
		if ((wheel->tick & ((UINT64_C(1) << shift) - 1)) != 0)
			return;
		uint32_t slot = (uint32_t)(wheel->tick >> shift) & SLOT_MASK;
		struct mr_timer *timer = wheel->slots[level][slot];
		wheel->slots[level][slot] = NULL;
		wheel->occupied[level] &= ~(UINT64_C(1) << slot);
		while (timer != NULL) {
			struct mr_timer *next = timer->next;
			link_timer(wheel, timer);
			timer = next;
		}
	}
}

struct mr_timer *mr_timer_expire(struct mr_timer_wheel *wheel, uint64_t now_ns)
{
	uint64_t now = now_ns >> MR_TIMER_TICK_SHIFT;
	for (;;) {
		uint64_t next = next_tick(wheel);
		if (next > now)
			break;
		if (next > wheel->tick) {
			wheel->tick = next;
			deal_out(wheel);
		}
		struct mr_timer *timer = wheel->slots[0][wheel->tick & SLOT_MASK];
		if (timer != NULL) {
			mr_timer_cancel(wheel, timer);
			mr_expect(timer->due_ns <= now_ns);
			return timer;
		}
	}
	if (now > wheel->tick)
		wheel->tick = now;
	return NULL;
}

uint64_t mr_timer_next_due(const struct mr_timer_wheel *wheel)
{
	uint64_t next = next_tick(wheel);
	return next > UINT64_MAX >> MR_TIMER_TICK_SHIFT ? UINT64_MAX : next << MR_TIMER_TICK_SHIFT;
}
