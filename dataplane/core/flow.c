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

static bool has_bit(const uint64_t *words, uint64_t sequence)
{
	return words[sequence % MR_WINDOW_MAX / WORD_BITS] & bit_of(sequence);
}

static void clear_bits(uint64_t *words, uint64_t first, uint64_t end)
{
	for (; first < end; first++)
		words[first % MR_WINDOW_MAX / WORD_BITS] &= ~bit_of(first);
}

void mr_flow_open(struct mr_flow *flow, uint64_t known)
{
	mr_assert(flow->reorder == NULL && flow->refused.head == 0);
	mr_assert(flow->ack_list == 0);
	const uint64_t next = known > 0 ? known : 1;
	memset(flow, 0, sizeof(*flow));
	flow->next = next;
	flow->seen_next = next;
	flow->settled = next;
	flow->known = next;
	flow->edge = next;
	flow->acked = next;
}

static uint64_t window_start(uint64_t next)
{
	return next > MR_WINDOW_MAX ? next - MR_WINDOW_MAX : 1;
}

void mr_flow_recover(
	struct mr_flow *flow, uint64_t next, const uint64_t accepted[MR_WINDOW_MAX / 64])
{
	mr_flow_open(flow, next);
	for (uint64_t sequence = window_start(next); sequence < next; sequence++)
		if (!has_bit(accepted, sequence))
			*word_of(flow, sequence) |= bit_of(sequence);
	flow->restarted = next;
	flow->known = window_start(next);
	uint64_t end;
	if (!mr_flow_lost(flow, flow->known, &flow->known, &end))
		flow->known = next;
	flow->acked = flow->known; // the losses are still to be told
}

bool mr_flow_lost(const struct mr_flow *flow, uint64_t from, uint64_t *ret_first, uint64_t *ret_end)
{
	if (from < flow->known)
		from = flow->known;
	while (from < flow->restarted && !has_bit(flow->accepted, from))
		from++;
	if (from >= flow->restarted)
		return false;
	*ret_first = from;
	while (from < flow->restarted && has_bit(flow->accepted, from))
		from++;
	*ret_end = from;
	return true;
}

void mr_flow_window(const struct mr_flow *flow, const struct mr_refused_pool *pool,
	uint64_t ret_accepted[MR_WINDOW_MAX / 64])
{
	const uint64_t start = window_start(flow->next);
	uint64_t first = start;
	uint64_t end;
	memset(ret_accepted, 0, sizeof(flow->accepted));
	for (uint64_t sequence = start; sequence < flow->next; sequence++)
		ret_accepted[sequence % MR_WINDOW_MAX / WORD_BITS] |= bit_of(sequence);
	for (; mr_flow_lost(flow, first, &first, &end); first = end)
		clear_bits(ret_accepted, first, end);
	for (uint32_t at = flow->refused.head; at != 0; at = pool->runs[at].next) {
		const struct mr_refused_run *run = &pool->runs[at];
		mr_assert(run->first + run->count <= flow->next);
		clear_bits(ret_accepted, run->first > start ? run->first : start,
			run->first + run->count);
	}
}

// Nothing records refusals: before the restart the producer may have heard of more of them than a
// start has found. It goes on behind those.
static void skip(struct mr_flow *flow, uint64_t known)
{
	clear_bits(flow->accepted, flow->known, flow->restarted);
	mr_assert(flow->settled == flow->next);
	flow->next = known;
	flow->settled = known;
	flow->known = known;
	flow->restarted = known;
	if (flow->acked < known)
		flow->acked = known;
	if (flow->edge < known)
		flow->edge = known;
}

void mr_flow_known(struct mr_flow *flow, struct mr_refused_pool *pool, uint64_t known)
{
	if (known > flow->next && flow->restarted == flow->next)
		skip(flow, known);
	if (known > flow->settled)
		known = flow->settled; // nobody can know more
	if (known <= flow->known)
		return;
	if (flow->known < flow->restarted)
		clear_bits(flow->accepted, flow->known,
			known < flow->restarted ? known : flow->restarted);
	flow->known = known;
	mr_refused_forget(&flow->refused, pool, known);
}

uint64_t mr_flow_limit(const struct mr_flow *flow)
{
	mr_assert_hot(flow->known <= flow->settled && flow->settled <= flow->next);
	uint64_t limit = flow->edge;
	if (limit > flow->known + MR_WINDOW_MAX)
		limit = flow->known + MR_WINDOW_MAX;
	return limit > flow->next ? limit : flow->next;
}

enum mr_place mr_flow_place(const struct mr_flow *flow, uint64_t first, uint32_t count)
{
	mr_assert(count > 0);
	const uint64_t limit = mr_flow_limit(flow);
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
