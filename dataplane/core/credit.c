#include "credit.h"

#include "mr_assert.h"

enum {
	FIRST_GUESS_BYTES = 256,
	AVERAGE_SHIFT = 4,
	NEW_FLOW_DIVISOR = 4, // of what is left: a session begins many flows at once
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void mr_credit_init(struct mr_credit *credit, uint64_t room_bytes)
{
	*credit = (struct mr_credit){
		.period = 1,
		.room_bytes = room_bytes,
		.event_bytes_x16 = FIRST_GUESS_BYTES << AVERAGE_SHIFT,
	};
}

void mr_credit_tick(struct mr_credit *credit, uint64_t now_ns)
{
	if (now_ns < credit->period_ends_ns)
		return;
	credit->period++;
	credit->period_ends_ns = now_ns + MR_CREDIT_PERIOD_NS;
	credit->flows_before = credit->flows_now;
	credit->flows_now = 0;
	credit->granted_before = credit->granted_now;
	credit->granted_now = 0;
}

void mr_credit_seen(struct mr_credit *credit, struct mr_flow *flow)
{
	if (flow->seen_period == credit->period)
		return;
	credit->granted_now += mr_credit_of(flow);
	flow->demand = flow->next - flow->seen_next;
	flow->seen_next = flow->next;
	flow->seen_period = credit->period;
	credit->flows_now++;
}

void mr_credit_event(struct mr_credit *credit, uint32_t bytes)
{
	mr_assert_hot(bytes > 0 && bytes <= UINT16_MAX);
	credit->event_bytes_x16 -= credit->event_bytes_x16 >> AVERAGE_SHIFT;
	credit->event_bytes_x16 += bytes;
}

void mr_credit_changed(struct mr_credit *credit, const struct mr_flow *flow, uint64_t before)
{
	mr_assert(credit->granted >= before);
	credit->granted = credit->granted - before + mr_credit_of(flow);
	if (flow->seen_period != credit->period)
		return;
	mr_assert(credit->granted_now >= before);
	credit->granted_now = credit->granted_now - before + mr_credit_of(flow);
}

static uint64_t left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

// How many events the flow may have in front of it, when `fits` have room.
static uint64_t share_of(
	const struct mr_credit *credit, const struct mr_flow *flow, uint64_t fits, bool is_roomy)
{
	const uint64_t limit = fits / 4 * 3;
	const uint64_t others = credit->granted - mr_credit_of(flow);
	const uint32_t lately =
		credit->flows_now > credit->flows_before ? credit->flows_now : credit->flows_before;
	const uint32_t flows = lately > 0 ? lately : 1;
	uint64_t share = min_u64(limit / 2 / flows, left(limit, others));
	// Who sends more than its share has what the others leave, but for as much again.
	const uint64_t demand = max_u64(flow->demand, flow->next - flow->seen_next);
	if (demand > share)
		share = max_u64(share, min_u64(2 * demand, left(limit, others) / 2));
	if (flow->seen_period == 0)
		share = min_u64(share, left(limit / 2, others) / NEW_FLOW_DIVISOR);
	if (share >= MR_PACKET_EVENTS_MAX)
		return share;
	share = min_u64(MR_PACKET_EVENTS_MAX, left(limit, others));
	const uint64_t active = max_u64(credit->granted_now, credit->granted_before);
	// Rounded up: flows may be more than events that fit, and then nobody would ever get
	// anything.
	const uint64_t packet =
		min_u64(MR_PACKET_EVENTS_MAX, (left(fits, active) + flows - 1) / flows);
	return is_roomy ? max_u64(share, min_u64(MR_PACKET_EVENTS_MAX, mr_credit_of(flow) + packet))
			: share;
}

uint64_t mr_credit_extend(struct mr_credit *credit, struct mr_flow *flow, uint64_t free_bytes)
{
	const uint64_t bytes = (credit->event_bytes_x16 >> AVERAGE_SHIFT) + 1;
	const bool is_roomy = free_bytes > credit->room_bytes / 4;
	// What is accepted brings other records with it.
	const uint64_t fits = left(free_bytes, credit->room_bytes / 8) / bytes;
	mr_assert(credit->granted >= mr_credit_of(flow));
	const uint64_t edge = min_u64(
		flow->settled + MR_WINDOW_MAX, flow->next + share_of(credit, flow, fits, is_roomy));
	if (edge <= flow->edge)
		return 0;
	const uint64_t before = mr_credit_of(flow);
	const uint64_t moved = edge - flow->edge;
	flow->edge = edge;
	mr_credit_changed(credit, flow, before);
	mr_assert(flow->edge - flow->settled <= MR_WINDOW_MAX);
	return moved;
}

bool mr_credit_is_short(const struct mr_flow *flow)
{
	mr_assert(flow->edge >= flow->next);
	return flow->edge - flow->next < MR_PACKET_EVENTS_MAX
		&& flow->edge < flow->settled + MR_WINDOW_MAX;
}
