// The delivery stage with its own engine and io_uring, as a router runs it, beside a shard that
// exists only as a stream of events and a ring of lane messages. Everything is one thread; what the
// made-up shard costs is known and left out of the CPU time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "delivery.h"
#include "journal.h"

enum { MR_FEED_LANES_MAX = 64 };

struct mr_feed_options {
	uint16_t port; // of the receiver, on 127.0.0.1
	uint32_t lanes; // webhooks, all of one endpoint, one request at a time each
	uint32_t fan_out; // webhooks that want an event, at most `lanes`
	uint32_t batch_events; // at most in one body
};

struct mr_feed {
	struct mr_feed_options options;
	struct mr_arena arena;
	struct mr_stream shard_stream, own_stream;
	struct mr_stream *streams[2];
	struct mr_ring *lane_msgs, *holds, *from_steward, *to_steward;
	struct mr_delivery_board board;
	struct mr_stats_stage *stats; // delivery, journal
	struct mr_stats_webhook *rows;
	struct mr_delivery *delivery;
	struct mr_journal *journal;
	struct mr_net *net;
	uint64_t pushed; // lane messages
	uint64_t sequence;
	uint64_t shard_cpu_ns; // of what stands in for the shard
};

struct mr_feed_count {
	uint64_t requests; // answered
	uint64_t events;
	double cpu_s; // of this thread, without the shard's
};

bool mr_feed_open(struct mr_feed *feed, const struct mr_feed_options *options);
void mr_feed_close(struct mr_feed *feed);
void mr_feed_run(struct mr_feed *feed, double seconds);
struct mr_feed_count mr_feed_count(const struct mr_feed *feed); // so far
