// Signing secrets at rest: files the operator wrote, and those made at a webhook's first handshake,
// kept as state_dir/secrets/<name>.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "seal.h"

struct mr_secret {
	char bytes[MR_SECRET_BYTES_MAX]; // ASCII; not terminated
	uint16_t length;
};

// Reads a secret file: regular, ours or root's, for nobody else (0600, 0400), one line of printable
// ASCII. 0, or negative errno with what is wrong in `ret_why`; -ENOENT: there is none.
int mr_secret_read(const char *path, struct mr_secret *ret_secret, char *ret_why, size_t why_size);
// The same for a kept one.
int mr_secret_read_kept(const char *state_dir, const char *name, struct mr_secret *ret_secret,
	char *ret_why, size_t why_size);
// Writes it whole or not at all, mode 0600, durable when it returns. 0 or negative errno.
int mr_secret_keep(const char *state_dir, const char *name, const char *secret, size_t length);
// Makes state_dir and state_dir/secrets where they are missing (mode 0700) and tries whether files
// can be made there. 0 or negative errno.
int mr_secret_prepare(const char *state_dir);
// The key that seals secrets in the journal, kept as state_dir/secrets/.seal-key; `may_make`: made
// when there is none. 0, or negative errno with what is wrong in `ret_why`; -ENOENT: there is none.
int mr_secret_seal_key(const char *state_dir, bool may_make, struct mr_seal_key *ret_key,
	char *ret_why, size_t why_size);
