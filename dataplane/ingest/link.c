#include "link.h"

#include <stddef.h>

#include "mr_assert.h"

enum {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	ECHO_REQUEST = 8,
	ECHO_REPLY = 0,
	ECHO6_REQUEST = 128,
	ECHO6_REPLY = 129,
	ECHO_BYTES = 8,
	ECHO_TTL = 64,
	ND_SOLICITATION = 135,
	ND_ADVERTISEMENT = 136,
	ND_BYTES = 24,
	ND_OPTION_BYTES = 8,
	ND_OPTION_TARGET = 2,
	ND_HOPS = 255, // less has passed a router: no neighbour's
	ND_SOLICITED = 0x40,
	ND_OVERRIDE = 0x20,
};

struct arp {
	uint8_t hardware[2];
	uint8_t protocol[2];
	uint8_t sizes[2];
	uint8_t operation[2];
	uint8_t from_mac[6];
	uint8_t from_ip[4];
	uint8_t to_mac[6];
	uint8_t to_ip[4];
};
static_assert(sizeof(struct arp) == MR_ARP_BYTES, "wire format");

struct icmp {
	uint8_t type;
	uint8_t code;
	uint8_t checksum[2];
};

struct nd { // solicitation and advertisement, with the option that we answer with
	struct icmp icmp;
	uint8_t flags[4];
	uint8_t target[16];
	uint8_t option[2];
	uint8_t option_mac[6];
};
static_assert(sizeof(struct nd) == ND_BYTES + ND_OPTION_BYTES, "wire format");

static void turn_ethernet(const struct mr_port_address *port, uint8_t *data)
{
	struct mr_ethernet *ethernet = (struct mr_ethernet *)data;

	memcpy(ethernet->to, ethernet->from, sizeof(ethernet->to));
	memcpy(ethernet->from, port->mac, sizeof(ethernet->from));
}

static enum mr_discard answer_arp(
	const struct mr_port_address *port, uint8_t *data, struct mr_view *view)
{
	static const uint8_t ipv4_over_ethernet[6] = {0, 1, 0x08, 0x00, 6, 4};
	struct arp *arp = (struct arp *)view->l3;

	if (memcmp(arp, ipv4_over_ethernet, sizeof(ipv4_over_ethernet)) != 0
		|| mr_load_be16(arp->operation) != ARP_REQUEST || !port->has_ipv4
		|| memcmp(arp->to_ip, port->ipv4, sizeof(arp->to_ip)) != 0)
		return MR_DISCARD_LINK_LOCAL;
	turn_ethernet(port, data);
	mr_store_be16(arp->operation, ARP_REPLY);
	memcpy(arp->to_mac, arp->from_mac, sizeof(arp->to_mac));
	memcpy(arp->to_ip, arp->from_ip, sizeof(arp->to_ip));
	memcpy(arp->from_mac, port->mac, sizeof(arp->from_mac));
	memcpy(arp->from_ip, port->ipv4, sizeof(arp->from_ip));
	return MR_DISCARD_COUNT;
}

static enum mr_discard answer_echo(
	const struct mr_port_address *port, uint8_t *data, struct mr_view *view)
{
	struct mr_ipv4 *ip = (struct mr_ipv4 *)view->l3;
	struct icmp *icmp = (struct icmp *)view->l4;

	if (view->l4_length < ECHO_BYTES)
		return MR_DISCARD_SHORT;
	if (icmp->type != ECHO_REQUEST || icmp->code != 0 || ip->version_words != 0x45)
		return MR_DISCARD_LINK_LOCAL; // options could name a route: not ours to reverse
	if (!mr_frame_from_private(view))
		return MR_DISCARD_SOURCE_ADDRESS;
	if (!mr_frame_l4_checksum_good(view))
		return MR_DISCARD_CHECKSUM;
	turn_ethernet(port, data);
	memcpy(ip->to, ip->from, sizeof(ip->to));
	memcpy(ip->from, port->ipv4, sizeof(ip->from));
	ip->ttl = ECHO_TTL;
	mr_frame_ipv4_checksum_set(ip);
	icmp->type = ECHO_REPLY;
	mr_frame_l4_checksum_set(view, offsetof(struct icmp, checksum));
	return MR_DISCARD_COUNT;
}

static enum mr_discard answer_echo6(
	const struct mr_port_address *port, uint8_t *data, struct mr_view *view)
{
	struct mr_ipv6 *ip = (struct mr_ipv6 *)view->l3;
	struct icmp *icmp = (struct icmp *)view->l4;

	if (view->l4_length < ECHO_BYTES)
		return MR_DISCARD_SHORT;
	if (icmp->code != 0 || ip->to[0] == 0xff)
		return MR_DISCARD_LINK_LOCAL;
	if (!mr_frame_from_private(view))
		return MR_DISCARD_SOURCE_ADDRESS;
	if (!mr_frame_l4_checksum_good(view))
		return MR_DISCARD_CHECKSUM;
	turn_ethernet(port, data);
	memcpy(ip->to, ip->from, sizeof(ip->to));
	memcpy(ip->from, port->ipv6, sizeof(ip->from));
	ip->hops = ECHO_TTL;
	icmp->type = ECHO6_REPLY;
	mr_frame_l4_checksum_set(view, offsetof(struct icmp, checksum));
	return MR_DISCARD_COUNT;
}

// RFC 4861. Whoever asks from no address is about to take ours: everybody shall hear the answer.
static void advertise(const struct mr_port_address *port, uint8_t *data, struct mr_view *view)
{
	static const uint8_t nobody[16] = {0};
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct mr_ipv6 *ip = (struct mr_ipv6 *)view->l3;
	struct nd *nd = (struct nd *)view->l4;
	bool anonymous = memcmp(ip->from, nobody, sizeof(nobody)) == 0;

	turn_ethernet(port, data);
	if (anonymous)
		memcpy(((struct mr_ethernet *)data)->to, all_nodes_mac, sizeof(all_nodes_mac));
	memcpy(ip->to, anonymous ? all_nodes : ip->from, sizeof(ip->to));
	memcpy(ip->from, port->ipv6, sizeof(ip->from));
	ip->hops = ND_HOPS;
	mr_store_be16(ip->length, sizeof(*nd));
	nd->icmp = (struct icmp){.type = ND_ADVERTISEMENT};
	memset(nd->flags, 0, sizeof(nd->flags));
	nd->flags[0] = anonymous ? ND_OVERRIDE : ND_OVERRIDE | ND_SOLICITED;
	nd->option[0] = ND_OPTION_TARGET;
	nd->option[1] = ND_OPTION_BYTES / 8;
	memcpy(nd->option_mac, port->mac, sizeof(nd->option_mac));
	view->l4_length = sizeof(*nd);
	mr_frame_l4_checksum_set(view, offsetof(struct icmp, checksum));
}

static enum mr_discard answer_icmp6(
	const struct mr_port_address *port, uint8_t *data, struct mr_view *view)
{
	const struct mr_ipv6 *ip = (const struct mr_ipv6 *)view->l3;
	const struct nd *nd = (const struct nd *)view->l4;

	if (view->l4_length < sizeof(struct icmp))
		return MR_DISCARD_SHORT;
	if (nd->icmp.type == ECHO6_REQUEST)
		return answer_echo6(port, data, view);
	if (nd->icmp.type != ND_SOLICITATION)
		return MR_DISCARD_LINK_LOCAL;
	if (view->l4_length < ND_BYTES)
		return MR_DISCARD_SHORT;
	if (nd->icmp.code != 0 || ip->hops != ND_HOPS
		|| memcmp(nd->target, port->ipv6, sizeof(nd->target)) != 0)
		return MR_DISCARD_LINK_LOCAL;
	if (!mr_frame_l4_checksum_good(view))
		return MR_DISCARD_CHECKSUM;
	advertise(port, data, view);
	return MR_DISCARD_COUNT;
}

enum mr_discard mr_link_answer(const struct mr_port_address *port, uint8_t *data, uint32_t length,
	struct mr_view *view, struct mr_link_reply *ret_reply)
{
	enum mr_discard discard;

	mr_assert(view->kind != MR_FRAME_UDP);
	if (view->kind == MR_FRAME_ARP) {
		discard = answer_arp(port, data, view);
		*ret_reply = (struct mr_link_reply){.length = length}; // with its padding
		return discard;
	}
	discard = view->kind == MR_FRAME_ICMP ? answer_echo(port, data, view)
					      : answer_icmp6(port, data, view);
	const struct icmp *icmp = (const struct icmp *)view->l4;
	*ret_reply = (struct mr_link_reply){
		.length = (uint32_t)(view->l4 - data) + view->l4_length,
		.echo = icmp->type != ND_ADVERTISEMENT,
	};
	return discard;
}
