// A connection to the data plane's own socket, and the statistics segment that comes with it,
// mapped read-only and checked before anything in it is believed.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <millrace/control.h>
#include <millrace/stats.h>

struct mr_direct {
	int fd;
	uint32_t request_id;
	uint16_t flags; // of requests: enum mr_control_flag; set after mr_direct_open
	struct mr_control_welcome welcome;
	const struct mr_stats *stats; // NULL: not mapped
	size_t stats_bytes;
};

enum { MR_DIRECT_WHY_BYTES = 512 };

// Connects, says hello, maps the segment. 0, or a negative errno with what failed and what to do in
// `ret_why` (MR_DIRECT_WHY_BYTES): -ENOENT, -ECONNREFUSED nobody there; -EACCES, -EPERM not
// allowed; -EPROTO another release, or not a router; other: input/output.
int mr_direct_open(struct mr_direct *ret_direct, const char *path, char *ret_why);
void mr_direct_close(struct mr_direct *direct); // accepts a half-opened or closed one
// One request of `type` with a body of `body_bytes` (NULL and 0: none), one reply with a body of
// exactly `ret_bytes`. What the router refused comes back as its negative errno and its sentence.
// After -ETIMEDOUT, -EPROTO and -ECONNRESET the connection is of no use: close it.
int mr_direct_ask(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, void *ret_body, size_t ret_bytes, char *ret_why);
// How long a request waits for its reply; 5 seconds after mr_direct_open.
int mr_direct_wait(struct mr_direct *direct, uint32_t timeout_ms);
int mr_direct_status(struct mr_direct *direct, struct mr_control_status *ret_status, char *ret_why);

// 0 when every table that the header announces lies inside `bytes`, aligned, and the versions fit;
// -EPROTO with the reason otherwise.
int mr_stats_check(const struct mr_stats *stats, size_t bytes, char *ret_why);

static inline const struct mr_stats_stage *mr_stats_stages(const struct mr_stats *stats)
{
	return (const void *)((const uint8_t *)stats + stats->stages_at);
}

// Row `row` of table `table` (enum mr_scope_kind's app, workspace, database in this order) of shard
// `shard`.
static inline const struct mr_stats_scope *mr_stats_scopes(
	const struct mr_stats *stats, uint32_t shard, uint32_t table)
{
	const struct mr_stats_scope *scopes =
		(const void *)((const uint8_t *)stats + stats->scopes_at);

	return scopes + ((size_t)shard * MR_LEDGER_TABLES + table) * MR_LEDGER_SCOPES_MAX;
}

static inline const struct mr_stats_webhook *mr_stats_webhooks(const struct mr_stats *stats)
{
	return (const void *)((const uint8_t *)stats + stats->webhooks_at);
}
