#include "frame.h"

#include <stddef.h>

#include "checksum.h"
#include "nic.h"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_QINQ = 0x88a8,
	IPV4_FRAGMENT = 0x3fff, // more to come, or not the first
	IPV4_WHOLE = 0x4000, // do not fragment
	IPV6_FRAGMENT = 44,
	HOPS = 64,
};

static const struct mr_ipv4 *view_ipv4(const struct mr_view *view)
{
	return (const struct mr_ipv4 *)view->l3;
}

static const struct mr_ipv6 *view_ipv6(const struct mr_view *view)
{
	return (const struct mr_ipv6 *)view->l3;
}

// ff02::1:ffXX:XXXX of our address: where neighbours ask for it.
static bool is_solicited_node(const struct mr_port_address *port, const uint8_t to[16])
{
	static const uint8_t prefix[13] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	return memcmp(to, prefix, sizeof(prefix)) == 0 && memcmp(to + 13, port->ipv6 + 13, 3) == 0;
}

// Sum of the pseudo header that UDP and ICMPv6 checksums begin with: addresses, length, protocol.
static uint64_t pseudo_sum(const struct mr_view *view, uint8_t protocol)
{
	uint8_t rest[4] = {0, protocol};

	mr_store_be16(rest + 2, view->l4_length);
	return mr_checksum_sum(rest, sizeof(rest))
		+ (view->ipv6 ? mr_checksum_sum(view_ipv6(view)->from, 32)
			      : mr_checksum_sum(view_ipv4(view)->from, 8));
}

static uint64_t l4_sum(const struct mr_view *view)
{
	uint64_t sum = mr_checksum_sum(view->l4, view->l4_length);

	if (view->kind == MR_FRAME_UDP)
		sum += pseudo_sum(view, MR_PROTOCOL_UDP);
	else if (view->kind == MR_FRAME_ICMP6)
		sum += pseudo_sum(view, MR_PROTOCOL_ICMP6);
	return sum;
}

bool mr_frame_l4_checksum_good(const struct mr_view *view)
{
	return mr_checksum_fold(l4_sum(view)) == 0xffff;
}

void mr_frame_l4_checksum_set(const struct mr_view *view, uint32_t at)
{
	memset(view->l4 + at, 0, 2);
	uint16_t checksum = (uint16_t)~mr_checksum_fold(l4_sum(view));
	if (checksum == 0)
		checksum = 0xffff; // the same number; 0 would say that UDP has none
	memcpy(view->l4 + at, &checksum, sizeof(checksum));
}

void mr_frame_ipv4_checksum_set(struct mr_ipv4 *ip)
{
	memset(ip->checksum, 0, sizeof(ip->checksum));
	uint16_t checksum = (uint16_t)~mr_checksum_fold(mr_checksum_sum(ip, sizeof(*ip)));
	memcpy(ip->checksum, &checksum, sizeof(checksum));
}

static enum mr_discard parse_udp(
	const struct mr_port_address *port, uint32_t checked, struct mr_view *view)
{
	const struct mr_udp *udp = (const struct mr_udp *)view->l4;

	if (view->l4_length < MR_UDP_BYTES)
		return MR_DISCARD_SHORT;
	if ((uint16_t)(mr_load_be16(udp->to) - port->port_base) >= port->ports)
		return MR_DISCARD_NOT_OURS;
	uint32_t length = mr_load_be16(udp->length);
	if (length < MR_UDP_BYTES || length > view->l4_length)
		return MR_DISCARD_SHORT;
	view->l4_length = length;
	view->kind = MR_FRAME_UDP;
	if ((checked & MR_RX_CHECKSUM_GOOD) != 0)
		return MR_DISCARD_COUNT;
	if (mr_load_be16(udp->checksum) == 0) // none: allowed where the IP header has its own
		return view->ipv6 ? MR_DISCARD_CHECKSUM : MR_DISCARD_COUNT;
	return mr_frame_l4_checksum_good(view) ? MR_DISCARD_COUNT : MR_DISCARD_CHECKSUM;
}

static enum mr_discard parse_ipv4(const struct mr_port_address *port, uint32_t available,
	uint32_t checked, struct mr_view *view)
{
	const struct mr_ipv4 *ip = view_ipv4(view);

	if (available < MR_IPV4_BYTES)
		return MR_DISCARD_SHORT;
	uint32_t header = (ip->version_words & 15) * 4u;
	uint32_t length = mr_load_be16(ip->length);
	if (ip->version_words >> 4 != 4 || header < MR_IPV4_BYTES || length < header
		|| length > available)
		return MR_DISCARD_SHORT;
	if (!port->has_ipv4 || memcmp(ip->to, port->ipv4, sizeof(ip->to)) != 0)
		return MR_DISCARD_NOT_OURS;
	if ((mr_load_be16(ip->fragment) & IPV4_FRAGMENT) != 0)
		return MR_DISCARD_FRAGMENT;
	if ((checked & MR_RX_CHECKSUM_GOOD) == 0
		&& mr_checksum_fold(mr_checksum_sum(ip, header)) != 0xffff)
		return MR_DISCARD_CHECKSUM;
	view->l4 = view->l3 + header;
	view->l4_length = length - header;
	if (ip->protocol == MR_PROTOCOL_UDP)
		return parse_udp(port, checked, view);
	view->kind = MR_FRAME_ICMP;
	return ip->protocol == MR_PROTOCOL_ICMP ? MR_DISCARD_COUNT : MR_DISCARD_NOT_OURS;
}

static enum mr_discard parse_ipv6(const struct mr_port_address *port, uint32_t available,
	uint32_t checked, struct mr_view *view)
{
	const struct mr_ipv6 *ip = view_ipv6(view);

	if (available < MR_IPV6_BYTES || ip->version_flow[0] >> 4 != 6
		|| mr_load_be16(ip->length) > available - MR_IPV6_BYTES)
		return MR_DISCARD_SHORT;
	if (!port->has_ipv6)
		return MR_DISCARD_NOT_OURS;
	bool ours = memcmp(ip->to, port->ipv6, sizeof(ip->to)) == 0;
	if (!ours && !(ip->next == MR_PROTOCOL_ICMP6 && is_solicited_node(port, ip->to)))
		return MR_DISCARD_NOT_OURS;
	view->ipv6 = true;
	view->l4 = view->l3 + MR_IPV6_BYTES;
	view->l4_length = mr_load_be16(ip->length);
	if (ip->next == MR_PROTOCOL_UDP)
		return parse_udp(port, checked, view);
	view->kind = MR_FRAME_ICMP6;
	if (ip->next == MR_PROTOCOL_ICMP6)
		return MR_DISCARD_COUNT;
	return ip->next == IPV6_FRAGMENT ? MR_DISCARD_FRAGMENT : MR_DISCARD_NOT_OURS;
}

// The destination MAC is the device's to filter: what carries our IP address is for us.
enum mr_discard mr_frame_parse(const struct mr_port_address *port, uint8_t *data, uint32_t length,
	uint32_t checked, struct mr_view *ret_view)
{
	uint32_t at = MR_ETHERNET_BYTES;

	*ret_view = (struct mr_view){0};
	if (length < at)
		return MR_DISCARD_SHORT;
	uint16_t type = mr_load_be16(data + at - 2);
	while ((type == TYPE_VLAN || type == TYPE_QINQ) && ret_view->vlans < MR_VLANS_MAX) {
		at += MR_VLAN_BYTES;
		if (length < at)
			return MR_DISCARD_SHORT;
		type = mr_load_be16(data + at - 2);
		ret_view->vlans++;
	}
	ret_view->l3 = data + at;
	if ((checked & MR_RX_CHECKSUM_BAD) != 0)
		return MR_DISCARD_CHECKSUM;
	switch (type) {
	case TYPE_IPV4:
		return parse_ipv4(port, length - at, checked, ret_view);
	case TYPE_IPV6:
		return parse_ipv6(port, length - at, checked, ret_view);
	case TYPE_ARP:
		ret_view->kind = MR_FRAME_ARP;
		return length - at < MR_ARP_BYTES ? MR_DISCARD_SHORT : MR_DISCARD_COUNT;
	default:
		return MR_DISCARD_NOT_OURS;
	}
}

static bool ipv4_is_private(const uint8_t ip[4])
{
	return ip[0] == 10 || ip[0] == 127 || (ip[0] == 192 && ip[1] == 168)
		|| (ip[0] == 172 && (ip[1] & 0xf0) == 16) || (ip[0] == 169 && ip[1] == 254);
}

static bool ipv6_is_private(const uint8_t ip[16])
{
	static const uint8_t loopback[16] = {[15] = 1};

	return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
		|| memcmp(ip, loopback, sizeof(loopback)) == 0;
}

bool mr_frame_from_private(const struct mr_view *view)
{
	return view->ipv6 ? ipv6_is_private(view_ipv6(view)->from)
			  : ipv4_is_private(view_ipv4(view)->from);
}

void mr_path_of(const uint8_t *data, const struct mr_view *view, struct mr_path *ret_path)
{
	const struct mr_udp *udp = (const struct mr_udp *)view->l4;

	memcpy(ret_path->mac, ((const struct mr_ethernet *)data)->from, sizeof(ret_path->mac));
	ret_path->vlans = (uint8_t)view->vlans;
	ret_path->ipv6 = view->ipv6;
	memcpy(ret_path->vlan, data + MR_ETHERNET_BYTES - 2, sizeof(ret_path->vlan));
	if (view->ipv6)
		memcpy(ret_path->ip, view_ipv6(view)->from, 16);
	else
		memcpy(ret_path->ip, view_ipv4(view)->from, 4);
	memcpy(ret_path->port, udp->from, sizeof(udp->from));
	memcpy(ret_path->local_port, udp->to, sizeof(udp->to));
}

uint32_t mr_path_header_bytes(const struct mr_path *path)
{
	return MR_ETHERNET_BYTES + path->vlans * (uint32_t)MR_VLAN_BYTES
		+ (path->ipv6 ? MR_IPV6_BYTES : MR_IPV4_BYTES) + MR_UDP_BYTES;
}

static void build_ipv4(const struct mr_port_address *port, const struct mr_path *path,
	uint32_t length, struct mr_ipv4 *ret_ip)
{
	struct mr_ipv4 ip = {.version_words = 0x45, .ttl = HOPS, .protocol = MR_PROTOCOL_UDP};

	mr_store_be16(ip.length, MR_IPV4_BYTES + length);
	mr_store_be16(ip.fragment, IPV4_WHOLE);
	memcpy(ip.from, port->ipv4, sizeof(ip.from));
	memcpy(ip.to, path->ip, sizeof(ip.to));
	mr_frame_ipv4_checksum_set(&ip);
	*ret_ip = ip;
}

static void build_ipv6(const struct mr_port_address *port, const struct mr_path *path,
	uint32_t length, struct mr_ipv6 *ret_ip)
{
	struct mr_ipv6 ip = {.version_flow = {0x60}, .next = MR_PROTOCOL_UDP, .hops = HOPS};

	mr_store_be16(ip.length, length);
	memcpy(ip.from, port->ipv6, sizeof(ip.from));
	memcpy(ip.to, path->ip, sizeof(ip.to));
	*ret_ip = ip;
}

uint32_t mr_frame_build(uint8_t *data, const struct mr_port_address *port,
	const struct mr_path *path, uint32_t payload_length)
{
	uint32_t tags = path->vlans * (uint32_t)MR_VLAN_BYTES;
	uint32_t length = MR_UDP_BYTES + payload_length;
	struct mr_ethernet *ethernet = (struct mr_ethernet *)data;
	struct mr_view view = {
		.kind = MR_FRAME_UDP,
		.ipv6 = path->ipv6,
		.l3 = data + MR_ETHERNET_BYTES + tags,
		.l4_length = length,
	};

	memcpy(ethernet->to, path->mac, sizeof(ethernet->to));
	memcpy(ethernet->from, port->mac, sizeof(ethernet->from));
	memcpy(data + MR_ETHERNET_BYTES - 2, path->vlan, tags);
	mr_store_be16(view.l3 - 2, path->ipv6 ? TYPE_IPV6 : TYPE_IPV4);
	if (path->ipv6)
		build_ipv6(port, path, length, (struct mr_ipv6 *)view.l3);
	else
		build_ipv4(port, path, length, (struct mr_ipv4 *)view.l3);
	view.l4 = view.l3 + (path->ipv6 ? MR_IPV6_BYTES : MR_IPV4_BYTES);
	struct mr_udp *udp = (struct mr_udp *)view.l4;
	memcpy(udp->from, path->local_port, sizeof(udp->from));
	memcpy(udp->to, path->port, sizeof(udp->to));
	mr_store_be16(udp->length, length);
	mr_frame_l4_checksum_set(&view, offsetof(struct mr_udp, checksum));
	return (uint32_t)(view.l4 - data) + length;
}
