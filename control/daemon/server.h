// The listeners: HTTP over a UNIX socket, and over TCP.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon.h"

struct mr_server;

// Listens on `fd`, which it takes. `via` is "socket" (the peer's user decides) or "tcp" (tokens).
int mr_server_start(
	struct mr_server **ret_server, struct mr_daemon *daemon, int fd, const char *via);
void mr_server_stop(struct mr_server *server); // accepts NULL

// A listening socket, or a negative errno with the reason.
int mr_listen_unix(const char *path, const char *group, char *ret_why); // mode 0660
bool mr_listen_address_fits(const char *address); // its form, not whether it can be had
int mr_listen_tcp(const char *address, char *ret_why); // "127.0.0.1:7490", "[::1]:7490"
