// From the sources to one checked configuration: defaults, file, environment, flags.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_check.h"
#include "config_table.h"

struct mr_config *mr_config_new(void)
{
	struct mr_config *config = calloc(1, sizeof(*config));
	if (config != NULL)
		mr_config_defaults(&mr_config_schema, config);
	return config;
}

void mr_config_free(struct mr_config *config)
{
	if (config == NULL)
		return;
	if (config->webhooks != NULL)
		explicit_bzero(
			config->webhooks, config->webhooks_count * sizeof(*config->webhooks));
	free(config->webhooks);
	free(config);
}

int mr_config_load(struct mr_config *config, const struct mr_config_sources *sources,
	struct mr_config_report *report)
{
	const struct mr_config_target target = {
		.schema = &mr_config_schema, .base = config, .at = config->at};
	mr_config_read(&target, sources, report);
	mr_config_check(config, report);
	if (sources->check_host)
		mr_config_check_host(config, report);
	return report->errors == 0 ? 0 : -EINVAL;
}
