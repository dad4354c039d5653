#include "load_frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "mr_assert.h"

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_ARP = 0x0806,
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMP6 = 58,
	ARP_BYTES = 28,
	SOLICIT = 135,
	ADVERTISE = 136,
	ND_BYTES = 32, // message, target, and one link-layer address option
};

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

// Sum of 16-bit words in network order, not folded (RFC 1071); the byte order does not matter to
// such a sum until it is stored.
static uint64_t sum_words(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 0;
	size_t at = 0;
	for (; at + 4 <= length; at += 4) {
		uint32_t word;
		memcpy(&word, bytes + at, sizeof(word));
		sum += word;
	}
	for (; at + 2 <= length; at += 2) {
		uint16_t word;
		memcpy(&word, bytes + at, sizeof(word));
		sum += word;
	}
	if (at < length)
		sum += bytes[at];
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

// Stores a folded sum: its words were read in host order, so it goes back the same way.
static void put_sum(uint8_t *at, uint64_t sum)
{
	uint16_t folded = fold(sum);
	memcpy(at, &folded, sizeof(folded));
}

int mr_station_parse(const char *text, struct mr_station *ret_station, uint16_t *ret_port)
{
	char host[64];
	const char *port = NULL;
	size_t length = strlen(text);
	const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = strchr(text, ':');
	if (bracket != NULL) {
		length = (size_t)(bracket - text - 1);
		text++;
		port = bracket[1] == ':' ? bracket + 2 : NULL;
		if (port == NULL && bracket[1] != '\0')
			return -EINVAL;
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		length = (size_t)(colon - text);
		port = colon + 1;
	}
	struct mr_station station = {0};
	if (!mr_copy_text(host, sizeof(host), text, length))
		return -EINVAL;
	if (inet_pton(AF_INET6, host, station.ip) == 1)
		station.is_v6 = true;
	else if (inet_pton(AF_INET, host, station.ip) != 1)
		return -EINVAL;
	uint64_t number = 0;
	if (port != NULL
		&& (mr_parse_u64(port, strlen(port), &number) < 0 || number == 0
			|| number > UINT16_MAX))
		return -EINVAL;
	if (port != NULL)
		*ret_port = (uint16_t)number;
	*ret_station = station;
	return 0;
}

static uint32_t put_ether(
	uint8_t *frame, const uint8_t *to, const uint8_t *from, uint16_t vlan, uint32_t type)
{
	uint32_t at = 12;
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	if (vlan != 0) {
		put16(frame + at, ETHER_VLAN);
		put16(frame + at + 2, vlan);
		at += 4;
	}
	put16(frame + at, type);
	return at + 2;
}

// An IPv6 header but for its payload length.
static void put_ipv6(
	uint8_t *ip, const uint8_t *from, const uint8_t *to, uint8_t protocol, uint8_t hops)
{
	memset(ip, 0, 40);
	ip[0] = 0x60;
	ip[6] = protocol;
	ip[7] = hops;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
}

// An IPv4 header but for its total length and checksum.
static void put_ipv4(uint8_t *ip, const uint8_t *from, const uint8_t *to)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[6] = 0x40; // never fragmented
	ip[8] = 64;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
}

void mr_route_init(struct mr_route *route, const struct mr_station *from,
	const struct mr_station *to, uint16_t vlan)
{
	mr_assert(from->is_v6 == to->is_v6);
	*route = (struct mr_route){.is_v6 = from->is_v6};
	route->ip_at = put_ether(
		route->header, to->mac, from->mac, vlan, from->is_v6 ? ETHER_IPV6 : ETHER_IPV4);
	uint8_t *ip = route->header + route->ip_at;
	uint32_t address_bytes = from->is_v6 ? 16 : 4;
	if (from->is_v6)
		put_ipv6(ip, from->ip, to->ip, PROTOCOL_UDP, 64);
	else
		put_ipv4(ip, from->ip, to->ip);
	uint64_t sum = sum_words(from->ip, address_bytes) + sum_words(to->ip, address_bytes)
		+ htons(PROTOCOL_UDP);
	route->address_sum = (uint16_t)~fold(sum);
	route->header_bytes = route->ip_at + (from->is_v6 ? 40 : 20) + 8;
}

uint32_t mr_route_finish(const struct mr_route *route, uint16_t from_port, uint16_t to_port,
	uint8_t *frame, uint32_t payload_bytes)
{
	uint32_t udp_bytes = payload_bytes + 8;
	memcpy(frame, route->header, route->header_bytes - 8);
	uint8_t *ip = frame + route->ip_at;
	uint8_t *udp = frame + route->header_bytes - 8;
	if (route->is_v6) {
		put16(ip + 4, udp_bytes);
	} else {
		put16(ip + 2, udp_bytes + 20);
		put_sum(ip + 10, sum_words(ip, 20));
	}
	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, udp_bytes);
	put16(udp + 6, 0);
	put_sum(udp + 6,
		route->address_sum + (uint64_t)htons((uint16_t)udp_bytes)
			+ sum_words(udp, udp_bytes));
	if (get16(udp + 6) == 0)
		put16(udp + 6, 0xffff); // zero would say: not computed
	return route->header_bytes + payload_bytes;
}

static enum mr_frame_kind parse_arp(const uint8_t *arp, uint32_t length,
	const struct mr_station *self, struct mr_frame_view *view)
{
	static const uint8_t ethernet_ipv4[] = {0, 1, 8, 0, 6, 4};
	if (self->is_v6 || length < ARP_BYTES
		|| memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0
		|| memcmp(arp + 24, self->ip, 4) != 0)
		return MR_FRAME_OTHER;
	memcpy(view->peer.mac, arp + 8, 6);
	memcpy(view->peer.ip, arp + 14, 4);
	switch (get16(arp + 6)) {
	case 1:
		return MR_FRAME_WHO;
	case 2:
		return MR_FRAME_HERE;
	default:
		return MR_FRAME_OTHER;
	}
}

static enum mr_frame_kind parse_udp(const uint8_t *udp, uint32_t length, struct mr_frame_view *view)
{
	if (length < 8 || get16(udp + 4) < 8 || get16(udp + 4) > length)
		return MR_FRAME_OTHER;
	view->from_port = (uint16_t)get16(udp);
	view->to_port = (uint16_t)get16(udp + 2);
	view->payload = udp + 8;
	view->payload_bytes = get16(udp + 4) - 8;
	return MR_FRAME_UDP;
}

static enum mr_frame_kind parse_ipv4(const uint8_t *ip, uint32_t length,
	const struct mr_station *self, struct mr_frame_view *view)
{
	if (self->is_v6 || length < 20 || ip[0] >> 4 != 4 || memcmp(ip + 16, self->ip, 4) != 0)
		return MR_FRAME_OTHER;
	uint32_t header = (ip[0] & 15u) * 4;
	uint32_t total = get16(ip + 2);
	if (header < 20 || total < header || total > length || ip[9] != PROTOCOL_UDP
		|| (get16(ip + 6) & 0x3fff) != 0) // a fragment
		return MR_FRAME_OTHER;
	return parse_udp(ip + header, total - header, view);
}

// Solicitation and advertisement; the peer's MAC address stands in the option, or else in front of
// the frame.
static enum mr_frame_kind parse_nd(const uint8_t *ip, const uint8_t *nd, uint32_t length,
	const uint8_t *from_mac, const struct mr_station *self, struct mr_frame_view *view)
{
	if (length < 24 || ip[7] != 255 || nd[1] != 0)
		return MR_FRAME_OTHER;
	view->peer.is_v6 = true;
	bool has_option = length >= ND_BYTES && nd[25] == 1 && (nd[24] == 1 || nd[24] == 2);
	memcpy(view->peer.mac, has_option ? nd + 26 : from_mac, 6);
	if (nd[0] == SOLICIT && memcmp(nd + 8, self->ip, 16) == 0) {
		memcpy(view->peer.ip, ip + 8, 16);
		return MR_FRAME_WHO;
	}
	if (nd[0] == ADVERTISE && memcmp(ip + 24, self->ip, 16) == 0) {
		memcpy(view->peer.ip, nd + 8, 16);
		return MR_FRAME_HERE;
	}
	return MR_FRAME_OTHER;
}

static enum mr_frame_kind parse_ipv6(const uint8_t *ip, uint32_t length, const uint8_t *from_mac,
	const struct mr_station *self, struct mr_frame_view *view)
{
	if (!self->is_v6 || length < 40 || ip[0] >> 4 != 6 || get16(ip + 4) > length - 40)
		return MR_FRAME_OTHER;
	uint32_t payload = get16(ip + 4);
	if (ip[6] == PROTOCOL_ICMP6)
		return parse_nd(ip, ip + 40, payload, from_mac, self, view);
	if (ip[6] != PROTOCOL_UDP || memcmp(ip + 24, self->ip, 16) != 0)
		return MR_FRAME_OTHER;
	return parse_udp(ip + 40, payload, view);
}

enum mr_frame_kind mr_frame_parse(const uint8_t *frame, uint32_t length,
	const struct mr_station *self, struct mr_frame_view *ret_view)
{
	*ret_view = (struct mr_frame_view){0};
	uint32_t at = 12;
	if (length >= 18 && get16(frame + at) == ETHER_VLAN)
		at += 4;
	if (length < at + 2)
		return MR_FRAME_OTHER;
	const uint8_t *body = frame + at + 2;
	uint32_t left = length - at - 2;
	switch (get16(frame + at)) {
	case ETHER_ARP:
		return parse_arp(body, left, self, ret_view);
	case ETHER_IPV4:
		return parse_ipv4(body, left, self, ret_view);
	case ETHER_IPV6:
		return parse_ipv6(body, left, frame + 6, self, ret_view);
	default:
		return MR_FRAME_OTHER;
	}
}

static uint32_t put_arp(const struct mr_station *self, const struct mr_station *peer, uint16_t vlan,
	bool ask, uint8_t *frame)
{
	static const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0};
	uint32_t at = put_ether(frame, ask ? broadcast : peer->mac, self->mac, vlan, ETHER_ARP);
	uint8_t *arp = frame + at;
	memset(arp, 0, ARP_BYTES);
	memcpy(arp, head, sizeof(head));
	arp[7] = ask ? 1 : 2;
	memcpy(arp + 8, self->mac, 6);
	memcpy(arp + 14, self->ip, 4);
	if (!ask)
		memcpy(arp + 18, peer->mac, 6);
	memcpy(arp + 24, peer->ip, 4);
	return at + ARP_BYTES;
}

static uint32_t put_nd(const struct mr_station *self, const struct mr_station *peer, uint16_t vlan,
	bool ask, uint8_t *frame)
{
	uint8_t group[16] = {
		0xff, 2, [11] = 1, [12] = 0xff}; // the solicited-node group (RFC 4291, 2.7.1)
	memcpy(group + 13, peer->ip + 13, 3);
	const uint8_t group_mac[6] = {0x33, 0x33, group[12], group[13], group[14], group[15]};
	uint32_t at = put_ether(frame, ask ? group_mac : peer->mac, self->mac, vlan, ETHER_IPV6);
	uint8_t *ip = frame + at;
	uint8_t *nd = ip + 40;
	put_ipv6(ip, self->ip, ask ? group : peer->ip, PROTOCOL_ICMP6, 255);
	put16(ip + 4, ND_BYTES);
	memset(nd, 0, ND_BYTES);
	nd[0] = ask ? SOLICIT : ADVERTISE;
	nd[4] = ask ? 0 : 0x60; // solicited, override
	memcpy(nd + 8, ask ? peer->ip : self->ip, 16);
	nd[24] = ask ? 1 : 2;
	nd[25] = 1;
	memcpy(nd + 26, self->mac, 6);
	uint64_t sum = sum_words(ip + 8, 32) + htons(ND_BYTES) + htons(PROTOCOL_ICMP6)
		+ sum_words(nd, ND_BYTES);
	put_sum(nd + 2, sum);
	return at + 40 + ND_BYTES;
}

uint32_t mr_frame_ask(const struct mr_station *self, const struct mr_station *peer, uint16_t vlan,
	uint8_t *ret_frame)
{
	return self->is_v6 ? put_nd(self, peer, vlan, true, ret_frame)
			   : put_arp(self, peer, vlan, true, ret_frame);
}

uint32_t mr_frame_tell(const struct mr_station *self, const struct mr_station *peer, uint16_t vlan,
	uint8_t *ret_frame)
{
	return self->is_v6 ? put_nd(self, peer, vlan, false, ret_frame)
			   : put_arp(self, peer, vlan, false, ret_frame);
}
