// How far a flow may send: three quarters of the buffer that is free for events, divided among the
// flows that sent lately. Edges are never taken back, so what is granted counts until it is used or
// the session ends, and no grant makes the sum exceed the three quarters as they are then.
//
// With one exception, or flows that fell silent with their grants would starve all others: while a
// quarter of the room for events is free, a flow that asks gets up to a packet of what those that
// sent lately leave: its part, and while anything is left at least one event.
#pragma once

#include <stdint.h>

#include "flow.h"

enum { MR_CREDIT_PERIOD_NS = 50 * 1000 * 1000 };

struct mr_credit {
	uint64_t period; // number of the current one, never 0
	uint64_t period_ends_ns;
	uint32_t flows_now; // that sent in this period
	uint32_t flows_before; // and in the one before
	uint32_t event_bytes_x16; // running average of a record's length
	uint64_t room_bytes; // for events, when nothing is used
	uint64_t granted; // events that flows may still send, all together
	uint64_t granted_now; // of which those that sent in this period
	uint64_t granted_before; // and in the one before, as it ended
};

void mr_credit_init(struct mr_credit *credit, uint64_t room_bytes);
void mr_credit_tick(struct mr_credit *credit, uint64_t now_ns);
void mr_credit_seen(struct mr_credit *credit, struct mr_flow *flow);
void mr_credit_event(struct mr_credit *credit, uint32_t bytes);
// Events that the flow may still send. Whoever has changed that elsewhere says what it was before.
static inline uint64_t mr_credit_of(const struct mr_flow *flow)
{
	return flow->edge - flow->next;
}
void mr_credit_changed(struct mr_credit *credit, const struct mr_flow *flow, uint64_t before);
// Moves the flow's edge if `free_bytes` of buffer allow it; by how much.
uint64_t mr_credit_extend(struct mr_credit *credit, struct mr_flow *flow, uint64_t free_bytes);
// Whether the flow can send less than a packet although its window would take one: it waits for
// buffer.
bool mr_credit_is_short(const struct mr_flow *flow);
