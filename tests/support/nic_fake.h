// A port in memory behind <nic.h>: tests put frames in and take frames out. Every frame is counted:
// freeing one twice, or sending one that is free, aborts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "nic.h"

enum { MR_NIC_FAKE_FRAME_BYTES = 9216, MR_NIC_FAKE_QUEUE = 1024 };

struct mr_nic *mr_nic_fake_new(uint32_t frames, uint32_t replies);
void mr_nic_fake_free(struct mr_nic *nic);

// Puts a frame into the RX queue; false when no frame or no room is left.
bool mr_nic_fake_receive(
	struct mr_nic *nic, uint16_t queue, const void *bytes, uint32_t length, uint32_t flags);
// Takes the oldest frame that was sent on the queue, cut to `size`; its length, 0 when there is
// none.
uint32_t mr_nic_fake_sent(struct mr_nic *nic, uint16_t queue, void *ret_bytes, uint32_t size);

void mr_nic_fake_limit_tx(struct mr_nic *nic, uint32_t frames_per_burst);
uint32_t mr_nic_fake_frames_out(
	const struct mr_nic *nic); // received frames that nobody has freed or sent
uint32_t mr_nic_fake_replies_out(const struct mr_nic *nic);
uint64_t mr_nic_fake_freed(const struct mr_nic *nic); // frames freed or sent so far
