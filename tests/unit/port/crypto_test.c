#include "crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_signature(
	struct mr_hmac *hmac, const void *body, size_t length, const char *expected)
{
	uint8_t mac[32];
	char hex[64];

	mr_hmac_sign(hmac, body, length, mac);
	mr_hex_encode(mac, sizeof(mac), hex);
	assert_memory_equal(hex, expected, sizeof(hex));
}

static const struct {
	const char *key;
	const char *body;
	const char *hex;
} vectors[] = {
	{"b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81", "{\"events\":[]}",
		"10468027b67df18c739cc4794c6fc2d2806dcaaf2259fc3e1ed9d26433659853"},
	{"It's a Secret to Everybody", "Hello, World!",
		"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
	// RFC 4231, test cases 1, 2 and 6.
	{"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
		"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{"Jefe", "what do ya want for nothing?",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
};
enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static void published_vectors_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct mr_hmac *hmac = mr_hmac_new(vectors[i].key, strlen(vectors[i].key));
		assert_non_null(hmac);
		assert_signature(hmac, vectors[i].body, strlen(vectors[i].body), vectors[i].hex);
		mr_hmac_free(hmac);
	}
}

static void kept_key_signs_again_and_again(void **state)
{
	struct mr_hmac *kept[VECTORS];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++)
		kept[i] = mr_hmac_new(vectors[i].key, strlen(vectors[i].key));
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < VECTORS; i++)
			assert_signature(
				kept[i], vectors[i].body, strlen(vectors[i].body), vectors[i].hex);
	}
	for (size_t i = 0; i < VECTORS; i++)
		mr_hmac_free(kept[i]);
	mr_hmac_free(NULL);
}

static void empty_key_and_body_are_signed(void **state)
{
	struct mr_hmac *hmac = mr_hmac_new(NULL, 0);

	(void)state;
	assert_non_null(hmac);
	assert_signature(
		hmac, "", 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	mr_hmac_free(hmac);
}

static void one_bit_changes_the_signature(void **state)
{
	struct mr_hmac *hmac = mr_hmac_new("key", 3);
	uint8_t first[32], second[32];

	(void)state;
	mr_hmac_sign(hmac, "body", 4, first);
	mr_hmac_sign(hmac, "bodx", 4, second);
	assert_false(mr_equal_constant_time(first, second, 32));
	mr_hmac_sign(hmac, "body", 4, second);
	assert_true(mr_equal_constant_time(first, second, 32));
	assert_true(mr_equal_constant_time(first, second, 0));
	mr_hmac_free(hmac);
}

static void hex_is_lower_case_and_not_terminated(void **state)
{
	char hex[9] = "........";

	(void)state;
	mr_hex_encode((const uint8_t *)"\x00\x9f\xAB", 3, hex);
	assert_string_equal(hex, "009fab..");
}

static void random_bytes_differ(void **state)
{
	uint8_t first[32] = {0}, second[32] = {0};

	(void)state;
	assert_int_equal(mr_random_bytes(first, sizeof(first)), 0);
	assert_int_equal(mr_random_bytes(second, sizeof(second)), 0);
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(mr_random_bytes(first, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_hold),
		cmocka_unit_test(kept_key_signs_again_and_again),
		cmocka_unit_test(empty_key_and_body_are_signed),
		cmocka_unit_test(one_bit_changes_the_signature),
		cmocka_unit_test(hex_is_lower_case_and_not_terminated),
		cmocka_unit_test(random_bytes_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
