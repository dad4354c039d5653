// ACKs: which flows have something to say and when, the memory of their bodies, and how a body is
// written (I1).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "flow.h"
#include "message.h"

enum mr_ack_list { MR_ACK_NONE = 0, MR_ACK_AT_ONCE = 1, MR_ACK_LATER = 2, MR_ACK_LISTS = 3 };
enum { MR_ACK_BUSY_RETRY_MS = 5 };

struct mr_acks {
	struct mr_flow *flows;
	uint64_t interval_ns;
	struct {
		uint32_t head; // flow index + 1, 0: none
		uint32_t tail;
	} lists[MR_ACK_LISTS];
	struct mr_ack_slot *slots; // of all sources
	uint16_t *free; // per source a stack of slot numbers
	uint32_t free_count[MR_SOURCES_MAX];
	uint32_t slots_per_source;
};

bool mr_acks_init(struct mr_acks *acks, struct mr_arena *arena, struct mr_flow *flows,
	uint32_t sources, uint32_t slots_per_source, uint64_t interval_ns);
// The flow is heard of after one interval, at once if urgent; it stays on the list it is on if that
// is sooner.
void mr_acks_want(struct mr_acks *acks, uint32_t flow, bool urgent, uint64_t now_ns);
// Only its credit is looked at again after one interval.
void mr_acks_watch(struct mr_acks *acks, uint32_t flow, uint64_t now_ns);
void mr_acks_cancel(struct mr_acks *acks, uint32_t flow);
bool mr_acks_take(
	struct mr_acks *acks, uint64_t now_ns, uint32_t *ret_flow); // next one that is due
uint64_t mr_acks_next_due(const struct mr_acks *acks); // UINT64_MAX: none

struct mr_ack_slot *mr_acks_slot_take(
	struct mr_acks *acks, uint32_t source); // NULL: all are under way
void mr_acks_slot_give(struct mr_acks *acks, uint32_t source, const struct mr_ack_slot *slot);

// Writes the body; its length. What it reports as settled, flow->acked from now on, stops before
// the first run that has no room in it: what is not listed below `settled` counts as accepted.
uint32_t mr_ack_write(struct mr_flow *flow, const struct mr_refused_pool *pool, uint8_t *ret_body);
