// The network port behind a small interface: nic_dpdk.c over ethdev, tests/support/nic_fake.c in
// memory. One queue pair belongs to one stage; nothing here blocks, locks or allocates after open.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"

struct mr_nic;
struct mr_frame; // an mbuf

struct mr_nic_options {
	const char *device; // DPDK device name: "net_memif0", "0000:03:00.0"
	uint16_t queues; // RX/TX queue pairs
	uint16_t ring_size; // descriptors per queue, 1024
	uint32_t mbufs; // in the pool
	uint16_t mtu; // 1500 or 9000
	bool promiscuous;
};

struct mr_nic_info {
	char name[64];
	char driver[32];
	uint8_t mac[6];
	uint16_t queues;
	int numa_node; // -1 unknown
	bool link_up;
};

// A received frame. `packet` is room in front of the bytes that travels with the frame.
struct mr_rx {
	uint8_t *data;
	struct mr_frame *frame;
	struct mr_packet *packet;
	uint32_t length;
	uint32_t flags; // enum mr_rx_flag
};

enum mr_rx_flag {
	MR_RX_CHECKSUM_GOOD = 1, // the device has checked the IP and L4 checksums
	MR_RX_CHECKSUM_BAD = 2,
};

// EAL must be up; waits a few seconds for the server of a memif client. 0 or negative errno;
// *ret_why (static or in the nic's memory) says what failed and how to mend it.
int mr_nic_open(
	const struct mr_nic_options *options, struct mr_nic **ret_nic, const char **ret_why);
void mr_nic_close(struct mr_nic *nic); // accepts NULL
// A memif client whose server went away asks for it again, once and without waiting: 0, then the
// link comes up in a moment or never, and then this may be called again. Until 0 the port takes and
// gives no frames. Other devices mend their links themselves: -ENOTSUP. The one thread that uses
// the port calls it.
int mr_nic_reconnect(struct mr_nic *nic);
// Any thread. Asks the link; a memif client whose server went away stays down until it is opened
// again.
void mr_nic_info(const struct mr_nic *nic, struct mr_nic_info *ret_info);

// How many frames were written; 0 when idle. The frames belong to the caller until freed.
uint16_t mr_nic_rx_burst(
	struct mr_nic *nic, uint16_t queue, struct mr_rx *ret_frames, uint16_t max);
void mr_nic_free_burst(struct mr_nic *nic, struct mr_frame *const *frames, uint16_t count);
struct mr_frame *mr_frame_of_packet(struct mr_packet *packet);
// A frame to fill: *ret_data has room for the MTU and an Ethernet header. NULL: pool empty.
struct mr_frame *mr_nic_tx_frame(struct mr_nic *nic, uint16_t queue, uint8_t **ret_data);
void mr_frame_set_length(struct mr_frame *frame, uint32_t length);
// Sends what fits now and frees the rest; returns how many were sent. Also used to answer in a
// received frame.
uint16_t mr_nic_tx_burst(
	struct mr_nic *nic, uint16_t queue, struct mr_frame **frames, uint16_t count);
// Packets the device dropped for want of room (imissed + rx_nombuf); any thread.
uint64_t mr_nic_missed(const struct mr_nic *nic);
