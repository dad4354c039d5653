// A second process on CPU 0 that sends DATA packets through a memif port as fast as the receiver
// takes them, so that what the receiver does per packet is all that limits it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mr_blaster {
	const char *socket; // memif, the receiver is the server
	uint32_t events_per_packet;
	uint32_t flows;
	uint64_t objects; // ids 1..objects, in turn within each flow; flows without one are silent
	uint64_t ancestor; // a project of every event; 0: none
	bool obeys_credit; // sends no further than the ACKs allow; or as far as the port takes
	uint64_t hash_seed;
	uint64_t session_id;
	uint64_t key_id;
	uint16_t port;
	uint8_t from[4];
	uint8_t to[4];
};

extern const uint8_t mr_blaster_mac[6]; // where the frames go

// Forks; call before the parent starts its EAL. The child ends when the parent does. The pid, or
// negative errno.
pid_t mr_blaster_start(const struct mr_blaster *blaster);
void mr_blaster_stop(pid_t pid);
