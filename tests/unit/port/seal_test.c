// Sealed secrets: opened by the same key under the same name only, and never the same twice.
#include "seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct mr_seal_key key = {.bytes = {1, 2, 3}};
static uint8_t sealed[6 + MR_SEAL_BYTES];
static char plain[6];

static void what_was_sealed_is_opened(void **state)
{
	uint8_t again[sizeof(sealed)];
	(void)state;
	assert_int_equal(mr_seal(&key, 7, "secret", 6, sealed), 0);
	assert_int_equal(mr_seal(&key, 7, "secret", 6, again), 0);
	assert_memory_not_equal(sealed, again, sizeof(sealed));
	assert_int_equal(mr_unseal(&key, 7, sealed, sizeof(sealed), plain), 0);
	assert_memory_equal(plain, "secret", 6);
}

static void other_keys_names_and_bytes_are_refused(void **state)
{
	const struct mr_seal_key other = {.bytes = {1, 2, 4}};
	(void)state;
	assert_int_equal(mr_seal(&key, 7, "secret", 6, sealed), 0);
	assert_int_equal(mr_unseal(&other, 7, sealed, sizeof(sealed), plain), -EBADMSG);
	assert_int_equal(mr_unseal(&key, 8, sealed, sizeof(sealed), plain), -EBADMSG);
	assert_int_equal(mr_unseal(&key, 7, sealed, sizeof(sealed) - 1, plain), -EBADMSG);
	assert_int_equal(mr_unseal(&key, 7, sealed, MR_SEAL_BYTES - 1, plain), -EBADMSG);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(mr_unseal(&key, 7, sealed, sizeof(sealed), plain), -EBADMSG);
		sealed[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_is_opened),
		cmocka_unit_test(other_keys_names_and_bytes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
