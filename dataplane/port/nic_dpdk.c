// The port over DPDK's ethdev: PCI cards and virtual devices alike. A mr_frame is an mbuf; its
// private area holds the mr_packet. Frames are taken and given back on the ingest lcore of their
// queue alone. Replies have a pool of their own, so that packets which wait in shards cannot stop
// the ACKs that would free them.
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "mr_assert.h"
#include "nic.h"

enum {
	POOL_CACHE = 256, // mbufs kept per lcore
	PACKET_ROOM = RTE_ALIGN_CEIL(sizeof(struct mr_packet), 64),
	FRAME_OVERHEAD = 14 + 8 + 4, // Ethernet, two tags, check sequence
	TX_SPARE = 64, // reply mbufs beyond what queue and cache can hold
	CLIENT_ATTEMPTS = 10,
	CLIENT_PAUSE_US = 50000,
	RESTART_PAUSE_US = 100,
	LINK_CHECKS = 500, // a server that has had no time yet must not find us gone
	LINK_PAUSE_US = 2000,
};
static_assert(PACKET_ROOM % RTE_MBUF_PRIV_ALIGN == 0, "the pool asks for this");
static_assert(MR_MTU + FRAME_OVERHEAD <= RTE_MBUF_DEFAULT_DATAROOM, "one frame, one mbuf");

struct mr_nic {
	uint16_t port;
	bool started;
	bool is_client; // of a memif server
	struct rte_mempool *rx_pool;
	struct rte_mempool *tx_pool;
	struct mr_nic_info info; // without the link
};

static char open_error[256]; // ports are opened by one thread, at start

__attribute__((format(printf, 3, 4))) static int fail(
	int error, const char **ret_why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(open_error, sizeof(open_error), format, args);
	va_end(args);
	*ret_why = open_error;
	return error;
}

static struct rte_mempool *pool_new(
	const char *kind, uint16_t port, uint32_t mbufs, uint16_t mtu, int socket)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t data = mtu + FRAME_OVERHEAD > RTE_MBUF_DEFAULT_DATAROOM
		? RTE_ALIGN_CEIL(mtu + FRAME_OVERHEAD, 64u)
		: RTE_MBUF_DEFAULT_DATAROOM;
	uint16_t room = (uint16_t)(data + RTE_PKTMBUF_HEADROOM);
	uint32_t cache = RTE_MIN((uint32_t)POOL_CACHE, mbufs / 4);

	// A lcore that loses its CPU inside the pool must not stop the others: RTS waits for nobody
	// in the middle.
	snprintf(name, sizeof(name), "mr_%s_%u", kind, port);
	struct rte_mempool *pool = rte_pktmbuf_pool_create_by_ops(
		name, mbufs, cache, PACKET_ROOM, room, socket, "ring_mt_rts");
	if (pool == NULL)
		pool = rte_pktmbuf_pool_create(name, mbufs, cache, PACKET_ROOM, room, socket);
	return pool;
}

static int pools_open(
	struct mr_nic *nic, const struct mr_nic_options *options, const char **ret_why)
{
	uint32_t replies = options->queues * (options->ring_size + 2u * POOL_CACHE + TX_SPARE);

	nic->rx_pool = pool_new("rx", nic->port, options->mbufs, options->mtu, nic->info.numa_node);
	if (nic->rx_pool != NULL)
		nic->tx_pool =
			pool_new("tx", nic->port, replies, options->mtu, nic->info.numa_node);
	if (nic->tx_pool == NULL)
		return fail(-ENOMEM, ret_why,
			"no memory for %u packet buffers of MTU %u: raise the EAL memory or lower port.mbufs",
			options->mbufs + replies, options->mtu);
	return 0;
}

static struct rte_eth_conf port_conf(
	const struct mr_nic_options *options, const struct rte_eth_dev_info *device)
{
	struct rte_eth_conf conf = {.rxmode = {.mtu = options->mtu}};

	conf.rxmode.offloads = device->rx_offload_capa
		& (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	uint64_t spread = device->flow_type_rss_offloads
		& (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
	if (options->queues > 1 && spread != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = spread;
	}
	return conf;
}

static int port_configure(struct mr_nic *nic, const struct mr_nic_options *options,
	const struct rte_eth_dev_info *device, const char **ret_why)
{
	struct rte_eth_conf conf = port_conf(options, device);
	uint16_t rx_size = options->ring_size;
	uint16_t tx_size = options->ring_size;

	unsigned pairs = RTE_MIN((unsigned)device->max_rx_queues, (unsigned)device->max_tx_queues);
	if (options->queues > pairs)
		return fail(-EINVAL, ret_why, "port %s has %u queue pairs, port.queues asks for %u",
			nic->info.name, pairs, options->queues);
	if (options->mtu > device->max_mtu)
		return fail(-EINVAL, ret_why,
			"port %s carries an MTU of %u at most, port.mtu is %u", nic->info.name,
			device->max_mtu, options->mtu);
	int r = rte_eth_dev_configure(nic->port, options->queues, options->queues, &conf);
	if (r < 0)
		return fail(r, ret_why, "port %s cannot be set to %u queues and MTU %u: %s",
			nic->info.name, options->queues, options->mtu, strerror(-r));
	(void)rte_eth_dev_set_mtu(nic->port, options->mtu); // virtual devices have nothing to set
	r = rte_eth_dev_adjust_nb_rx_tx_desc(nic->port, &rx_size, &tx_size);
	for (uint16_t queue = 0; r == 0 && queue < options->queues; queue++) {
		r = rte_eth_rx_queue_setup(nic->port, queue, rx_size, (unsigned)nic->info.numa_node,
			NULL, nic->rx_pool);
		if (r == 0)
			r = rte_eth_tx_queue_setup(
				nic->port, queue, tx_size, (unsigned)nic->info.numa_node, NULL);
	}
	if (r < 0)
		return fail(r, ret_why, "queues of port %s cannot be set up: %s", nic->info.name,
			strerror(-r));
	return 0;
}

static bool is_memif_client(const struct rte_eth_dev_info *device)
{
	const struct rte_devargs *args = rte_dev_devargs(device->device);

	return strcmp(device->driver_name, "net_memif") == 0 && args != NULL && args->args != NULL
		&& strstr(args->args, "role=server") == NULL
		&& strstr(args->args, "role=master") == NULL;
}

static bool link_comes_up(uint16_t port)
{
	struct rte_eth_link link = {0};

	for (uint32_t i = 0; i < LINK_CHECKS; i++) {
		if (rte_eth_link_get_nowait(port, &link) == 0
			&& link.link_status == RTE_ETH_LINK_UP)
			return true;
		rte_delay_us_sleep(LINK_PAUSE_US);
	}
	return false;
}

struct restart {
	struct mr_nic *nic;
	int result;
	atomic_bool done;
};

static void restart_port(void *argument)
{
	struct restart *restart = argument;
	struct mr_nic *nic = restart->nic;

	if (nic->started)
		(void)rte_eth_dev_stop(nic->port);
	restart->result = rte_eth_dev_start(nic->port);
	nic->started = restart->result == 0;
	atomic_store(&restart->done, true);
}

// The driver handles the server's messages, and its end, on EAL's interrupt thread without a lock:
// stopping the port on any other thread would pull the connection away under it.
int mr_nic_reconnect(struct mr_nic *nic)
{
	struct restart restart = {.nic = nic};

	if (!nic->is_client)
		return -ENOTSUP;
	int r = rte_eal_alarm_set(1, restart_port, &restart);
	if (r < 0)
		return r;
	while (!atomic_load(&restart.done))
		rte_delay_us_sleep(RESTART_PAUSE_US);
	return restart.result;
}

// A memif client asks its server once, when it starts; a server that is still starting itself
// refuses and is not asked again. So start again until the link stands.
static int start_memif_client(struct mr_nic *nic)
{
	for (uint32_t i = 0; i < CLIENT_ATTEMPTS; i++) {
		if (mr_nic_reconnect(nic) == 0 && link_comes_up(nic->port))
			return 0;
		rte_delay_us_sleep(CLIENT_PAUSE_US);
	}
	return -ENOTCONN;
}

static int port_start(struct mr_nic *nic, const struct mr_nic_options *options,
	const struct rte_eth_dev_info *device, const char **ret_why)
{
	struct rte_ether_addr mac;
	nic->is_client = is_memif_client(device);
	int r = nic->is_client ? start_memif_client(nic) : rte_eth_dev_start(nic->port);
	if (r < 0)
		return fail(r, ret_why, "port %s cannot be started: %s%s", nic->info.name,
			strerror(-r),
			nic->is_client ? " (no server answers at its memif socket)" : "");
	nic->started = true;
	// What a device cannot filter it passes anyhow: neither is an error.
	(void)rte_eth_allmulticast_enable(nic->port);
	if (options->promiscuous)
		(void)rte_eth_promiscuous_enable(nic->port);
	r = rte_eth_macaddr_get(nic->port, &mac);
	if (r < 0)
		return fail(
			r, ret_why, "port %s has no MAC address: %s", nic->info.name, strerror(-r));
	memcpy(nic->info.mac, mac.addr_bytes, sizeof(nic->info.mac));
	return 0;
}

static int open_into(struct mr_nic *nic, const struct mr_nic_options *options, const char **ret_why)
{
	struct rte_eth_dev_info device;

	snprintf(nic->info.name, sizeof(nic->info.name), "%.*s", (int)strcspn(options->device, ","),
		options->device);
	int r = rte_eth_dev_get_port_by_name(nic->info.name, &nic->port);
	if (r < 0)
		return fail(-ENODEV, ret_why, "there is no port %s", nic->info.name);
	r = rte_eth_dev_info_get(nic->port, &device);
	if (r < 0)
		return fail(r, ret_why, "port %s does not say what it can do: %s", nic->info.name,
			strerror(-r));
	snprintf(nic->info.driver, sizeof(nic->info.driver), "%s", device.driver_name);
	nic->info.queues = options->queues;
	nic->info.numa_node = rte_eth_dev_socket_id(nic->port);
	r = pools_open(nic, options, ret_why);
	if (r == 0)
		r = port_configure(nic, options, &device, ret_why);
	if (r == 0)
		r = port_start(nic, options, &device, ret_why);
	return r;
}

int mr_nic_open(const struct mr_nic_options *options, struct mr_nic **ret_nic, const char **ret_why)
{
	mr_assert(options->queues > 0 && options->ring_size > 0 && options->mtu > 0);

	struct mr_nic *nic = rte_zmalloc("mr_nic", sizeof(*nic), 0);
	if (nic == NULL)
		return fail(-ENOMEM, ret_why, "no EAL memory for the port");
	nic->port = RTE_MAX_ETHPORTS;
	int r = open_into(nic, options, ret_why);
	if (r < 0) {
		mr_nic_close(nic);
		return r;
	}
	*ret_nic = nic;
	return 0;
}

void mr_nic_close(struct mr_nic *nic)
{
	if (nic == NULL)
		return;
	if (nic->started)
		(void)rte_eth_dev_stop(nic->port);
	if (nic->port != RTE_MAX_ETHPORTS)
		(void)rte_eth_dev_close(nic->port);
	rte_mempool_free(nic->tx_pool);
	rte_mempool_free(nic->rx_pool);
	rte_free(nic);
}

void mr_nic_info(const struct mr_nic *nic, struct mr_nic_info *ret_info)
{
	struct rte_eth_link link = {0};

	*ret_info = nic->info;
	if (rte_eth_link_get_nowait(nic->port, &link) == 0)
		ret_info->link_up = link.link_status == RTE_ETH_LINK_UP;
}

uint64_t mr_nic_missed(const struct mr_nic *nic)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(nic->port, &stats) != 0)
		return 0;
	return stats.imissed + stats.rx_nombuf;
}

// Good only when the device has checked everything that ingest would: IPv6 has no header checksum.
static uint32_t rx_flags(const struct rte_mbuf *mbuf)
{
	uint64_t ip = mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
	uint64_t l4 = mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	if (ip == RTE_MBUF_F_RX_IP_CKSUM_BAD || l4 == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return MR_RX_CHECKSUM_BAD;
	if (l4 == RTE_MBUF_F_RX_L4_CKSUM_GOOD
		&& (ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD || RTE_ETH_IS_IPV6_HDR(mbuf->packet_type)))
		return MR_RX_CHECKSUM_GOOD;
	return 0;
}

uint16_t mr_nic_rx_burst(struct mr_nic *nic, uint16_t queue, struct mr_rx *ret_frames, uint16_t max)
{
	struct rte_mbuf *mbufs[MR_BURST_MAX];

	if (max > MR_BURST_MAX)
		max = MR_BURST_MAX;
	uint16_t count = rte_eth_rx_burst(nic->port, queue, mbufs, max);
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = mbufs[i];
		if (i + 4 < count)
			rte_prefetch0(mbufs[i + 4]);
		// A frame in several pieces is longer than our MTU: its first piece is found too
		// short.
		ret_frames[i] = (struct mr_rx){
			.data = rte_pktmbuf_mtod(mbuf, uint8_t *),
			.frame = (struct mr_frame *)mbuf,
			.packet = rte_mbuf_to_priv(mbuf),
			.length = mbuf->data_len,
			.flags = mbuf->ol_flags == 0 ? 0 : rx_flags(mbuf),
		};
	}
	return count;
}

void mr_nic_free_burst(struct mr_nic *nic, struct mr_frame *const *frames, uint16_t count)
{
	(void)nic;
	rte_pktmbuf_free_bulk((struct rte_mbuf **)(uintptr_t)frames, count);
}

struct mr_frame *mr_frame_of_packet(struct mr_packet *packet)
{
	return (struct mr_frame *)RTE_PTR_SUB(packet, sizeof(struct rte_mbuf));
}

struct mr_frame *mr_nic_tx_frame(struct mr_nic *nic, uint16_t queue, uint8_t **ret_data)
{
	(void)queue;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(nic->tx_pool);
	if (mbuf == NULL)
		return NULL;
	*ret_data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	return (struct mr_frame *)mbuf;
}

void mr_frame_set_length(struct mr_frame *frame, uint32_t length)
{
	struct rte_mbuf *mbuf = (struct rte_mbuf *)frame;

	mr_assert(length <= (uint32_t)(mbuf->buf_len - mbuf->data_off));
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = length;
	mbuf->ol_flags = 0; // what the device said of a frame it received is not for sending
}

uint16_t mr_nic_tx_burst(
	struct mr_nic *nic, uint16_t queue, struct mr_frame **frames, uint16_t count)
{
	struct rte_mbuf **mbufs = (struct rte_mbuf **)(uintptr_t)frames;

	uint16_t sent = rte_eth_tx_burst(nic->port, queue, mbufs, count);
	if (sent < count)
		rte_pktmbuf_free_bulk(mbufs + sent, (unsigned)(count - sent));
	return sent;
}
