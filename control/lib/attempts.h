// What delivery stages have sent lately: readers of struct mr_stats_attempts. A reader keeps a
// number per stage, and asks for what came after it.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

struct mr_attempt_seen {
	uint64_t number; // of the stage, from 1
	uint64_t webhook;
	uint64_t at_ns; // wall clock: when it began
	uint64_t took_ns;
	uint64_t batch; // 0: handshake, heartbeat or test
	uint16_t status; // HTTP; 0: none was seen
	uint8_t kind; // enum mr_attempt_kind
	uint8_t outcome; // enum mr_outcome
	uint32_t events;
	uint32_t body_bytes; // in `body`
	char body[MR_ATTEMPT_BODY_BYTES]; // hostile text, not terminated
};

// Attempts of delivery stage `delivery` with numbers above `*after`, oldest first, at most `max`;
// how many. `*after` becomes the last one looked at; `*ret_lost` (may be NULL) how many were
// overwritten before anybody looked.
uint32_t mr_attempts_read(const struct mr_stats *stats, uint32_t delivery, uint64_t *after,
	uint32_t max, struct mr_attempt_seen *ret_attempts, uint64_t *ret_lost);
