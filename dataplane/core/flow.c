#include "flow.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"

enum { WORD_BITS = 64 };

static uint64_t *word_of(struct mr_flow *flow, uint64_t sequence)
{
	return &flow->accepted[sequence % MR_WINDOW_MAX / WORD_BITS];
}

static uint64_t bit_of(uint64_t sequence)
{
	return UINT64_C(1) << sequence % WORD_BITS;
}

void mr_flow_open(struct mr_flow *flow, uint64_t known)
{
	mr_assert(flow->reorder == NULL && flow->refused.head == 0);
	mr_assert(flow->ack_list == 0);
	const uint64_t next = known > 0 ? known : 1;
	memset(flow, 0, sizeof(*flow));
	flow->next = next;
	flow->settled = next;
	flow->known = next;
	flow->edge = next;
	flow->acked = next;
}

void mr_flow_known(struct mr_flow *flow, struct mr_refused_pool *pool, uint64_t known)
{
	if (known > flow->settled)
		known = flow->settled; // nobody can know more
	if (known <= flow->known)
		return;
	flow->known = known;
	mr_refused_forget(&flow->refused, pool, known);
}

enum mr_place mr_flow_place(const struct mr_flow *flow, uint64_t first, uint32_t count)
{
	mr_assert(count > 0);
	mr_assert_hot(flow->known <= flow->settled && flow->settled <= flow->next);
	uint64_t limit = flow->edge;
	if (limit > flow->known + MR_WINDOW_MAX)
		limit = flow->known + MR_WINDOW_MAX;
	if (limit < flow->next)
		limit = flow->next;
	if (first >= limit || count > limit - first)
		return MR_PLACE_BEYOND;
	if (first > flow->next)
		return MR_PLACE_AHEAD;
	return first + count <= flow->next ? MR_PLACE_BEHIND : MR_PLACE_NEXT;
}

// Moves `settled` over refused sequences up to the next accepted one.
static void settle_refused(struct mr_flow *flow)
{
	while (flow->settled < flow->next) {
		const uint64_t word = *word_of(flow, flow->settled) >> flow->settled % WORD_BITS;
		if (word != 0) {
			flow->settled += (uint64_t)__builtin_ctzll(word);
			break;
		}
		flow->settled += WORD_BITS - flow->settled % WORD_BITS;
	}
	if (flow->settled > flow->next)
		flow->settled = flow->next;
}

void mr_flow_accept(struct mr_flow *flow)
{
	mr_assert(flow->next < flow->edge);
	mr_assert_hot(flow->next - flow->settled < MR_WINDOW_MAX);
	*word_of(flow, flow->next) |= bit_of(flow->next);
	flow->next++;
}

bool mr_flow_refuse(struct mr_flow *flow, struct mr_refused_pool *pool, uint32_t count,
	const struct mr_refusal *refusal)
{
	mr_assert(count > 0 && count <= flow->edge - flow->next);
	if (!mr_refused_add(&flow->refused, pool, flow->next, count, refusal))
		return false;
	const bool at_end = flow->settled == flow->next;
	flow->next += count;
	if (at_end)
		flow->settled = flow->next;
	return true;
}

bool mr_flow_durable(struct mr_flow *flow, uint64_t sequence)
{
	if (sequence != flow->settled || sequence >= flow->next)
		return false;
	uint64_t *word = word_of(flow, sequence);
	if ((*word & bit_of(sequence)) == 0)
		return false;
	*word &= ~bit_of(sequence);
	flow->settled++;
	settle_refused(flow);
	mr_assert(flow->settled <= flow->next);
	return true;
}

int mr_flow_reorder(struct mr_flow *flow, struct mr_packet *packet)
{
	mr_assert(packet->first_sequence > flow->next);
	if (flow->reorder_count == MR_REORDER_PACKETS_MAX)
		return -ENOSPC;
	struct mr_packet **at = &flow->reorder;
	while (*at != NULL && (*at)->first_sequence < packet->first_sequence)
		at = &(*at)->next;
	if (*at != NULL && (*at)->first_sequence == packet->first_sequence)
		return -EEXIST;
	packet->next = *at;
	*at = packet;
	flow->reorder_count++;
	return 0;
}

struct mr_packet *mr_flow_take_any(struct mr_flow *flow)
{
	struct mr_packet *packet = flow->reorder;
	if (packet == NULL)
		return NULL;
	mr_assert(flow->reorder_count > 0);
	flow->reorder = packet->next;
	flow->reorder_count--;
	packet->next = NULL;
	return packet;
}

struct mr_packet *mr_flow_take_ready(struct mr_flow *flow)
{
	if (flow->reorder == NULL || flow->reorder->first_sequence > flow->next)
		return NULL;
	return mr_flow_take_any(flow);
}
