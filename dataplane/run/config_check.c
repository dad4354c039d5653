#include "config_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/event.h>
#include <millrace/journal.h>

#include "config_table.h"
#include "device.h"
#include "hash.h"
#include "journal_plan.h"
#include "target.h"
#include "topology.h"

static struct mr_config_at at_key(const struct mr_config *config, const char *key)
{
	const struct mr_config_key *row =
		mr_config_key_find(mr_config_keys, mr_config_keys_count, key, strlen(key));
	struct mr_config_at at = config->at[row - mr_config_keys];
	if (at.line == 0 && at.where == NULL)
		at.where = key;
	return at;
}

static void check_numbers(const struct mr_config *config, struct mr_config_report *report)
{
	struct mr_device device;
	char why[256];
	if ((config->flows & (config->flows - 1)) != 0)
		mr_config_error(report, at_key(config, "flows"),
			"flows: %" PRIu64 " is no power of two", config->flows);
	if (config->retry_base_ns > config->retry_cap_ns)
		mr_config_error(report, at_key(config, "retry.base"),
			"retry.base is longer than retry.cap");
	if (config->connect_timeout_ns > config->request_timeout_ns)
		mr_config_error(report, at_key(config, "delivery.connect_timeout"),
			"delivery.connect_timeout is longer than delivery.request_timeout");
	uint64_t mbuf_bytes =
		config->port_mtu + 1024; // headers, headroom and the packet's own state
	if (mbuf_bytes < 3072)
		mbuf_bytes = 3072;
	if (config->port_mbufs * mbuf_bytes > config->eal_memory_bytes)
		mr_config_error(report, at_key(config, "eal.memory"),
			"eal.memory: %" PRIu64 " packet buffers need %" PRIu64 " MiB",
			config->port_mbufs, (config->port_mbufs * mbuf_bytes >> 20) + 1);
	if (mr_device_parse(config->port_device, &device, why, sizeof(why)) != 0)
		mr_config_error(report, at_key(config, "port.device"), "%s", why);
	if (config->direct_socket[0] != '/')
		mr_config_error(report, at_key(config, "direct.socket"),
			"direct.socket: expected a path from /");
	if (config->state_dir[0] != '/')
		mr_config_error(
			report, at_key(config, "state_dir"), "state_dir: expected a path from /");
	if (config->file_prefix[0] == '\0' || strchr(config->file_prefix, '/') != NULL)
		mr_config_error(report, at_key(config, "eal.file_prefix"),
			"eal.file_prefix: expected a word without /");
}

static void check_journal(const struct mr_config *config, struct mr_config_report *report)
{
	uint64_t segments = config->retention_bytes / config->segment_bytes;
	if (config->segment_bytes % MR_JOURNAL_BLOCK_BYTES != 0)
		mr_config_error(report, at_key(config, "journal.segment_bytes"),
			"journal.segment_bytes is no multiple of 4 KiB");
	if (segments > MR_SEGMENTS_MAX - MR_SEGMENT_SPARES)
		mr_config_error(report, at_key(config, "retention.bytes"),
			"retention.bytes are %" PRIu64
			" segments, more than %d: raise journal.segment_bytes",
			segments, MR_SEGMENTS_MAX - MR_SEGMENT_SPARES);
	if (config->retention_bytes != 0 && segments < MR_RETENTION_SEGMENTS_MIN)
		mr_config_error(report, at_key(config, "retention.bytes"),
			"retention.bytes are %" PRIu64
			" segments, fewer than %d: lower journal.segment_bytes",
			segments, MR_RETENTION_SEGMENTS_MIN);
	if (config->journal_dir[0] != '/')
		mr_config_error(report, at_key(config, "journal.dir"),
			"journal.dir: expected a path from /");
}

static void check_apps(const struct mr_config *config, struct mr_config_report *report)
{
	for (uint32_t i = 0; i < config->apps_count; i++) {
		const struct mr_config_app *app = &config->apps[i];
		for (uint32_t j = 0; j < i; j++) {
			const struct mr_config_app *other = &config->apps[j];
			if (strcmp(app->name, other->name) == 0)
				mr_config_error(report, app->at,
					"apps: the name \"%s\" stands twice, first in line %u",
					app->name, other->at.line);
			if (app->key_id == other->key_id)
				mr_config_error(report, app->at,
					"apps: the key %" PRIu64 " stands twice, first in line %u",
					app->key_id, other->at.line);
		}
	}
}

// -- Webhooks

static void check_filters(const struct mr_config_webhook *entry, struct mr_config_report *report)
{
	const struct mr_webhook *webhook = &entry->webhook;
	bool higher = mr_filter_is_higher_level(webhook->resource_type);
	if (higher && webhook->filters_count == 0)
		mr_config_error(report, entry->at,
			"webhooks: \"%s\" is on a %s and so needs filters", webhook->name,
			webhook->resource_type);
	for (uint32_t i = 0; i < webhook->filters_count; i++) {
		const char *mistake = mr_filter_mistake(&webhook->filters[i], higher);
		if (mistake != NULL)
			mr_config_error(
				report, entry->at, "webhooks: \"%s\": %s", webhook->name, mistake);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct mr_config_webhook *const *left = a;
	const struct mr_config_webhook *const *right = b;
	int order = strcmp((*left)->webhook.name, (*right)->webhook.name);
	return order != 0
		? order
		: ((*left)->at.line > (*right)->at.line) - ((*left)->at.line < (*right)->at.line);
}

static int by_resource(const void *a, const void *b)
{
	const struct mr_config_webhook *const *left = a;
	const struct mr_config_webhook *const *right = b;
	uint64_t left_resource = (*left)->webhook.resource;
	uint64_t right_resource = (*right)->webhook.resource;
	if (left_resource != right_resource)
		return left_resource < right_resource ? -1 : 1;
	int order = strcmp((*left)->url, (*right)->url);
	return order != 0
		? order
		: ((*left)->at.line > (*right)->at.line) - ((*left)->at.line < (*right)->at.line);
}

static void check_unique(const struct mr_config *config, struct mr_config_report *report)
{
	uint32_t count = config->webhooks_count;
	uint32_t of_resource = 0;
	const struct mr_config_webhook **sorted =
		calloc(count + 1, sizeof(const struct mr_config_webhook *));
	if (sorted == NULL) {
		mr_config_error(report, (struct mr_config_at){.where = "webhooks"}, "no memory");
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = &config->webhooks[i];
	qsort(sorted, count, sizeof(const struct mr_config_webhook *), by_name);
	for (uint32_t i = 1; i < count; i++)
		if (strcmp(sorted[i]->webhook.name, sorted[i - 1]->webhook.name) == 0)
			mr_config_error(report, sorted[i]->at,
				"webhooks: the name \"%s\" stands twice, first in line %u",
				sorted[i]->webhook.name, sorted[i - 1]->at.line);
	qsort(sorted, count, sizeof(const struct mr_config_webhook *), by_resource);
	for (uint32_t i = 1; i < count; i++) {
		bool same = sorted[i]->webhook.resource == sorted[i - 1]->webhook.resource;
		of_resource = same ? of_resource + 1 : 0;
		if (same && strcmp(sorted[i]->url, sorted[i - 1]->url) == 0)
			mr_config_error(report, sorted[i]->at,
				"webhooks: \"%s\" has the resource and target of \"%s\" in line %u",
				sorted[i]->webhook.name, sorted[i - 1]->webhook.name,
				sorted[i - 1]->at.line);
		if (of_resource == MR_MATCH_WEBHOOKS_MAX)
			mr_config_error(report, sorted[i]->at,
				"webhooks: resource %" PRIu64 " has more than %d",
				sorted[i]->webhook.resource, MR_MATCH_WEBHOOKS_MAX);
	}
	free(sorted);
}

static bool is_file_name(const char *name)
{
	if (name[0] == '.' || name[0] == '\0')
		return false;
	for (; *name != '\0'; name++)
		if ((unsigned char)*name <= ' ' || *name == '/' || *name == 0x7f)
			return false;
	return true;
}

// The target's address is judged here, once: deliveries go to nothing but the address that passed.
static void check_target(struct mr_config_webhook *entry, const struct mr_guard *guard,
	struct mr_config_report *report)
{
	struct mr_webhook *webhook = &entry->webhook;
	struct mr_target target;
	const char *why = NULL;
	int err = mr_target_parse(entry->url, &target, &why);
	if (err != 0 || !mr_guard_permits(guard, &target.address, &why)) {
		mr_config_error(report, entry->at, "webhooks: \"%s\": target %.200s: %s%s",
			webhook->name, entry->url, why,
			err != 0 ? "" : "; allow it with delivery.allow_targets");
		return;
	}
	memcpy(webhook->host, target.host, sizeof(webhook->host));
	memcpy(webhook->path, target.path, sizeof(webhook->path));
	memcpy(webhook->address, target.address.ip, sizeof(webhook->address));
	webhook->port = target.address.port;
}

static void check_webhooks(struct mr_config *config, struct mr_config_report *report)
{
	struct mr_guard guard = {0};
	const char *why = NULL;
	if (config->webhooks_count > config->webhooks_max)
		mr_config_error(report, at_key(config, "webhooks.max"),
			"webhooks.max is %" PRIu64 ", but there are %u", config->webhooks_max,
			config->webhooks_count);
	if (mr_guard_allow(&guard, config->allow_targets, &why) != 0)
		mr_config_error(report, at_key(config, "delivery.allow_targets"),
			"delivery.allow_targets: %s", why);
	for (uint32_t i = 0; i < config->webhooks_count; i++) {
		struct mr_config_webhook *entry = &config->webhooks[i];
		struct mr_webhook *webhook = &entry->webhook;
		if (!is_file_name(webhook->name))
			mr_config_error(report, entry->at,
				"webhooks: the name \"%s\" must be a word without blanks, / or a dot in front",
				webhook->name);
		if (webhook->in_flight == 0)
			webhook->in_flight = (uint16_t)config->in_flight;
		webhook->id = mr_hash_bytes(webhook->name, strlen(webhook->name), 0);
		check_filters(entry, report);
		check_target(entry, &guard, report);
	}
	check_unique(config, report);
}

void mr_config_check(struct mr_config *config, struct mr_config_report *report)
{
	struct mr_topology *topology = calloc(1, sizeof(*topology));
	check_numbers(config, report);
	check_journal(config, report);
	check_apps(config, report);
	check_webhooks(config, report);
	if (topology == NULL) {
		mr_config_error(report, (struct mr_config_at){.where = "topology"}, "no memory");
		return;
	}
	if (config->lcores_count > 0 || config->shards > config->flows)
		mr_topology_make(config, NULL, 0, report, topology);
	free(topology);
}
