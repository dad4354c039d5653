#include "table.h"

#include <errno.h>

#include "hash.h"
#include "mr_assert.h"

static uint32_t home_of(const struct mr_table *table, uint64_t key)
{
	return (uint32_t)mr_hash_u64(key, table->seed) & table->mask;
}

// The slot of the key, or the empty one where it would go. There always is one: a quarter stays
// free.
static uint32_t probe(const struct mr_table *table, uint64_t key)
{
	uint32_t at = home_of(table, key);
	while (table->slots[at].key != 0 && table->slots[at].key != key)
		at = (at + 1) & table->mask;
	return at;
}

bool mr_table_init(struct mr_table *table, struct mr_arena *arena, const char *name,
	uint32_t capacity, uint64_t seed)
{
	mr_assert(capacity > 0 && capacity <= UINT32_C(1) << 30);
	uint64_t slots = 4;
	while (slots * 3 / 4 < capacity)
		slots *= 2;
	*table = (struct mr_table){
		.seed = seed, .mask = (uint32_t)(slots - 1), .capacity = capacity};
	table->slots = mr_arena_array(arena, name, struct mr_table_slot, slots);
	return table->slots != NULL;
}

bool mr_table_find(const struct mr_table *table, uint64_t key, uint32_t *ret_value)
{
	mr_assert(key != 0);
	const struct mr_table_slot *slot = &table->slots[probe(table, key)];
	if (slot->key == 0)
		return false;
	*ret_value = slot->value;
	return true;
}

int mr_table_add(struct mr_table *table, uint64_t key, uint32_t value)
{
	mr_assert(key != 0);
	struct mr_table_slot *slot = &table->slots[probe(table, key)];
	if (slot->key != 0)
		return -EEXIST;
	if (table->count == table->capacity)
		return -ENOSPC;
	*slot = (struct mr_table_slot){.key = key, .value = value};
	table->count++;
	return 0;
}

bool mr_table_remove(struct mr_table *table, uint64_t key)
{
	mr_assert(key != 0);
	uint32_t hole = probe(table, key);
	if (table->slots[hole].key == 0)
		return false;
	// Whatever the probe of a later key would find interrupted by the hole moves into it.
	for (uint32_t at = (hole + 1) & table->mask; table->slots[at].key != 0;
		at = (at + 1) & table->mask) {
		uint32_t home = home_of(table, table->slots[at].key);
		if (((at - home) & table->mask) >= ((at - hole) & table->mask)) {
			table->slots[hole] = table->slots[at];
			hole = at;
		}
	}
	table->slots[hole] = (struct mr_table_slot){.key = 0};
	table->count--;
	return true;
}

void mr_table_prefetch(const struct mr_table *table, uint64_t key)
{
	__builtin_prefetch(&table->slots[home_of(table, key)]);
}
