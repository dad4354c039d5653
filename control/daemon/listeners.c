#include "listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "server.h"
#include "settings.h"
#include "store.h"
#include "tokens.h"

static const char default_address[] = "127.0.0.1:7490";

struct mr_listeners {
	struct mr_daemon *daemon;
	struct mr_server *over_socket, *over_tcp;
	bool complained; // that TCP cannot be had
};

static int start(struct mr_daemon *daemon, int fd, const char *via, struct mr_server **ret_server)
{
	const int r = mr_server_start(ret_server, daemon, fd, via);

	if (r < 0)
		mr_log(MR_LOG_ERROR, "the HTTP server does not start: %s", strerror(-r));
	return r;
}

static int start_tcp(struct mr_listeners *listeners, const char *address)
{
	char why[MR_STORE_WHY_BYTES];
	const int fd = mr_listen_tcp(address, why);

	if (fd >= 0) {
		mr_log(MR_LOG_INFO, "the API listens on %s", address);
		return start(listeners->daemon, fd, "tcp", &listeners->over_tcp);
	}
	if (!listeners->complained)
		mr_log(MR_LOG_ERROR, "%s", why);
	listeners->complained = true;
	return fd;
}

int mr_listeners_start(struct mr_listeners **ret_listeners, struct mr_daemon *daemon)
{
	const struct mr_settings *settings = daemon->settings;
	struct mr_listeners *listeners = calloc(1, sizeof(*listeners));
	char why[MR_STORE_WHY_BYTES];

	if (!listeners)
		return -ENOMEM;
	listeners->daemon = daemon;
	*ret_listeners = listeners;
	const int fd =
		mr_listen_unix(settings->control_socket, settings->control_operate_group, why);

	if (fd < 0) {
		mr_log(MR_LOG_ERROR, "%s", why);
		return fd;
	}
	const int r = start(daemon, fd, "socket", &listeners->over_socket);

	if (r < 0 || strcmp(settings->control_listen, "auto") == 0
		|| strcmp(settings->control_listen, "none") == 0)
		return r;
	return start_tcp(listeners, settings->control_listen);
}

void mr_listeners_tick(struct mr_listeners *listeners)
{
	if (!listeners->over_tcp && strcmp(listeners->daemon->settings->control_listen, "auto") == 0
		&& mr_tokens_count(listeners->daemon->tokens) > 0)
		(void)start_tcp(listeners, default_address);
}

void mr_listeners_stop(struct mr_listeners *listeners)
{
	if (!listeners)
		return;
	mr_server_stop(listeners->over_tcp);
	if (listeners->over_socket)
		unlink(listeners->daemon->settings->control_socket);
	mr_server_stop(listeners->over_socket);
	free(listeners);
}
