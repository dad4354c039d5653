// wrk as the baseline of HTTP senders: it posts one request, taken from another sender, over and
// over.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mr_wrk {
	char request[4096 * 4]; // headers and body, as on the wire
	uint32_t request_length;
	uint16_t port; // on 127.0.0.1
	unsigned cpu;
	unsigned connections;
	char directory[64]; // its script and body
};

bool mr_wrk_installed(void);
// Writes the script. False: the request is not a POST with a body, or the disk is full.
bool mr_wrk_init(struct mr_wrk *wrk);
void mr_wrk_fini(struct mr_wrk *wrk); // removes the script
pid_t mr_wrk_start(
	const struct mr_wrk *wrk); // runs until it is stopped; the pid, or negative errno
void mr_wrk_stop(pid_t pid);
