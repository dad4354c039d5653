#include "latency.h"

#include "hash.h"
#include "mr_assert.h"

static const char *const keys[] = {
#define X(symbol, key, text) key,
	MR_LATENCY_CLASSES(X)
#undef X
};

static const char *const texts[] = {
#define X(symbol, key, text) text,
	MR_LATENCY_CLASSES(X)
#undef X
};

void mr_latency_layout(struct mr_latency *latency, const struct mr_workload_options *workload,
	uint64_t hash_seed, uint32_t flows, uint32_t shards)
{
	mr_assert(flows > 0 && shards > 0);
	latency->workload = workload;
	latency->hash_seed = hash_seed;
	latency->flows = flows;
	latency->shards = shards;
	latency->hot_slot = mr_slot_of(workload->hot_object, hash_seed);
}

static uint32_t shard_of(const struct mr_latency *latency, uint32_t slot)
{
	return mr_shard_of_flow(mr_flow_of_slot(slot, latency->flows), latency->shards);
}

void mr_latency_record(struct mr_latency *latency, uint64_t object, uint64_t latency_ns)
{
	struct mr_stats_histogram *classes = latency->classes;
	const struct mr_workload_options *workload = latency->workload;
	mr_histogram_record(&classes[MR_LATENCY_ALL], latency_ns);
	if (workload == NULL || !(workload->hot_share > 0))
		return;
	if (object == workload->hot_object) {
		mr_histogram_record(&classes[MR_LATENCY_HOT], latency_ns);
		return;
	}
	mr_histogram_record(&classes[MR_LATENCY_COLD], latency_ns);
	uint32_t slot = mr_slot_of(object, latency->hash_seed);
	if (slot == latency->hot_slot)
		mr_histogram_record(&classes[MR_LATENCY_SAME_SLOT], latency_ns);
	bool same_shard = shard_of(latency, slot) == shard_of(latency, latency->hot_slot);
	mr_histogram_record(
		&classes[same_shard ? MR_LATENCY_SAME_SHARD : MR_LATENCY_OTHER_SHARDS], latency_ns);
	if (mr_workload_workspace(workload, object)
		== mr_workload_workspace(workload, workload->hot_object))
		mr_histogram_record(&classes[MR_LATENCY_SAME_WORKSPACE], latency_ns);
}

const char *mr_latency_class_key(unsigned latency_class)
{
	mr_assert(latency_class < MR_LATENCY_CLASS_COUNT);
	return keys[latency_class];
}

const char *mr_latency_class_text(unsigned latency_class)
{
	mr_assert(latency_class < MR_LATENCY_CLASS_COUNT);
	return texts[latency_class];
}
