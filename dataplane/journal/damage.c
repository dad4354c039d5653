#include "damage.h"

#include "mr_assert.h"

// Its index; MR_DAMAGED_MAX: not there.
static uint32_t find(const struct mr_damage *damage, mr_position position)
{
	for (uint32_t i = 0; i < MR_DAMAGED_MAX && i < damage->count; i++) {
		if (damage->places[i].position == position)
			return i;
	}
	return MR_DAMAGED_MAX;
}

bool mr_damage_note(struct mr_damage *damage, mr_position position, enum mr_damage_kind kind)
{
	uint32_t at = find(damage, position);

	mr_assert(position != 0);
	if (at == MR_DAMAGED_MAX) {
		at = damage->count++ % MR_DAMAGED_MAX;
		damage->places[at] = (struct mr_damaged){.position = position};
	}
	if (damage->places[at].damage < MR_DAMAGE_MAX)
		damage->places[at].damage += kind;
	return damage->places[at].damage >= MR_DAMAGE_MAX;
}

void mr_damage_forget(struct mr_damage *damage, mr_position position)
{
	const uint32_t at = find(damage, position);

	if (at != MR_DAMAGED_MAX)
		damage->places[at].damage = 0;
}

bool mr_damage_is_lost(const struct mr_damage *damage, mr_position position)
{
	const uint32_t at = find(damage, position);

	return at != MR_DAMAGED_MAX && damage->places[at].damage >= MR_DAMAGE_MAX;
}
