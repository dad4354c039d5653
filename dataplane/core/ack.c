#include "ack.h"

#include <stddef.h>
#include <string.h>

#include <millrace/reason.h>
#include <millrace/wire.h>

#include "mr_assert.h"

enum { WORD_BITS = 64 };

bool mr_acks_init(struct mr_acks *acks, struct mr_arena *arena, struct mr_flow *flows,
	uint32_t sources, uint32_t slots_per_source, uint64_t interval_ns)
{
	mr_assert(sources <= MR_SOURCES_MAX && slots_per_source <= UINT16_MAX);
	*acks = (struct mr_acks){
		.flows = flows,
		.interval_ns = interval_ns,
		.slots_per_source = slots_per_source,
	};
	const uint32_t count = sources * slots_per_source;
	acks->slots = mr_arena_array(arena, "ACK slots", struct mr_ack_slot, count);
	acks->free = mr_arena_array(arena, "ACK slots", uint16_t, count);
	if (acks->slots == NULL || acks->free == NULL)
		return false;
	for (uint32_t source = 0; source < sources; source++) {
		for (uint32_t i = 0; i < slots_per_source; i++)
			acks->free[source * slots_per_source + i] = (uint16_t)i;
		acks->free_count[source] = slots_per_source;
	}
	return true;
}

static void list_push(struct mr_acks *acks, uint32_t flow, enum mr_ack_list list)
{
	struct mr_flow *state = &acks->flows[flow];
	mr_assert(state->ack_list == MR_ACK_NONE);
	state->ack_list = (uint8_t)list;
	state->ack_next = 0;
	state->ack_prev = acks->lists[list].tail;
	if (state->ack_prev != 0)
		acks->flows[state->ack_prev - 1].ack_next = flow + 1;
	else
		acks->lists[list].head = flow + 1;
	acks->lists[list].tail = flow + 1;
}

void mr_acks_cancel(struct mr_acks *acks, uint32_t flow)
{
	struct mr_flow *state = &acks->flows[flow];
	const uint8_t list = state->ack_list;
	state->ack_wanted = false;
	if (list == MR_ACK_NONE)
		return;
	mr_assert(list < MR_ACK_LISTS);
	if (state->ack_prev != 0)
		acks->flows[state->ack_prev - 1].ack_next = state->ack_next;
	else
		acks->lists[list].head = state->ack_next;
	if (state->ack_next != 0)
		acks->flows[state->ack_next - 1].ack_prev = state->ack_prev;
	else
		acks->lists[list].tail = state->ack_prev;
	state->ack_list = MR_ACK_NONE;
}

void mr_acks_watch(struct mr_acks *acks, uint32_t flow, uint64_t now_ns)
{
	struct mr_flow *state = &acks->flows[flow];
	if (state->ack_list != MR_ACK_NONE)
		return;
	// Everybody waits the same time, so the list is in order of dueness.
	state->ack_due_ns = now_ns + acks->interval_ns;
	list_push(acks, flow, MR_ACK_LATER);
}

void mr_acks_want(struct mr_acks *acks, uint32_t flow, bool urgent, uint64_t now_ns)
{
	struct mr_flow *state = &acks->flows[flow];
	if (!urgent) {
		mr_acks_watch(acks, flow, now_ns);
	} else if (state->ack_list != MR_ACK_AT_ONCE) {
		mr_acks_cancel(acks, flow);
		list_push(acks, flow, MR_ACK_AT_ONCE);
	}
	state->ack_wanted = true;
}

uint64_t mr_acks_next_due(const struct mr_acks *acks)
{
	if (acks->lists[MR_ACK_AT_ONCE].head != 0)
		return 0;
	const uint32_t first = acks->lists[MR_ACK_LATER].head;
	return first != 0 ? acks->flows[first - 1].ack_due_ns : UINT64_MAX;
}

bool mr_acks_take(struct mr_acks *acks, uint64_t now_ns, uint32_t *ret_flow)
{
	if (mr_acks_next_due(acks) > now_ns)
		return false;
	uint32_t first = acks->lists[MR_ACK_AT_ONCE].head;
	if (first == 0)
		first = acks->lists[MR_ACK_LATER].head;
	mr_assert(first != 0);
	const bool wanted = acks->flows[first - 1].ack_wanted;
	mr_acks_cancel(acks, first - 1);
	acks->flows[first - 1].ack_wanted = wanted;
	*ret_flow = first - 1;
	return true;
}

struct mr_ack_slot *mr_acks_slot_take(struct mr_acks *acks, uint32_t source)
{
	if (acks->free_count[source] == 0)
		return NULL;
	const uint32_t base = source * acks->slots_per_source;
	return &acks->slots[base + acks->free[base + --acks->free_count[source]]];
}

void mr_acks_slot_give(struct mr_acks *acks, uint32_t source, const struct mr_ack_slot *slot)
{
	const uint32_t base = source * acks->slots_per_source;
	const ptrdiff_t index = slot - &acks->slots[base];
	mr_assert(index >= 0 && index < (ptrdiff_t)acks->slots_per_source);
	mr_assert(acks->free_count[source] < acks->slots_per_source);
	acks->free[base + acks->free_count[source]++] = (uint16_t)index;
}

static void set_bits(uint64_t *words, uint32_t words_count, uint64_t first, uint64_t end)
{
	const uint64_t limit = (uint64_t)words_count * WORD_BITS;
	for (uint64_t bit = first; bit < end && bit < limit;) {
		const uint64_t in_word = bit % WORD_BITS;
		uint64_t count = WORD_BITS - in_word;
		if (count > end - bit)
			count = end - bit;
		const uint64_t ones = count == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << count) - 1;
		words[bit / WORD_BITS] |= ones << in_word;
		bit += count;
	}
}

// Bits of what was received from `settled` on; how many words are needed.
static uint16_t write_bitmap(const struct mr_flow *flow, uint64_t settled, uint64_t *ret_words)
{
	uint64_t end = flow->next;
	for (const struct mr_packet *packet = flow->reorder; packet != NULL;
		packet = packet->next) {
		if (packet->first_sequence + packet->count > end)
			end = packet->first_sequence + packet->count;
	}
	uint64_t words = (end - settled + WORD_BITS - 1) / WORD_BITS;
	if (words > MR_ACK_BITMAP_WORDS_MAX)
		words = MR_ACK_BITMAP_WORDS_MAX;
	memset(ret_words, 0, words * sizeof(*ret_words));
	set_bits(ret_words, (uint32_t)words, 0, flow->next - settled);
	for (const struct mr_packet *packet = flow->reorder; packet != NULL; packet = packet->next)
		set_bits(ret_words, (uint32_t)words, packet->first_sequence - settled,
			packet->first_sequence + packet->count - settled);
	return (uint16_t)words;
}

// What a restart has lost of [known, settled), which stands before all refused runs. Returns how
// many runs; *settled is cut where they do not fit.
static uint16_t write_lost(
	const struct mr_flow *flow, uint64_t *settled, struct mr_wire_refused *ret_runs)
{
	uint16_t count = 0;
	uint64_t first = flow->known;
	uint64_t end;
	for (; mr_flow_lost(flow, first, &first, &end); first = end) {
		if (count == MR_ACK_REFUSED_RUNS_MAX) {
			*settled = first;
			break;
		}
		ret_runs[count++] = (struct mr_wire_refused){
			.first = first,
			.count = (uint16_t)(end - first),
			.reason = MR_REASON_RESTARTED,
		};
	}
	return count;
}

// The runs in [known, settled). Returns how many; *settled is cut where they do not fit.
static uint16_t write_runs(const struct mr_flow *flow, const struct mr_refused_pool *pool,
	uint64_t *settled, struct mr_wire_refused *ret_runs)
{
	uint16_t count = write_lost(flow, settled, ret_runs);
	for (uint32_t at = flow->refused.head; at != 0; at = pool->runs[at].next) {
		const struct mr_refused_run *run = &pool->runs[at];
		const uint64_t first = run->first > flow->known ? run->first : flow->known;
		uint64_t end = run->first + run->count;
		if (first >= *settled)
			break;
		if (count == MR_ACK_REFUSED_RUNS_MAX) {
			*settled = first;
			break;
		}
		if (end > *settled)
			end = *settled;
		ret_runs[count++] = (struct mr_wire_refused){
			.first = first,
			.scope_id = run->refusal.scope_id,
			.retry_after_ms = run->refusal.retry_after_ms,
			.count = (uint16_t)(end - first),
			.reason = run->refusal.reason,
			.scope_kind = run->refusal.scope_kind,
		};
	}
	return count;
}

uint32_t mr_ack_write(struct mr_flow *flow, const struct mr_refused_pool *pool, uint8_t *ret_body)
{
	struct mr_wire_refused runs[MR_ACK_REFUSED_RUNS_MAX];
	uint64_t words[MR_ACK_BITMAP_WORDS_MAX];
	uint64_t settled = flow->settled;
	const uint16_t runs_count = write_runs(flow, pool, &settled, runs);
	const uint16_t words_count = write_bitmap(flow, settled, words);
	mr_assert(settled >= flow->known && settled <= flow->next);
	// What lies more than a window beyond what the producer is told is discarded when it comes
	// (mr_flow_place): it must not be told that it may send it.
	uint64_t edge = flow->edge;
	if (edge > settled + MR_WINDOW_MAX)
		edge = settled + MR_WINDOW_MAX;
	const struct mr_wire_ack ack = {
		.settled = settled,
		.edge = edge,
		.echo_send_time_ns = flow->echo_ns,
		.retry_after_ms = flow->is_busy ? MR_ACK_BUSY_RETRY_MS : 0,
		.bitmap_words = words_count,
		.refused_runs = runs_count,
	};
	const size_t words_bytes = words_count * sizeof(words[0]);
	const size_t runs_bytes = runs_count * sizeof(runs[0]);
	memcpy(ret_body, &ack, sizeof(ack));
	memcpy(ret_body + sizeof(ack), words, words_bytes);
	memcpy(ret_body + sizeof(ack) + words_bytes, runs, runs_bytes);
	flow->acked = settled;
	return (uint32_t)(sizeof(ack) + words_bytes + runs_bytes);
}
