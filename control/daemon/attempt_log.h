// The last attempts of each webhook, and what they say of its endpoint. Collected from the data
// plane each second; bounded: when too many webhooks have a log, the one that was silent longest
// loses its own.
#pragma once

#include <stdint.h>

#include "attempts.h"
#include "direct.h"

enum { MR_ATTEMPTS_KEPT = 100, MR_ATTEMPT_LOGS_MAX = 1024 };

struct mr_attempt_log;

struct mr_attempt_summary { // times: wall clock; 0: none was seen
	int64_t last_success_at_ns;
	int64_t last_failure_at_ns;
	uint32_t retries; // failures in a row
	uint16_t last_failure_status;
	uint32_t last_failure_bytes;
	char last_failure[MR_ATTEMPT_BODY_BYTES]; // hostile text, not terminated
};

int mr_attempt_log_new(struct mr_attempt_log **ret_log);
void mr_attempt_log_free(struct mr_attempt_log *log); // accepts NULL
// Of the ticker: takes what is new.
void mr_attempt_log_tick(struct mr_attempt_log *log, const struct mr_direct *direct);
// Newest first, at most `max`; how many.
uint32_t mr_attempt_log_read(struct mr_attempt_log *log, uint64_t webhook, uint32_t max,
	struct mr_attempt_seen *ret_attempts);
void mr_attempt_log_sum(
	struct mr_attempt_log *log, uint64_t webhook, struct mr_attempt_summary *ret_summary);
