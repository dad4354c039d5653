// The port speaks for itself: ARP, neighbour discovery, echo.
#include "ingest_world.h"

static struct frame question;

static void begin(const uint8_t to_mac[6], uint16_t ethertype, uint32_t vlans)
{
	uint8_t *at = question.bytes + 12;

	memset(&question, 0, sizeof(question));
	memcpy(question.bytes, to_mac, 6);
	memcpy(question.bytes + 6, peer_mac, 6);
	for (uint32_t i = 0; i < vlans; i++, at += 4)
		memcpy(at, (const uint8_t[]){0x81, 0x00, 0x20, 0x2a}, 4);
	at[0] = (uint8_t)(ethertype >> 8);
	at[1] = (uint8_t)ethertype;
	question.l3 = (uint32_t)(at + 2 - question.bytes);
}

static struct frame *arp_question(const uint8_t ip[4], uint32_t vlans)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	begin(broadcast, 0x0806, vlans);
	uint8_t *arp = question.bytes + question.l3;
	memcpy(arp, (const uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
	memcpy(arp + 8, peer_mac, 6);
	memcpy(arp + 14, peer_ipv4, 4);
	memcpy(arp + 24, ip, 4);
	question.length = 60;
	return &question;
}

static void arp_is_answered_for_our_address_only(void **state)
{
	(void)state;
	struct world *world = world_new();

	deliver(world, arp_question(our_ipv4, 0));
	assert_true(take_sent(world));
	assert_int_equal(world->out_length, 60);
	assert_memory_equal(world->out, peer_mac, 6);
	assert_memory_equal(world->out + 6, our_mac, 6);
	const uint8_t *arp = world->out + 14;
	assert_memory_equal(arp, ((const uint8_t[]){0, 1, 8, 0, 6, 4, 0, 2}), 8);
	assert_memory_equal(arp + 8, our_mac, 6);
	assert_memory_equal(arp + 14, our_ipv4, 4);
	assert_memory_equal(arp + 18, peer_mac, 6);
	assert_memory_equal(arp + 24, peer_ipv4, 4);
	assert_int_equal(counter(world, MR_INGEST_ARP_REPLIES), 1);
	assert_int_equal(counter(world, MR_INGEST_TX_PACKETS), 1);

	deliver(world, arp_question(peer_ipv4, 0));
	assert_false(take_sent(world));
	assert_int_equal(discards(world, MR_DISCARD_LINK_LOCAL), 1);
	world_free(world);
}

static void arp_answer_keeps_the_tag(void **state)
{
	(void)state;
	struct world *world = world_new();

	deliver(world, arp_question(our_ipv4, 1));
	assert_true(take_sent(world));
	assert_memory_equal(
		world->out + 12, ((const uint8_t[]){0x81, 0x00, 0x20, 0x2a, 0x08, 0x06}), 6);
	assert_memory_equal(world->out + 18 + 8, our_mac, 6);
	world_free(world);
}

static void arp_that_is_no_question_is_left_alone(void **state)
{
	(void)state;
	static const struct {
		uint32_t at;
		uint8_t value;
	} spoils[] = {{1, 6}, {2, 0x86}, {4, 8}, {5, 16}, {7, 2}, {7, 0}, {7, 3}};
	struct world *world = world_new();

	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		struct frame *frame = arp_question(our_ipv4, 0);
		frame->bytes[frame->l3 + spoils[i].at] = spoils[i].value;
		deliver(world, frame);
		assert_false(take_sent(world));
		assert_int_equal(discards(world, MR_DISCARD_LINK_LOCAL), i + 1);
	}
	arp_question(our_ipv4, 0)->length = question.l3 + 27;
	deliver(world, &question);
	assert_int_equal(discards(world, MR_DISCARD_SHORT), 1);
	world_free(world);
}

// -- Neighbour discovery and echo over IPv6

static void fix_icmp6(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3;
	uint8_t *icmp = ip + 40;
	uint32_t length = (uint32_t)ip[4] << 8 | ip[5];

	memset(icmp + 2, 0, 2);
	uint16_t sum = (uint16_t)~ones_sum(58 + length + ones_sum(0, ip + 8, 32), icmp, length);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
}

static bool icmp6_checksum_good(const uint8_t *ip)
{
	uint32_t length = (uint32_t)ip[4] << 8 | ip[5];

	return ones_sum(58 + length + ones_sum(0, ip + 8, 32), ip + 40, length) == 0xffff;
}

static struct frame *icmp6_question(const uint8_t from[16], const uint8_t to[16], uint8_t hops,
	const void *icmp, uint32_t length)
{
	begin(to[0] == 0xff ? (const uint8_t[]){0x33, 0x33, 0xff, to[13], to[14], to[15]} : our_mac,
		0x86dd, 0);
	uint8_t *ip = question.bytes + question.l3;
	ip[0] = 0x60;
	ip[5] = (uint8_t)length;
	ip[6] = 58;
	ip[7] = hops;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
	memcpy(ip + 40, icmp, length);
	question.length = question.l3 + 40 + length;
	fix_icmp6(&question);
	return &question;
}

static const uint8_t solicited_node[16] = {
	0xff, 0x02, [11] = 1, [12] = 0xff, [13] = 0, [14] = 0xab, [15] = 1};

static struct frame *solicitation(
	const uint8_t from[16], const uint8_t to[16], uint8_t hops, bool with_option)
{
	uint8_t nd[32] = {135};

	memcpy(nd + 8, our_ipv6, 16);
	nd[24] = 1;
	nd[25] = 1;
	memcpy(nd + 26, peer_mac, 6);
	return icmp6_question(from, to, hops, nd, with_option ? 32 : 24);
}

static void check_advertisement(
	const struct world *world, const uint8_t to[16], const uint8_t to_mac[6], uint8_t flags)
{
	const uint8_t *ip = world->out + 14;
	const uint8_t *nd = ip + 40;

	assert_int_equal(world->out_length, 14 + 40 + 32);
	assert_memory_equal(world->out, to_mac, 6);
	assert_memory_equal(world->out + 6, our_mac, 6);
	assert_memory_equal(ip + 8, our_ipv6, 16);
	assert_memory_equal(ip + 24, to, 16);
	assert_int_equal(ip[7], 255);
	assert_int_equal(nd[0], 136);
	assert_int_equal(nd[4], flags);
	assert_memory_equal(nd + 8, our_ipv6, 16);
	assert_int_equal(nd[24], 2);
	assert_int_equal(nd[25], 1);
	assert_memory_equal(nd + 26, our_mac, 6);
	assert_true(icmp6_checksum_good(ip));
}

static void solicitation_for_our_address_is_advertised(void **state)
{
	(void)state;
	struct world *world = world_new();

	for (uint32_t i = 0; i < 4; i++) {
		deliver(world,
			solicitation(
				peer_ipv6, i % 2 == 0 ? solicited_node : our_ipv6, 255, i < 2));
		assert_true(take_sent(world));
		check_advertisement(world, peer_ipv6, peer_mac, 0x60);
	}
	assert_int_equal(counter(world, MR_INGEST_ARP_REPLIES), 4);
	assert_int_equal(counter(world, MR_INGEST_ECHO_REPLIES), 0);
	world_free(world);
}

static void who_wants_our_address_is_told_before_all(void **state)
{
	(void)state;
	static const uint8_t nobody[16], all_nodes[16] = {0xff, 0x02, [15] = 1};
	struct world *world = world_new();

	deliver(world, solicitation(nobody, solicited_node, 255, false));
	assert_true(take_sent(world));
	check_advertisement(world, all_nodes, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 0x20);
	world_free(world);
}

static void solicitation_that_is_not_a_neighbours_is_left_alone(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct frame *frame = solicitation(peer_ipv6, solicited_node, 254, true);

	deliver(world, frame); // passed a router
	frame = solicitation(peer_ipv6, solicited_node, 255, true);
	frame->bytes[frame->l3 + 40 + 9] ^= 1; // another target
	fix_icmp6(frame);
	deliver(world, frame);
	frame = solicitation(peer_ipv6, solicited_node, 255, true);
	frame->bytes[frame->l3 + 41] = 1; // code
	fix_icmp6(frame);
	deliver(world, frame);
	assert_int_equal(discards(world, MR_DISCARD_LINK_LOCAL), 3);
	frame = solicitation(peer_ipv6, solicited_node, 255, true);
	frame->bytes[frame->l3 + 42] ^= 1;
	deliver(world, frame);
	assert_int_equal(discards(world, MR_DISCARD_CHECKSUM), 1);
	frame = solicitation(peer_ipv6, solicited_node, 255, true);
	frame->bytes[frame->l3 + 5] = 23;
	fix_icmp6(frame);
	deliver(world, frame);
	assert_int_equal(discards(world, MR_DISCARD_SHORT), 1);
	assert_false(take_sent(world));
	world_free(world);
}

// -- Echo

static const uint8_t echo_data[] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'm', 'i', 'l', 'l', 's'};

static struct frame *echo_question(uint8_t type)
{
	struct frame *frame = udp_frame(&(struct way){0}, echo_data, sizeof(echo_data));
	uint8_t *ip = frame->bytes + frame->l3;
	uint8_t *icmp = ip + 20;

	memmove(icmp, icmp + 8, sizeof(echo_data));
	frame->length -= 8;
	ip[3] = (uint8_t)(20 + sizeof(echo_data));
	ip[9] = 1;
	fix_ipv4(frame);
	icmp[0] = type;
	uint16_t sum = (uint16_t)~ones_sum(0, icmp, sizeof(echo_data));
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	return frame;
}

static void echo_comes_back_with_its_data(void **state)
{
	(void)state;
	struct world *world = world_new();

	deliver(world, echo_question(8));
	assert_true(take_sent(world));
	const uint8_t *ip = world->out + 14;
	assert_int_equal(world->out_length, 14 + 20 + sizeof(echo_data));
	assert_memory_equal(world->out, peer_mac, 6);
	assert_memory_equal(ip + 12, our_ipv4, 4);
	assert_memory_equal(ip + 16, peer_ipv4, 4);
	assert_int_equal(ones_sum(0, ip, 20), 0xffff);
	assert_int_equal(ip[20], 0);
	assert_memory_equal(ip + 24, echo_data + 4, sizeof(echo_data) - 4);
	assert_int_equal(ones_sum(0, ip + 20, sizeof(echo_data)), 0xffff);
	assert_int_equal(counter(world, MR_INGEST_ECHO_REPLIES), 1);
	world_free(world);
}

static void echo_over_ipv6_comes_back_with_its_data(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint8_t icmp[sizeof(echo_data)];

	memcpy(icmp, echo_data, sizeof(icmp));
	icmp[0] = 128;
	deliver(world, icmp6_question(peer_ipv6, our_ipv6, 64, icmp, sizeof(icmp)));
	assert_true(take_sent(world));
	const uint8_t *ip = world->out + 14;
	assert_memory_equal(ip + 8, our_ipv6, 16);
	assert_memory_equal(ip + 24, peer_ipv6, 16);
	assert_int_equal(ip[40], 129);
	assert_memory_equal(ip + 44, echo_data + 4, sizeof(echo_data) - 4);
	assert_true(icmp6_checksum_good(ip));
	assert_int_equal(counter(world, MR_INGEST_ECHO_REPLIES), 1);

	deliver(world, icmp6_question(peer_ipv6, solicited_node, 64, icmp, sizeof(icmp)));
	assert_false(take_sent(world)); // asked of a group
	world_free(world);
}

static void echo_with_a_fault_is_not_answered(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct frame *frame = echo_question(8);

	frame->bytes[frame->length - 1] ^= 1;
	deliver(world, frame);
	assert_int_equal(discards(world, MR_DISCARD_CHECKSUM), 1);
	deliver(world, echo_question(0));
	deliver(world, echo_question(13));
	assert_int_equal(discards(world, MR_DISCARD_LINK_LOCAL), 2);
	frame = echo_question(8);
	frame->bytes[frame->l3 + 12] = 8; // from 8.0.0.2
	fix_ipv4(frame);
	deliver(world, frame);
	assert_int_equal(discards(world, MR_DISCARD_SOURCE_ADDRESS), 1);
	assert_false(take_sent(world));
	world_free(world);
}

static void reply_that_does_not_fit_the_queue_is_counted_and_freed(void **state)
{
	(void)state;
	struct world *world = world_new();

	mr_nic_fake_limit_tx(world->nic, 0);
	deliver(world, arp_question(our_ipv4, 0));
	assert_false(take_sent(world));
	assert_int_equal(discards(world, MR_DISCARD_TX_FULL), 1);
	assert_int_equal(counter(world, MR_INGEST_ARP_REPLIES), 0);
	assert_int_equal(counter(world, MR_INGEST_TX_PACKETS), 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_is_answered_for_our_address_only),
		cmocka_unit_test(arp_answer_keeps_the_tag),
		cmocka_unit_test(arp_that_is_no_question_is_left_alone),
		cmocka_unit_test(solicitation_for_our_address_is_advertised),
		cmocka_unit_test(who_wants_our_address_is_told_before_all),
		cmocka_unit_test(solicitation_that_is_not_a_neighbours_is_left_alone),
		cmocka_unit_test(echo_comes_back_with_its_data),
		cmocka_unit_test(echo_over_ipv6_comes_back_with_its_data),
		cmocka_unit_test(echo_with_a_fault_is_not_answered),
		cmocka_unit_test(reply_that_does_not_fit_the_queue_is_counted_and_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
