#include "settings.h"

#include <errno.h>
#include <string.h>

#include "server.h"
#include "store.h"

static struct mr_config_at at_of(const struct mr_settings *settings, const char *key)
{
	const struct mr_config_key *keys = mr_settings_schema.keys;

	return settings
		->at[mr_config_key_find(keys, mr_settings_schema.keys_count, key, strlen(key))
			- keys];
}

bool mr_settings_given(const struct mr_settings *settings, const char *key)
{
	const struct mr_config_at at = at_of(settings, key);

	return at.line > 0 || at.where;
}

// What a socket's path must be, whoever listens there.
static void check_path(const struct mr_settings *settings, const char *key, const char *path,
	struct mr_config_report *report)
{
	if (path[0] != '/')
		mr_config_error(report, at_of(settings, key),
			"%s: expected an absolute path, got \"%s\"", key, path);
}

int mr_settings_load(struct mr_settings *ret_settings, const struct mr_config_sources *sources,
	struct mr_config_report *report)
{
	struct mr_settings *settings = ret_settings;
	const struct mr_config_target target = {
		.schema = &mr_settings_schema, .base = settings, .at = settings->at};

	*settings = (struct mr_settings){0};
	mr_config_defaults(&mr_settings_schema, settings);
	mr_config_read(&target, sources, report);
	check_path(settings, "state_dir", settings->state_dir, report);
	check_path(settings, "direct.socket", settings->direct_socket, report);
	check_path(settings, "control.socket", settings->control_socket, report);
	check_path(settings, "alarms.file", settings->alarms_file, report);
	if (strcmp(settings->control_listen, "auto") != 0
		&& strcmp(settings->control_listen, "none") != 0
		&& !mr_listen_address_fits(settings->control_listen))
		mr_config_error(report, at_of(settings, "control.listen"),
			"control.listen: expected an address with a port, such as 127.0.0.1:7490 or [::1]:7490, auto or none; got \"%s\"",
			settings->control_listen);
	return report->errors == 0 ? 0 : -EINVAL;
}
