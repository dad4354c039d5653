// A hierarchical timing wheel (Varghese and Lauck, 1987) with caller-owned nodes: O(1) to set and
// to cancel, no memory of its own beyond the wheel. One owner. Resolution 1.048576 ms (2^20 ns); a
// timer never fires early.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MR_TIMER_LEVELS = 5, MR_TIMER_SLOTS = 64, MR_TIMER_TICK_SHIFT = 20 };

struct mr_timer {
	struct mr_timer *next;
	struct mr_timer **prev; // NULL: not set
	uint64_t due_ns;
};

struct mr_timer_wheel {
	uint64_t tick; // ticks served so far
	uint32_t armed;
	uint64_t occupied[MR_TIMER_LEVELS]; // bit s: slot s holds a timer
	struct mr_timer *slots[MR_TIMER_LEVELS][MR_TIMER_SLOTS];
};

void mr_timer_wheel_init(struct mr_timer_wheel *wheel, uint64_t now_ns);
void mr_timer_set(
	struct mr_timer_wheel *wheel, struct mr_timer *timer, uint64_t due_ns); // re-arms if set
void mr_timer_cancel(struct mr_timer_wheel *wheel, struct mr_timer *timer); // no-op if not set
bool mr_timer_is_set(const struct mr_timer *timer);
// Takes one timer that is due, or NULL. Call until NULL or until the step's budget is used.
struct mr_timer *mr_timer_expire(struct mr_timer_wheel *wheel, uint64_t now_ns);
// Earliest time at which mr_timer_expire could return something; UINT64_MAX when nothing is armed.
// May be early, never late.
uint64_t mr_timer_next_due(const struct mr_timer_wheel *wheel);
