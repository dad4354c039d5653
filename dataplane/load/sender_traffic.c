#include "hash.h"
#include "mr_assert.h"
#include "sender.h"

enum { GENERATE_MAX = 2048, PUSH_PACKETS_MAX = 256 };
#define TICK_NS     UINT64_C(1000000)
#define NAP_MIN_NS  UINT64_C(50000)
#define NAP_BUSY_NS UINT64_C(100000) // while answers are due
#define NAP_MAX_NS  UINT64_C(1000000)

static uint32_t flow_of(const struct mr_sender *sender, uint64_t object)
{
	return mr_flow_of_slot(mr_slot_of(object, sender->hash_seed), sender->flows);
}

static bool is_paced(const struct mr_sender *sender)
{
	return sender->pace.rate > 0;
}

// Gives an event its number and its place. A full buffer ends it at once, counted: the schedule
// waits for nobody.
static bool offer(struct mr_sender *sender, uint64_t object, uint64_t intended_ns)
{
	uint64_t number = sender->number + 1;
	if (sender->ledger.header != NULL
		&& mr_ledger_offer(&sender->ledger, number, object, intended_ns) < 0) {
		sender->offering = false;
		return false;
	}
	sender->number = number;
	sender->counts.offered++;
	uint32_t session = mr_workload_session(&sender->workload, object);
	uint32_t flow = flow_of(sender, object);
	const struct mr_pending event = {
		.number = number, .object = object, .intended_ns = intended_ns};
	if (mr_producer_flow_push(&sender->sessions[session].flows[flow], &event)) {
		sender->ready[session] |= UINT64_C(1) << flow;
		return true;
	}
	sender->counts.unsent++;
	if (sender->ledger.header != NULL)
		mr_ledger_settle(&sender->ledger, number, MR_LEDGER_UNSENT, 0);
	return true;
}

static uint32_t generate_retries(struct mr_sender *sender, uint64_t now_ns)
{
	uint32_t made = 0;
	struct mr_retry_event event;
	while (made < GENERATE_MAX && mr_retry_queue_pop(&sender->retries, now_ns, &event)) {
		if (!offer(sender, event.object, event.due_ns))
			break;
		sender->counts.retried++;
		made++;
	}
	return made;
}

// As fast as possible: an event is meant to be sent when the window of its flow has room.
static uint32_t generate_unpaced(struct mr_sender *sender, uint64_t now_ns, uint64_t max)
{
	uint32_t made = 0;
	while (made < max) {
		if (sender->held_object == 0)
			sender->held_object = mr_workload_draw(&sender->workload);
		uint64_t object = sender->held_object;
		uint32_t session = mr_workload_session(&sender->workload, object);
		const struct mr_producer_flow *flow =
			&sender->sessions[session].flows[flow_of(sender, object)];
		bool room = sender->options->ignore_credits
			? flow->end - flow->settled <= flow->mask
			: mr_producer_flow_window(flow) > 0;
		if (!room || !offer(sender, object, now_ns))
			break;
		sender->held_object = 0;
		made++;
	}
	return made;
}

static uint32_t generate_paced(struct mr_sender *sender, uint64_t now_ns, uint64_t max)
{
	uint64_t due = mr_pace_due(&sender->pace, now_ns - sender->start_ns);
	uint64_t todo = due - sender->scheduled;
	if (todo > max)
		todo = max;
	for (uint64_t i = 0; i < todo; i++) {
		uint64_t intended_ns = sender->start_ns
			+ mr_pace_intended_ns(&sender->pace, sender->scheduled + i);
		if (!offer(sender, mr_workload_draw(&sender->workload), intended_ns))
			return (uint32_t)i;
	}
	return (uint32_t)todo;
}

uint32_t mr_sender_generate(struct mr_sender *sender, uint64_t now_ns)
{
	const struct mr_send_options *options = sender->options;
	if (now_ns < sender->start_ns)
		return 0;
	uint32_t made = generate_retries(sender, now_ns);
	if (!sender->offering)
		return made;
	// Events that are due within the duration are offered, even if we come late to them.
	uint64_t end_ns =
		options->duration_ns > 0 ? sender->start_ns + options->duration_ns : UINT64_MAX;
	bool late = now_ns >= end_ns;
	uint64_t max = GENERATE_MAX;
	if (options->events > 0 && options->events - sender->scheduled < max)
		max = options->events - sender->scheduled;
	uint32_t fresh = 0;
	if (is_paced(sender))
		fresh = generate_paced(sender, late ? end_ns - 1 : now_ns, max);
	else if (!late)
		fresh = generate_unpaced(sender, now_ns, max);
	sender->scheduled += fresh;
	if ((late && fresh == 0) || (options->events > 0 && sender->scheduled == options->events))
		sender->offering = false;
	return made + fresh;
}

static void settle_event(
	void *context, const struct mr_pending *event, uint8_t reason, uint32_t retry_after_ms)
{
	struct mr_sender *sender = context;
	bool accepted = reason == MR_REASON_OK;
	if (reason >= MR_REASON_LIMIT)
		reason = MR_REASON_MALFORMED; // one we do not know: refused all the same
	sender->counts.accepted += accepted;
	sender->counts.refused += !accepted;
	sender->counts.by_reason[reason]++;
	if (sender->ledger.header != NULL)
		mr_ledger_settle(&sender->ledger, event->number,
			accepted ? MR_LEDGER_ACCEPTED : MR_LEDGER_REFUSED, reason);
	enum mr_retry retry = mr_reason_info(reason)->retry;
	// What a restart lost is submitted again in any case: nobody had refused it.
	bool again = reason == MR_REASON_RESTARTED
		|| (sender->options->retry_refused
			&& (retry == MR_RETRY_AFTER || retry == MR_RETRY_YES));
	if (accepted || !again)
		return;
	uint64_t due_ns = sender->now_ns + retry_after_ms * UINT64_C(1000000);
	(void)mr_retry_queue_push(&sender->retries,
		(struct mr_retry_event){due_ns, event->object}); // full: it stays refused
}

struct mr_settle mr_sender_settle(struct mr_sender *sender)
{
	return (struct mr_settle){.context = sender, .event = settle_event};
}

static uint32_t encode_event(
	void *context, const struct mr_pending *event, uint8_t *ret_bytes, uint32_t room)
{
	const struct mr_sender *sender = context;
	int64_t created_at_ns =
		sender->start_wall_ns + (int64_t)(event->intended_ns - sender->start_ns);
	return mr_workload_encode(
		&sender->workload, event->number, event->object, created_at_ns, ret_bytes, room);
}

struct mr_encode mr_sender_encode(struct mr_sender *sender)
{
	return (struct mr_encode){.context = sender, .event = encode_event};
}

// Whether the flow's next packet should go now: it is full, or its first event has waited long
// enough, or it goes again.
static bool may_go(
	const struct mr_sender *sender, const struct mr_producer_flow *flow, uint64_t now_ns)
{
	if (flow->burst_at < flow->burst_end
		|| flow->end - flow->next >= sender->options->events_per_packet
		|| !sender->offering)
		return true;
	return mr_producer_flow_event(flow, flow->next)->intended_ns + sender->options->linger_ns
		<= now_ns;
}

// One session's ready flows in turn. Bits of flows that have nothing to send are cleared.
static uint32_t push_session(
	struct mr_sender *sender, uint32_t session, uint64_t now_ns, uint32_t packets_max)
{
	uint32_t packets = 0;
	uint64_t bits = sender->ready[session];
	if (sender->flows < 64)
		bits &= (UINT64_C(1) << sender->flows) - 1;
	sender->ready[session] = bits;
	for (; bits != 0; bits &= bits - 1) {
		uint32_t flow_index = (uint32_t)__builtin_ctzll(bits);
		struct mr_producer_flow *flow = &sender->sessions[session].flows[flow_index];
		while (mr_producer_flow_ready(flow) && may_go(sender, flow, now_ns)) {
			if (packets == packets_max || sender->tx_full)
				return packets;
			if (!mr_sender_data(sender, session, flow_index, now_ns))
				break;
			packets++;
		}
		if (!mr_producer_flow_ready(flow))
			sender->ready[session] &= ~(UINT64_C(1) << flow_index);
	}
	return packets;
}

uint32_t mr_sender_push(struct mr_sender *sender, uint64_t now_ns)
{
	uint32_t packets = 0;
	sender->tx_full = false;
	if (!sender->resolved)
		return 0;
	for (uint32_t i = 0; i < sender->sessions_count && packets < PUSH_PACKETS_MAX; i++) {
		if (sender->sessions[i].state == MR_PRODUCER_OPEN)
			packets += push_session(sender, i, now_ns, PUSH_PACKETS_MAX - packets);
	}
	mr_sender_flush(sender);
	return packets;
}

void mr_sender_tick(struct mr_sender *sender, uint64_t now_ns)
{
	if (now_ns < sender->next_tick_ns)
		return;
	sender->next_tick_ns = now_ns + TICK_NS;
	for (uint32_t i = 0; i < sender->sessions_count; i++) {
		mr_producer_session_tick(&sender->sessions[i], now_ns);
		for (uint32_t flow = 0; flow < sender->flows; flow++)
			mr_producer_flow_tick(&sender->sessions[i].flows[flow], now_ns);
		sender->ready[i] = ~UINT64_C(0);
	}
}

uint64_t mr_sender_unsettled(const struct mr_sender *sender)
{
	const struct mr_sender_counts *counts = &sender->counts;
	return counts->offered - counts->accepted - counts->refused - counts->unsent;
}

uint64_t mr_sender_nap_ns(const struct mr_sender *sender, uint64_t now_ns)
{
	uint64_t nap_ns = mr_sender_unsettled(sender) > 0 ? NAP_BUSY_NS : NAP_MAX_NS;
	for (uint32_t i = 0; i < sender->sessions_count; i++) {
		if (sender->ready[i] != 0)
			nap_ns = NAP_MIN_NS;
	}
	if (sender->offering && is_paced(sender)) {
		uint64_t next_ns =
			sender->start_ns + mr_pace_intended_ns(&sender->pace, sender->scheduled);
		uint64_t left_ns = next_ns > now_ns ? next_ns - now_ns : 0;
		nap_ns = left_ns < nap_ns ? left_ns : nap_ns;
	}
	return nap_ns > NAP_MIN_NS ? nap_ns : NAP_MIN_NS;
}
