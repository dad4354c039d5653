// The ranked view over the tables of several shards, and over the endpoints of webhooks.
#include "hot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 2, WEBHOOKS = 4 };
#define SECOND UINT64_C(1000000000)

struct segment {
	struct mr_stats stats;
	struct mr_stats_top tops[SHARDS][MR_TOP_KINDS][MR_TOP_TABLES];
	struct mr_stats_webhook webhooks[WEBHOOKS];
};

static struct segment *segment;
static struct mr_hot hot;

static int make_segment(void **state)
{
	(void)state;
	segment = calloc(1, sizeof(*segment));
	assert_non_null(segment);
	segment->stats = (struct mr_stats){
		.shards = SHARDS,
		.webhooks_max = WEBHOOKS,
		.tops_at = offsetof(struct segment, tops),
		.webhooks_at = offsetof(struct segment, webhooks),
	};
	return 0;
}

static int free_segment(void **state)
{
	(void)state;
	free(segment);
	return 0;
}

static struct mr_stats_top *begin(
	uint32_t shard, enum mr_scope_kind kind, uint32_t half, uint64_t since_s, uint64_t until_s)
{
	struct mr_stats_top *table = &segment->tops[shard][kind - 1][half];
	mr_gauge(&table->since_ns, since_s * SECOND);
	mr_gauge(&table->until_ns, until_s * SECOND);
	return table;
}

static struct mr_stats_top_row *add(
	struct mr_stats_top *table, uint32_t at, uint64_t id, uint64_t count, uint64_t error)
{
	struct mr_stats_top_row *row = &table->rows[at];
	mr_gauge(&row->id, id);
	mr_gauge(&row->count, count);
	mr_gauge(&row->error, error);
	mr_count(&table->total, count - error);
	return row;
}

static void fill(struct mr_stats_top *table, uint64_t first_id, uint64_t count)
{
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++)
		if (mr_read(&table->rows[i].id) == 0)
			(void)add(table, i, first_id + i, count, 0);
}

static void quiet_router_has_nobody(void **state)
{
	(void)state;
	assert_int_equal(
		mr_hot_read(&segment->stats, MR_SCOPE_OBJECT, MR_HOT_BY_RATE, SECOND, &hot), 0);
	assert_int_equal(hot.count, 0);
	assert_int_equal(hot.total, 0);
	assert_int_equal(hot.absent_max, 0);
}

static void both_tables_of_a_shard_count(void **state)
{
	(void)state;
	struct mr_stats_top *before = begin(0, MR_SCOPE_OBJECT, 1, 5, 10);
	struct mr_stats_top *now = begin(0, MR_SCOPE_OBJECT, 0, 10, 0);
	mr_gauge(&add(before, 0, 77, 100, 0)->queued, 5);
	struct mr_stats_top_row *row = add(now, 3, 77, 300, 20);
	add(now, 0, 1, 1, 0);
	add(now, 1, 2, 1, 0);
	add(now, 2, 3, 1, 0);
	mr_gauge(&row->queued, 9);
	mr_gauge(&row->app, 41);
	mr_gauge(&row->workspace, 42);
	mr_gauge(&row->database, 43);
	mr_gauge(&row->refused, 30);
	assert_int_equal(
		mr_hot_read(&segment->stats, MR_SCOPE_OBJECT, MR_HOT_BY_RATE, 13 * SECOND, &hot),
		0);
	assert_int_equal(hot.count, 4);
	assert_true(hot.window_ns == 8 * SECOND);
	assert_int_equal(hot.total, 383);
	const struct mr_hot_row *first = &hot.rows[0];
	assert_int_equal(first->id, 77);
	assert_int_equal(first->count, 400);
	assert_int_equal(first->error, 20);
	assert_int_equal(first->queued, 9); // as it was last
	assert_int_equal(first->app, 41);
	assert_int_equal(first->workspace, 42);
	assert_int_equal(first->database, 43);
	assert_true(first->per_s > 49.9 && first->per_s < 50.1);
	assert_true(first->per_s_min > 47.4 && first->per_s_min < 47.6);
	assert_true(first->now_per_s > 99.9 && first->now_per_s < 100.1); // 300 in 3 s
	assert_true(first->refused_per_s > 3.7 && first->refused_per_s < 3.8);
}

static void what_a_full_table_does_not_name_it_may_have_counted(void **state)
{
	(void)state;
	struct mr_stats_top *full = begin(0, MR_SCOPE_APP, 0, 10, 0);
	struct mr_stats_top *other = begin(1, MR_SCOPE_APP, 0, 10, 0);
	fill(full, 1000, 6);
	(void)add(other, 0, 5, 50, 0);
	assert_int_equal(
		mr_hot_read(&segment->stats, MR_SCOPE_APP, MR_HOT_BY_RATE, 12 * SECOND, &hot), 0);
	assert_int_equal(hot.rows[0].id, 5);
	assert_int_equal(hot.rows[0].count, 56);
	assert_int_equal(hot.rows[0].error, 6);
	assert_int_equal(hot.absent_max, 6);
	assert_int_equal(hot.count, MR_HOT_ROWS_MAX); // one of 65 found no place
	// An object has one shard: the tables of others say nothing of it.
	fill(begin(0, MR_SCOPE_OBJECT, 0, 10, 0), 1000, 6);
	(void)add(begin(1, MR_SCOPE_OBJECT, 0, 10, 0), 0, 5, 50, 0);
	assert_int_equal(
		mr_hot_read(&segment->stats, MR_SCOPE_OBJECT, MR_HOT_BY_RATE, 12 * SECOND, &hot),
		0);
	assert_int_equal(hot.rows[0].id, 5);
	assert_int_equal(hot.rows[0].error, 0);
}

static void rows_come_in_the_order_asked_for(void **state)
{
	(void)state;
	struct mr_stats_top *table = begin(0, MR_SCOPE_OBJECT, 0, 10, 0);
	mr_gauge(&add(table, 0, 1, 100, 0)->queued, 1);
	mr_gauge(&add(table, 1, 2, 50, 0)->queued, 9);
	mr_gauge(&add(table, 2, 3, 10, 0)->refused, 10);
	static const uint64_t firsts[MR_HOT_BY_COUNT] = {1, 2, 3};
	for (uint32_t by = 0; by < MR_HOT_BY_COUNT; by++) {
		assert_int_equal(mr_hot_read(&segment->stats, MR_SCOPE_OBJECT, (enum mr_hot_by)by,
					 12 * SECOND, &hot),
			0);
		assert_int_equal(hot.count, 3);
		assert_int_equal(hot.rows[0].id, firsts[by]);
	}
}

static void a_young_table_leaves_the_word_to_the_one_before(void **state)
{
	(void)state;
	(void)add(begin(0, MR_SCOPE_USER, 0, 5, 10), 0, 8, 500, 0);
	(void)add(begin(0, MR_SCOPE_USER, 1, 10, 0), 0, 8, 1, 0);
	assert_int_equal(mr_hot_read(&segment->stats, MR_SCOPE_USER, MR_HOT_BY_RATE,
				 10 * SECOND + SECOND / 10, &hot),
		0);
	assert_true(hot.rows[0].now_per_s > 99.9 && hot.rows[0].now_per_s < 100.1);
}

static void a_table_in_the_middle_of_a_change_is_not_believed(void **state)
{
	(void)state;
	struct mr_stats_top *table = begin(0, MR_SCOPE_OBJECT, 0, 10, 0);
	mr_gauge(&table->version, 7);
	assert_int_equal(
		mr_hot_read(&segment->stats, MR_SCOPE_OBJECT, MR_HOT_BY_RATE, 12 * SECOND, &hot),
		-EAGAIN);
}

static void questions_that_mean_nothing_are_refused(void **state)
{
	(void)state;
	const struct mr_stats *stats = &segment->stats;
	enum mr_hot_by by;
	enum mr_hot_endpoint_by endpoint_by;
	assert_int_equal(mr_hot_read(stats, MR_SCOPE_NONE, MR_HOT_BY_RATE, SECOND, &hot), -EINVAL);
	assert_int_equal(mr_hot_read(stats, MR_SCOPE_APP, MR_HOT_BY_QUEUE, SECOND, &hot), -EINVAL);
	assert_int_equal(mr_hot_by_parse("rates", &by), -EINVAL);
	assert_int_equal(mr_hot_by_parse("refused", &by), 0);
	assert_int_equal(by, MR_HOT_BY_REFUSED);
	assert_int_equal(mr_hot_endpoint_by_parse("", &endpoint_by), -EINVAL);
	assert_int_equal(mr_hot_endpoint_by_parse("request_time", &endpoint_by), 0);
	assert_int_equal(endpoint_by, MR_HOT_BY_REQUEST_TIME);
}

static void add_webhook(uint32_t lane, const char *origin, uint64_t pending, uint64_t took_ns)
{
	struct mr_stats_webhook *row = &segment->webhooks[lane];
	mr_gauge(&row->webhook, lane + 1);
	mr_gauge(&row->pending, pending);
	mr_gauge(&row->requests, 2);
	mr_gauge(&row->requests_ns, 2 * took_ns);
	strncpy(row->origin, origin, sizeof(row->origin) - 1);
}

static void webhooks_of_one_origin_are_one_endpoint(void **state)
{
	(void)state;
	struct mr_hot_endpoint rows[WEBHOOKS];
	add_webhook(0, "http://a:80", 5, 10);
	add_webhook(1, "http://b:80", 8, 1000);
	add_webhook(3, "http://a:80", 6, 30);
	mr_gauge(&segment->webhooks[3].failing_since_ns, 1);
	assert_int_equal(mr_hot_endpoints(&segment->stats, MR_HOT_BY_PENDING, WEBHOOKS, rows), 2);
	assert_string_equal(rows[0].origin, "http://a:80");
	assert_int_equal(rows[0].webhooks, 2);
	assert_int_equal(rows[0].failing, 1);
	assert_int_equal(rows[0].pending, 11);
	assert_int_equal(rows[0].requests_ns, 80);
	assert_int_equal(mr_hot_endpoints(&segment->stats, MR_HOT_BY_REQUEST_TIME, 1, rows), 1);
	assert_string_equal(rows[0].origin, "http://b:80");
}

#define IN_A_SEGMENT(test) cmocka_unit_test_setup_teardown(test, make_segment, free_segment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_SEGMENT(quiet_router_has_nobody),
		IN_A_SEGMENT(both_tables_of_a_shard_count),
		IN_A_SEGMENT(what_a_full_table_does_not_name_it_may_have_counted),
		IN_A_SEGMENT(rows_come_in_the_order_asked_for),
		IN_A_SEGMENT(a_young_table_leaves_the_word_to_the_one_before),
		IN_A_SEGMENT(a_table_in_the_middle_of_a_change_is_not_believed),
		IN_A_SEGMENT(questions_that_mean_nothing_are_refused),
		IN_A_SEGMENT(webhooks_of_one_origin_are_one_endpoint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
