// What a start has recovered from the journal and hands to the stages before their first step.
#pragma once

#include <stdint.h>

#include <millrace/limits.h>
#include <millrace/record.h>

// An accepted event that waits for distribution: a copy that the start has written.
struct mr_recovered_event {
	uint64_t object;
	uint64_t app;
	uint64_t workspace;
	uint64_t database;
	uint64_t offset; // in its shard's own stream, below where the buffer begins
	uint32_t bytes; // of the record
	uint32_t shard; // owner now
};

// A webhook's lane. The delivery stage keeps it until the steward's message adds the webhook (the
// lane then has these sub-lanes, whatever in_flight says), and reads the entries from their lane
// records bit by bit.
struct mr_recovered_sublane {
	uint64_t batch_number; // unsettled: sent again with the same borders; 0: none
	uint32_t batch_count; // its entries are the first ones
	uint64_t settled_number;
	uint64_t first_entry; // entries that left before
	uint64_t entries;
	uint32_t records_count;
	const mr_position
		*records; // lane records that hold the entries, in order; outlive the stage
	const uint32_t *records_entries; // entries in each of them
};

struct mr_recovered_lane {
	uint64_t webhook;
	uint32_t delivery; // its stage now
	uint64_t last_number; // of batches
	int64_t failing_since_ns; // wall clock; 0: not failing
	int64_t next_attempt_ns; // wall clock
	uint32_t attempts; // in a row
	uint16_t last_status;
	uint16_t sublanes_count;
	struct mr_recovered_sublane sublanes[MR_IN_FLIGHT_MAX];
};
