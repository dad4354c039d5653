#include "target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *url;
	const char *host;
	uint16_t port;
	const char *path;
} goods[] = {
	{"http://192.0.2.7", "192.0.2.7", 80, "/"},
	{"http://192.0.2.7/", "192.0.2.7", 80, "/"},
	{"HTTP://192.0.2.7:8080/hook?a=b&c=%20", "192.0.2.7", 8080, "/hook?a=b&c=%20"},
	{"http://192.0.2.7?a=b", "192.0.2.7", 80, "/?a=b"},
	{"http://127.0.0.1:1/a/b/c//d/..", "127.0.0.1", 1, "/a/b/c//d/.."},
	{"http://[::1]:65535/x", "[::1]", 65535, "/x"},
	{"http://[2001:db8::1]", "[2001:db8::1]", 80, "/"},
	{"http://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]", 80, "/"},
	{"http://192.0.2.7/a@b:c", "192.0.2.7", 80, "/a@b:c"},
};

static void url_is_taken_apart(void **state)
{
	struct mr_target target;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		assert_int_equal(mr_target_parse(goods[i].url, &target, &why), 0);
		assert_null(why);
		assert_string_equal(target.host, goods[i].host);
		assert_string_equal(target.path, goods[i].path);
		assert_int_equal(target.address.port, goods[i].port);
	}
}

static void ipv4_address_is_mapped(void **state)
{
	static const uint8_t expected[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7};
	struct mr_target target;
	const char *why;

	(void)state;
	assert_int_equal(mr_target_parse("http://192.0.2.7/", &target, &why), 0);
	assert_memory_equal(target.address.ip, expected, 16);
}

static const char *const bads[] = {
	"",
	"192.0.2.7",
	"//192.0.2.7/",
	"https://192.0.2.7/",
	"ftp://192.0.2.7/",
	"http:/192.0.2.7/",
	"http://",
	"http:///path",
	"http://:80/",
	"http://localhost/",
	"http://example.com/",
	"http://127.1/",
	"http://0x7f.1/",
	"http://0x7f000001/",
	"http://2130706433/",
	"http://017700000001/",
	"http://0177.0.0.1/",
	"http://127.0.0.01/",
	"http://0/",
	"http://1.2.3/",
	"http://1.2.3.4.5/",
	"http://1.2.3.256/",
	"http://1.2.3.4./",
	"http://192.0.2.7:0/",
	"http://192.0.2.7:/",
	"http://192.0.2.7:65536/",
	"http://192.0.2.7:99999999999999999999/",
	"http://192.0.2.7:80x/",
	"http://192.0.2.7:+80/",
	"http://192.0.2.7:80:80/",
	"http://user@192.0.2.7/",
	"http://user:password@192.0.2.7/",
	"http://192.0.2.7@127.0.0.1/",
	"http://192.0.2.7/#fragment",
	"http://192.0.2.7#@127.0.0.1/",
	"http://192.0.2.7\\@127.0.0.1/",
	"http://192.0.2.7/a b",
	"http://192.0.2.7/a\r\nX-Evil: 1",
	"http://192.0.2.7/\x7f",
	"http://192.0.2.7/caf\xc3\xa9",
	"http://\xe2\x91\xa0\xe2\x91\xa1.0.0.1/",
	"http://::1/",
	"http://[::1/",
	"http://::1]/",
	"http://[]/",
	"http://[192.0.2.7]/",
	"http://[::1%25eth0]/",
	"http://[::1%1]/",
	"http://[0:0:0:0:0:0:0:1]/",
	"http://[2001:DB8::1]/",
	"http://[2001:db8:0:0::1]/",
	"http://[::ffff:7f00:1]/",
	"http://[::1]x/",
	"http://[::1]:/",
};

static void second_spelling_or_foreign_part_is_refused(void **state)
{
	struct mr_target target = {.host = "untouched"};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		why = NULL;
		if (mr_target_parse(bads[i], &target, &why) != -EINVAL)
			fail_msg("%s", bads[i]);
		assert_non_null(why);
		assert_string_equal(target.host, "untouched");
	}
}

static void long_url_is_refused_and_the_longest_taken(void **state)
{
	char url[MR_URL_BYTES_MAX + 1] = "http://192.0.2.7/";
	struct mr_target target;
	const char *why;

	(void)state;
	memset(url + strlen(url), 'a', sizeof(url) - strlen(url) - 1);
	assert_int_equal(mr_target_parse(url, &target, &why), -EINVAL);
	url[MR_URL_BYTES_MAX - 1] = '\0';
	assert_int_equal(mr_target_parse(url, &target, &why), 0);
	assert_int_equal(strlen(target.path), strlen(url) - strlen("http://192.0.2.7"));
}

static bool permits(const struct mr_guard *guard, const char *host)
{
	char url[128] = "http://";
	struct mr_target target;
	const char *why;

	strncat(url, host, sizeof(url) - strlen(url) - 1);
	assert_int_equal(mr_target_parse(url, &target, &why), 0);
	bool permitted = mr_guard_permits(guard, &target.address, &why);
	assert_int_equal(permitted, why == NULL);
	return permitted;
}

static const char *const internals[] = {
	"0.0.0.0",
	"0.255.255.255",
	"10.0.0.1",
	"10.255.255.255",
	"100.64.0.0",
	"100.127.255.255",
	"127.0.0.1",
	"127.255.255.255",
	"169.254.169.254",
	"172.16.0.1",
	"172.31.255.255",
	"192.0.0.8",
	"192.0.2.1",
	"192.88.99.1",
	"192.168.0.1",
	"192.168.255.255",
	"198.18.0.1",
	"198.19.255.255",
	"198.51.100.1",
	"203.0.113.255",
	"224.0.0.1",
	"239.255.255.255",
	"240.0.0.1",
	"255.255.255.255",
	"[::]",
	"[::1]",
	"[::127.0.0.1]",
	"[::ffff:127.0.0.1]",
	"[::ffff:10.0.0.1]",
	"[64:ff9b::7f00:1]",
	"[64:ff9b:1::1]",
	"[100::1]",
	"[2001::1]",
	"[2001:db8::1]",
	"[2002:7f00:1::]",
	"[3fff::1]",
	"[3fff:fff::1]",
	"[5f00::1]",
	"[fc00::1]",
	"[fd00:ec2::254]",
	"[fe80::1]",
	"[febf::1]",
	"[fec0::1]",
	"[ff02::1]",
};
static const char *const publics[] = {
	"1.1.1.1",
	"9.255.255.255",
	"11.0.0.0",
	"100.63.255.255",
	"100.128.0.0",
	"126.255.255.255",
	"128.0.0.1",
	"169.253.255.255",
	"169.255.0.0",
	"172.15.255.255",
	"172.32.0.0",
	"192.0.1.1",
	"192.0.3.0",
	"192.167.255.255",
	"192.169.0.0",
	"198.17.255.255",
	"198.20.0.0",
	"223.255.255.255",
	"[::ffff:8.8.8.8]",
	"[2001:4860:4860::8888]",
	"[2001:db9::1]",
	"[2003::1]",
	"[2606:4700::1111]",
	"[3fff:1000::1]",
};

static void internal_addresses_are_refused_and_public_ones_pass(void **state)
{
	const struct mr_guard guard = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(internals) / sizeof(internals[0]); i++) {
		if (permits(&guard, internals[i]))
			fail_msg("%s", internals[i]);
	}
	for (size_t i = 0; i < sizeof(publics) / sizeof(publics[0]); i++) {
		if (!permits(&guard, publics[i]))
			fail_msg("%s", publics[i]);
	}
}

static void allowed_networks_pass_and_their_neighbours_do_not(void **state)
{
	struct mr_guard guard = {0};
	const char *why;

	(void)state;
	assert_int_equal(
		mr_guard_allow(&guard, "127.0.0.0/8, 10.1.2.3\t192.168.4.0/22,fd00:1::/32", &why),
		0);
	assert_int_equal(guard.count, 4);
	assert_true(permits(&guard, "127.0.0.1"));
	assert_true(permits(&guard, "[::ffff:127.9.9.9]"));
	assert_true(permits(&guard, "10.1.2.3"));
	assert_false(permits(&guard, "10.1.2.4"));
	assert_true(permits(&guard, "192.168.7.255"));
	assert_false(permits(&guard, "192.168.8.0"));
	assert_true(permits(&guard, "[fd00:1:ffff::1]"));
	assert_false(permits(&guard, "[fd00:2::1]"));
	assert_false(permits(&guard, "[::1]"));
	assert_true(permits(&guard, "8.8.8.8"));
	assert_int_equal(mr_guard_allow(&guard, "0.0.0.0/0", &why), 0);
	assert_true(permits(&guard, "169.254.169.254"));
	assert_false(permits(&guard, "[::1]"));
	assert_int_equal(mr_guard_allow(&guard, "::/0", &why), 0);
	assert_true(permits(&guard, "[::1]"));
	assert_int_equal(mr_guard_allow(&guard, " ,", &why), 0);
}

static void bad_network_leaves_the_guard_as_it_was(void **state)
{
	static const char *const wrong[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.1/8",
		"10/8", "0x7f.1/8", "::1/129", "fd00::1/8", "localhost", "127.0.0.1/8x", "/8",
		"10.0.0.0/8,nonsense", "[::1]", "1.2.3.4/99999999999999999999"};
	struct mr_guard guard = {0};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why = NULL;
		if (mr_guard_allow(&guard, wrong[i], &why) != -EINVAL)
			fail_msg("%s", wrong[i]);
		assert_non_null(why);
		assert_int_equal(guard.count, 0);
	}
	for (uint32_t i = 0; i < MR_GUARD_NETWORKS_MAX; i++)
		assert_int_equal(mr_guard_allow(&guard, "10.0.0.0/8", &why), 0);
	assert_int_equal(mr_guard_allow(&guard, "10.0.0.0/8", &why), -ENOSPC);
	assert_int_equal(guard.count, MR_GUARD_NETWORKS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_is_taken_apart),
		cmocka_unit_test(ipv4_address_is_mapped),
		cmocka_unit_test(second_spelling_or_foreign_part_is_refused),
		cmocka_unit_test(long_url_is_refused_and_the_longest_taken),
		cmocka_unit_test(internal_addresses_are_refused_and_public_ones_pass),
		cmocka_unit_test(allowed_networks_pass_and_their_neighbours_do_not),
		cmocka_unit_test(bad_network_leaves_the_guard_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
