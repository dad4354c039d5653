// Records that cannot be read: how often each was tried, and when to give it up. A read that fails
// may succeed later; bytes that were read and are wrong hardly ever will.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

enum mr_damage_kind {
	MR_DAMAGE_READ = 1, // nothing was read, or not in the place: 256 times
	MR_DAMAGE_BYTES = 32, // what was read is wrong: 8 times
};

enum { MR_DAMAGE_MAX = 256, MR_DAMAGED_MAX = 16 };

struct mr_damaged {
	mr_position position;
	uint32_t damage;
};

// Zeroed: nothing is damaged.
struct mr_damage {
	struct mr_damaged places[MR_DAMAGED_MAX]; // the newest replaces the oldest
	uint32_t count; // ever
};

// True: it is given up.
bool mr_damage_note(struct mr_damage *damage, mr_position position, enum mr_damage_kind kind);
void mr_damage_forget(struct mr_damage *damage, mr_position position); // it was read
bool mr_damage_is_lost(const struct mr_damage *damage, mr_position position);
