// Placement is part of the wire contract: the same object and seed give the same slot in every program.
#include "hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <millrace/limits.h>

static void vectors_of_xxh3_hold(void **state)
{
	(void)state;
	// From xxHash's own command line: xxhsum -H3 of the empty input, and of the bytes below.
	assert_true(mr_hash_bytes("", 0, 0) == UINT64_C(0x2d06800538d394c2));
	assert_true(mr_hash_bytes("abc", 3, 0) == UINT64_C(0x78af5f94892f3950));
}

static void an_id_hashes_as_its_eight_little_endian_bytes(void **state)
{
	(void)state;
	static const uint8_t bytes[8] = {0x2a};
	assert_true(mr_hash_u64(42, 9) == mr_hash_bytes(bytes, sizeof(bytes), 9));
	assert_true(mr_hash_u64(42, 9) != mr_hash_u64(42, 10));
}

static void slots_flows_and_shards_stay_in_range_and_spread(void **state)
{
	(void)state;
	uint32_t per_flow[MR_FLOWS_DEFAULT] = {0};
	for (uint64_t object = 1; object <= 16000; object++) {
		uint32_t slot = mr_slot_of(object, 1);
		assert_true(slot < MR_SLOTS);
		uint32_t flow = mr_flow_of_slot(slot, MR_FLOWS_DEFAULT);
		assert_true(flow < MR_FLOWS_DEFAULT);
		assert_true(mr_shard_of_flow(flow, 3) < 3);
		per_flow[flow]++;
	}
	for (uint32_t flow = 0; flow < MR_FLOWS_DEFAULT; flow++)
		assert_in_range(per_flow[flow], 850, 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_xxh3_hold),
		cmocka_unit_test(an_id_hashes_as_its_eight_little_endian_bytes),
		cmocka_unit_test(slots_flows_and_shards_stay_in_range_and_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
