// The producer's side of one flow (I1): which events wait, which are under way, what their fate is,
// what to send next and when to send it again. Pure: time is an argument. docs/WIRE.md has the
// protocol.
//
// Sequences rise from 1:   settled <= next <= end
//   below settled     their fate is known (and the router is told so: `known`)
//   settled .. next   sent at least once
//   next .. end       wait for the window: those below `edge` may go
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/wire.h>

#include "wire_codec.h"

#define MR_PRODUCER_RTO_MIN_NS UINT64_C(5000000)
#define MR_PRODUCER_RTO_MAX_NS UINT64_C(1000000000)
enum {
	MR_PRODUCER_BURST_PACKETS = MR_REORDER_PACKETS_MAX
}; // sent again at once: what the router can keep in any order

struct mr_pending {
	uint64_t number; // event number; the highest bit is the flow's own
	uint64_t object;
	uint64_t intended_ns;
};

// Told once per event, in order of sequence: accepted (reason MR_REASON_OK) or refused.
struct mr_settle {
	void *context;
	void (*event)(void *context, const struct mr_pending *event, uint8_t reason,
		uint32_t retry_after_ms);
};

struct mr_producer_flow {
	struct mr_pending *ring; // event of sequence s at s & mask
	uint64_t mask;
	uint64_t settled;
	uint64_t next;
	uint64_t end;
	uint64_t edge;
	bool ignore_credits;
	// the router said BUSY: nothing new until the timer fires or something is settled
	bool backed_off;
	// What the newest ACK said about sequences from `settled` on.
	uint64_t bitmap_base;
	uint32_t bitmap_words;
	uint64_t bitmap[MR_ACK_BITMAP_WORDS_MAX];
	// The burst under way: the part not sent again yet, and where it ends. Until `settled` is
	// there or the timer fires, no other burst starts.
	uint64_t burst_at;
	uint64_t burst_end;
	uint64_t recover_end;
	uint64_t burst_sent_ns; // when its newest packet was sent
	uint64_t suspect_end; // what is not settled below may be lost: more than one burst can take
	uint32_t burst_packets; // still allowed
	uint64_t insist; // sent again even if the router has it: only an answer tells its fate
	bool probe; // one event may go beyond the edge, to be told the edge
	// The timer.
	uint64_t due_ns; // UINT64_MAX: not running
	uint64_t rto_ns;
	uint64_t srtt_ns; // 0: no sample yet
	uint64_t rttvar_ns;
	uint64_t newest_echo_ns;
	// Counters.
	uint64_t packets_resent;
	uint64_t timeouts;
	uint64_t bursts_by_gap;
};

struct mr_range {
	uint64_t first;
	uint32_t count;
	bool again; // sent before
};

// `ring` has room for `capacity` events, a power of two.
void mr_producer_flow_init(struct mr_producer_flow *flow, struct mr_pending *ring,
	uint64_t capacity, bool ignore_credits);
void mr_producer_flow_grant(
	struct mr_producer_flow *flow, const struct mr_wire_grant *grant); // WELCOME
// Whether a session that is resumed with this grant can be the one we know. A grant may be older
// than the newest ACK.
static inline bool mr_producer_flow_fits(
	const struct mr_producer_flow *flow, const struct mr_wire_grant *grant)
{
	return grant->next > 0 && grant->next <= flow->next;
}
// The session was resumed with a grant that fits. A router that started anew (`restarted`) grants
// from nothing and has none of what it had not settled, so that goes again at once.
void mr_producer_flow_resume(struct mr_producer_flow *flow, const struct mr_wire_grant *grant,
	bool restarted, uint64_t now_ns);
// False: the ring is full.
bool mr_producer_flow_push(struct mr_producer_flow *flow, const struct mr_pending *event);
// How many more events the window lets go at once; 0 when it is shut.
uint64_t mr_producer_flow_window(const struct mr_producer_flow *flow);
static inline const struct mr_pending *mr_producer_flow_event(
	const struct mr_producer_flow *flow, uint64_t sequence)
{
	return &flow->ring[sequence & flow->mask];
}
static inline uint64_t mr_producer_flow_number(const struct mr_pending *event)
{
	return event->number & ~(UINT64_C(1) << 63);
}

// What to send now: first what is to be sent again, then new events, at most `max`. False: nothing.
bool mr_producer_flow_next(struct mr_producer_flow *flow, uint32_t max, struct mr_range *ret_range);
// `count` events of the range have been sent as one packet (what did not fit stays for the next).
void mr_producer_flow_sent(struct mr_producer_flow *flow, const struct mr_range *range,
	uint32_t count, uint64_t now_ns);
// Takes that back: the port had no room for the packet. The newest packet of a flow first.
void mr_producer_flow_unsent(struct mr_producer_flow *flow, const struct mr_range *range);
// 0, or -EPROTO: the router settles what was never sent; nothing is changed then.
int mr_producer_flow_ack(struct mr_producer_flow *flow, const struct mr_wire_ack_view *view,
	bool busy, uint64_t now_ns, const struct mr_settle *settle);
// Call when due_ns has come.
void mr_producer_flow_tick(struct mr_producer_flow *flow, uint64_t now_ns);
// Whether mr_producer_flow_next would say something.
bool mr_producer_flow_ready(const struct mr_producer_flow *flow);
