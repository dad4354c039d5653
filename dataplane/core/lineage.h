// The part of an event record that says where it goes: the object, its ancestors, and by which way
// each of them was reached.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "bans.h"
#include "pin.h"

enum {
	// of a record, from its start: all that a lineage is made of
	MR_LINEAGE_BYTES = sizeof(struct mr_record_event) + sizeof(struct mr_event_fixed)
		+ MR_ANCESTORS_MAX * (8 + 2),
};

struct mr_lineage {
	uint64_t gids[1 + MR_ANCESTORS_MAX]; // the object, then its ancestors
	uint8_t via[1 + MR_ANCESTORS_MAX]; // index into gids
	uint64_t user;
	uint32_t count;
	uint32_t bytes; // of the record
	uint32_t done; // bit: hops that an earlier boot has sent and counted
	struct mr_origin origin;
};

enum mr_lineage_cut {
	MR_LINEAGE_GOES, // hears of the event
	MR_LINEAGE_DIAMOND, // was named before
	MR_LINEAGE_CYCLE, // stands on its own way from the object
};

// `bytes`: the first MR_LINEAGE_BYTES of a sound event record, or all of a shorter one.
void mr_lineage_parse(const uint8_t *bytes, struct mr_lineage *ret_lineage);
// What bans can name of it; lives as long as the lineage.
struct mr_event_scopes mr_lineage_scopes(const struct mr_lineage *lineage);
// A resource hears once of an event: every later mention is cut, and counted by what made it.
enum mr_lineage_cut mr_lineage_cut(const struct mr_lineage *lineage, uint32_t at);
