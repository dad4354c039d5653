#include "settings.h"

#include <stdio.h>
#include <stdlib.h>

static void set(char *to, size_t size, const char *variable, const char *fallback)
{
	const char *text = getenv(variable);

	snprintf(to, size, "%s", text ? text : fallback);
}

void mr_settings_defaults(struct mr_settings *ret_settings)
{
	struct mr_settings *s = ret_settings;

	*s = (struct mr_settings){.control_listen = "auto"};
	set(s->control_socket, sizeof(s->control_socket), "MILLRACE_CONTROL_SOCKET",
		"/run/millrace/control.sock");
	set(s->direct_socket, sizeof(s->direct_socket), "MILLRACE_DIRECT_SOCKET",
		"/run/millrace/direct.sock");
	set(s->state_dir, sizeof(s->state_dir), "MILLRACE_STATE_DIR", "/var/lib/millrace-controld");
}
