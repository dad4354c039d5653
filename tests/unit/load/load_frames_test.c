// Frames against the checksums' own definition, and what is asked and told about addresses.
#include "load_frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct mr_station station(const char *text, uint8_t mac)
{
	struct mr_station result;
	uint16_t port = 0;
	assert_int_equal(mr_station_parse(text, &result, &port), 0);
	memset(result.mac, mac, sizeof(result.mac));
	return result;
}

// RFC 1071, byte by byte: 0 when the checksum inside is right.
static uint16_t residue(
	const uint8_t *pseudo, size_t pseudo_bytes, const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < pseudo_bytes; i++)
		sum += i % 2 == 0 ? (uint32_t)pseudo[i] << 8 : pseudo[i];
	for (size_t i = 0; i < length; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void expect_sound(const uint8_t *frame, uint32_t length, bool is_v6, uint32_t ip_at)
{
	const uint8_t *ip = frame + ip_at;
	uint32_t header = is_v6 ? 40 : 20;
	uint32_t payload = length - ip_at - header;
	uint8_t pseudo[36] = {0};
	uint32_t address_bytes = is_v6 ? 32 : 8;
	memcpy(pseudo, ip + (is_v6 ? 8 : 12), address_bytes);
	pseudo[address_bytes] = 0;
	pseudo[address_bytes + 1] = is_v6 ? ip[6] : ip[9];
	pseudo[address_bytes + 2] = (uint8_t)(payload >> 8);
	pseudo[address_bytes + 3] = (uint8_t)payload;
	assert_int_equal(residue(pseudo, address_bytes + 4, ip + header, payload), 0);
	if (!is_v6)
		assert_int_equal(residue(NULL, 0, ip, 20), 0);
}

static void datagrams_have_right_checksums_and_come_back_whole(void **state)
{
	(void)state;
	const char *const addresses[][2] = {{"10.77.0.2", "10.77.0.1"}, {"fd77::2", "fd77::1"}};
	for (int v6 = 0; v6 < 2; v6++) {
		for (uint16_t vlan = 0; vlan <= 9; vlan += 9) {
			struct mr_station from = station(addresses[v6][0], 2);
			struct mr_station to = station(addresses[v6][1], 1);
			struct mr_route route;
			mr_route_init(&route, &from, &to, vlan);
			for (uint32_t bytes = 0; bytes < 300; bytes++) {
				uint8_t frame[512];
				memset(frame, 0xa5, sizeof(frame));
				for (uint32_t i = 0; i < bytes; i++)
					frame[route.header_bytes + i] = (uint8_t)(i * 37 + bytes);
				uint32_t length =
					mr_route_finish(&route, 47401, 7400, frame, bytes);
				assert_int_equal(length, route.header_bytes + bytes);
				expect_sound(frame, length, v6 == 1, vlan != 0 ? 18 : 14);
				struct mr_frame_view view;
				assert_int_equal(
					mr_frame_parse(frame, length, &to, &view), MR_FRAME_UDP);
				assert_int_equal(view.from_port, 47401);
				assert_int_equal(view.to_port, 7400);
				assert_int_equal(view.payload_bytes, bytes);
				assert_ptr_equal(view.payload, frame + route.header_bytes);
				assert_int_equal(mr_frame_parse(frame, length, &from, &view),
					MR_FRAME_OTHER); // not to us
			}
		}
	}
}

static void a_question_is_answered_and_the_answer_understood(void **state)
{
	(void)state;
	const char *const addresses[][2] = {{"10.77.0.2", "10.77.0.1"}, {"fd77::2", "fd77::1:2"}};
	for (int v6 = 0; v6 < 2; v6++) {
		struct mr_station self = station(addresses[v6][0], 2);
		struct mr_station peer = station(addresses[v6][1], 1);
		struct mr_station unknown = peer;
		memset(unknown.mac, 0, sizeof(unknown.mac));
		uint8_t frame[MR_RESOLVE_FRAME_BYTES_MAX];
		struct mr_frame_view view;
		uint32_t length = mr_frame_ask(&self, &unknown, 0, frame);
		if (v6)
			expect_sound(frame, length, true, 14);
		assert_int_equal(mr_frame_parse(frame, length, &peer, &view), MR_FRAME_WHO);
		assert_memory_equal(view.peer.mac, self.mac, 6);
		assert_memory_equal(view.peer.ip, self.ip, 16);
		length = mr_frame_tell(&peer, &view.peer, 5, frame);
		if (v6)
			expect_sound(frame, length, true, 18);
		assert_int_equal(mr_frame_parse(frame, length, &self, &view), MR_FRAME_HERE);
		assert_memory_equal(view.peer.mac, peer.mac, 6);
		assert_memory_equal(view.peer.ip, peer.ip, 16);
	}
}

static void what_is_cut_short_or_a_fragment_is_nothing(void **state)
{
	(void)state;
	struct mr_station from = station("10.77.0.2", 2);
	struct mr_station to = station("10.77.0.1", 1);
	struct mr_route route;
	struct mr_frame_view view;
	uint8_t frame[128] = {0};
	mr_route_init(&route, &from, &to, 0);
	uint32_t length = mr_route_finish(&route, 1, 2, frame, 20);
	for (uint32_t cut = 0; cut < length; cut++)
		assert_int_equal(mr_frame_parse(frame, cut, &to, &view), MR_FRAME_OTHER);
	const struct {
		uint32_t at;
		uint8_t value;
	} damage[] = {{14, 0x65}, {14, 0x41}, {16, 0xff}, {17, 19}, {20, 0x20}, {21, 1}, {23, 6},
		{12, 9}, {38, 0xff}, {39, 7}};
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		uint8_t bad[128];
		memcpy(bad, frame, sizeof(bad));
		bad[damage[i].at] = damage[i].value;
		assert_int_equal(mr_frame_parse(bad, length, &to, &view), MR_FRAME_OTHER);
	}
}

static void addresses_are_read_with_and_without_port(void **state)
{
	(void)state;
	const struct {
		const char *text;
		bool is_v6;
		uint16_t port;
	} good[] = {{"10.0.0.1", false, 5}, {"10.0.0.1:7400", false, 7400}, {"fd00::1", true, 5},
		{"[fd00::1]", true, 5}, {"[fd00::1]:7400", true, 7400}};
	const char *const bad[] = {"", "10.0.0", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
		"10.0.0.1:x", "[fd00::1", "[fd00::1]7400", "fd00:::1", "host", "10.0.0.1:7400:1",
		"[10.0.0.1]:-1"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct mr_station result;
		uint16_t port = 5;
		assert_int_equal(mr_station_parse(good[i].text, &result, &port), 0);
		assert_int_equal(result.is_v6, good[i].is_v6);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_station result;
		uint16_t port = 5;
		if (mr_station_parse(bad[i], &result, &port) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_have_right_checksums_and_come_back_whole),
		cmocka_unit_test(a_question_is_answered_and_the_answer_understood),
		cmocka_unit_test(what_is_cut_short_or_a_fragment_is_nothing),
		cmocka_unit_test(addresses_are_read_with_and_without_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
