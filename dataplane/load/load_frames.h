// Ethernet frames of the sender: IPv4 and IPv6 over UDP, with the address resolution they need
// (ARP, neighbour discovery), with or without a VLAN tag. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_station {
	bool is_v6;
	uint8_t mac[6];
	uint8_t ip[16]; // IPv4 in the first four bytes
};

enum { MR_ROUTE_HEADER_BYTES_MAX = 14 + 4 + 40 + 8, MR_RESOLVE_FRAME_BYTES_MAX = 14 + 4 + 40 + 32 };

// The headers of all frames from one station to another.
struct mr_route {
	uint8_t header[MR_ROUTE_HEADER_BYTES_MAX];
	uint32_t header_bytes; // the UDP payload begins here
	uint32_t ip_at; // the IP header
	bool is_v6;
	uint32_t address_sum; // part of the UDP checksum that never changes
};

// "10.0.0.1", "10.0.0.1:7400", "fd00::1", "[fd00::1]:7400". *ret_port is left alone when the text
// has none. 0 or -EINVAL.
int mr_station_parse(const char *text, struct mr_station *ret_station, uint16_t *ret_port);

void mr_route_init(struct mr_route *route, const struct mr_station *from,
	const struct mr_station *to, uint16_t vlan); // vlan 0: none
// The payload stands at frame + header_bytes. Writes what is in front of it, checksums included;
// returns the frame's length.
uint32_t mr_route_finish(const struct mr_route *route, uint16_t from_port, uint16_t to_port,
	uint8_t *frame, uint32_t payload_bytes);

enum mr_frame_kind {
	MR_FRAME_OTHER, // nothing for us
	MR_FRAME_UDP, // to our address
	MR_FRAME_WHO, // somebody asks for our MAC address
	MR_FRAME_HERE, // somebody tells his MAC address
};

struct mr_frame_view {
	const uint8_t *payload; // UDP
	uint32_t payload_bytes;
	uint16_t from_port;
	uint16_t to_port;
	struct mr_station peer; // WHO: who asks; HERE: who answers
};

enum mr_frame_kind mr_frame_parse(const uint8_t *frame, uint32_t length,
	const struct mr_station *self, struct mr_frame_view *ret_view);

// "Who has `peer`?" and "`self` is here, `peer`" (ARP or neighbour discovery by the station's
// kind); the frame's length.
uint32_t mr_frame_ask(const struct mr_station *self, const struct mr_station *peer, uint16_t vlan,
	uint8_t *ret_frame);
uint32_t mr_frame_tell(const struct mr_station *self, const struct mr_station *peer, uint16_t vlan,
	uint8_t *ret_frame);
