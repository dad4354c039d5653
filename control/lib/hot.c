#include "hot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"

enum { READS_MAX = 1000, YOUNG_NS = 1000000000 };

struct item { // one row of one table
	struct mr_hot_row row;
	double now_per_s; // of the table that stands for now; else 0
	uint64_t absent; // what the table would say of it, were it not there
	uint32_t shard;
	uint32_t order; // in which it was read
};

struct merge {
	struct mr_hot *hot;
	struct mr_stats_top tables[MR_TOP_TABLES]; // of the shard that is read
	uint64_t absent[MR_SHARDS_MAX]; // of both tables of a shard
	uint64_t absent_all;
	uint64_t since_ns; // oldest; UINT64_MAX: no table has counted anything
	uint32_t count;
	struct item items[]; // room for [shards][MR_TOP_TABLES][MR_TOP_ROWS]
};

int mr_top_read(const struct mr_stats_top *table, struct mr_stats_top *ret_copy)
{
	const mr_counter *from = &table->version;
	mr_counter *to = &ret_copy->version;

	static_assert(sizeof(*table) % sizeof(mr_counter) == 0, "a table is made of counters");
	for (uint32_t i = 0; i < READS_MAX; i++) {
		const uint64_t version =
			atomic_load_explicit(&table->version, memory_order_acquire);

		if (version % 2 != 0)
			continue;
		for (size_t at = 0; at < sizeof(*table) / sizeof(mr_counter); at++)
			mr_gauge(&to[at], mr_read(&from[at]));
		atomic_thread_fence(memory_order_acquire);
		if (mr_read(&table->version) == version)
			return 0;
	}
	return -EAGAIN;
}

static const struct mr_stats_top *table_of(
	const struct mr_stats *stats, uint32_t shard, enum mr_scope_kind kind, uint32_t half)
{
	const struct mr_stats_top *tables = (const void *)((const uint8_t *)stats + stats->tops_at);

	return &tables[((size_t)shard * MR_TOP_KINDS + kind - 1) * MR_TOP_TABLES + half];
}

// A full table has seen what is not in it no more often than its smallest row.
static uint64_t absent_of(const struct mr_stats_top *table)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < MR_TOP_ROWS; i++) {
		const struct mr_stats_top_row *row = &table->rows[i];

		if (mr_read(&row->id) == 0)
			return 0;
		if (mr_read(&row->count) < least)
			least = mr_read(&row->count);
	}
	return least;
}

// The time of a table that says how it goes now; 0: another one does.
static double now_seconds(
	const struct mr_stats_top *table, const struct mr_stats_top *other, uint64_t now_ns)
{
	const uint64_t since_ns = mr_read(&table->since_ns);
	const uint64_t until_ns = mr_read(&table->until_ns);
	const uint64_t others_ns = mr_read(&other->since_ns);

	if (until_ns == 0) {
		const bool is_young = now_ns < since_ns + YOUNG_NS;

		return is_young && others_ns != 0 ? 0 : (double)(now_ns - since_ns) / 1e9;
	}
	const bool stands_in = others_ns == until_ns && now_ns < others_ns + YOUNG_NS;
	return stands_in ? (double)(until_ns - since_ns) / 1e9 : 0;
}

static void take_table(struct merge *merge, uint32_t shard, const struct mr_stats_top *table,
	const struct mr_stats_top *other, uint64_t now_ns)
{
	const uint64_t absent = absent_of(table);
	const double seconds = now_seconds(table, other, now_ns);

	if (mr_read(&table->since_ns) == 0 || mr_read(&table->total) == 0)
		return;
	if (mr_read(&table->since_ns) < merge->since_ns)
		merge->since_ns = mr_read(&table->since_ns);
	merge->hot->total += mr_read(&table->total);
	merge->absent[shard] += absent;
	merge->absent_all += absent;
	for (uint32_t i = 0; i < MR_TOP_ROWS && mr_read(&table->rows[i].id) != 0; i++) {
		const struct mr_stats_top_row *row = &table->rows[i];
		const double count = (double)mr_read(&row->count);

		merge->items[merge->count] = (struct item){
			.row =
				{
					.id = mr_read(&row->id),
					.count = mr_read(&row->count),
					.error = mr_read(&row->error),
					.refused = mr_read(&row->refused),
					.queued = mr_read(&row->queued),
					.app = mr_read(&row->app),
					.workspace = mr_read(&row->workspace),
					.database = mr_read(&row->database),
				},
			.now_per_s = seconds > 0 ? count / seconds : 0,
			.absent = absent,
			.shard = shard,
			.order = merge->count,
		};
		merge->count++;
	}
}

static int read_shard(
	struct merge *merge, const struct mr_stats *stats, uint32_t shard, uint64_t now_ns)
{
	struct mr_stats_top *tables = merge->tables;

	for (uint32_t half = 0; half < MR_TOP_TABLES; half++) {
		const int r =
			mr_top_read(table_of(stats, shard, merge->hot->kind, half), &tables[half]);

		if (r < 0)
			return r;
	}
	// The newer one last: of what a scope is like, it says how it is now.
	const uint32_t newer = mr_read(&tables[1].since_ns) > mr_read(&tables[0].since_ns);
	take_table(merge, shard, &tables[!newer], &tables[newer], now_ns);
	take_table(merge, shard, &tables[newer], &tables[!newer], now_ns);
	return 0;
}

static int compare_ids(const void *left, const void *right)
{
	const struct item *a = left;
	const struct item *b = right;

	if (a->row.id != b->row.id)
		return a->row.id < b->row.id ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static double key_of(const struct mr_hot_row *row, enum mr_hot_by by)
{
	if (by == MR_HOT_BY_QUEUE)
		return (double)row->queued;
	return (double)(by == MR_HOT_BY_REFUSED ? row->refused : row->count);
}

static bool comes_before(const struct mr_hot_row *a, const struct mr_hot_row *b, enum mr_hot_by by)
{
	if (key_of(a, by) != key_of(b, by))
		return key_of(a, by) > key_of(b, by);
	return a->count != b->count ? a->count > b->count : a->id < b->id;
}

// Keeps the first MR_HOT_ROWS_MAX; what finds no place is among the absent.
static void rank(struct mr_hot *hot, const struct mr_hot_row *row)
{
	uint32_t at = hot->count;

	while (at > 0 && comes_before(row, &hot->rows[at - 1], hot->by))
		at--;
	const struct mr_hot_row *last = hot->count == MR_HOT_ROWS_MAX
		? (at == MR_HOT_ROWS_MAX ? row : &hot->rows[MR_HOT_ROWS_MAX - 1])
		: NULL;
	if (last && last->count > hot->absent_max)
		hot->absent_max = last->count;
	if (at == MR_HOT_ROWS_MAX)
		return;
	const uint32_t moved = hot->count - at - (last ? 1 : 0);
	memmove(&hot->rows[at + 1], &hot->rows[at], moved * sizeof(*row));
	hot->rows[at] = *row;
	hot->count += last ? 0 : 1;
}

// The items of one id become a row. Where it stands in no row it may have been counted too: an
// object only in the other table of its shard, everything else in all tables.
static void merge_items(struct merge *merge, const struct item *items, uint32_t count)
{
	struct mr_hot *hot = merge->hot;
	struct mr_hot_row row = {.id = items[0].row.id};
	uint64_t absent =
		hot->kind == MR_SCOPE_OBJECT ? merge->absent[items[0].shard] : merge->absent_all;

	for (uint32_t i = 0; i < count; i++) {
		const struct mr_hot_row *from = &items[i].row;

		row.count += from->count;
		row.error += from->error;
		row.refused += from->refused;
		row.now_per_s += items[i].now_per_s;
		absent -= items[i].absent;
		row.queued = from->queued;
		row.app = from->app;
		row.workspace = from->workspace;
		row.database = from->database;
	}
	row.count += absent;
	row.error += absent;
	const double seconds = (double)hot->window_ns / 1e9;
	row.per_s = (double)row.count / seconds;
	row.per_s_min = (double)(row.count - row.error) / seconds;
	row.refused_per_s = (double)row.refused / seconds;
	rank(hot, &row);
}

static void merge_all(struct merge *merge)
{
	struct mr_hot *hot = merge->hot;

	hot->absent_max = hot->kind == MR_SCOPE_OBJECT ? 0 : merge->absent_all;
	for (uint32_t i = 0; hot->kind == MR_SCOPE_OBJECT && i < MR_SHARDS_MAX; i++)
		if (merge->absent[i] > hot->absent_max)
			hot->absent_max = merge->absent[i];
	qsort(merge->items, merge->count, sizeof(merge->items[0]), compare_ids);
	for (uint32_t i = 0; i < merge->count;) {
		uint32_t end = i + 1;

		while (end < merge->count && merge->items[end].row.id == merge->items[i].row.id)
			end++;
		merge_items(merge, &merge->items[i], end - i);
		i = end;
	}
}

int mr_hot_read(const struct mr_stats *stats, enum mr_scope_kind kind, enum mr_hot_by by,
	uint64_t now_ns, struct mr_hot *ret_hot)
{
	const size_t rows = (size_t)stats->shards * MR_TOP_TABLES * MR_TOP_ROWS;
	int r = 0;

	*ret_hot = (struct mr_hot){.kind = kind, .by = by};
	if (kind < MR_SCOPE_APP || kind > MR_SCOPE_USER || by >= MR_HOT_BY_COUNT
		|| (by == MR_HOT_BY_QUEUE && kind != MR_SCOPE_OBJECT))
		return -EINVAL;
	struct merge *merge = calloc(1, sizeof(*merge) + rows * sizeof(merge->items[0]));
	if (!merge)
		return -ENOMEM;
	merge->hot = ret_hot;
	merge->since_ns = UINT64_MAX;
	for (uint32_t shard = 0; r == 0 && shard < stats->shards; shard++)
		r = read_shard(merge, stats, shard, now_ns);
	if (r == 0 && merge->count > 0) {
		ret_hot->window_ns = now_ns > merge->since_ns ? now_ns - merge->since_ns : 1;
		merge_all(merge);
	}
	free(merge);
	return r;
}

int mr_hot_by_parse(const char *name, enum mr_hot_by *ret_by)
{
	static const char *const names[MR_HOT_BY_COUNT] = {"rate", "queue", "refused"};

	for (uint32_t i = 0; i < MR_HOT_BY_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_by = (enum mr_hot_by)i;
			return 0;
		}
	}
	return -EINVAL;
}
