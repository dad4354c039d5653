#include "crypto.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "mr_assert.h"

// The context keeps the key and its two hashed pads: initialising it again without a key costs a
// copy, while the one-shot HMAC() fetches the algorithm and hashes the pads for every message.
struct mr_hmac {
	EVP_MAC_CTX *context;
};

struct mr_hmac *mr_hmac_new(const void *key, size_t key_length)
{
	static const uint8_t no_key[1] = {0};
	char digest[] = OSSL_DIGEST_NAME_SHA2_256;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	const uint8_t *bytes = key_length > 0 ? key : no_key; // NULL would mean "the key of before"
	struct mr_hmac *hmac = calloc(1, sizeof(*hmac));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	if (hmac == NULL || mac == NULL)
		goto fail;
	hmac->context = EVP_MAC_CTX_new(mac);
	if (hmac->context == NULL)
		goto fail;
	if (EVP_MAC_init(hmac->context, bytes, key_length, params) != 1)
		goto fail;
	EVP_MAC_free(mac);
	return hmac;
fail:
	EVP_MAC_free(mac);
	mr_hmac_free(hmac);
	return NULL;
}

void mr_hmac_free(struct mr_hmac *hmac)
{
	if (hmac == NULL)
		return;
	EVP_MAC_CTX_free(hmac->context); // wipes the key
	free(hmac);
}

void mr_hmac_sign(struct mr_hmac *hmac, const void *bytes, size_t length, uint8_t ret_mac[32])
{
	size_t written = 0;

	mr_assert(hmac != NULL && hmac->context != NULL);
	int ok = EVP_MAC_init(hmac->context, NULL, 0, NULL);
	ok &= EVP_MAC_update(hmac->context, bytes, length);
	ok &= EVP_MAC_final(hmac->context, ret_mac, &written, 32);
	mr_assert(ok == 1 && written == 32); // an unsigned body must never leave
}

void mr_hex_encode(const uint8_t *bytes, size_t length, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
}

int mr_random_bytes(void *ret_bytes, size_t length)
{
	if (length > INT_MAX)
		return -EINVAL;
	return RAND_bytes(ret_bytes, (int)length) == 1 ? 0 : -EIO;
}

bool mr_equal_constant_time(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}
