// HMAC-SHA256 with a kept key (OpenSSL), random bytes, comparison in constant time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_hmac; // one key; one owner

struct mr_hmac *mr_hmac_new(const void *key, size_t key_length); // NULL: no memory
void mr_hmac_free(struct mr_hmac *hmac); // accepts NULL; wipes the key
void mr_hmac_sign(struct mr_hmac *hmac, const void *bytes, size_t length, uint8_t ret_mac[32]);
// Lower case, 2 * length characters, not terminated.
void mr_hex_encode(const uint8_t *bytes, size_t length, char *ret_hex);
int mr_random_bytes(void *ret_bytes, size_t length); // 0 or negative errno
bool mr_equal_constant_time(const void *a, const void *b, size_t length);
