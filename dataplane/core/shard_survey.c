// A survey of what a scope has waiting here, counted or dropped: object by object, a bounded piece
// per step. An object does not run while its events are in the sieve.
#include "mr_assert.h"
#include "record_codec.h"
#include "shard_state.h"

enum { UNITS_PER_STEP = 256 };

enum sifted { SIFTED, SIFTED_ALL, BLOCKED };

void mr_shard_begin_survey(struct mr_shard *shard, struct mr_survey *survey)
{
	struct mr_shard_survey *state = &shard->survey;
	mr_expect(state->survey == NULL); // one at a time
	state->survey = survey;
	state->end = mr_stream_next(shard->config.stream);
	state->object = 1;
	state->events = 0;
}

// Only the events of the object itself are meant: nobody else's are looked at.
static bool is_of_one_object(const struct mr_survey *survey)
{
	return survey->scope.kind == MR_SCOPE_OBJECT && !survey->with_descendants;
}

// The next object with events goes into the sieve. False: there is none, or none was found in so
// many looks.
static bool enter_object(struct mr_shard *shard, uint32_t *units)
{
	struct mr_shard_survey *state = &shard->survey;
	struct mr_objects *objects = &shard->objects;
	for (; state->object < objects->fresh && *units < UNITS_PER_STEP; ++*units) {
		uint32_t index = state->object++;
		if (is_of_one_object(state->survey)) {
			index = mr_objects_find(objects, state->survey->scope.id);
			state->object = UINT32_MAX;
		}
		const struct mr_object *object = &objects->states[index];
		if (index == 0 || object->id == 0 || mr_object_waiting(object) == 0)
			continue;
		state->half_way = object->ancestor_next > 0 ? mr_objects_front(objects, index) : 0;
		mr_sieve_begin(objects, index);
		return true;
	}
	return false;
}

static bool is_meant(const struct mr_survey *survey, const struct mr_lineage *lineage)
{
	const struct mr_event_scopes scopes = mr_lineage_scopes(lineage);
	return mr_scope_takes(&survey->scope, survey->with_descendants, &scopes);
}

// False: no room to record it.
static bool drop(struct mr_shard *shard, uint64_t offset, const struct mr_lineage *lineage)
{
	const struct mr_survey *survey = shard->survey.survey;
	if (!mr_progress_drop(shard, offset, &survey->scope, survey->drop_reason))
		return false;
	mr_sieve_drop(&shard->objects, lineage->bytes);
	mr_shard_gave_up(shard, offset, lineage, survey->drop_reason);
	return true;
}

// One event. An event with hops under way is as good as distributed; one that cannot be read is
// left to distribution.
static enum sifted sift(struct mr_shard *shard)
{
	struct mr_shard_survey *state = &shard->survey;
	struct mr_lineage lineage;
	uint64_t offset;
	if (!mr_sieve_front(&shard->objects, &offset))
		return SIFTED_ALL;
	const enum mr_read read = mr_fanout_read(shard, offset, &lineage);
	if (read == MR_READ_WAIT)
		return BLOCKED;
	if (read == MR_READ_GONE)
		return mr_sieve_keep(&shard->objects, MR_LEDGER_OTHER) ? SIFTED : BLOCKED;
	const bool is_one = offset != state->half_way && is_meant(state->survey, &lineage);
	if (is_one && state->survey->drop_reason != MR_REASON_OK) {
		if (!drop(shard, offset, &lineage))
			return BLOCKED;
	} else {
		const struct mr_ledger_rows rows = mr_shard_rows(shard, &lineage.origin);
		if (!mr_sieve_keep(&shard->objects, rows.row[0]))
			return BLOCKED;
	}
	state->events += is_one;
	return SIFTED;
}

static void finish(struct mr_shard *shard)
{
	struct mr_shard_survey *state = &shard->survey;
	struct mr_survey_part *part =
		&state->survey->parts[shard->config.sources + shard->config.index];
	part->events = state->events;
	// From here on the survey may be gone.
	atomic_store_explicit(&part->done, 1, memory_order_release);
	state->survey = NULL;
}

uint32_t mr_shard_survey(struct mr_shard *shard)
{
	struct mr_shard_survey *state = &shard->survey;
	uint32_t units = 0;
	if (state->survey == NULL)
		return 0;
	// What was appended before it came is queued first; a disk that has failed is not awaited.
	if (shard->walked < state->end && shard->journal_state == MR_JOURNAL_OK)
		return 0;
	while (units < UNITS_PER_STEP) {
		const uint32_t index = shard->objects.sieve.object;
		if (index == 0 && !enter_object(shard, &units)) {
			if (state->object >= shard->objects.fresh)
				finish(shard);
			break;
		}
		if (index == 0)
			continue;
		units++;
		const enum sifted sifted = sift(shard);
		if (sifted == SIFTED_ALL)
			mr_shard_relieve(shard, index);
		if (sifted == BLOCKED) {
			units--;
			break;
		}
	}
	return units;
}
