#include "recent.h"

#include "mr_assert.h"

#define SAMPLE_NS UINT64_C(5000000000)
#define MINUTE_NS UINT64_C(60000000000)

enum {
	SAMPLES = 12, // the oldest is a minute old
	ROWS = MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX, // of one shard
};

bool mr_recent_init(struct mr_recent *recent, struct mr_arena *arena,
	const struct mr_segment *segment, uint32_t shards)
{
	mr_assert(shards > 0 && shards <= MR_SHARDS_MAX);
	*recent = (struct mr_recent){.segment = segment, .shards = shards};
	recent->samples = mr_arena_array(
		arena, "steward: recent traffic", uint64_t, (uint64_t)SAMPLES * shards * ROWS);
	return recent->samples != NULL;
}

static uint64_t events_of(const struct mr_stats_scope *row)
{
	return mr_read(&row->accepted) + mr_read(&row->refused);
}

void mr_recent_work(struct mr_recent *recent, uint64_t now_ns)
{
	if (recent->count > 0 && now_ns - recent->sampled_ns < SAMPLE_NS)
		return;
	uint64_t *sample =
		recent->samples + (uint64_t)(recent->count % SAMPLES) * recent->shards * ROWS;
	for (uint32_t shard = 0; shard < recent->shards; shard++) {
		const struct mr_stats_scope *rows = mr_segment_scopes(recent->segment, shard);
		for (uint32_t i = 0; i < ROWS; i++)
			sample[shard * ROWS + i] = events_of(&rows[i]);
	}
	recent->sampled_ns = now_ns;
	recent->count++;
}

struct sums {
	uint64_t all, scope;
	bool has_others; // since the start
};

// The oldest sample is that of the next place, once all are taken; before, nothing was earlier.
static struct sums sum_ledgers(const struct mr_recent *recent, struct mr_scope scope)
{
	static_assert(MR_SCOPE_APP == 1 && MR_SCOPE_WORKSPACE == 3 && MR_SCOPE_DATABASE == 4,
		"tables in the order of ledgers");
	const uint32_t table = scope.kind == MR_SCOPE_APP ? 0 : scope.kind - MR_SCOPE_WORKSPACE + 1;
	const uint64_t *oldest = recent->count >= SAMPLES
		? recent->samples + (uint64_t)(recent->count % SAMPLES) * recent->shards * ROWS
		: NULL;
	struct sums sums = {0};
	for (uint32_t shard = 0; shard < recent->shards; shard++) {
		const struct mr_stats_scope *rows = mr_segment_scopes(recent->segment, shard);
		for (uint32_t i = 0; i < MR_LEDGER_SCOPES_MAX; i++) {
			const uint32_t at = table * MR_LEDGER_SCOPES_MAX + i;
			const uint64_t ever = events_of(&rows[at]);
			const uint64_t before = oldest != NULL ? oldest[shard * ROWS + at] : 0;
			const bool is_it = mr_read(&rows[at].kind) == scope.kind
				&& mr_read(&rows[at].id) == scope.id;
			sums.all += ever - before;
			sums.scope += is_it ? ever - before : 0;
			sums.has_others |= !is_it && ever > 0;
		}
	}
	return sums;
}

static uint64_t sum_tops(const struct mr_recent *recent, struct mr_scope scope, uint64_t now_ns)
{
	uint64_t since_ns = UINT64_MAX, events = 0;
	for (uint32_t shard = 0; shard < recent->shards; shard++) {
		for (uint32_t half = 0; half < MR_TOP_TABLES; half++) {
			const struct mr_stats_top *top =
				&recent->segment->tops[(shard * MR_TOP_KINDS + scope.kind - 1)
						* MR_TOP_TABLES
					+ half];
			const uint64_t begun_ns = mr_read(&top->since_ns);
			if (begun_ns == 0)
				continue;
			since_ns = begun_ns < since_ns ? begun_ns : since_ns;
			for (uint32_t i = 0; i < MR_TOP_ROWS; i++)
				if (mr_read(&top->rows[i].id) == scope.id)
					events += mr_read(&top->rows[i].count);
		}
	}
	const uint64_t seen_ns = now_ns > since_ns ? now_ns - since_ns : 0;
	if (seen_ns < 1000000000 || seen_ns >= MINUTE_NS)
		return events;
	return (uint64_t)((double)events * (double)MINUTE_NS / (double)seen_ns);
}

static bool has_ledger(struct mr_scope scope)
{
	return scope.kind == MR_SCOPE_APP || scope.kind == MR_SCOPE_WORKSPACE
		|| scope.kind == MR_SCOPE_DATABASE;
}

uint64_t mr_recent_events(const struct mr_recent *recent, struct mr_scope scope, uint64_t now_ns)
{
	mr_assert(scope.kind >= MR_SCOPE_APP && scope.kind <= MR_SCOPE_USER);
	const uint64_t events = has_ledger(scope) ? sum_ledgers(recent, scope).scope : 0;
	return events > 0 ? events : sum_tops(recent, scope, now_ns);
}

bool mr_recent_is_all(const struct mr_recent *recent, struct mr_scope scope)
{
	if (!has_ledger(scope))
		return false;
	const struct sums sums = sum_ledgers(recent, scope);
	return sums.scope > 0 && sums.scope == sums.all && sums.has_others;
}
