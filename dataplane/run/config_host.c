// What a configuration needs of this host.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "secrets.h"
#include "topology.h"

static void check_topology(const struct mr_config *config, struct mr_config_report *report)
{
	uint32_t cpus[MR_LCORES_MAX * 4];
	uint32_t count = mr_cpus_allowed(cpus, sizeof(cpus) / sizeof(cpus[0]));
	uint32_t errors = report->errors;
	struct mr_topology *topology = calloc(1, sizeof(*topology));
	if (topology == NULL) {
		mr_config_error(report, (struct mr_config_at){.where = "topology"}, "no memory");
		return;
	}
	mr_topology_make(config, cpus, count, report, topology);
	if (report->errors == errors && config->connections_max < 2 * topology->deliveries)
		mr_config_error(report, (struct mr_config_at){.where = "connections.max"},
			"connections.max is less than two for each delivery stage");
	free(topology);
}

static void take_secret(struct mr_webhook *webhook, const struct mr_secret *secret)
{
	memcpy(webhook->secret, secret->bytes, secret->length);
	webhook->secret_length = secret->length;
	webhook->handshake = false;
}

// A webhook's secret: its file, else the one kept from its first handshake, else a handshake.
static void read_secret(const struct mr_config *config, struct mr_config_webhook *entry,
	struct mr_config_report *report)
{
	struct mr_secret secret;
	char why[320];
	bool from_file = entry->secret_file[0] != '\0';
	int err = from_file ? mr_secret_read(entry->secret_file, &secret, why, sizeof(why))
			    : mr_secret_read_kept(config->state_dir, entry->webhook.name, &secret,
				    why, sizeof(why));
	if (err == 0)
		take_secret(&entry->webhook, &secret);
	else if (!from_file && err == -ENOENT)
		entry->webhook.handshake = true;
	else
		mr_config_error(
			report, entry->at, "webhooks: \"%s\": %s", entry->webhook.name, why);
}

void mr_config_check_host(struct mr_config *config, struct mr_config_report *report)
{
	bool handshakes = false;
	check_topology(config, report);
	for (uint32_t i = 0; i < config->webhooks_count; i++) {
		read_secret(config, &config->webhooks[i], report);
		handshakes |= config->webhooks[i].webhook.handshake;
	}
	int err = handshakes ? mr_secret_prepare(config->state_dir) : 0;
	if (err != 0)
		mr_config_error(report, (struct mr_config_at){.where = "state_dir"},
			"%s cannot keep the secrets of handshakes: %s. Make it writable, or give every webhook a secret_file",
			config->state_dir, strerror(-err));
}
