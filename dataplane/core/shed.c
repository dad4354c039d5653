#include "shed.h"

#include <string.h>

#include <millrace/scope.h>

#include "mr_assert.h"

enum { SEARCH_MAX = 8 }; // entries looked at per refusal

static bool find_free(struct mr_shed *shed, uint64_t now_ns, uint8_t *ret_slot)
{
	for (uint32_t i = 0; i < SEARCH_MAX; i++) {
		const uint32_t slot = shed->hand++ % MR_SHED_SET_MAX;
		const struct mr_shed_entry *entry = &shed->entries[slot];
		if (entry->object == 0 || now_ns >= entry->expires_ns + MR_SHED_REST_NS) {
			*ret_slot = (uint8_t)slot;
			return true;
		}
	}
	return false;
}

bool mr_shed_tell(struct mr_shed *shed, const uint64_t ids[MR_TOP_KINDS],
	struct mr_ledger_rows rows, uint64_t now_ns, bool *has_slot, uint8_t *slot)
{
	const uint64_t object = ids[MR_SCOPE_OBJECT - 1];
	mr_assert(object != 0);
	// An object that was away for long may have lost its entry to another one.
	if (*has_slot && shed->entries[*slot].object == object) {
		const uint64_t told_ns = shed->entries[*slot].told_ns;
		if (told_ns != 0 && now_ns < told_ns + MR_SHED_TELL_NS)
			return false;
	} else {
		*has_slot = find_free(shed, now_ns, slot);
		if (!*has_slot)
			return false;
	}
	struct mr_shed_entry *entry = &shed->entries[*slot];
	*entry = (struct mr_shed_entry){
		.object = object,
		.told_ns = now_ns,
		.expires_ns = now_ns + (uint64_t)MR_SHED_MS * 1000 * 1000,
		.rows = rows,
	};
	memcpy(entry->ids, ids, sizeof(entry->ids));
	return true;
}

bool mr_shed_lift(struct mr_shed *shed, uint64_t object, uint8_t slot, uint64_t now_ns)
{
	struct mr_shed_entry *entry = &shed->entries[slot];
	mr_assert(object != 0);
	if (entry->object != object || entry->expires_ns <= now_ns)
		return false;
	entry->expires_ns = now_ns;
	entry->told_ns = 0; // over its bound again: told at once
	return true;
}
