#include "outbox.h"

#include "mr_assert.h"
#include "shard.h"

// An ACK slot must always find its way home: packets leave this much of a ring free.
enum { KEPT_FOR_ACKS = MR_SHARD_ACK_SLOTS + 1 };

static void flush_tx(struct mr_outbox *outbox)
{
	if (outbox->tx_count == 0)
		return;
	uint16_t sent =
		mr_nic_tx_burst(outbox->nic, outbox->queue, outbox->tx, (uint16_t)outbox->tx_count);
	for (uint32_t i = 0; i < sent; i++)
		if (outbox->tx_counter[i] != MR_COUNTER_COUNT)
			mr_count(&outbox->stats->counters[outbox->tx_counter[i]], 1);
	mr_count(&outbox->stats->counters[MR_INGEST_TX_PACKETS], sent);
	mr_count(&outbox->stats->discards[MR_DISCARD_TX_FULL], outbox->tx_count - sent);
	outbox->tx_count = 0;
}

static void flush_dead(struct mr_outbox *outbox)
{
	if (outbox->dead_count > 0)
		mr_nic_free_burst(outbox->nic, outbox->dead, (uint16_t)outbox->dead_count);
	outbox->dead_count = 0;
}

void mr_outbox_send(struct mr_outbox *outbox, struct mr_frame *frame, enum mr_counter_id counter)
{
	mr_assert(counter <= MR_COUNTER_COUNT);
	if (outbox->tx_count == MR_BURST_MAX)
		flush_tx(outbox);
	outbox->tx[outbox->tx_count] = frame;
	outbox->tx_counter[outbox->tx_count++] = counter;
}

void mr_outbox_free(struct mr_outbox *outbox, struct mr_frame *frame)
{
	if (outbox->dead_count == MR_BURST_MAX)
		flush_dead(outbox);
	outbox->dead[outbox->dead_count++] = frame;
}

void mr_outbox_stage(struct mr_outbox *outbox, uint32_t shard, struct mr_source_msg msg)
{
	mr_assert(shard < outbox->shards && outbox->staged_count[shard] < MR_BURST_MAX);
	outbox->staged[shard][outbox->staged_count[shard]++] = mr_desc_of(msg);
}

struct tally {
	uint64_t packets, events;
	uint64_t refused_packets, refused_events;
};

static void tally_add(struct tally *tally, struct mr_desc desc)
{
	struct mr_source_msg msg = mr_desc_to(struct mr_source_msg, desc);

	if (msg.kind == MR_SOURCE_REFUSED) {
		tally->refused_packets++;
		tally->refused_events += msg.count;
		return;
	}
	const struct mr_packet *packet = (const struct mr_packet *)(uintptr_t)msg.data;
	tally->packets++;
	tally->events += packet->count;
	tally->refused_events += packet->verdicts;
}

static void flush_shard(struct mr_outbox *outbox, uint32_t shard, struct tally *tally)
{
	struct mr_desc *staged = outbox->staged[shard];
	uint32_t count = outbox->staged_count[shard];
	uint32_t free = mr_ring_free(outbox->to_shard[shard]);
	uint32_t fit = free > KEPT_FOR_ACKS ? free - KEPT_FOR_ACKS : 0;

	if (fit > count)
		fit = count;
	for (uint32_t i = 0; i < fit; i++) // before the shard has them
		tally_add(tally, staged[i]);
	uint32_t pushed = mr_ring_push_burst(outbox->to_shard[shard], staged, fit);
	mr_assert(pushed == fit); // nobody else fills this ring
	for (uint32_t i = fit; i < count; i++) {
		struct mr_source_msg msg = mr_desc_to(struct mr_source_msg, staged[i]);
		if (msg.kind == MR_SOURCE_PACKET)
			mr_outbox_free(outbox,
				mr_frame_of_packet((struct mr_packet *)(uintptr_t)msg.data));
	}
	mr_count(&outbox->stats->discards[MR_DISCARD_SHARD_BUSY], count - fit);
	outbox->staged_count[shard] = 0;
}

void mr_outbox_flush(struct mr_outbox *outbox)
{
	struct tally tally = {0};

	for (uint32_t shard = 0; shard < outbox->shards; shard++)
		if (outbox->staged_count[shard] > 0)
			flush_shard(outbox, shard, &tally);
	mr_count(&outbox->stats->counters[MR_INGEST_DATA_PACKETS], tally.packets);
	mr_count(&outbox->stats->counters[MR_INGEST_DATA_EVENTS], tally.events);
	mr_count(&outbox->stats->counters[MR_INGEST_SHED_PACKETS], tally.refused_packets);
	mr_count(&outbox->stats->counters[MR_INGEST_SHED_EVENTS], tally.refused_events);
	flush_tx(outbox);
	flush_dead(outbox);
}
