// Who is most active: the tables of all shards (struct mr_stats_top) merged into one ranked view,
// and the endpoints that hold deliveries up. A view covers the last five to ten seconds.
#pragma once

#include <stdint.h>

#include <millrace/scope.h>
#include <millrace/stats.h>

enum mr_hot_by {
	MR_HOT_BY_RATE, // events offered per second
	MR_HOT_BY_QUEUE, // objects: events waiting
	MR_HOT_BY_REFUSED, // events refused per second
	MR_HOT_BY_COUNT,
};

struct mr_hot_row {
	uint64_t id;
	// Events offered in the view's time: count - error <= true count <= count.
	uint64_t count;
	uint64_t error;
	uint64_t refused; // of them, at least
	uint64_t queued; // objects: events in the queue
	double per_s; // `count` per second
	double per_s_min; // `count - error` per second
	// `count` of the table that counts now (the one before while it is younger than a second):
	// follows an onset at once
	double now_per_s;
	double refused_per_s;
	uint64_t app, workspace, database; // objects: of the last event; 0: not known
};

enum { MR_HOT_ROWS_MAX = 64 };

struct mr_hot {
	enum mr_scope_kind kind;
	enum mr_hot_by by;
	uint64_t window_ns; // the view's time
	uint64_t total; // events offered in it that have such an id
	uint64_t absent_max; // what is in no row was offered no more often than that
	uint32_t count;
	struct mr_hot_row rows[MR_HOT_ROWS_MAX]; // the first by `by`, then by rate
};

// `now_ns`: CLOCK_MONOTONIC. 0; -EINVAL: no such kind, or a queue of what has none; -ENOMEM.
int mr_hot_read(const struct mr_stats *stats, enum mr_scope_kind kind, enum mr_hot_by by,
	uint64_t now_ns, struct mr_hot *ret_hot);

// One table as it was at one moment. 0; -EAGAIN: the shard died in the middle of writing it.
int mr_top_read(const struct mr_stats_top *table, struct mr_stats_top *ret_copy);

enum mr_hot_endpoint_by {
	MR_HOT_BY_PENDING, // deliveries that wait
	MR_HOT_BY_REQUEST_TIME, // mean duration of its attempts
	MR_HOT_BY_FAILED, // attempts that failed
	MR_HOT_ENDPOINT_BY_COUNT,
};

struct mr_hot_endpoint { // sums over the webhooks of one origin, since the router's start
	char origin[MR_NAME_BYTES_MAX + 1];
	uint32_t webhooks;
	uint32_t failing; // of which
	uint64_t pending;
	uint64_t delivered;
	uint64_t requests;
	uint64_t requests_failed;
	uint64_t requests_ns;
	uint64_t oldest_ns; // the longest wait
	uint64_t last_status; // of its last webhook that has one; 0: none
};

// The first `max` by `by`; how many, or -ENOMEM.
int mr_hot_endpoints(const struct mr_stats *stats, enum mr_hot_endpoint_by by, uint32_t max,
	struct mr_hot_endpoint *ret_rows);

// "rate", "queue", "refused"; "pending", "request_time", "failed". -EINVAL: no such name.
int mr_hot_by_parse(const char *name, enum mr_hot_by *ret_by);
int mr_hot_endpoint_by_parse(const char *name, enum mr_hot_endpoint_by *ret_by);
