// The journal stage: makes streams durable and publishes how far (stream->watermark). One per disk;
// the one writer of every watermark. The back end decides what durable means: the volatile one
// moves the watermark to the tail.
#pragma once

#include <stdint.h>

#include "arena.h"
#include "reader.h"
#include "stage.h"
#include "stream.h"

// Durable means what the back end says. Each call is one commit of everything new in the given
// streams.
struct mr_backend {
	const char *name; // "memory"
	void *state;
	// Makes bytes durable and stores watermarks, now or in a later call. Returns bytes made
	// durable by this call.
	uint64_t (*commit)(
		void *state, struct mr_stream *const *streams, uint32_t count, struct mr_now now);
	struct mr_backend_reader reader;
	bool is_volatile; // a crash forgets what was acknowledged
};

struct mr_journal;

struct mr_journal_config {
	struct mr_stream *const *streams; // those it serves; no NULL
	uint32_t streams_count;
	struct mr_backend backend;
	struct mr_stats_stage *stats;
};

struct mr_journal *mr_journal_new(struct mr_arena *arena, const struct mr_journal_config *config);
enum mr_poll mr_journal_step(void *journal, struct mr_now now, struct mr_budget budget);

// The back end of `durability: memory`: the watermark moves at append, what is overwritten is gone.
struct mr_backend mr_backend_volatile(void);
