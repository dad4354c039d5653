// Due ACKs: edges are moved, bodies built and handed to the source of the session's last packet.
#include <millrace/wire.h>

#include "mr_assert.h"
#include "shard_state.h"

static bool send_ack(struct mr_shard *shard, uint32_t index)
{
	struct mr_flow *flow = &shard->flows[index];
	const uint32_t session = index / shard->own_flows;
	const uint32_t source = shard->sessions[session].source;
	struct mr_ack_slot *slot = mr_acks_slot_take(&shard->acks, source);
	if (slot == NULL)
		return false;
	slot->session = (uint16_t)session;
	slot->flow =
		(uint8_t)(index % shard->own_flows * shard->config.shards + shard->config.index);
	slot->flags = (uint8_t)((shard->config.is_volatile ? MR_WIRE_FLAG_VOLATILE : 0)
		| (flow->is_busy ? MR_WIRE_FLAG_BUSY : 0));
	slot->length = mr_ack_write(flow, &shard->refused, slot->body);
	mr_assert(slot->length <= sizeof(slot->body));
	flow->is_busy = false;
	const struct mr_shard_msg message = {
		.data = (uint64_t)(uintptr_t)slot,
		.session = (uint16_t)session,
		.kind = MR_SHARD_ACK,
	};
	const bool done = mr_ring_push(shard->config.to_source[source], mr_desc_of(message));
	mr_assert(done); // the ring holds every packet and every ACK slot
	return true;
}

uint32_t mr_shard_send_acks(struct mr_shard *shard, uint32_t acks_max)
{
	const uint64_t now_ns = shard->now.mono_ns;
	uint32_t count = 0;
	uint32_t index;
	mr_credit_tick(&shard->credit, now_ns);
	for (; count < acks_max && mr_acks_take(&shard->acks, now_ns, &index); count++) {
		struct mr_flow *flow = &shard->flows[index];
		mr_assert(shard->sessions[index / shard->own_flows].is_open);
		if (mr_credit_extend(&shard->credit, flow, mr_shard_free(shard)) > 0)
			flow->ack_wanted = true;
		if (flow->ack_wanted && !send_ack(shard, index)) {
			mr_count(mr_shard_counter(shard, MR_SHARD_ACKS_LOST), 1);
			mr_acks_want(&shard->acks, index, false, now_ns);
			continue;
		}
		if (flow->ack_wanted)
			mr_count(mr_shard_counter(shard, MR_SHARD_ACKS), 1);
		flow->ack_wanted = false;
		if (mr_credit_is_short(flow))
			mr_acks_watch(&shard->acks, index, now_ns);
	}
	return count;
}
