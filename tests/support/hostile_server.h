// A receiver on loopback that behaves as the path of each request says: one thread per connection,
// plain blocking sockets.
#pragma once

#include <stdint.h>

#include "net.h"

struct hostile_server;

// Paths: /ok /close /reset /hang /early /endless /slow /cut /after (closes the connection after its
// answer, unsaid)
struct hostile_server *hostile_server_start(void);
void hostile_server_stop(struct hostile_server *server);
struct mr_address hostile_server_address(const struct hostile_server *server);
uint32_t hostile_server_connections(const struct hostile_server *server); // accepted so far
uint64_t hostile_server_body_bytes(
	const struct hostile_server *server); // of /ok requests, whole and as they must be
