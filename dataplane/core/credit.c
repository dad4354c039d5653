#include "credit.h"

#include "mr_assert.h"

enum { FIRST_GUESS_BYTES = 256, AVERAGE_SHIFT = 4 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void mr_credit_init(struct mr_credit *credit)
{
	*credit = (struct mr_credit){
		.period = 1,
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
}

void mr_credit_seen(struct mr_credit *credit, struct mr_flow *flow)
{
	if (flow->seen_period == credit->period)
		return;
	flow->seen_period = credit->period;
	credit->flows_now++;
}

void mr_credit_event(struct mr_credit *credit, uint32_t bytes)
{
	mr_assert_hot(bytes > 0 && bytes <= UINT16_MAX);
	credit->event_bytes_x16 -= credit->event_bytes_x16 >> AVERAGE_SHIFT;
	credit->event_bytes_x16 += bytes;
}

uint64_t mr_credit_extend(const struct mr_credit *credit, struct mr_flow *flow, uint64_t free_bytes)
{
	const uint64_t bytes = (credit->event_bytes_x16 >> AVERAGE_SHIFT) + 1;
	const uint64_t fits = free_bytes / bytes;
	const uint32_t lately =
		credit->flows_now > credit->flows_before ? credit->flows_now : credit->flows_before;
	uint64_t share = fits / 4 * 3 / (lately > 0 ? lately : 1);
	if (share < MR_PACKET_EVENTS_MAX)
		share = min_u64(MR_PACKET_EVENTS_MAX, fits);
	const uint64_t edge = min_u64(flow->settled + MR_WINDOW_MAX, flow->next + share);
	if (edge <= flow->edge)
		return 0;
	const uint64_t moved = edge - flow->edge;
	flow->edge = edge;
	mr_assert(flow->edge - flow->settled <= MR_WINDOW_MAX);
	return moved;
}

bool mr_credit_is_short(const struct mr_flow *flow)
{
	mr_assert(flow->edge >= flow->next);
	return flow->edge - flow->next < MR_PACKET_EVENTS_MAX
		&& flow->edge < flow->settled + MR_WINDOW_MAX;
}
