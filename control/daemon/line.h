// A worker's own connection to the data plane: opened when it is needed, opened again when the
// router was started anew.
//
//	do {
//		r = mr_line_open(line, why);
//		if (r == 0)
//			r = mr_direct_...(&line->direct, ..., why);
//	} while (mr_line_again(line, r));
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "direct.h"

struct mr_line {
	struct mr_direct direct;
	const char *path; // of the data plane's socket
	uint32_t timeout_ms;
	uint32_t tries; // of the request under way
};

void mr_line_init(struct mr_line *line, const char *path, uint32_t timeout_ms);
void mr_line_close(struct mr_line *line);
int mr_line_open(struct mr_line *line, char *ret_why); // does nothing when it stands
// Closes a line that is of no use after `r`. True: the request cannot have reached the router,
// which was started anew meanwhile; it is to be sent again.
bool mr_line_again(struct mr_line *line, int r);

// mr_direct_act over a line.
int mr_line_act(struct mr_line *line, enum mr_control_type type, const void *body,
	size_t body_bytes, struct mr_control_effect *ret_effect, char *ret_why);
