// Endpoints: the webhooks of one origin, added up.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"
#include "hot.h"

struct ranked {
	double key;
	struct mr_hot_endpoint row;
};

static int compare_origins(const void *left, const void *right)
{
	const struct ranked *a = left;
	const struct ranked *b = right;

	return strcmp(a->row.origin, b->row.origin);
}

static int compare_keys(const void *left, const void *right)
{
	const struct ranked *a = left;
	const struct ranked *b = right;

	if (a->key != b->key)
		return a->key > b->key ? -1 : 1;
	return compare_origins(left, right);
}

static double key_of(const struct mr_hot_endpoint *row, enum mr_hot_endpoint_by by)
{
	if (by == MR_HOT_BY_PENDING)
		return (double)row->pending;
	if (by == MR_HOT_BY_FAILED)
		return (double)row->requests_failed;
	return row->requests > 0 ? (double)row->requests_ns / (double)row->requests : 0;
}

static struct mr_hot_endpoint endpoint_of(const struct mr_stats_webhook *webhook)
{
	struct mr_hot_endpoint row = {
		.webhooks = 1,
		.failing = mr_read(&webhook->failing_since_ns) != 0,
		.pending = mr_read(&webhook->pending),
		.delivered = mr_read(&webhook->delivered),
		.requests = mr_read(&webhook->requests),
		.requests_failed = mr_read(&webhook->requests_failed),
		.requests_ns = mr_read(&webhook->requests_ns),
		.oldest_ns = mr_read(&webhook->oldest_ns),
		.last_status = mr_read(&webhook->last_status),
	};

	snprintf(row.origin, sizeof(row.origin), "%.*s", (int)sizeof(webhook->origin),
		webhook->origin);
	return row;
}

static void add(struct mr_hot_endpoint *into, const struct mr_hot_endpoint *from)
{
	into->webhooks += from->webhooks;
	into->failing += from->failing;
	into->pending += from->pending;
	into->delivered += from->delivered;
	into->requests += from->requests;
	into->requests_failed += from->requests_failed;
	into->requests_ns += from->requests_ns;
	if (from->oldest_ns > into->oldest_ns)
		into->oldest_ns = from->oldest_ns;
	if (from->last_status != 0)
		into->last_status = from->last_status;
}

// Neighbours of one origin become one; how many are left.
static uint32_t merge(struct ranked *all, uint32_t count)
{
	uint32_t merged = 0;

	qsort(all, count, sizeof(all[0]), compare_origins);
	for (uint32_t i = 0; i < count; i++) {
		if (merged > 0 && strcmp(all[merged - 1].row.origin, all[i].row.origin) == 0)
			add(&all[merged - 1].row, &all[i].row);
		else
			all[merged++] = all[i];
	}
	return merged;
}

int mr_hot_endpoints(const struct mr_stats *stats, enum mr_hot_endpoint_by by, uint32_t max,
	struct mr_hot_endpoint *ret_rows)
{
	const struct mr_stats_webhook *webhooks = mr_stats_webhooks(stats);
	struct ranked *all = calloc((size_t)stats->webhooks_max + 1, sizeof(all[0]));
	uint32_t count = 0;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < stats->webhooks_max; i++) {
		if (mr_read(&webhooks[i].webhook) != 0)
			all[count++].row = endpoint_of(&webhooks[i]);
	}
	count = merge(all, count);
	for (uint32_t i = 0; i < count; i++)
		all[i].key = key_of(&all[i].row, by);
	qsort(all, count, sizeof(all[0]), compare_keys);
	if (count > max)
		count = max;
	for (uint32_t i = 0; i < count; i++)
		ret_rows[i] = all[i].row;
	free(all);
	return (int)count;
}

int mr_hot_endpoint_by_parse(const char *name, enum mr_hot_endpoint_by *ret_by)
{
	static const char *const names[MR_HOT_ENDPOINT_BY_COUNT] = {
		"pending", "request_time", "failed"};

	for (uint32_t i = 0; i < MR_HOT_ENDPOINT_BY_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_by = (enum mr_hot_endpoint_by)i;
			return 0;
		}
	}
	return -EINVAL;
}
