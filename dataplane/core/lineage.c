#include "lineage.h"

#include <string.h>

#include "mr_assert.h"

enum {
	EVENT_AT = sizeof(struct mr_record_event),
	ANCESTORS_AT = EVENT_AT + sizeof(struct mr_event_fixed),
};

void mr_lineage_parse(const uint8_t *bytes, struct mr_lineage *ret_lineage)
{
	struct mr_record_event event;
	struct mr_event_fixed fixed;
	memcpy(&event, bytes, sizeof(event));
	memcpy(&fixed, bytes + EVENT_AT, sizeof(fixed));
	const uint32_t ancestors = fixed.ancestors;
	mr_assert(ancestors <= MR_ANCESTORS_MAX);
	mr_assert(ANCESTORS_AT + ancestors * 10 <= event.record.length);
	ret_lineage->count = 1 + ancestors;
	ret_lineage->bytes = event.record.length;
	ret_lineage->done = (uint32_t)event.hops_done << 1
		| (event.record.flags & MR_EVENT_OBJECT_DONE ? 1 : 0);
	ret_lineage->origin = (struct mr_origin){
		.app = event.app,
		.workspace = fixed.workspace,
		.database = fixed.database,
		.received_at_ns = event.received_at_ns,
	};
	ret_lineage->user = fixed.user;
	ret_lineage->gids[0] = fixed.object;
	ret_lineage->via[0] = 0;
	memcpy(&ret_lineage->gids[1], bytes + ANCESTORS_AT, ancestors * sizeof(uint64_t));
	for (uint32_t i = 0; i < ancestors; i++) {
		const uint8_t via = bytes[ANCESTORS_AT + ancestors * 8 + i * 2];
		ret_lineage->via[1 + i] = via == MR_VIA_OBJECT ? 0 : (uint8_t)(1 + via);
		mr_assert(ret_lineage->via[1 + i] < ret_lineage->count);
	}
}

struct mr_event_scopes mr_lineage_scopes(const struct mr_lineage *lineage)
{
	mr_assert(lineage->count > 0);
	return (struct mr_event_scopes){
		.ids = {lineage->origin.app, lineage->gids[0], lineage->origin.workspace,
			lineage->origin.database, lineage->user},
		.ancestors = &lineage->gids[1],
		.ancestors_count = lineage->count - 1,
	};
}

static bool is_cycle(const struct mr_lineage *lineage, uint32_t at)
{
	const uint64_t gid = lineage->gids[at];
	uint32_t via = lineage->via[at];
	for (uint32_t steps = 0; steps < lineage->count; steps++) {
		if (lineage->gids[via] == gid)
			return true;
		if (via == 0)
			break;
		via = lineage->via[via];
	}
	return false;
}

enum mr_lineage_cut mr_lineage_cut(const struct mr_lineage *lineage, uint32_t at)
{
	mr_assert(at < lineage->count);
	for (uint32_t before = 0; before < at; before++)
		if (lineage->gids[before] == lineage->gids[at])
			return is_cycle(lineage, at) ? MR_LINEAGE_CYCLE : MR_LINEAGE_DIAMOND;
	return MR_LINEAGE_GOES;
}
