// Placement is part of the wire contract: the same object and seed give the same slot in every
// program.
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
	// As xxHash's own command line says: xxhsum -H3 of nothing, and of three letters.
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

static void placement_is_as_documented(void **state)
{
	(void)state;
	static const struct { // the table of docs/WIRE.md
		uint64_t object;
		uint64_t seed;
		uint64_t hash;
		uint32_t slot;
		uint32_t flow;
	} rows[] = {
		{1, 0, UINT64_C(0x2fbc593564db792e), 763, 11},
		{1200, 1, UINT64_C(0xe29fad0691bb120b), 3625, 9},
		{9001, 1, UINT64_C(0x0c62d67a07b21e2c), 198, 6},
		{1200, UINT64_C(0x0123456789abcdef), UINT64_C(0x045b5d98df06cba8), 69, 5},
		{UINT64_MAX, UINT64_C(0x0123456789abcdef), UINT64_C(0x1c90f36d547002f0), 457, 9},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(mr_hash_u64(rows[i].object, rows[i].seed) == rows[i].hash);
		uint32_t slot = mr_slot_of(rows[i].object, rows[i].seed);
		assert_int_equal(slot, rows[i].slot);
		assert_int_equal(mr_flow_of_slot(slot, 16), rows[i].flow);
	}
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
		cmocka_unit_test(placement_is_as_documented),
		cmocka_unit_test(slots_flows_and_shards_stay_in_range_and_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
