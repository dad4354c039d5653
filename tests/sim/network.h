// The network between producers and port: frames that take a while, come twice, late, damaged, or
// not at all.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "rng.h"

struct sim_frame {
	uint64_t due_ns;
	uint64_t number; // orders frames of one moment
	bool to_router;
	uint16_t queue; // of the port
	uint32_t length;
	uint8_t bytes[];
};

struct sim_network {
	const struct sim_faults *faults; // the world's: may change under way
	struct mr_rng rng;
	struct sim_frame **heap;
	uint32_t count, size;
	uint64_t number;
	uint64_t sent, dropped, duplicated, delayed, corrupted;
};

void sim_network_init(struct sim_network *network, const struct sim_faults *faults, uint64_t seed);
void sim_network_fini(struct sim_network *network);
void sim_network_send(struct sim_network *network, uint64_t now_ns, bool to_router, uint16_t queue,
	const void *bytes, uint32_t length);
// The next frame that has arrived, the caller's to free; NULL: none.
struct sim_frame *sim_network_arrived(struct sim_network *network, uint64_t now_ns);
uint64_t sim_network_next_due(const struct sim_network *network);
