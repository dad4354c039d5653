#include "blaster.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <millrace/wire.h>

#include "bench.h"
#include "eal.h"
#include "event_codec.h"
#include "hash.h"
#include "wire_codec.h"

const uint8_t mr_blaster_mac[6] = {2, 0, 0, 0, 0, 1};

enum { BURST = 32, MBUFS = 8191, HEADERS = 14 + 20 + 8 };

struct flow_state {
	uint64_t *objects; // ids whose flow this is
	uint32_t count;
	uint32_t at;
	uint64_t sequence;
	uint64_t settled, edge; // as the last ACK said
};

struct blast {
	const struct mr_blaster *options;
	struct rte_mempool *pool;
	uint16_t port;
	uint8_t template[2048]; // frame with room for the events
	uint8_t event[MR_EVENT_BYTES_MAX_NO_PAYLOAD];
	uint32_t event_length;
	uint32_t frame_length;
	struct flow_state flows[MR_FLOWS_MAX];
};

static void make_template(struct blast *blast)
{
	const struct mr_blaster *o = blast->options;
	struct mr_event event = {.action = MR_ACTION_CHANGED,
		.object = 1,
		.workspace = 1,
		.database = 1,
		.user = 1,
		.type = {"task", 4}};
	// Its type is short: twenty events must fit a frame.
	event.ancestors_count = o->ancestor != 0 ? 1 : 0;
	event.ancestors[0] =
		(struct mr_ancestor){.gid = o->ancestor, .type = {"p", 1}, .via = MR_VIA_OBJECT};
	ssize_t length = mr_event_encode(&event, blast->event, sizeof(blast->event));
	blast->event_length = (uint32_t)length;
	uint8_t *datagram = blast->template + HEADERS;
	struct mr_wire_header header = {.type = MR_WIRE_DATA,
		.key_id = o->key_id,
		.session_id = o->session_id,
		.count = (uint16_t)o->events_per_packet};
	for (uint32_t i = 0; i < o->events_per_packet; i++)
		memcpy(datagram + MR_WIRE_HEADER_BYTES + i * blast->event_length, blast->event,
			blast->event_length);
	size_t payload =
		mr_wire_finish(datagram, &header, o->events_per_packet * blast->event_length);
	struct rte_ether_hdr ether = {.src_addr = {{2, 0, 0, 0, 0, 9}},
		.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)};
	memcpy(&ether.dst_addr, mr_blaster_mac, sizeof(mr_blaster_mac));
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.total_length = rte_cpu_to_be_16((uint16_t)(28 + payload))};
	memcpy(&ip.src_addr, o->from, 4);
	memcpy(&ip.dst_addr, o->to, 4);
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	struct rte_udp_hdr udp = {
		.src_port = rte_cpu_to_be_16(40000), // checksum 0: left to the device
		.dst_port = rte_cpu_to_be_16(o->port),
		.dgram_len = rte_cpu_to_be_16((uint16_t)(8 + payload))};
	memcpy(blast->template, &ether, sizeof(ether));
	memcpy(blast->template + 14, &ip, sizeof(ip));
	memcpy(blast->template + 34, &udp, sizeof(udp));
	blast->frame_length = (uint32_t)(HEADERS + payload);
}

static void deal_objects(struct blast *blast)
{
	const struct mr_blaster *o = blast->options;
	for (uint32_t f = 0; f < o->flows; f++) {
		blast->flows[f].objects = calloc((size_t)o->objects, sizeof(uint64_t));
		blast->flows[f].sequence = blast->flows[f].settled = 1;
		blast->flows[f].edge = MR_WINDOW_MAX / 2; // until the first ACK
		if (blast->flows[f].objects == NULL)
			_exit(1);
	}
	for (uint64_t id = 1; id <= o->objects; id++) {
		struct flow_state *flow =
			&blast->flows[mr_flow_of_slot(mr_slot_of(id, o->hash_seed), o->flows)];
		flow->objects[flow->count++] = id;
	}
}

static void fill(struct blast *blast, struct rte_mbuf *mbuf, uint32_t flow_index)
{
	struct flow_state *flow = &blast->flows[flow_index];
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint8_t *datagram = frame + HEADERS;
	mbuf->data_len = (uint16_t)blast->frame_length;
	mbuf->pkt_len = blast->frame_length;
	uint16_t number = (uint16_t)flow_index;
	memcpy(datagram + offsetof(struct mr_wire_header, flow), &number, 2);
	memcpy(datagram + offsetof(struct mr_wire_header, first_sequence), &flow->sequence, 8);
	const uint64_t *known = blast->options->obeys_credit ? &flow->settled : &flow->sequence;
	memcpy(datagram + offsetof(struct mr_wire_header, known), known, 8);
	for (uint32_t i = 0; i < blast->options->events_per_packet; i++) {
		uint8_t *event = datagram + MR_WIRE_HEADER_BYTES + i * blast->event_length;
		memcpy(event + offsetof(struct mr_event_fixed, object), &flow->objects[flow->at],
			8);
		flow->at = flow->at + 1 == flow->count ? 0 : flow->at + 1;
	}
	flow->sequence += blast->options->events_per_packet;
}

static void stamp_pool(struct blast *blast)
{
	static struct rte_mbuf *all[MBUFS];
	uint32_t count = 0;
	while (count < MBUFS && (all[count] = rte_pktmbuf_alloc(blast->pool)) != NULL) {
		memcpy(rte_pktmbuf_mtod(all[count], void *), blast->template, blast->frame_length);
		count++;
	}
	rte_pktmbuf_free_bulk(all, count);
}

static int open_port(struct blast *blast)
{
	struct rte_eth_conf conf = {0};
	blast->pool = rte_pktmbuf_pool_create("blast", MBUFS, 256, 0, 2048 + 128, 0);
	// Replies must not overwrite what the pool's buffers were stamped with.
	struct rte_mempool *replies =
		rte_pktmbuf_pool_create("replies", 2047, 64, 0, 2048 + 128, 0);
	if (blast->pool == NULL || replies == NULL || rte_eth_dev_configure(0, 1, 1, &conf) < 0
		|| rte_eth_rx_queue_setup(0, 0, 1024, 0, NULL, replies) < 0
		|| rte_eth_tx_queue_setup(0, 0, 1024, 0, NULL) < 0 || rte_eth_dev_start(0) < 0)
		return -EIO;
	for (int i = 0; i < 400; i++) {
		struct rte_eth_link link;
		rte_eth_link_get_nowait(0, &link);
		if (link.link_status)
			return 0;
		usleep(25000);
	}
	return -ETIMEDOUT;
}

static bool may_send(const struct blast *blast, const struct flow_state *flow)
{
	if (flow->count == 0)
		return false;
	return !blast->options->obeys_credit
		|| flow->sequence + blast->options->events_per_packet <= flow->edge;
}

static void take_replies(struct blast *blast)
{
	struct rte_mbuf *replies[BURST];
	uint16_t count = rte_eth_rx_burst(0, 0, replies, BURST);
	for (uint16_t i = 0; i < count; i++) {
		struct mr_wire_header header;
		struct mr_wire_ack ack;
		const uint8_t *datagram = rte_pktmbuf_mtod_offset(replies[i], uint8_t *, HEADERS);
		if (replies[i]->data_len < HEADERS + sizeof(header) + sizeof(ack))
			continue;
		memcpy(&header, datagram, sizeof(header));
		memcpy(&ack, datagram + sizeof(header), sizeof(ack));
		if (header.type != MR_WIRE_ACK || header.flow >= blast->options->flows)
			continue;
		blast->flows[header.flow].settled = ack.settled;
		blast->flows[header.flow].edge = ack.edge;
	}
	rte_pktmbuf_free_bulk(replies, count);
}

static void blast_forever(struct blast *blast)
{
	struct rte_mbuf *mbufs[BURST];
	uint32_t flow = 0;
	for (;;) {
		uint16_t filled = 0;
		take_replies(blast);
		if (rte_pktmbuf_alloc_bulk(blast->pool, mbufs, BURST) != 0)
			continue;
		for (uint32_t looked = 0; filled < BURST && looked < BURST + MR_FLOWS_MAX;
			looked++) {
			flow = flow + 1 == blast->options->flows ? 0 : flow + 1;
			if (may_send(blast, &blast->flows[flow]))
				fill(blast, mbufs[filled++], flow);
		}
		rte_pktmbuf_free_bulk(mbufs + filled, (unsigned)(BURST - filled));
		for (uint16_t sent = 0; sent < filled;)
			sent = (uint16_t)(sent
				+ rte_eth_tx_burst(0, 0, mbufs + sent, (uint16_t)(filled - sent)));
	}
}

static void child(const struct mr_blaster *options, pid_t parent)
{
	static struct blast blast;
	char device[256], why[256], prefix[64];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	blast.options = options;
	snprintf(device, sizeof(device), "net_memif0,role=client,socket=%s,socket-abstract=no",
		options->socket);
	snprintf(prefix, sizeof(prefix), "blast%d", (int)getpid());
	struct mr_eal_options eal = {.memory_mib = 64,
		.file_prefix = prefix,
		.devices = {device},
		.devices_count = 1,
		.main_cpu = 0};
	// The server makes its socket first.
	for (int i = 0; i < 200 && access(options->socket, F_OK) != 0; i++)
		usleep(50000);
	if (mr_eal_start(&eal, why, sizeof(why)) < 0 || open_port(&blast) < 0) {
		fprintf(stderr, "sender: %s\n", why);
		_exit(1);
	}
	make_template(&blast);
	deal_objects(&blast);
	stamp_pool(&blast);
	mr_bench_pin(0);
	blast_forever(&blast);
}

pid_t mr_blaster_start(const struct mr_blaster *blaster)
{
	fflush(NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		child(blaster, parent);
		_exit(1);
	}
	return pid;
}

void mr_blaster_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
