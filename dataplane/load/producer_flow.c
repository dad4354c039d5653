#include "producer_flow.h"

#include <errno.h>
#include <string.h>

#include <millrace/reason.h>

#include "mr_assert.h"

static const uint64_t packet_start = UINT64_C(1) << 63; // in `number`: the event began a packet

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void mr_producer_flow_init(struct mr_producer_flow *flow, struct mr_pending *ring,
	uint64_t capacity, bool ignore_credits)
{
	mr_assert(capacity > 0 && (capacity & (capacity - 1)) == 0);
	*flow = (struct mr_producer_flow){
		.ring = ring,
		.mask = capacity - 1,
		.settled = 1,
		.next = 1,
		.end = 1,
		.edge = 1,
		.ignore_credits = ignore_credits,
		.due_ns = UINT64_MAX,
		.rto_ns = MR_PRODUCER_RTO_MIN_NS,
	};
}

void mr_producer_flow_grant(struct mr_producer_flow *flow, const struct mr_wire_grant *grant)
{
	flow->edge = max_u64(flow->edge, grant->edge);
}

bool mr_producer_flow_push(struct mr_producer_flow *flow, const struct mr_pending *event)
{
	mr_assert((event->number & packet_start) == 0);
	if (flow->end - flow->settled > flow->mask)
		return false;
	if (flow->due_ns == UINT64_MAX && flow->next >= flow->edge)
		flow->due_ns = event->intended_ns + flow->rto_ns; // the window is shut: ask in time
	flow->ring[flow->end & flow->mask] = *event;
	flow->end++;
	return true;
}

uint64_t mr_producer_flow_window(const struct mr_producer_flow *flow)
{
	uint64_t limit = min_u64(flow->edge, flow->settled + flow->mask + 1);
	return limit > flow->end ? limit - flow->end : 0;
}

static bool received(const struct mr_producer_flow *flow, uint64_t sequence)
{
	uint64_t bit = sequence - flow->bitmap_base;
	if (sequence < flow->bitmap_base || bit >= (uint64_t)flow->bitmap_words * 64)
		return false;
	return (flow->bitmap[bit / 64] >> (bit % 64) & 1) != 0;
}

// One past the highest sequence that the router says it has.
static uint64_t received_end(const struct mr_producer_flow *flow)
{
	for (uint32_t word = flow->bitmap_words; word-- > 0;) {
		if (flow->bitmap[word] != 0)
			return flow->bitmap_base + word * UINT64_C(64) + 64
				- (uint64_t)__builtin_clzll(flow->bitmap[word]);
	}
	return flow->settled;
}

// The next packet of the burst, with the borders it had before: what the router has already is left
// out.
static bool burst_next(struct mr_producer_flow *flow, struct mr_range *ret_range)
{
	uint64_t at = max_u64(flow->burst_at, flow->settled);
	uint64_t end = min_u64(flow->burst_end, flow->next);
	while (at < end && at != flow->insist && received(flow, at))
		at++;
	if (at >= end || flow->burst_packets == 0) {
		flow->burst_at = flow->burst_end;
		return false;
	}
	uint64_t stop = at + 1;
	while (stop < flow->next && !received(flow, stop)
		&& (mr_producer_flow_event(flow, stop)->number & packet_start) == 0)
		stop++;
	flow->burst_at = at;
	*ret_range = (struct mr_range){.first = at, .count = (uint32_t)(stop - at), .again = true};
	return true;
}

static uint64_t sendable_end(const struct mr_producer_flow *flow)
{
	if (flow->ignore_credits)
		return flow->end;
	if (flow->backed_off)
		return flow->next;
	uint64_t edge = max_u64(flow->edge, flow->next);
	return min_u64(flow->end, edge + (flow->probe && edge == flow->next ? 1 : 0));
}

bool mr_producer_flow_ready(const struct mr_producer_flow *flow)
{
	return flow->burst_at < flow->burst_end || flow->next < sendable_end(flow);
}

bool mr_producer_flow_next(struct mr_producer_flow *flow, uint32_t max, struct mr_range *ret_range)
{
	mr_assert(max > 0);
	if (flow->burst_at < flow->burst_end && burst_next(flow, ret_range))
		return true;
	uint64_t end = sendable_end(flow);
	if (flow->next >= end)
		return false;
	*ret_range = (struct mr_range){
		.first = flow->next, .count = (uint32_t)min_u64(end - flow->next, max)};
	return true;
}

void mr_producer_flow_sent(struct mr_producer_flow *flow, const struct mr_range *range,
	uint32_t count, uint64_t now_ns)
{
	mr_assert(count > 0 && count <= range->count);
	flow->ring[range->first & flow->mask].number |= packet_start;
	if (range->again) {
		flow->burst_at = range->first + count;
		flow->insist = 0;
		flow->recover_end = max_u64(flow->recover_end, flow->burst_at);
		flow->burst_sent_ns = now_ns;
		flow->burst_packets--;
		flow->packets_resent++;
	} else {
		mr_assert(range->first == flow->next);
		flow->next += count;
		flow->probe = false;
	}
	if (flow->due_ns == UINT64_MAX)
		flow->due_ns = now_ns + flow->rto_ns;
}

void mr_producer_flow_unsent(struct mr_producer_flow *flow, const struct mr_range *range)
{
	if (range->again) {
		flow->burst_at = range->first;
		flow->burst_packets++;
		flow->packets_resent--;
		flow->insist = range->first;
		return;
	}
	mr_assert(range->first + range->count == flow->next);
	flow->next = range->first;
}

// Jacobson and Karels, "Congestion avoidance and control", 1988.
static void sample_rtt(struct mr_producer_flow *flow, uint64_t echo_ns, uint64_t now_ns)
{
	if (echo_ns <= flow->newest_echo_ns || echo_ns > now_ns)
		return;
	flow->newest_echo_ns = echo_ns;
	uint64_t rtt = now_ns - echo_ns;
	if (flow->srtt_ns == 0) {
		flow->srtt_ns = rtt;
		flow->rttvar_ns = rtt / 2;
		return;
	}
	uint64_t off = rtt > flow->srtt_ns ? rtt - flow->srtt_ns : flow->srtt_ns - rtt;
	flow->rttvar_ns = (3 * flow->rttvar_ns + off) / 4;
	flow->srtt_ns = (7 * flow->srtt_ns + rtt) / 8;
}

static uint64_t rto_base(const struct mr_producer_flow *flow)
{
	uint64_t rto = max_u64(flow->srtt_ns + 4 * flow->rttvar_ns, MR_PRODUCER_RTO_MIN_NS);
	return min_u64(rto, MR_PRODUCER_RTO_MAX_NS);
}

// The run that holds `sequence`, or none; *ret_end is where the answer changes.
static struct mr_wire_refused refusal_at(
	const struct mr_wire_ack_view *view, uint64_t sequence, uint64_t end, uint64_t *ret_end)
{
	*ret_end = end;
	for (uint32_t i = 0; i < view->ack.refused_runs; i++) {
		struct mr_wire_refused run = mr_wire_ack_refused(view, i);
		if (sequence >= run.first && sequence - run.first < run.count) {
			*ret_end = min_u64(run.first + run.count, end);
			return run;
		}
		if (run.first > sequence)
			*ret_end = min_u64(*ret_end, run.first);
	}
	return (struct mr_wire_refused){.reason = MR_REASON_OK};
}

static void settle_below(struct mr_producer_flow *flow, const struct mr_wire_ack_view *view,
	const struct mr_settle *settle)
{
	uint64_t end = view->ack.settled;
	while (flow->settled < end) {
		uint64_t run_end;
		struct mr_wire_refused run = refusal_at(view, flow->settled, end, &run_end);
		mr_assert(run_end > flow->settled);
		for (; flow->settled < run_end; flow->settled++) {
			struct mr_pending event = *mr_producer_flow_event(flow, flow->settled);
			event.number = mr_producer_flow_number(&event);
			settle->event(settle->context, &event, run.reason, run.retry_after_ms);
		}
	}
}

static void begin_burst(struct mr_producer_flow *flow, uint64_t end)
{
	flow->burst_at = flow->settled;
	flow->burst_end = end;
	flow->suspect_end = end;
	flow->burst_packets = MR_PRODUCER_BURST_PACKETS;
	flow->recover_end = flow->settled; // rises with what is sent
}

static void arm(struct mr_producer_flow *flow, uint64_t now_ns)
{
	bool in_flight = flow->settled < flow->next;
	bool shut = flow->next < flow->end && flow->next >= flow->edge; // only an ACK can open it
	flow->due_ns = in_flight || shut || flow->backed_off ? now_ns + flow->rto_ns : UINT64_MAX;
}

// Packets of a flow travel in order. So what the router lacks is lost when it has something beyond,
// and the rest of what the timer suspected is lost, too, when it has seen the burst.
static void mend_gaps(struct mr_producer_flow *flow)
{
	if (flow->burst_at < flow->burst_end || flow->settled < flow->recover_end)
		return; // one burst at a time
	uint64_t end = min_u64(received_end(flow), flow->next);
	if (flow->newest_echo_ns >= flow->burst_sent_ns)
		end = max_u64(end, min_u64(flow->suspect_end, flow->next));
	uint64_t gap = flow->settled;
	while (gap < end && received(flow, gap))
		gap++;
	if (gap >= end)
		return;
	begin_burst(flow, end);
	flow->bursts_by_gap++;
}

void mr_producer_flow_resume(struct mr_producer_flow *flow, const struct mr_wire_grant *grant,
	bool restarted, uint64_t now_ns)
{
	mr_assert(mr_producer_flow_fits(flow, grant));
	if (restarted) {
		flow->edge = grant->edge;
		flow->bitmap_words = 0;
	} else {
		flow->edge = max_u64(flow->edge, grant->edge);
	}
	flow->backed_off = false;
	flow->rto_ns = rto_base(flow);
	arm(flow, now_ns);
	if (flow->settled < flow->next) {
		begin_burst(flow, flow->next);
		flow->insist = flow->settled;
	}
}

int mr_producer_flow_ack(struct mr_producer_flow *flow, const struct mr_wire_ack_view *view,
	bool busy, uint64_t now_ns, const struct mr_settle *settle)
{
	const struct mr_wire_ack *ack = &view->ack;
	if (ack->settled > flow->next || ack->bitmap_words > MR_ACK_BITMAP_WORDS_MAX)
		return -EPROTO;
	flow->edge = max_u64(flow->edge, ack->edge);
	sample_rtt(flow, ack->echo_send_time_ns, now_ns);
	if (ack->settled < flow->settled)
		return 0; // overtaken by a newer one
	flow->bitmap_base = ack->settled;
	flow->bitmap_words = ack->bitmap_words;
	memcpy(flow->bitmap, view->bitmap, ack->bitmap_words * sizeof(uint64_t));
	bool progress = ack->settled > flow->settled;
	settle_below(flow, view, settle);

	if (busy)
		flow->backed_off = true;
	else if (progress)
		flow->backed_off = false;
	if (progress || busy) {
		flow->rto_ns = rto_base(flow);
		arm(flow, now_ns);
	} else if (flow->due_ns == UINT64_MAX) {
		arm(flow, now_ns);
	}
	if (busy) { // what is under way may have been thrown away: wait, then send it again
		uint64_t wait = max_u64(flow->rto_ns, ack->retry_after_ms * UINT64_C(1000000));
		flow->due_ns = now_ns + min_u64(wait, MR_PRODUCER_RTO_MAX_NS);
		flow->burst_at = flow->burst_end;
	} else {
		mend_gaps(flow);
	}
	return 0;
}

void mr_producer_flow_tick(struct mr_producer_flow *flow, uint64_t now_ns)
{
	if (flow->due_ns > now_ns)
		return;
	flow->backed_off = false;
	if (flow->settled < flow->next) {
		begin_burst(flow, flow->next);
		flow->insist = flow->settled;
	} else {
		flow->probe = flow->next >= flow->edge;
	}
	flow->timeouts++;
	flow->rto_ns = min_u64(flow->rto_ns * 2, MR_PRODUCER_RTO_MAX_NS);
	arm(flow, now_ns);
}
