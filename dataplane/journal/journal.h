// The journal stage: makes streams durable and publishes how far (stream->watermark). One per disk;
// the one writer of every watermark. The back end decides what durable means: the volatile one
// moves the watermark to the tail, the one on disk writes commit frames (<millrace/journal.h>).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "net.h"
#include "reader.h"
#include "stage.h"
#include "stream.h"

// Durable means what the back end says. Each call is one commit of everything new in the given
// streams.
struct mr_backend {
	const char *name; // "memory", "disk"
	void *state;
	// Makes bytes durable and stores watermarks, now or in a later call. Returns bytes made
	// durable by this call.
	uint64_t (*commit)(
		void *state, struct mr_stream *const *streams, uint32_t count, struct mr_now now);
	// Where overwritten records still are, for stages that share one state; the back end on
	// disk has none here: each stage has its own (journal_reader.h).
	struct mr_backend_reader reader;
	// When commit has something to do without any input; NULL: never.
	uint64_t (*next_due)(void *state);
	// The sockets of the lcore that runs the stage, and their end; NULL: needs none.
	void (*attach)(void *state, struct mr_net *net);
	void (*detach)(void *state);
	bool is_volatile; // a crash forgets what was acknowledged
};

struct mr_journal;

struct mr_journal_config {
	struct mr_stream *const *streams; // those it serves; no NULL; ids are consecutive
	uint32_t streams_count;
	struct mr_backend backend;
	struct mr_stats_stage *stats;
};

struct mr_journal *mr_journal_new(struct mr_arena *arena, const struct mr_journal_config *config);
void mr_journal_attach(struct mr_journal *journal, struct mr_net *net);
void mr_journal_detach(struct mr_journal *journal);
enum mr_poll mr_journal_step(void *journal, struct mr_now now, struct mr_budget budget);
uint64_t mr_journal_next_due(void *journal);

// The back end of `durability: memory`: the watermark moves at append, what is overwritten is gone.
struct mr_backend mr_backend_volatile(void);
