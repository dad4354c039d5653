// The wheel beside an array of due times: whatever is set, moved or cancelled, and however time
// jumps, a timer fires once, never early, and not later than the first look at the clock a tick
// after it was due.
#include "timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rng.h"

enum { TIMERS = 200 };

static const uint64_t tick_ns = UINT64_C(1) << MR_TIMER_TICK_SHIFT;

static struct mr_timer_wheel wheel;
static struct mr_timer timers[TIMERS];
static uint64_t due_ns[TIMERS]; // 0: not set

// From a few ticks to beyond the horizon of the wheel, each order of magnitude as likely as the
// others.
static uint64_t random_span(struct mr_rng *rng)
{
	return mr_rng_next(rng) >> (10 + mr_rng_below(rng, 44));
}

static void change_one(struct mr_rng *rng, uint64_t now_ns)
{
	uint32_t i = (uint32_t)mr_rng_below(rng, TIMERS);
	if (mr_rng_chance(rng, 1, 4)) {
		mr_timer_cancel(&wheel, &timers[i]);
		due_ns[i] = 0;
	} else {
		uint64_t back = mr_rng_chance(rng, 1, 10) ? now_ns / 2 : 0;
		due_ns[i] = now_ns - back + random_span(rng) + 1;
		mr_timer_set(&wheel, &timers[i], due_ns[i]);
	}
	assert_int_equal(mr_timer_is_set(&timers[i]), due_ns[i] != 0);
}

static void expire_all(uint64_t now_ns)
{
	struct mr_timer *timer = NULL;
	while ((timer = mr_timer_expire(&wheel, now_ns)) != NULL) {
		size_t i = (size_t)(timer - timers);
		assert_true(due_ns[i] != 0); // set, and not fired before
		assert_true(timer->due_ns == due_ns[i]);
		assert_true(due_ns[i] <= now_ns); // not early
		assert_false(mr_timer_is_set(timer));
		due_ns[i] = 0;
	}
	uint32_t armed = 0;
	uint64_t earliest = UINT64_MAX;
	for (uint32_t i = 0; i < TIMERS; i++) {
		if (due_ns[i] == 0)
			continue;
		armed++;
		assert_true(due_ns[i] > now_ns - now_ns % tick_ns); // not lost
		earliest = due_ns[i] < earliest ? due_ns[i] : earliest;
	}
	assert_int_equal(wheel.armed, armed);
	uint64_t next = mr_timer_next_due(&wheel);
	if (armed == 0)
		assert_true(next == UINT64_MAX);
	else
		assert_true(next > now_ns && next <= earliest + tick_ns - 1);
}

static void timers_fire_once_never_early_and_are_never_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct mr_rng rng;
		mr_rng_seed(&rng, seed);
		uint64_t now_ns = mr_rng_next(&rng) >> 8;
		mr_timer_wheel_init(&wheel, now_ns);
		for (uint32_t i = 0; i < TIMERS; i++) {
			timers[i] = (struct mr_timer){0};
			due_ns[i] = 0;
		}
		for (uint32_t round = 0; round < 300; round++) {
			for (uint32_t i = 0; i < 20; i++)
				change_one(&rng, now_ns);
			uint64_t next = mr_timer_next_due(&wheel);
			if (mr_rng_chance(&rng, 1, 2) && next != UINT64_MAX && next > now_ns)
				now_ns = next; // as a sleeper would
			else
				now_ns += random_span(&rng) >> 3;
			expire_all(now_ns);
		}
	}
}

static void waking_at_next_due_serves_every_timer_in_few_wakes(void **state)
{
	(void)state;
	mr_timer_wheel_init(&wheel, 0);
	timers[0] = (struct mr_timer){0};
	uint64_t hours24_ns = UINT64_C(86400000000000);
	mr_timer_set(&wheel, &timers[0], hours24_ns);
	uint64_t now_ns = 0;
	uint32_t wakes = 0;
	while (mr_timer_expire(&wheel, now_ns) == NULL) {
		now_ns = mr_timer_next_due(&wheel);
		wakes++;
	}
	assert_true(now_ns >= hours24_ns && now_ns < hours24_ns + tick_ns);
	assert_true(wakes <= MR_TIMER_LEVELS);
}

static void cancelling_one_of_a_slot_leaves_the_others(void **state)
{
	(void)state;
	mr_timer_wheel_init(&wheel, 0);
	for (uint32_t gone = 0; gone < 3; gone++) {
		for (uint32_t i = 0; i < 3; i++) {
			timers[i] = (struct mr_timer){0};
			mr_timer_set(&wheel, &timers[i], wheel.tick * tick_ns + 5 * tick_ns);
		}
		mr_timer_cancel(&wheel, &timers[gone]);
		mr_timer_cancel(&wheel, &timers[gone]); // no-op
		uint64_t now_ns = mr_timer_next_due(&wheel);
		bool fired[3] = {false};
		for (struct mr_timer *t = NULL; (t = mr_timer_expire(&wheel, now_ns)) != NULL;)
			fired[t - timers] = true;
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(fired[i], i != gone);
		assert_true(mr_timer_next_due(&wheel) == UINT64_MAX);
	}
}

static void a_timer_that_is_due_already_fires_at_once(void **state)
{
	(void)state;
	uint64_t now_ns = 1000 * tick_ns + 17;
	mr_timer_wheel_init(&wheel, now_ns);
	timers[0] = (struct mr_timer){0};
	mr_timer_set(&wheel, &timers[0], 0);
	assert_true(mr_timer_next_due(&wheel) <= now_ns);
	assert_ptr_equal(mr_timer_expire(&wheel, now_ns), &timers[0]);
	assert_null(mr_timer_expire(&wheel, now_ns));
}

static void the_end_of_time_is_not_soon(void **state)
{
	(void)state;
	mr_timer_wheel_init(&wheel, 0);
	timers[0] = (struct mr_timer){0};
	mr_timer_set(&wheel, &timers[0], UINT64_MAX);
	assert_null(mr_timer_expire(&wheel, UINT64_C(1) << 62));
	assert_int_equal(wheel.armed, 1);
	mr_timer_cancel(&wheel, &timers[0]);
	assert_int_equal(wheel.armed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_once_never_early_and_are_never_lost),
		cmocka_unit_test(waking_at_next_due_serves_every_timer_in_few_wakes),
		cmocka_unit_test(cancelling_one_of_a_slot_leaves_the_others),
		cmocka_unit_test(a_timer_that_is_due_already_fires_at_once),
		cmocka_unit_test(the_end_of_time_is_not_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
