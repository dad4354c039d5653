// One flow of one session: the window of sequences whose fate is not settled and known on both
// sides.
//
//   known <= settled <= next <= edge <= settled + MR_WINDOW_MAX
//
// Below `settled` everything is durable or refused; in [settled, next) are sequences admitted, of
// which the accepted wait for the watermark; from `next` on packets may wait in the reorder list,
// in order of their first sequence.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "packet.h"
#include "refused.h"

struct mr_flow {
	uint64_t next;
	uint64_t settled;
	uint64_t known; // as the producer said, never above settled
	uint64_t edge; // granted; never retracted
	uint64_t acked; // settled as of the last ACK
	uint64_t echo_ns; // send time of the newest packet
	uint64_t ack_due_ns;
	uint64_t seen_period; // last period of the shard's credit clock in which it sent
	uint64_t seen_next; // `next` when that began
	uint64_t demand; // events of the period before in which it sent
	struct mr_packet *reorder;
	struct mr_refused_list refused;
	uint32_t reorder_count;
	uint32_t ack_next; // neighbours on a list of flows that need an ACK
	uint32_t ack_prev;
	uint8_t ack_list; // 0: on none
	bool ack_wanted; // something to say; a flow on a list without it waits for credit
	bool is_busy; // something was discarded unsettled: say so
	uint64_t restarted; // where a start has found `next`; 0: opened since
	// bit (sequence mod window): accepted, in [settled, next); lost with a restart, in [known,
	// restarted), of which nothing reaches into the former; zero elsewhere
	uint64_t accepted[MR_WINDOW_MAX / 64];
};

enum mr_place {
	MR_PLACE_NEXT, // starts at `next`, or reaches over it from behind
	MR_PLACE_BEHIND, // admitted before, as a whole
	MR_PLACE_AHEAD, // there is a gap
	MR_PLACE_BEYOND, // reaches beyond the edge, or more than a window beyond known
};

void mr_flow_open(struct mr_flow *flow, uint64_t known);
// As a start has found it: everything below `next` is settled, and what `accepted` (bit: sequence
// mod window) does not name of the last window was not accepted.
void mr_flow_recover(
	struct mr_flow *flow, uint64_t next, const uint64_t accepted[MR_WINDOW_MAX / 64]);
// The first run of sequences at or above `from` that were lost with a restart. False: no more.
bool mr_flow_lost(
	const struct mr_flow *flow, uint64_t from, uint64_t *ret_first, uint64_t *ret_end);
// Which of the last window below `next` were accepted, those that wait for the disk included. What
// the producer knows the fate of may be named whatever it was.
void mr_flow_window(const struct mr_flow *flow, const struct mr_refused_pool *pool,
	uint64_t ret_accepted[MR_WINDOW_MAX / 64]);
void mr_flow_known(struct mr_flow *flow, struct mr_refused_pool *pool, uint64_t known);
// The edge, or a window beyond known: nothing from there on is settled yet.
uint64_t mr_flow_limit(const struct mr_flow *flow);
enum mr_place mr_flow_place(const struct mr_flow *flow, uint64_t first, uint32_t count);

// The next sequence, or the next `count`, get their fate. Refusing answers false when no run is
// left: nothing happened.
void mr_flow_accept(struct mr_flow *flow);
bool mr_flow_refuse(struct mr_flow *flow, struct mr_refused_pool *pool, uint32_t count,
	const struct mr_refusal *refusal);
// An accepted sequence became durable. False when the window does not wait for it (a session opened
// anew).
bool mr_flow_durable(struct mr_flow *flow, uint64_t sequence);

// Keeps a packet that is ahead. -ENOSPC when the list is full, -EEXIST when such a packet waits
// already.
int mr_flow_reorder(struct mr_flow *flow, struct mr_packet *packet);
// Takes the first waiting packet if it is not ahead any more; NULL when there is none.
struct mr_packet *mr_flow_take_ready(struct mr_flow *flow);
// Takes the first waiting packet whatever it is.
struct mr_packet *mr_flow_take_any(struct mr_flow *flow);
