#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eal.h"
#include "mr_assert.h"
#include "sender.h"

enum { RX_BURSTS_MAX = 8, RING_SIZE = 1024, RX_MBUFS = 4096 };

static int parse_addresses(struct mr_sender *sender)
{
	uint16_t unused;
	sender->router_port = 7400;
	if (mr_station_parse(sender->options->to, &sender->router, &sender->router_port) < 0) {
		fprintf(stderr,
			"millrace-load send: --to '%s' is no address: give 10.74.0.1:7400 or [fd74::1]:7400\n",
			sender->options->to);
		return -EINVAL;
	}
	if (mr_station_parse(sender->options->from, &sender->self, &unused) < 0
		|| sender->self.is_v6 != sender->router.is_v6) {
		fprintf(stderr,
			"millrace-load send: --from '%s' must be an address of the same kind as --to\n",
			sender->options->from);
		return -EINVAL;
	}
	return 0;
}

static int open_port(struct mr_sender *sender)
{
	const struct mr_send_options *options = sender->options;
	const struct mr_nic_options nic_options = {
		.device = options->port,
		.queues = (uint16_t)options->queues,
		.ring_size = RING_SIZE,
		.mbufs = RX_MBUFS,
		.mtu = (uint16_t)options->mtu,
	};
	const char *why = "";
	int r = mr_nic_open(&nic_options, &sender->nic, &why);
	if (r < 0) {
		fprintf(stderr, "millrace-load send: %s\n", why);
		return r;
	}
	struct mr_nic_info info;
	mr_nic_info(sender->nic, &info);
	memcpy(sender->self.mac, info.mac, sizeof(info.mac));
	sender->queues = info.queues;
	return 0;
}

int mr_sender_open(struct mr_sender *sender)
{
	const struct mr_send_options *options = sender->options;
	int r = parse_addresses(sender);
	if (r < 0)
		return r;
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "millrace-load-%d", (int)getpid());
	const struct mr_eal_options eal = {
		.hugepages = options->hugepages,
		.memory_mib = (uint32_t)options->memory_mib,
		.file_prefix = options->file_prefix != NULL ? options->file_prefix : prefix,
		.devices = {options->port},
		.devices_count = 1,
		.main_cpu = (uint32_t)options->cpu,
	};
	char why[512];
	r = mr_eal_start(&eal, why, sizeof(why));
	if (r < 0) {
		fprintf(stderr, "millrace-load send: %s\n", why);
		return r;
	}
	return open_port(sender);
}

void mr_sender_close(struct mr_sender *sender)
{
	if (sender->nic == NULL)
		return;
	mr_nic_close(sender->nic);
	sender->nic = NULL;
	mr_eal_stop();
}

// What the port has no room for goes back to its flow, newest first: it was never sent.
static void flush_queue(struct mr_sender *sender, uint16_t queue)
{
	struct mr_sender_batch *batch = &sender->batches[queue];
	if (batch->count == 0)
		return;
	uint16_t sent = mr_nic_tx_burst(sender->nic, queue, batch->frames, batch->count);
	sender->tx_full |= sent < batch->count;
	for (uint16_t i = batch->count; i-- > sent;) {
		const struct mr_sender_origin *origin = &batch->origins[i];
		sender->counts.frames_held++;
		if (origin->session == MR_SENDER_SESSIONS_MAX)
			continue; // repeated by itself
		mr_producer_flow_unsent(
			&sender->sessions[origin->session].flows[origin->flow], &origin->range);
		sender->ready[origin->session] |= UINT64_C(1) << origin->flow;
		sender->counts.packets--;
		sender->counts.packet_events -= origin->range.count;
	}
	batch->count = 0;
}

void mr_sender_flush(struct mr_sender *sender)
{
	for (uint16_t queue = 0; queue < sender->queues; queue++)
		flush_queue(sender, queue);
}

static const struct mr_sender_origin no_origin = {.session = MR_SENDER_SESSIONS_MAX};

static void send_frame(struct mr_sender *sender, uint16_t queue, struct mr_frame *frame,
	uint32_t length, const struct mr_sender_origin *origin)
{
	struct mr_sender_batch *batch = &sender->batches[queue];
	mr_assert(batch->count < MR_SENDER_TX_BURST);
	mr_frame_set_length(frame, length);
	batch->origins[batch->count] = *origin;
	batch->frames[batch->count++] = frame;
	if (batch->count == MR_SENDER_TX_BURST)
		flush_queue(sender, queue);
}

void mr_sender_ask_router(struct mr_sender *sender)
{
	uint8_t *data;
	struct mr_frame *frame = mr_nic_tx_frame(sender->nic, 0, &data);
	if (frame == NULL)
		return;
	uint32_t length =
		mr_frame_ask(&sender->self, &sender->router, (uint16_t)sender->options->vlan, data);
	send_frame(sender, 0, frame, length, &no_origin);
	flush_queue(sender, 0);
}

static void answer_neighbour(struct mr_sender *sender, const struct mr_station *peer)
{
	uint8_t *data;
	struct mr_frame *frame = mr_nic_tx_frame(sender->nic, 0, &data);
	if (frame == NULL)
		return;
	send_frame(sender, 0, frame,
		mr_frame_tell(&sender->self, peer, (uint16_t)sender->options->vlan, data),
		&no_origin);
}

static void learn_neighbour(struct mr_sender *sender, const struct mr_station *peer)
{
	if (memcmp(peer->ip, sender->router.ip, sizeof(peer->ip)) != 0)
		return;
	memcpy(sender->router.mac, peer->mac, sizeof(peer->mac));
	mr_route_init(
		&sender->route, &sender->self, &sender->router, (uint16_t)sender->options->vlan);
	sender->resolved = true;
}

static void receive_datagram(
	struct mr_sender *sender, const struct mr_frame_view *view, uint64_t now_ns)
{
	uint32_t index = (uint32_t)view->to_port - (uint32_t)sender->options->from_port;
	if (index >= sender->sessions_count)
		return;
	struct mr_producer_session *session = &sender->sessions[index];
	struct mr_settle settle = mr_sender_settle(sender);
	(void)mr_producer_session_receive(
		session, view->payload, view->payload_bytes, now_ns, &settle); // counted there
	sender->ready[index] = ~UINT64_C(0); // the push looks at the flows anyhow
}

static void receive_frame(struct mr_sender *sender, const struct mr_rx *rx, uint64_t now_ns)
{
	struct mr_frame_view view;
	switch (mr_frame_parse(rx->data, rx->length, &sender->self, &view)) {
	case MR_FRAME_UDP:
		receive_datagram(sender, &view, now_ns);
		break;
	case MR_FRAME_WHO:
		answer_neighbour(sender, &view.peer);
		break;
	case MR_FRAME_HERE:
		learn_neighbour(sender, &view.peer);
		break;
	case MR_FRAME_OTHER:
		break;
	}
}

uint32_t mr_sender_receive(struct mr_sender *sender, uint64_t now_ns)
{
	struct mr_rx frames[MR_BURST_MAX];
	struct mr_frame *done[MR_BURST_MAX];
	uint32_t total = 0;
	for (uint16_t queue = 0; sender->linked && queue < sender->queues; queue++) {
		for (uint32_t burst = 0; burst < RX_BURSTS_MAX; burst++) {
			uint16_t count = mr_nic_rx_burst(sender->nic, queue, frames, MR_BURST_MAX);
			for (uint16_t i = 0; i < count; i++) {
				receive_frame(sender, &frames[i], now_ns);
				done[i] = frames[i].frame;
			}
			if (count > 0)
				mr_nic_free_burst(sender->nic, done, count);
			total += count;
			if (count < MR_BURST_MAX)
				break;
		}
	}
	sender->counts.frames_received += total;
	return total;
}

// A session's flows are spread over the queues; one flow keeps to one, so that its packets stay in
// order.
static uint16_t queue_of(const struct mr_sender *sender, uint32_t session, uint32_t flow)
{
	return (uint16_t)((session + flow) % sender->queues);
}

void mr_sender_greet(struct mr_sender *sender, uint64_t now_ns)
{
	for (uint32_t i = 0; sender->resolved && i < sender->sessions_count; i++) {
		uint8_t message[MR_WIRE_HELLO_BYTES];
		size_t length = mr_producer_session_greet(&sender->sessions[i], now_ns, message);
		uint8_t *data;
		struct mr_frame *frame = length > 0 ? mr_nic_tx_frame(sender->nic, 0, &data) : NULL;
		if (frame == NULL)
			continue;
		memcpy(data + sender->route.header_bytes, message, length);
		uint16_t from_port = (uint16_t)(sender->options->from_port + i);
		uint32_t bytes = mr_route_finish(
			&sender->route, from_port, sender->router_port, data, (uint32_t)length);
		send_frame(sender, queue_of(sender, i, 0), frame, bytes, &no_origin);
	}
	if (sender->linked)
		mr_sender_flush(sender);
}

bool mr_sender_data(struct mr_sender *sender, uint32_t session, uint32_t flow, uint64_t now_ns)
{
	const struct mr_send_options *options = sender->options;
	uint16_t queue = queue_of(sender, session, flow);
	uint8_t *data;
	struct mr_frame *frame = mr_nic_tx_frame(sender->nic, queue, &data);
	if (frame == NULL)
		return false;
	uint32_t header_bytes = sender->route.header_bytes;
	size_t room = options->mtu - (sender->self.is_v6 ? 48 : 28);
	struct mr_encode encode = mr_sender_encode(sender);
	struct mr_sender_origin origin = {.session = session, .flow = flow};
	size_t length = mr_producer_session_data(&sender->sessions[session], flow,
		(uint32_t)options->events_per_packet, now_ns, &encode, data + header_bytes, room,
		&origin.range);
	if (length == 0) {
		mr_nic_free_burst(sender->nic, &frame, 1);
		return false;
	}
	uint16_t from_port = (uint16_t)(options->from_port + session);
	uint16_t to_port = (uint16_t)(sender->router_port + (options->flow_ports ? flow : 0));
	uint32_t bytes =
		mr_route_finish(&sender->route, from_port, to_port, data, (uint32_t)length);
	sender->counts.packets++;
	sender->counts.packet_events += origin.range.count;
	send_frame(sender, queue, frame, bytes, &origin);
	return true;
}
