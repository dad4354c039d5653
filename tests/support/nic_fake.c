#include "nic_fake.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"

struct mr_frame {
	struct mr_frame *next_free;
	struct pool *pool;
	uint32_t length;
	uint32_t flags;
	bool out; // somebody's
	struct mr_packet packet;
	uint8_t bytes[MR_NIC_FAKE_FRAME_BYTES];
};

struct pool {
	struct mr_frame *frames;
	struct mr_frame *free;
	uint32_t out;
};

struct queue { // of frames, oldest first
	struct mr_frame *frames[MR_NIC_FAKE_QUEUE];
	uint32_t first;
	uint32_t count;
};

struct mr_nic {
	struct pool rx_pool;
	struct pool tx_pool;
	struct queue rx[MR_SOURCES_MAX];
	struct queue sent[MR_SOURCES_MAX];
	uint32_t tx_limit;
	uint64_t freed;
};

static bool pool_init(struct pool *pool, uint32_t frames)
{
	pool->frames = calloc(frames + 1u, sizeof(*pool->frames));
	if (pool->frames == NULL)
		return false;
	for (uint32_t i = 0; i < frames; i++) {
		pool->frames[i].pool = pool;
		pool->frames[i].next_free = pool->free;
		pool->free = &pool->frames[i];
	}
	return true;
}

static struct mr_frame *pool_take(struct pool *pool)
{
	struct mr_frame *frame = pool->free;

	if (frame == NULL)
		return NULL;
	pool->free = frame->next_free;
	pool->out++;
	mr_assert(!frame->out);
	frame->out = true;
	memset(&frame->packet, 0xa5, sizeof(frame->packet)); // whoever reads must have written
	return frame;
}

static void pool_give(struct mr_frame *frame)
{
	mr_assert(frame->out); // freed twice, or sent after it was freed
	frame->out = false;
	memset(frame->bytes, 0xdd, frame->length);
	frame->next_free = frame->pool->free;
	frame->pool->free = frame;
	frame->pool->out--;
}

static bool queue_push(struct queue *queue, struct mr_frame *frame)
{
	if (queue->count == MR_NIC_FAKE_QUEUE)
		return false;
	queue->frames[(queue->first + queue->count++) % MR_NIC_FAKE_QUEUE] = frame;
	return true;
}

static struct mr_frame *queue_pop(struct queue *queue)
{
	if (queue->count == 0)
		return NULL;
	struct mr_frame *frame = queue->frames[queue->first];
	queue->first = (queue->first + 1) % MR_NIC_FAKE_QUEUE;
	queue->count--;
	return frame;
}

struct mr_nic *mr_nic_fake_new(uint32_t frames, uint32_t replies)
{
	struct mr_nic *nic = calloc(1, sizeof(*nic));

	if (nic == NULL || !pool_init(&nic->rx_pool, frames) || !pool_init(&nic->tx_pool, replies))
		abort();
	nic->tx_limit = UINT32_MAX;
	return nic;
}

void mr_nic_fake_free(struct mr_nic *nic)
{
	free(nic->rx_pool.frames);
	free(nic->tx_pool.frames);
	free(nic);
}

bool mr_nic_fake_receive(
	struct mr_nic *nic, uint16_t queue, const void *bytes, uint32_t length, uint32_t flags)
{
	struct mr_frame *frame = pool_take(&nic->rx_pool);

	mr_assert(length <= MR_NIC_FAKE_FRAME_BYTES);
	if (frame == NULL)
		return false;
	memcpy(frame->bytes, bytes, length);
	frame->length = length;
	frame->flags = flags;
	if (queue_push(&nic->rx[queue], frame))
		return true;
	pool_give(frame);
	return false;
}

uint32_t mr_nic_fake_sent(struct mr_nic *nic, uint16_t queue, void *ret_bytes, uint32_t size)
{
	struct mr_frame *frame = queue_pop(&nic->sent[queue]);

	if (frame == NULL)
		return 0;
	uint32_t length = frame->length;
	memcpy(ret_bytes, frame->bytes, length < size ? length : size);
	pool_give(frame);
	return length;
}

void mr_nic_fake_limit_tx(struct mr_nic *nic, uint32_t frames_per_burst)
{
	nic->tx_limit = frames_per_burst;
}

// Sent frames that the test has not looked at are no longer the stage's.
static uint32_t sent_of(const struct mr_nic *nic, const struct pool *pool)
{
	uint32_t count = 0;

	for (uint32_t q = 0; q < MR_SOURCES_MAX; q++) {
		const struct queue *sent = &nic->sent[q];
		for (uint32_t i = 0; i < sent->count; i++)
			count += sent->frames[(sent->first + i) % MR_NIC_FAKE_QUEUE]->pool == pool;
	}
	return count;
}

uint32_t mr_nic_fake_frames_out(const struct mr_nic *nic)
{
	uint32_t waiting = 0;

	for (uint32_t q = 0; q < MR_SOURCES_MAX; q++)
		waiting += nic->rx[q].count;
	return nic->rx_pool.out - waiting - sent_of(nic, &nic->rx_pool);
}

uint32_t mr_nic_fake_replies_out(const struct mr_nic *nic)
{
	return nic->tx_pool.out - sent_of(nic, &nic->tx_pool);
}

uint64_t mr_nic_fake_freed(const struct mr_nic *nic)
{
	return nic->freed;
}

int mr_nic_open(const struct mr_nic_options *options, struct mr_nic **ret_nic, const char **ret_why)
{
	(void)ret_why;
	*ret_nic = mr_nic_fake_new(options->mbufs, options->ring_size);
	return 0;
}

void mr_nic_close(struct mr_nic *nic)
{
	if (nic != NULL)
		mr_nic_fake_free(nic);
}

void mr_nic_info(const struct mr_nic *nic, struct mr_nic_info *ret_info)
{
	(void)nic;
	*ret_info = (struct mr_nic_info){
		.name = "fake0",
		.driver = "fake",
		.mac = {2, 0, 0, 0, 0, 1},
		.queues = MR_SOURCES_MAX,
		.numa_node = -1,
		.link_up = true,
	};
}

uint64_t mr_nic_missed(const struct mr_nic *nic)
{
	(void)nic;
	return 0;
}

uint16_t mr_nic_rx_burst(struct mr_nic *nic, uint16_t queue, struct mr_rx *ret_frames, uint16_t max)
{
	uint16_t count = 0;

	while (count < max) {
		struct mr_frame *frame = queue_pop(&nic->rx[queue]);
		if (frame == NULL)
			break;
		ret_frames[count++] = (struct mr_rx){
			.data = frame->bytes,
			.frame = frame,
			.packet = &frame->packet,
			.length = frame->length,
			.flags = frame->flags,
		};
	}
	return count;
}

void mr_nic_free_burst(struct mr_nic *nic, struct mr_frame *const *frames, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		pool_give(frames[i]);
	nic->freed += count;
}

struct mr_frame *mr_frame_of_packet(struct mr_packet *packet)
{
	return (struct mr_frame *)((uintptr_t)packet - offsetof(struct mr_frame, packet));
}

struct mr_frame *mr_nic_tx_frame(struct mr_nic *nic, uint16_t queue, uint8_t **ret_data)
{
	struct mr_frame *frame = pool_take(&nic->tx_pool);

	(void)queue;
	if (frame != NULL)
		*ret_data = frame->bytes;
	return frame;
}

void mr_frame_set_length(struct mr_frame *frame, uint32_t length)
{
	mr_assert(length <= MR_NIC_FAKE_FRAME_BYTES);
	frame->length = length;
}

uint16_t mr_nic_tx_burst(
	struct mr_nic *nic, uint16_t queue, struct mr_frame **frames, uint16_t count)
{
	uint16_t sent = 0;

	while (sent < count && sent < nic->tx_limit
		&& queue_push(&nic->sent[queue], frames[sent])) {
		mr_assert(frames[sent]->out);
		sent++;
	}
	for (uint16_t i = sent; i < count; i++)
		pool_give(frames[i]);
	nic->freed += count;
	return sent;
}
