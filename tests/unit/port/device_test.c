#include "device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void devices_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *name;
		const char *driver;
		bool pci;
	} good[] = {
		{"net_memif0,role=server,socket=/run/x.sock", "net_memif0", "net_memif", false},
		{"net_tap12,iface=dtap0", "net_tap12", "net_tap", false},
		{"net_af_packet0,iface=eth0", "net_af_packet0", "net_af_packet", false},
		{"net_af_xdp3", "net_af_xdp3", "net_af_xdp", false},
		{"0000:03:00.0", "0000:03:00.0", "", true},
		{"abcd:EF:1f.7", "abcd:EF:1f.7", "", true},
		{"0000:03:00.1,queues=4", "0000:03:00.1", "", true},
	};
	struct mr_device device;
	char why[256];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(mr_device_parse(good[i].text, &device, why, sizeof(why)), 0);
		assert_string_equal(device.name, good[i].name);
		assert_string_equal(device.driver, good[i].driver);
		assert_int_equal(device.pci, good[i].pci);
	}
}

static void what_is_no_device_is_told(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		",",
		"eth0",
		"memif0",
		"net_",
		"net_memif",
		"03:00.0",
		"0000:03:00",
		"0000:03:00.8",
		"0000-03:00.0",
		"g000:03:00.0",
		"0000:03:00.0x",
		"--no-pci",
		" net_memif0",
		"net_a_name_that_is_longer_than_any_driver_that_there_will_ever_be0",
		"net_a_driver_name_too_long_for_us_0",
	};
	struct mr_device device;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[256] = "";
		if (mr_device_parse(bad[i], &device, why, sizeof(why)) == 0)
			fail_msg("%s: taken", bad[i]);
		assert_true(strlen(why) > 20);
	}
}

static void arguments_are_found_by_their_whole_name(void **state)
{
	(void)state;
	static const char text[] = "net_memif0,role=server,socket=/a/b.sock,socket-abstract=no,id=";
	struct mr_device device;
	char why[256], value[64];

	assert_int_equal(mr_device_parse(text, &device, why, sizeof(why)), 0);
	assert_true(mr_device_argument(&device, "socket", value, sizeof(value)));
	assert_string_equal(value, "/a/b.sock");
	assert_true(mr_device_argument(&device, "socket-abstract", value, sizeof(value)));
	assert_string_equal(value, "no");
	assert_true(mr_device_argument(&device, "id", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(mr_device_argument(&device, "sock", value, sizeof(value)));
	assert_false(mr_device_argument(&device, "net_memif0", value, sizeof(value)));
	assert_false(mr_device_argument(&device, "socket", value, 9)); // one byte short
	assert_true(mr_device_argument(&device, "socket", value, 10));
}

// -- memif sockets

static char folder[] = "/tmp/millrace-device-XXXXXX";
static char path[64], text[160];

static int listen_at(bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + abstract);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path + abstract, sizeof(address.sun_path) - 1, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int clear(const char *format, char *why, size_t why_size)
{
	struct mr_device device;

	snprintf(text, sizeof(text), "net_memif0,role=server,socket=%s%s", path, format);
	assert_int_equal(mr_device_parse(text, &device, why, why_size), 0);
	return mr_device_clear_socket(&device, why, why_size);
}

static void socket_of_a_dead_server_is_removed(void **state)
{
	(void)state;
	char why[256] = "";

	close(listen_at(false));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(clear(",socket-abstract=no", why, sizeof(why)), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(clear(",socket-abstract=no", why, sizeof(why)), 0); // nothing there
}

static void socket_of_a_living_server_is_left_and_told(void **state)
{
	(void)state;
	for (int abstract = 0; abstract < 2; abstract++) {
		char why[256] = "";
		int fd = listen_at(abstract == 1);
		assert_true(
			clear(abstract == 1 ? "" : ",socket-abstract=no", why, sizeof(why)) < 0);
		assert_non_null(strstr(why, path));
		assert_true(accept4(fd, NULL, NULL, 0) < 0); // nobody has visited
		close(fd);
		assert_int_equal(
			clear(abstract == 1 ? "" : ",socket-abstract=no", why, sizeof(why)), 0);
	}
}

static void file_that_is_no_socket_is_left(void **state)
{
	(void)state;
	char why[256] = "";
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fclose(file);
	assert_true(clear(",socket-abstract=no", why, sizeof(why)) < 0);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void clients_and_other_drivers_have_nothing_to_clear(void **state)
{
	(void)state;
	static const char *const texts[] = {"net_null0", "net_memif0", "net_memif0,role=client"};
	struct mr_device device;
	char why[256] = "";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(mr_device_parse(texts[i], &device, why, sizeof(why)), 0);
		assert_int_equal(mr_device_clear_socket(&device, why, sizeof(why)), 0);
	}
}

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/m.sock", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_are_told_apart),
		cmocka_unit_test(what_is_no_device_is_told),
		cmocka_unit_test(arguments_are_found_by_their_whole_name),
		cmocka_unit_test(socket_of_a_dead_server_is_removed),
		cmocka_unit_test(socket_of_a_living_server_is_left_and_told),
		cmocka_unit_test(file_that_is_no_socket_is_left),
		cmocka_unit_test(clients_and_other_drivers_have_nothing_to_clear),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
