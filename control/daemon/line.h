// A worker's own connection to the data plane: opened when it is needed, opened again when the
// router was started anew.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "direct.h"

struct mr_line {
	struct mr_direct direct;
	const char *path; // of the data plane's socket
	uint32_t timeout_ms;
};

void mr_line_init(struct mr_line *line, const char *path, uint32_t timeout_ms);
void mr_line_close(struct mr_line *line);
// As mr_direct_ask; a request that the router cannot have seen is sent again over a new connection.
int mr_line_ask(struct mr_line *line, enum mr_control_type type, const void *body,
	size_t body_bytes, void *ret_body, size_t ret_bytes, char *ret_why);
