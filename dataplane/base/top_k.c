#include "top_k.h"

#include <assert.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

enum { SLOT_MASK = MR_TOP_K_SLOTS - 1, SLOT_SHIFT = 56 };
static_assert(MR_TOP_K_SLOTS == UINT64_C(1) << (64 - SLOT_SHIFT), "the top bits are the slot");
static_assert(MR_TOP_ROWS < UINT8_MAX, "a slot holds a row's number");
static_assert(MR_TOP_ROWS <= 64, "the smallest rows are bits of a word");

void mr_top_k_init(struct mr_top_k *top, uint64_t seed)
{
	top->multiplier = mr_hash_u64(1, seed) | 1;
	mr_top_k_clear(top);
}

void mr_top_k_clear(struct mr_top_k *top)
{
	mr_assert(top->multiplier != 0);
	top->total = 0;
	top->rows_count = 0;
	top->last = 0;
	memset(top->rows, 0, sizeof(top->rows));
	memset(top->slots, 0, sizeof(top->slots));
	top->smallest = 0;
}

static uint32_t home_of(const struct mr_top_k *top, uint64_t id)
{
	return (uint32_t)(id * top->multiplier >> SLOT_SHIFT);
}

// The slot of the id, or the empty one where it would go: three quarters are empty.
static uint32_t probe(const struct mr_top_k *top, uint64_t id)
{
	uint32_t at = home_of(top, id);
	while (top->slots[at] != 0 && top->rows[top->slots[at] - 1].id != id)
		at = (at + 1) & SLOT_MASK;
	return at;
}

// Whatever the probe of another id would find interrupted by the hole moves into it.
static void empty_slot(struct mr_top_k *top, uint32_t hole)
{
	mr_assert_hot(top->slots[hole] != 0);
	for (uint32_t at = (hole + 1) & SLOT_MASK; top->slots[at] != 0; at = (at + 1) & SLOT_MASK) {
		const uint32_t home = home_of(top, top->rows[top->slots[at] - 1].id);
		if (((at - home) & SLOT_MASK) >= ((at - hole) & SLOT_MASK)) {
			top->slots[hole] = top->slots[at];
			hole = at;
		}
	}
	top->slots[hole] = 0;
}

// The row to take over. Counts only rise: what was smallest and has not been counted since, still
// is.
static uint32_t smallest(struct mr_top_k *top)
{
	if (top->smallest == 0) {
		uint64_t least = UINT64_MAX;
		for (uint32_t i = 0; i < MR_TOP_ROWS; i++) {
			const uint64_t count = top->rows[i].count;
			const uint64_t others = count < least ? 0 : top->smallest;
			top->smallest = count <= least ? others | UINT64_C(1) << i : others;
			least = count < least ? count : least;
		}
	}
	mr_assert_hot(top->smallest != 0);
	return (uint32_t)__builtin_ctzll(top->smallest);
}

static uint32_t make_row(struct mr_top_k *top, uint64_t id)
{
	uint32_t row = top->rows_count;
	uint64_t error = 0;
	if (row < MR_TOP_ROWS) {
		top->rows_count++;
	} else {
		row = smallest(top);
		error = top->rows[row].count;
		empty_slot(top, probe(top, top->rows[row].id));
	}
	top->slots[probe(top, id)] = (uint8_t)(row + 1);
	top->rows[row] = (struct mr_top_k_row){.id = id, .count = error, .error = error};
	return row;
}

struct mr_top_k_row *mr_top_k_count(struct mr_top_k *top, uint64_t id, uint64_t count)
{
	mr_assert_hot(id != 0);
	uint32_t row = top->last;
	if (top->rows[row].id != id) {
		const uint32_t slot = probe(top, id);
		row = top->slots[slot] != 0 ? top->slots[slot] - 1u : make_row(top, id);
		top->last = row;
	}
	top->rows[row].count += count;
	top->smallest &= ~(UINT64_C(1) << row);
	top->total += count;
	return &top->rows[row];
}

uint64_t mr_top_k_absent(const struct mr_top_k *top)
{
	uint64_t least = UINT64_MAX;
	if (top->rows_count < MR_TOP_ROWS)
		return 0;
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++)
		if (top->rows[i].count < least)
			least = top->rows[i].count;
	return least;
}
