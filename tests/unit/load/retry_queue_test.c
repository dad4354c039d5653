// Refused events come back when they may, in the order of their times.
#include "retry_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rng.h"

static void events_come_in_order_of_time_and_never_early(void **state)
{
	(void)state;
	struct mr_retry_queue queue;
	struct mr_retry_event event;
	struct mr_rng rng;
	assert_int_equal(mr_retry_queue_init(&queue, 1000), 0);
	mr_rng_seed(&rng, 3);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(mr_retry_queue_push(
			&queue, (struct mr_retry_event){1 + mr_rng_below(&rng, 5000), i}));
	assert_false(mr_retry_queue_push(&queue, (struct mr_retry_event){1, 1})); // bounded
	uint64_t seen = 0;
	uint64_t last_ns = 0;
	for (uint64_t now_ns = 0; now_ns <= 5000; now_ns += 100) {
		while (mr_retry_queue_pop(&queue, now_ns, &event)) {
			assert_true(event.due_ns <= now_ns && event.due_ns >= last_ns);
			last_ns = event.due_ns;
			seen++;
		}
	}
	assert_int_equal(seen, 1000);
	mr_retry_queue_fini(&queue);
}

static void a_queue_that_was_never_made_is_empty_and_full(void **state)
{
	(void)state;
	struct mr_retry_queue queue = {0};
	struct mr_retry_event event;
	assert_false(mr_retry_queue_push(&queue, (struct mr_retry_event){1, 1}));
	assert_false(mr_retry_queue_pop(&queue, UINT64_MAX, &event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_in_order_of_time_and_never_early),
		cmocka_unit_test(a_queue_that_was_never_made_is_empty_and_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
