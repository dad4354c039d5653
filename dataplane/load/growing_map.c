#include "growing_map.h"

#include <stdlib.h>

#include "hash.h"
#include "mr_assert.h"

enum { SLOTS_FIRST = 1024 };

static struct mr_map_slot *find(const struct mr_map *map, uint64_t key)
{
	uint64_t at = mr_hash_u64(key, 0) & map->mask;
	while (map->slots[at].key != 0 && map->slots[at].key != key)
		at = (at + 1) & map->mask;
	return &map->slots[at];
}

static bool grow(struct mr_map *map)
{
	uint64_t slots = map->slots == NULL ? SLOTS_FIRST : (map->mask + 1) * 2;
	struct mr_map bigger = {.slots = calloc(slots, sizeof(*map->slots)),
		.mask = slots - 1,
		.count = map->count};
	if (bigger.slots == NULL)
		return false;
	for (uint64_t i = 0; map->slots != NULL && i <= map->mask; i++) {
		if (map->slots[i].key != 0)
			*find(&bigger, map->slots[i].key) = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return true;
}

void mr_map_fini(struct mr_map *map)
{
	free(map->slots);
	*map = (struct mr_map){0};
}

uint64_t *mr_map_at(struct mr_map *map, uint64_t key, bool *ret_new)
{
	mr_assert(key != 0);
	if ((map->slots == NULL || map->count * 2 > map->mask) && !grow(map))
		return NULL;
	struct mr_map_slot *slot = find(map, key);
	bool is_new = slot->key == 0;
	if (is_new) {
		slot->key = key;
		map->count++;
	}
	if (ret_new != NULL)
		*ret_new = is_new;
	return &slot->value;
}
