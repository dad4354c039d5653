// Frames between bytes and meaning: Ethernet, up to two VLAN tags, IPv4, IPv6, UDP. Parsing trusts
// nothing; building makes the way back of what was parsed. No state, no time.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <millrace/discard.h>

enum {
	MR_ETHERNET_BYTES = 14,
	MR_VLAN_BYTES = 4,
	MR_VLANS_MAX = 2,
	MR_ARP_BYTES = 28,
	MR_IPV4_BYTES = 20,
	MR_IPV6_BYTES = 40,
	MR_UDP_BYTES = 8,
	MR_PROTOCOL_ICMP = 1,
	MR_PROTOCOL_UDP = 17,
	MR_PROTOCOL_ICMP6 = 58,
};

// Byte arrays throughout: a header stands wherever the frame puts it.
struct mr_ethernet {
	uint8_t to[6];
	uint8_t from[6];
	uint8_t type[2];
};

struct mr_ipv4 {
	uint8_t version_words; // version, header length in words
	uint8_t service;
	uint8_t length[2];
	uint8_t id[2];
	uint8_t fragment[2];
	uint8_t ttl;
	uint8_t protocol;
	uint8_t checksum[2];
	uint8_t from[4];
	uint8_t to[4];
};

struct mr_ipv6 {
	uint8_t version_flow[4];
	uint8_t length[2];
	uint8_t next;
	uint8_t hops;
	uint8_t from[16];
	uint8_t to[16];
};

struct mr_udp {
	uint8_t from[2];
	uint8_t to[2];
	uint8_t length[2];
	uint8_t checksum[2];
};
static_assert(sizeof(struct mr_ethernet) == MR_ETHERNET_BYTES, "wire format");
static_assert(sizeof(struct mr_ipv4) == MR_IPV4_BYTES, "wire format");
static_assert(sizeof(struct mr_ipv6) == MR_IPV6_BYTES, "wire format");
static_assert(sizeof(struct mr_udp) == MR_UDP_BYTES, "wire format");

static inline uint16_t mr_load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline void mr_store_be16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

// What this port answers to.
struct mr_port_address {
	uint8_t mac[6];
	uint8_t ipv4[4];
	uint8_t ipv6[16];
	bool has_ipv4;
	bool has_ipv6;
	uint16_t port_base;
	uint16_t ports; // from port_base on
};

enum mr_frame_kind { MR_FRAME_UDP, MR_FRAME_ARP, MR_FRAME_ICMP, MR_FRAME_ICMP6 };

struct mr_view {
	enum mr_frame_kind kind;
	uint32_t vlans;
	uint8_t *l3; // ARP, IPv4 or IPv6 header
	uint8_t *l4;
	uint32_t l4_length; // as the headers say, Ethernet padding excluded
	bool ipv6;
};

// MR_DISCARD_COUNT when the frame is for us and sound as far as its kind goes: UDP is checked
// completely, ARP and ICMP have their bytes. Device filters are not trusted with more than
// `checked` (enum mr_rx_flag).
enum mr_discard mr_frame_parse(const struct mr_port_address *port, uint8_t *data, uint32_t length,
	uint32_t checked, struct mr_view *ret_view);
// Whether the sender of an IP frame is loopback, private or link-local: nobody else is served yet.
bool mr_frame_from_private(const struct mr_view *view);
// Checksum of UDP or ICMPv6 with its pseudo header, or of ICMP: true when it is right.
bool mr_frame_l4_checksum_good(const struct mr_view *view);
// Puts it there (the field's two bytes stand at l4 + at).
void mr_frame_l4_checksum_set(const struct mr_view *view, uint32_t at);
void mr_frame_ipv4_checksum_set(struct mr_ipv4 *ip); // of a header without options

// The way back to a sender.
struct mr_path {
	uint8_t mac[6];
	uint8_t vlans;
	bool ipv6;
	uint8_t vlan[MR_VLANS_MAX * MR_VLAN_BYTES]; // as they came
	uint8_t ip[16]; // IPv4: the first four
	uint8_t port[2]; // the sender's
	uint8_t local_port[2]; // the one it sent to
};

void mr_path_of(const uint8_t *data, const struct mr_view *view, struct mr_path *ret_path); // UDP
uint32_t mr_path_header_bytes(const struct mr_path *path);
// Headers with checksums around a payload that stands at data + mr_path_header_bytes. Returns the
// frame's length.
uint32_t mr_frame_build(uint8_t *data, const struct mr_port_address *port,
	const struct mr_path *path, uint32_t payload_length);
