// Objects over their bound, as told to the sources, so that whole packets of them are refused at
// the door. A bounded set of numbered entries: an entry expires by itself and is used again only
// when every descriptor that names it has arrived.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "ledger.h"

enum {
	MR_SHED_MS = 100, // how long a source refuses without hearing more
	MR_SHED_TELL_NS = 50 * 1000 * 1000, // told again at most so often
	MR_SHED_REST_NS = 1000 * 1000 * 1000, // after its expiry until an entry is used again
};

struct mr_shed_entry {
	uint64_t object; // 0: never used
	uint64_t told_ns;
	uint64_t expires_ns;
	// of the object's last refused event: refusals at the door count there
	struct mr_ledger_rows rows;
	uint64_t ids[MR_TOP_KINDS]; // by enum mr_scope_kind - 1
};

struct mr_shed {
	struct mr_shed_entry entries[MR_SHED_SET_MAX];
	uint32_t hand; // where the search for a free entry goes on
};

// Whether sources must be told now. `*slot` is the object's entry if `has_slot`, and the one it got
// if that became true.
bool mr_shed_tell(struct mr_shed *shed, const uint64_t ids[MR_TOP_KINDS],
	struct mr_ledger_rows rows, uint64_t now_ns, bool *has_slot, uint8_t *slot);
// Whether the entry was still the object's and in force: then the sources should hear of it.
bool mr_shed_lift(struct mr_shed *shed, uint64_t object, uint8_t slot, uint64_t now_ns);
