// Sealing: AES-256-GCM with a random nonce (OpenSSL). What is sealed under one name cannot be
// opened under another.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { MR_SEAL_KEY_BYTES = 32, MR_SEAL_NONCE_BYTES = 12, MR_SEAL_TAG_BYTES = 16 };
enum { MR_SEAL_BYTES = MR_SEAL_NONCE_BYTES + MR_SEAL_TAG_BYTES }; // beyond what is sealed

struct mr_seal_key {
	uint8_t bytes[MR_SEAL_KEY_BYTES];
};

// Writes length + MR_SEAL_BYTES bytes: nonce, cipher text, tag. 0 or negative errno.
int mr_seal(const struct mr_seal_key *key, uint64_t name, const void *plain, size_t length,
	uint8_t *ret_sealed);
// Writes length - MR_SEAL_BYTES bytes. 0; -EBADMSG: another key or name, or damaged; -ENOMEM.
int mr_unseal(const struct mr_seal_key *key, uint64_t name, const uint8_t *sealed, size_t length,
	void *ret_plain);
