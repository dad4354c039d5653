// The segment map against a straightforward model, and against a writer on another thread.
#include "segment_map.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/journal.h>

#include "rng.h"

enum { STREAMS = 3, SEGMENTS = 16, SEGMENT_BYTES = 8 << 20, PER_MARK = (1 << 20) / 4096 };

static struct mr_segment_map *new_map(void)
{
	const struct mr_segment_map_config config = {
		.segment_bytes = SEGMENT_BYTES, .streams_max = STREAMS, .segments_max = SEGMENTS};
	struct mr_segment_map *map = mr_segment_map_new(&config);
	assert_non_null(map);
	return map;
}

static void begin(struct mr_segment_map *map, uint64_t number, uint64_t boot, uint16_t first_stream,
	const uint64_t starts[STREAMS])
{
	struct mr_segment_header header = {.number = number,
		.boot = boot,
		.begun_at_ns = (int64_t)number,
		.segment_bytes = SEGMENT_BYTES,
		.streams = STREAMS,
		.first_stream = first_stream};
	memcpy(header.starts, starts, STREAMS * sizeof(starts[0]));
	mr_segment_map_begin(map, 100 + (int)number, &header);
}

static void an_empty_map_finds_nothing(void **state)
{
	(void)state;
	struct mr_segment_map *map = new_map();
	assert_int_equal(mr_segment_map_find(map, mr_position_make(0, MR_STREAM_START)), 0);
	assert_int_equal(mr_segment_map_oldest(map), mr_segment_map_end(map));
	mr_segment_map_free(map);
}

static void what_is_not_durable_is_not_found(void **state)
{
	(void)state;
	struct mr_segment_map *map = new_map();
	uint64_t at[STREAMS] = {4096, 4096, 4096};
	begin(map, 7, 1, 0, at);
	assert_int_equal(mr_segment_map_find(map, mr_position_make(0, 4096)), 0);
	mr_segment_map_frame(map, 1, at);
	at[0] = 5000;
	mr_segment_map_durable(map, 3, at);
	struct mr_segment_place place;
	assert_true(mr_segment_map_place(map, mr_position_make(0, 4992), &place));
	assert_int_equal(place.segment, 7);
	assert_int_equal(place.fd, 107);
	assert_int_equal(place.first_block, 1);
	assert_int_equal(place.end_block, 3);
	assert_false(mr_segment_map_place(map, mr_position_make(0, 5000), &place));
	assert_false(mr_segment_map_place(map, mr_position_make(1, 4096), &place));
	assert_false(mr_segment_map_place(map, mr_position_make(3, 4096), &place));
	mr_segment_map_free(map);
}

static void the_writer_learns_what_it_told(void **state)
{
	(void)state;
	struct mr_segment_map *map = new_map();
	const uint64_t starts[STREAMS] = {4096, 8192, 4104};
	begin(map, 3, 1, 10, starts);
	const struct mr_segment_facts facts = mr_segment_map_facts(map, 3);
	assert_int_equal(facts.fd, 103);
	assert_int_equal(facts.begun_at_ns, 3);
	assert_int_equal(facts.bytes, SEGMENT_BYTES);
	assert_int_equal(mr_segment_map_start(map, 3, 11), 8192);
	assert_int_equal(mr_segment_map_start(map, 3, 9), 0);
	assert_int_equal(mr_segment_map_start(map, 3, 13), 0);
	mr_segment_map_free(map);
}

// -- The model: every frame there was.

struct model_frame {
	uint64_t segment;
	uint32_t block, end_block;
	uint16_t first_stream;
	uint64_t from[STREAMS], to[STREAMS];
};

struct model {
	struct mr_segment_map *map;
	struct mr_rng rng;
	struct model_frame frames[20000];
	uint32_t count;
	uint64_t number, boot;
	uint16_t first_stream;
	uint32_t block;
	uint64_t at[STREAMS];
};

static void model_begin(struct model *model, bool is_boot)
{
	if (is_boot) {
		model->boot++;
		model->first_stream = (uint16_t)(model->first_stream + STREAMS);
		for (int i = 0; i < STREAMS; i++)
			model->at[i] = MR_STREAM_START;
	}
	model->number++;
	model->block = 1;
	if (mr_segment_map_end(model->map) - mr_segment_map_oldest(model->map) == SEGMENTS)
		mr_segment_map_retire(model->map);
	begin(model->map, model->number, model->boot, model->first_stream, model->at);
}

static void model_commit(struct model *model)
{
	struct model_frame *frame = &model->frames[model->count++];
	*frame = (struct model_frame){.segment = model->number,
		.block = model->block,
		.first_stream = model->first_stream};
	memcpy(frame->from, model->at, sizeof(frame->from));
	mr_segment_map_frame(model->map, model->block, model->at);
	for (int i = 0; i < STREAMS; i++)
		if (mr_rng_below(&model->rng, 3) != 0)
			model->at[i] += 8 * mr_rng_below(&model->rng, 1000);
	memcpy(frame->to, model->at, sizeof(frame->to));
	model->block += 1 + (uint32_t)mr_rng_below(&model->rng, PER_MARK + 2);
	frame->end_block = model->block;
	mr_segment_map_durable(model->map, model->block, model->at);
}

static const struct model_frame *model_find(
	const struct model *model, uint16_t stream, uint64_t offset)
{
	for (uint32_t i = 0; i < model->count; i++) {
		const struct model_frame *frame = &model->frames[i];
		const int index = stream - frame->first_stream;
		if (index >= 0 && index < STREAMS && offset >= frame->from[index]
			&& offset < frame->to[index])
			return frame;
	}
	return NULL;
}

static void model_ask(struct model *model)
{
	const uint16_t stream =
		(uint16_t)mr_rng_below(&model->rng, model->first_stream + STREAMS + 1u);
	const uint64_t offset =
		4096 + 8 * mr_rng_below(&model->rng, (model->at[0] + model->at[1]) / 8);
	const struct model_frame *frame = model_find(model, stream, offset);
	struct mr_segment_place place;
	const bool found =
		mr_segment_map_place(model->map, mr_position_make(stream, offset), &place);
	if (frame == NULL || frame->segment < mr_segment_map_oldest(model->map)) {
		assert_false(found);
		return;
	}
	assert_true(found);
	assert_int_equal(place.segment, frame->segment);
	assert_int_equal(place.fd, 100 + (int)frame->segment);
	assert_in_range(frame->block, place.first_block, place.end_block - 1);
	// A reader walks two MiB at most, and the frame that lies across their end.
	assert_true(place.end_block - place.first_block <= 3 * PER_MARK + 2);
}

static void random_histories_agree_with_the_model(void **state)
{
	(void)state;
	static struct model model;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		memset(&model, 0, sizeof(model));
		mr_rng_seed(&model.rng, seed);
		model.map = new_map();
		model.number = mr_rng_below(&model.rng, 100);
		model_begin(&model, true);
		for (uint32_t step = 0; step < 600; step++) {
			if (model.block + 2 * PER_MARK + 2 > SEGMENT_BYTES / 4096)
				model_begin(&model, mr_rng_below(&model.rng, 6) == 0);
			model_commit(&model);
			if (mr_rng_below(&model.rng, 40) == 0
				&& mr_segment_map_end(model.map) - mr_segment_map_oldest(model.map)
					> 1)
				mr_segment_map_retire(model.map);
			for (int i = 0; i < 5; i++)
				model_ask(&model);
		}
		mr_segment_map_free(model.map);
	}
}

// -- Two threads. Stream i of segment n begins at n * STEP: what a reader is told must be true.

enum { STEP = 4096, ROUNDS = 4000 };

struct pair {
	struct mr_segment_map *map;
	_Atomic bool done;
	uint64_t found, gone; // the reader's
};

static void *write_segments(void *owner)
{
	struct pair *pair = owner;
	for (uint64_t number = 1; number <= ROUNDS; number++) {
		const uint64_t at = number * STEP;
		const uint64_t starts[STREAMS] = {at, at, at};
		const uint64_t ends[STREAMS] = {at + STEP, at + STEP, at + STEP};
		if (number > SEGMENTS)
			mr_segment_map_retire(pair->map);
		begin(pair->map, number, 1, 5, starts);
		mr_segment_map_frame(pair->map, (uint32_t)number, starts);
		mr_segment_map_durable(pair->map, (uint32_t)number + 1, ends);
	}
	atomic_store_explicit(&pair->done, true, memory_order_release);
	return NULL;
}

static void *read_segments(void *owner)
{
	struct pair *pair = owner;
	struct mr_rng rng;
	mr_rng_seed(&rng, 1);
	while (!atomic_load_explicit(&pair->done, memory_order_acquire)) {
		const uint64_t oldest = mr_segment_map_oldest(pair->map);
		const uint64_t end = mr_segment_map_end(pair->map);
		if (end < 3)
			continue;
		// the newest may not be durable yet
		const uint64_t span = end - 1 - oldest;
		const uint64_t number =
			oldest + (span == 0 ? 0 : mr_rng_below(&rng, (uint32_t)span));
		struct mr_segment_place place;
		if (mr_segment_map_place(pair->map,
			    mr_position_make((uint16_t)(5 + number % STREAMS), number * STEP + 8),
			    &place)) {
			assert_int_equal(place.segment, number);
			assert_int_equal(place.fd, 100 + (int)number);
			assert_int_equal(place.first_block, number);
			assert_int_equal(place.end_block, number + 1);
			pair->found++;
		} else {
			// only because it was retired since
			assert_true(number < mr_segment_map_oldest(pair->map));
			pair->gone++;
		}
	}
	return NULL;
}

static void readers_on_another_thread_are_told_the_truth(void **state)
{
	(void)state;
	static struct pair pair;
	pthread_t writer;
	pair.map = new_map();
	assert_int_equal(pthread_create(&writer, NULL, write_segments, &pair), 0);
	(void)read_segments(&pair);
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(mr_segment_map_find(pair.map, mr_position_make(5, ROUNDS * STEP)), ROUNDS);
	mr_segment_map_free(pair.map);
}

static void the_plan_covers_what_is_taken(void **state)
{
	(void)state;
	const struct mr_segment_map_config config = {
		.segment_bytes = 64 << 20, .streams_max = 7, .segments_max = 100};
	// 128 entries of 64 marks and two tables
	assert_true(mr_segment_map_bytes(&config) > 128 * 8 * (64 * 8 + 2 * 7));
	assert_true(mr_segment_map_bytes(&config) < 128 * 8 * (64 * 8 + 2 * 7) + (1 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(what_is_not_durable_is_not_found),
		cmocka_unit_test(the_writer_learns_what_it_told),
		cmocka_unit_test(random_histories_agree_with_the_model),
		cmocka_unit_test(readers_on_another_thread_are_told_the_truth),
		cmocka_unit_test(the_plan_covers_what_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
