// What the stage makes of frames, good ones and bad ones: by its counters and by what reaches a
// shard.
#include "ingest_world.h"

enum { OBJECT_FLOW = 4 };

static uint8_t message[FRAME_MAX];

static uint32_t one_event(void)
{
	return put_data(message, object_of_flow(OBJECT_FLOW, 0), 1, 1);
}

static const struct {
	const char *name;
	struct way way;
} good[] = {
	{"plain IPv4", {0}},
	{"IPv4 with options", {.options = 3}},
	{"IPv4 with the most options", {.options = 10}},
	{"IPv4 without a UDP checksum", {.no_checksum = true}},
	{"IPv4 behind one tag", {.vlans = 1}},
	{"IPv4 behind two tags", {.vlans = 2}},
	{"IPv6", {.ipv6 = true}},
	{"IPv6 behind two tags", {.ipv6 = true, .vlans = 2}},
	{"first port", {.to_port = PORT}},
	{"last port", {.to_port = PORT + FLOWS - 1}},
};

static void good_frames_reach_the_shard_of_their_flow(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct world *world = world_new();
		deliver(world, udp_frame(&good[i].way, message, one_event()));
		struct mr_source_msg msg = take_msg(world, OBJECT_FLOW % SHARDS);
		if (msg.kind != MR_SOURCE_PACKET)
			fail_msg("%s: no packet", good[i].name);
		assert_int_equal(packet_of(msg)->decoded, 1);
		assert_int_equal(packet_of(msg)->flow, OBJECT_FLOW);
		assert_int_equal(discards_all(world), 0);
		release(world, OBJECT_FLOW % SHARDS, packet_of(msg));
		world_free(world);
	}
}

static uint8_t *l3(struct frame *frame)
{
	return frame->bytes + frame->l3;
}

static uint8_t *l4(struct frame *frame)
{
	return frame->bytes + frame->l4;
}

static void cut_to_nothing(struct frame *frame)
{
	frame->length = 0;
}

static void cut_in_ethernet(struct frame *frame)
{
	frame->length = 13;
}

static void cut_in_tag(struct frame *frame)
{
	frame->length = 16;
}

static void cut_in_ip(struct frame *frame)
{
	frame->length = frame->l3 + 19;
}

static void cut_in_udp(struct frame *frame)
{
	frame->length = frame->l4 + 7;
}

static void cut_last_byte(struct frame *frame)
{
	frame->length--;
}

static void wrong_ip_version(struct frame *frame)
{
	l3(frame)[0] ^= 0x10;
}

static void short_header_words(struct frame *frame)
{
	l3(frame)[0] = 0x44;
	fix_ipv4(frame);
}

static void header_beyond_datagram(struct frame *frame)
{
	l3(frame)[0] = 0x4f;
	l3(frame)[2] = 0;
	l3(frame)[3] = 24;
}

static void longer_than_the_frame(struct frame *frame)
{
	l3(frame)[2]++;
	fix_ipv4(frame);
}

static void more_fragments(struct frame *frame)
{
	l3(frame)[6] = 0x20;
	fix_ipv4(frame);
}

static void later_fragment(struct frame *frame)
{
	l3(frame)[7] = 5;
	fix_ipv4(frame);
}

static void wrong_ip_checksum(struct frame *frame)
{
	l3(frame)[10] ^= 1;
}

static void other_address(struct frame *frame)
{
	l3(frame)[19] ^= 1;
	fix_ipv4(frame);
	fix_udp(frame);
}

static void broadcast_address(struct frame *frame)
{
	memset(l3(frame) + 16, 0xff, 4);
	fix_ipv4(frame);
	fix_udp(frame);
}

static void public_source(struct frame *frame)
{
	memcpy(l3(frame) + 12, (const uint8_t[]){8, 8, 8, 8}, 4);
	fix_ipv4(frame);
	fix_udp(frame);
}

static void almost_private_source(struct frame *frame)
{
	memcpy(l3(frame) + 12, (const uint8_t[]){172, 32, 0, 1}, 4);
	fix_ipv4(frame);
	fix_udp(frame);
}

static void public_source6(struct frame *frame)
{
	memcpy(l3(frame) + 8, (const uint8_t[]){0x20, 0x01}, 2);
	fix_udp(frame);
}

static void tcp(struct frame *frame)
{
	l3(frame)[9] = 6;
	fix_ipv4(frame);
}

static void wrong_udp_checksum(struct frame *frame)
{
	l4(frame)[6] ^= 1;
}

static void flipped_payload_bit(struct frame *frame)
{
	frame->bytes[frame->length - 1] ^= 0x40;
}

static void no_udp_checksum6(struct frame *frame)
{
	memset(l4(frame) + 6, 0, 2);
}

static void short_udp_length(struct frame *frame)
{
	l4(frame)[4] = 0;
	l4(frame)[5] = 7;
}

static void long_udp_length(struct frame *frame)
{
	l4(frame)[5]++;
}

static void udp_length_of_another_message(struct frame *frame)
{
	uint32_t length = ((uint32_t)l4(frame)[4] << 8 | l4(frame)[5]) - 8;
	l4(frame)[4] = (uint8_t)(length >> 8);
	l4(frame)[5] = (uint8_t)length;
	fix_udp(frame);
}

static void port_below(struct frame *frame)
{
	l4(frame)[2] = (PORT - 1) >> 8;
	l4(frame)[3] = (PORT - 1) & 0xff;
	fix_udp(frame);
}

static void port_above(struct frame *frame)
{
	l4(frame)[2] = (PORT + FLOWS) >> 8;
	l4(frame)[3] = (PORT + FLOWS) & 0xff;
	fix_udp(frame);
}

static void other_ethertype(struct frame *frame)
{
	frame->bytes[13] = 0x47;
}

static void third_tag(struct frame *frame)
{
	frame->bytes[frame->l3 - 2] = 0x81;
	frame->bytes[frame->l3 - 1] = 0x00;
}

static void extension_header(struct frame *frame)
{
	l3(frame)[6] = 60;
}

static void fragment_header(struct frame *frame)
{
	l3(frame)[6] = 44;
}

static void other_address6(struct frame *frame)
{
	l3(frame)[39] ^= 1;
	fix_udp(frame);
}

static void longer_than_the_frame6(struct frame *frame)
{
	l3(frame)[4]++;
}

static void without_length6(struct frame *frame)
{
	l3(frame)[4] = 0;
	l3(frame)[5] = 0;
}

static void wrong_magic(struct frame *frame)
{
	frame->bytes[frame->payload] ^= 1;
	fix_udp(frame);
}

static void wrong_version(struct frame *frame)
{
	frame->bytes[frame->payload + 4] = 9;
	fix_udp(frame);
}

static void unknown_type(struct frame *frame)
{
	frame->bytes[frame->payload + 5] = 99;
	fix_udp(frame);
}

static void type_of_a_router(struct frame *frame)
{
	frame->bytes[frame->payload + 5] = MR_WIRE_ACK;
	fix_udp(frame);
}

static void wrong_message_length(struct frame *frame)
{
	frame->bytes[frame->payload + 64] += 8;
	fix_udp(frame);
}

static void unknown_key(struct frame *frame)
{
	frame->bytes[frame->payload + 8] = KEY + 1;
	fix_udp(frame);
}

static void no_key(struct frame *frame)
{
	frame->bytes[frame->payload + 8] = 0;
	fix_udp(frame);
}

static void flow_out_of_range(struct frame *frame)
{
	frame->bytes[frame->payload + 28] = FLOWS;
	fix_udp(frame);
}

static void no_events(struct frame *frame)
{
	frame->bytes[frame->payload + 30] = 0;
	fix_udp(frame);
}

static void too_many_events(struct frame *frame)
{
	frame->bytes[frame->payload + 30] = MR_PACKET_EVENTS_MAX + 1;
	fix_udp(frame);
}

static void absurd_sequence(struct frame *frame)
{
	frame->bytes[frame->payload + 39] = 1;
	fix_udp(frame);
}

static void far_ahead_of_known(struct frame *frame)
{
	frame->bytes[frame->payload + 34] = 2;
	fix_udp(frame);
}

static const struct {
	const char *name;
	void (*spoil)(struct frame *frame);
	enum mr_discard why;
	struct way way;
} bad[] = {
	{"nothing", cut_to_nothing, MR_DISCARD_SHORT, {0}},
	{"cut in Ethernet", cut_in_ethernet, MR_DISCARD_SHORT, {0}},
	{"cut in the tag", cut_in_tag, MR_DISCARD_SHORT, {.vlans = 1}},
	{"cut in IPv4", cut_in_ip, MR_DISCARD_SHORT, {0}},
	{"cut in IPv6", cut_in_ip, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"cut in UDP", cut_in_udp, MR_DISCARD_SHORT, {0}},
	{"cut in UDP over IPv6", cut_in_udp, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"last byte missing", cut_last_byte, MR_DISCARD_SHORT, {0}},
	{"last byte missing, IPv6", cut_last_byte, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"wrong IPv4 version", wrong_ip_version, MR_DISCARD_SHORT, {0}},
	{"wrong IPv6 version", wrong_ip_version, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"header of 16 bytes", short_header_words, MR_DISCARD_SHORT, {0}},
	{"header beyond datagram", header_beyond_datagram, MR_DISCARD_SHORT, {0}},
	{"IPv4 longer than frame", longer_than_the_frame, MR_DISCARD_SHORT, {0}},
	{"IPv6 longer than frame", longer_than_the_frame6, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"IPv6 without length", without_length6, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"first fragment", more_fragments, MR_DISCARD_FRAGMENT, {0}},
	{"later fragment", later_fragment, MR_DISCARD_FRAGMENT, {0}},
	{"IPv6 fragment", fragment_header, MR_DISCARD_FRAGMENT, {.ipv6 = true}},
	{"IPv4 checksum", wrong_ip_checksum, MR_DISCARD_CHECKSUM, {0}},
	{"UDP checksum", wrong_udp_checksum, MR_DISCARD_CHECKSUM, {0}},
	{"UDP checksum, IPv6", wrong_udp_checksum, MR_DISCARD_CHECKSUM, {.ipv6 = true}},
	{"flipped bit", flipped_payload_bit, MR_DISCARD_CHECKSUM, {.vlans = 2}},
	{"no UDP checksum over IPv6", no_udp_checksum6, MR_DISCARD_CHECKSUM, {.ipv6 = true}},
	{"other address", other_address, MR_DISCARD_NOT_OURS, {0}},
	{"other IPv6 address", other_address6, MR_DISCARD_NOT_OURS, {.ipv6 = true}},
	{"broadcast", broadcast_address, MR_DISCARD_NOT_OURS, {0}},
	{"TCP", tcp, MR_DISCARD_NOT_OURS, {0}},
	{"IPv6 options", extension_header, MR_DISCARD_NOT_OURS, {.ipv6 = true}},
	{"other ethertype", other_ethertype, MR_DISCARD_NOT_OURS, {0}},
	{"third tag", third_tag, MR_DISCARD_NOT_OURS, {.vlans = 2}},
	{"port below", port_below, MR_DISCARD_NOT_OURS, {0}},
	{"port above", port_above, MR_DISCARD_NOT_OURS, {0}},
	{"UDP length 7", short_udp_length, MR_DISCARD_SHORT, {0}},
	{"UDP longer than IP", long_udp_length, MR_DISCARD_SHORT, {.ipv6 = true}},
	{"UDP shorter than message", udp_length_of_another_message, MR_DISCARD_LENGTH, {0}},
	{"public source", public_source, MR_DISCARD_SOURCE_ADDRESS, {0}},
	{"172.32/12", almost_private_source, MR_DISCARD_SOURCE_ADDRESS, {0}},
	{"public IPv6 source", public_source6, MR_DISCARD_SOURCE_ADDRESS, {.ipv6 = true}},
	{"magic", wrong_magic, MR_DISCARD_MAGIC, {0}},
	{"version", wrong_version, MR_DISCARD_VERSION, {0}},
	{"type", unknown_type, MR_DISCARD_TYPE, {0}},
	{"a router's type", type_of_a_router, MR_DISCARD_TYPE, {0}},
	{"message length", wrong_message_length, MR_DISCARD_LENGTH, {0}},
	{"unknown key", unknown_key, MR_DISCARD_KEY, {0}},
	{"key 0", no_key, MR_DISCARD_KEY, {0}},
	{"flow", flow_out_of_range, MR_DISCARD_FLOW, {0}},
	{"no events", no_events, MR_DISCARD_EVENT_COUNT, {0}},
	{"129 events", too_many_events, MR_DISCARD_EVENT_COUNT, {0}},
	{"sequence 2^56", absurd_sequence, MR_DISCARD_BEYOND_EDGE, {0}},
	{"far ahead of known", far_ahead_of_known, MR_DISCARD_BEYOND_EDGE, {0}},
};

static void bad_frames_are_counted_once_and_go_nowhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct world *world = world_new();
		struct frame *frame = udp_frame(&bad[i].way, message, one_event());
		bad[i].spoil(frame);
		deliver(world, frame);
		if (discards(world, bad[i].why) != 1)
			fail_msg(
				"%s: not counted as %s", bad[i].name, mr_discard_label(bad[i].why));
		assert_int_equal(discards_all(world), 1);
		for (uint32_t shard = 0; shard < SHARDS; shard++)
			if (take_msg(world, shard).kind != 0)
				fail_msg("%s: reached shard %u", bad[i].name, shard);
		assert_false(take_sent(world));
		assert_int_equal(mr_nic_fake_freed(world->nic), 1);
		world_free(world);
	}
}

static void every_cut_of_a_good_frame_is_refused(void **state)
{
	(void)state;
	for (uint32_t ipv6 = 0; ipv6 < 2; ipv6++) {
		struct world *world = world_new();
		struct way way = {.ipv6 = ipv6 == 1, .vlans = 1};
		struct frame *frame = udp_frame(&way, message, one_event());
		uint32_t whole = frame->length;
		for (frame->length = 0; frame->length < whole; frame->length++)
			deliver(world, frame);
		assert_int_equal(discards(world, MR_DISCARD_SHORT), whole);
		assert_int_equal(discards_all(world), whole);
		world_free(world);
	}
}

static void ethernet_padding_is_no_part_of_the_message(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct frame *frame = udp_frame(&(struct way){0}, message, one_event());

	memset(frame->bytes + frame->length, 0xee, 6);
	frame->length += 6;
	deliver(world, frame);
	assert_int_equal(discards_all(world), 0);
	struct mr_packet *packet = packet_of(take_msg(world, OBJECT_FLOW % SHARDS));
	assert_int_equal(packet->decoded, 1);
	release(world, 0, packet);
	world_free(world);
}

static void devices_that_check_are_believed(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct frame *frame = udp_frame(&(struct way){0}, message, one_event());

	wrong_udp_checksum(frame);
	assert_true(mr_nic_fake_receive(
		world->nic, 0, frame->bytes, frame->length, MR_RX_CHECKSUM_GOOD));
	world_step(world);
	assert_int_equal(discards_all(world), 0);
	wrong_udp_checksum(frame); // right again
	assert_true(mr_nic_fake_receive(
		world->nic, 0, frame->bytes, frame->length, MR_RX_CHECKSUM_BAD));
	world_step(world);
	assert_int_equal(discards(world, MR_DISCARD_CHECKSUM), 1);
	assert_int_equal(counter(world, MR_INGEST_RX_PACKETS), 2);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_frames_reach_the_shard_of_their_flow),
		cmocka_unit_test(bad_frames_are_counted_once_and_go_nowhere),
		cmocka_unit_test(every_cut_of_a_good_frame_is_refused),
		cmocka_unit_test(ethernet_padding_is_no_part_of_the_message),
		cmocka_unit_test(devices_that_check_are_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
