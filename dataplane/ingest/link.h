// A dedicated port has nobody else to speak for it: ARP, IPv6 neighbour discovery and echo,
// answered in the frame that asked.
#pragma once

#include <stdint.h>

#include "frame.h"

struct mr_link_reply {
	uint32_t length; // of the frame
	bool echo; // otherwise an address was asked for
};

// Turns the question into its answer, which keeps tags and place; an advertisement may be 8 bytes
// longer than what asked for it. MR_DISCARD_COUNT, or why there is no answer.
enum mr_discard mr_link_answer(const struct mr_port_address *port, uint8_t *data, uint32_t length,
	struct mr_view *view, struct mr_link_reply *ret_reply);
