// The most frequent ids of a stream in fixed memory, by space-saving: an id that has no row takes
// over the smallest one, with its count as the error. In a row count - error <= true count <=
// count, and an id without a row was counted no more often than the smallest row. Counting an id
// that has a row is one probe; a row to take over is at hand but when the last of the smallest ones
// has been taken. Private to one owner.
#pragma once

#include <stdint.h>

#include <millrace/limits.h>

enum { MR_TOP_K_SLOTS = 4 * MR_TOP_ROWS };

struct mr_top_k_row {
	uint64_t id;
	uint64_t count;
	uint64_t error;
	// The owner's; zero when the row is taken over.
	uint64_t refused;
	uint64_t about[3];
};

struct mr_top_k {
	uint64_t multiplier; // odd, told to nobody: no ids can be made to meet in a slot
	uint64_t total; // counted, over all ids
	uint32_t rows_count;
	uint32_t last; // row counted last: most events have the ids of the one before
	// The smallest rows, as they were when somebody last looked: a row leaves when it is
	// counted, and when none is left, all rows are looked at.
	uint64_t smallest; // bits
	struct mr_top_k_row rows[MR_TOP_ROWS];
	uint8_t slots[MR_TOP_K_SLOTS]; // row + 1 by hash of the id; 0: empty
};

void mr_top_k_init(struct mr_top_k *top, uint64_t seed);
void mr_top_k_clear(struct mr_top_k *top);
// `id` is not 0. The row that stands for it now.
struct mr_top_k_row *mr_top_k_count(struct mr_top_k *top, uint64_t id, uint64_t count);
// What an id without a row was counted at most.
uint64_t mr_top_k_absent(const struct mr_top_k *top);
