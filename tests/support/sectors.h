// The bytes of a fake file, and which of them would survive a power cut: sector by sector what is
// durable stands beside what is only written.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

enum { SECTOR_BYTES = 512 };

struct sectors {
	uint8_t *now;
	uint8_t *durable; // as long as `now`; zeros beyond durable_size
	bool *dirty; // per sector: the two may differ
	uint64_t size;
	uint64_t durable_size;
	uint64_t room;
};

void sectors_fini(struct sectors *sectors);
void sectors_copy(struct sectors *into, const struct sectors *from);
// Written, not durable yet; extends the file.
void sectors_write(struct sectors *sectors, uint64_t offset, const void *bytes, uint64_t length);
void sectors_zero(struct sectors *sectors, uint64_t offset, uint64_t length); // the same
// What is written in this range survives from now on, and so does the file's size.
void sectors_settle(struct sectors *sectors, uint64_t offset, uint64_t length);
// Each sector that was not settled survives with this chance, in percent.
void sectors_crash(struct sectors *sectors, struct mr_rng *rng, uint32_t kept_percent);
