#include "turned_away.h"

#include "mr_assert.h"

enum { SWEEP_SLOTS = 4 }; // per step: all within 64 steps

static_assert(MR_SHED_SET_MAX == 256, "a slot is one byte of a descriptor");

bool mr_turned_away_init(struct mr_turned_away *shed, struct mr_arena *arena, uint64_t seed)
{
	*shed = (struct mr_turned_away){0};
	shed->entries =
		mr_arena_array(arena, "ingest shed", struct mr_turned_away_entry, MR_SHED_SET_MAX);
	return mr_table_init(&shed->slots, arena, "ingest shed", MR_SHED_SET_MAX, seed)
		&& shed->entries != NULL;
}

void mr_turned_away_lift(struct mr_turned_away *shed, uint8_t slot)
{
	struct mr_turned_away_entry *entry = &shed->entries[slot];

	if (entry->object == 0)
		return;
	bool was = mr_table_remove(&shed->slots, entry->object);
	mr_assert(was);
	entry->object = 0;
}

void mr_turned_away_set(struct mr_turned_away *shed, uint8_t slot, uint64_t object, uint32_t flow,
	uint64_t until_ns)
{
	uint32_t before;

	mr_expect(object != 0);
	mr_turned_away_lift(shed, slot);
	if (object == 0)
		return;
	if (mr_table_find(&shed->slots, object, &before))
		mr_turned_away_lift(shed, (uint8_t)before);
	shed->entries[slot] =
		(struct mr_turned_away_entry){.object = object, .until_ns = until_ns, .flow = flow};
	int r = mr_table_add(&shed->slots, object, slot);
	mr_assert(r == 0); // as many objects as slots
}

void mr_turned_away_sweep(struct mr_turned_away *shed, uint64_t now_ns)
{
	for (uint32_t i = 0; i < SWEEP_SLOTS; i++) {
		uint8_t slot = (uint8_t)shed->sweep++;
		if (shed->entries[slot].object != 0 && now_ns >= shed->entries[slot].until_ns)
			mr_turned_away_lift(shed, slot);
	}
}
