#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "net.h"

enum { MS = 1000000 };

struct probe {
	struct mr_io io; // first
	int32_t result;
	uint32_t calls;
};

static void note(struct mr_io *io, int32_t result)
{
	struct probe *probe = (struct probe *)io;

	assert_false(io->busy); // another operation may begin here
	probe->result = result;
	probe->calls++;
}

static struct mr_net *net;

static int open_net(void **state)
{
	(void)state;
	return mr_net_open(64, &net);
}

static int close_net(void **state)
{
	(void)state;
	mr_net_close(net);
	return 0;
}

// No claim about time: a machine under load takes seconds for what takes microseconds.
#define HANGS_NS (60000ULL * MS)

// Polls until `probe` has completed.
static int32_t finish(struct probe *probe)
{
	uint64_t deadline = mr_clock_mono_ns() + HANGS_NS;

	while (probe->io.busy && mr_clock_mono_ns() < deadline) {
		mr_net_poll(net);
		if (probe->io.busy)
			mr_net_wait(net, 10 * MS);
	}
	assert_false(probe->io.busy);
	return probe->result;
}

static int listen_on(int family, struct mr_address *ret_address)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool is_v4 = family == AF_INET;
	socklen_t length = is_v4 ? sizeof(v4) : sizeof(v6);
	struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;

	int fd = socket(family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, address, length), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, address, &length), 0);
	*ret_address = (struct mr_address){.port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port)};
	if (is_v4) {
		const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
		memcpy(ret_address->ip, mapped, 16);
	} else {
		memcpy(ret_address->ip, &v6.sin6_addr, 16);
	}
	return fd;
}

// A connected pair: ours through the net, theirs plain.
static int connect_pair(int listener, const struct mr_address *address, int *ret_theirs)
{
	struct probe probe = {.io.done = note};
	int fd = mr_net_socket(net, address);

	assert_true(fd >= 0);
	mr_net_connect(net, &probe.io, fd, address);
	assert_int_equal(finish(&probe), 0);
	*ret_theirs = accept(listener, NULL, NULL);
	assert_true(*ret_theirs >= 0);
	return fd;
}

static void bytes_travel_both_ways_over_both_families(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct probe probe = {.io.done = note};
		struct mr_address address;
		char bytes[16] = "";
		int theirs;
		int listener = listen_on(families[i], &address);
		int ours = connect_pair(listener, &address, &theirs);
		mr_net_send(net, &probe.io, ours, "ping", 4);
		assert_int_equal(finish(&probe), 4);
		assert_int_equal(read(theirs, bytes, sizeof(bytes)), 4);
		assert_memory_equal(bytes, "ping", 4);
		mr_net_recv(net, &probe.io, ours, bytes, sizeof(bytes));
		assert_int_equal(write(theirs, "pong!", 5), 5);
		assert_int_equal(finish(&probe), 5);
		assert_memory_equal(bytes, "pong!", 5);
		close(theirs);
		mr_net_recv(net, &probe.io, ours, bytes, sizeof(bytes));
		assert_int_equal(finish(&probe), 0);
		assert_int_equal(probe.calls, 3);
		mr_net_close_fd(net, ours);
		close(listener);
	}
}

static void *drain_slowly(void *arg)
{
	int fd = *(int *)arg;
	static char bytes[65536];
	size_t sum = 0;

	for (;;) {
		usleep(500);
		ssize_t got = read(fd, bytes, sizeof(bytes));
		if (got <= 0)
			break;
		sum += (size_t)got;
	}
	return (void *)sum;
}

static void large_buffer_is_sent_whole(void **state)
{
	const size_t size = 4 << 20;
	struct probe probe = {.io.done = note};
	struct mr_address address;
	pthread_t thread;
	void *received;
	int theirs;

	(void)state;
	int listener = listen_on(AF_INET, &address);
	int ours = connect_pair(listener, &address, &theirs);
	char *bytes = calloc(1, size);
	assert_int_equal(pthread_create(&thread, NULL, drain_slowly, &theirs), 0);
	mr_net_send(net, &probe.io, ours, bytes, size);
	assert_int_equal(finish(&probe), size);
	mr_net_close_fd(net, ours);
	mr_net_poll(net);
	pthread_join(thread, &received);
	assert_int_equal((size_t)received, size);
	free(bytes);
	close(theirs);
	close(listener);
}

static void refused_connect_says_so(void **state)
{
	struct probe probe = {.io.done = note};
	struct mr_address address;

	(void)state;
	close(listen_on(AF_INET, &address));
	int fd = mr_net_socket(net, &address);
	mr_net_connect(net, &probe.io, fd, &address);
	assert_int_equal(finish(&probe), -ECONNREFUSED);
	mr_net_close_fd(net, fd);
}

static void canceled_operation_completes_once(void **state)
{
	struct probe probe = {.io.done = note};
	struct mr_address address;
	char byte;
	int theirs;

	(void)state;
	int listener = listen_on(AF_INET, &address);
	int ours = connect_pair(listener, &address, &theirs);
	mr_net_recv(net, &probe.io, ours, &byte, 1);
	mr_net_poll(net);
	assert_int_equal(probe.calls, 0);
	mr_net_cancel(net, &probe.io);
	assert_int_equal(finish(&probe), -ECANCELED);
	mr_net_cancel(net, &probe.io); // nothing is under way: nothing happens
	mr_net_poll(net);
	assert_int_equal(probe.calls, 1);
	mr_net_close_fd(net, ours);
	close(theirs);
	close(listener);
}

static void closed_socket_is_seen_by_the_peer(void **state)
{
	struct mr_address address;
	char byte;
	int theirs;

	(void)state;
	int listener = listen_on(AF_INET, &address);
	int ours = connect_pair(listener, &address, &theirs);
	mr_net_close_fd(net, ours);
	mr_net_poll(net);
	assert_int_equal(read(theirs, &byte, 1), 0);
	close(theirs);
	close(listener);
}

static void more_operations_than_submission_slots_are_taken(void **state)
{
	enum { COUNT = 1500 };
	static struct probe probes[COUNT];
	static char bytes[COUNT];
	struct mr_address address;
	uint32_t done = 0;
	int theirs;

	(void)state;
	mr_net_close(net);
	assert_int_equal(mr_net_open(COUNT, &net), 0);
	int listener = listen_on(AF_INET, &address);
	int ours = connect_pair(listener, &address, &theirs);
	for (int i = 0; i < COUNT; i++) {
		probes[i].io.done = note;
		mr_net_send(net, &probes[i].io, ours, &bytes[i], 1);
	}
	while (done < COUNT)
		done += mr_net_poll(net);
	assert_int_equal(done, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(probes[i].result, 1);
	mr_net_close_fd(net, ours);
	close(theirs);
	close(listener);
}

static void nap_ends_at_its_timeout(void **state)
{
	(void)state;
	uint64_t before = mr_clock_mono_ns();
	mr_net_wait(net, 20 * MS);
	uint64_t slept = mr_clock_mono_ns() - before;
	assert_true(slept >= 20 * MS);
	assert_false(mr_net_sleeping(net));
}

static void *ring_later(void *arg)
{
	(void)arg;
	while (!mr_net_sleeping(net))
		usleep(100);
	usleep(2000);
	mr_net_ring_doorbell(net);
	return NULL;
}

static void doorbell_ends_the_nap_every_time(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, ring_later, NULL), 0);
		uint64_t before = mr_clock_mono_ns();
		mr_net_wait(net, 2 * HANGS_NS);
		assert_true(mr_clock_mono_ns() - before < HANGS_NS);
		pthread_join(thread, NULL);
		mr_net_poll(net);
	}
}

static void doorbell_between_announcement_and_nap_is_not_lost(void **state)
{
	(void)state;
	mr_net_announce_nap(net);
	assert_true(mr_net_sleeping(net));
	mr_net_ring_doorbell(net);
	uint64_t before = mr_clock_mono_ns();
	mr_net_wait(net, 2 * HANGS_NS);
	assert_true(mr_clock_mono_ns() - before < HANGS_NS);
	mr_net_poll(net);
}

static void announcement_is_taken_back_by_a_wait_of_nothing(void **state)
{
	(void)state;
	mr_net_announce_nap(net);
	mr_net_wait(net, 0);
	assert_false(mr_net_sleeping(net));
	mr_net_ring_doorbell(net); // nobody sleeps: nothing is written
	assert_int_equal(mr_net_poll(net), 0);
}

static void completion_ends_the_nap(void **state)
{
	struct probe probe = {.io.done = note};
	struct mr_address address;
	char byte;
	int theirs;

	(void)state;
	int listener = listen_on(AF_INET, &address);
	int ours = connect_pair(listener, &address, &theirs);
	mr_net_recv(net, &probe.io, ours, &byte, 1);
	mr_net_poll(net);
	assert_int_equal(write(theirs, "x", 1), 1);
	uint64_t before = mr_clock_mono_ns();
	mr_net_wait(net, 2 * HANGS_NS);
	assert_true(mr_clock_mono_ns() - before < HANGS_NS);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, 1);
	mr_net_close_fd(net, ours);
	close(theirs);
	close(listener);
}

static void close_ends_what_is_under_way_without_calling_back(void **state)
{
	struct probe probe = {.io.done = note};
	struct mr_address address;
	char byte;
	int theirs;

	(void)state;
	int listener = listen_on(AF_INET, &address);
	int ours = connect_pair(listener, &address, &theirs);
	mr_net_recv(net, &probe.io, ours, &byte, 1);
	mr_net_poll(net);
	mr_net_close(net);
	assert_int_equal(probe.calls, 0);
	assert_int_equal(mr_net_open(64, &net), 0);
	assert_non_null(mr_net_features(net));
	close(ours);
	close(theirs);
	close(listener);
}

#define net_test(name) cmocka_unit_test_setup_teardown(name, open_net, close_net)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(bytes_travel_both_ways_over_both_families),
		net_test(large_buffer_is_sent_whole),
		net_test(refused_connect_says_so),
		net_test(canceled_operation_completes_once),
		net_test(closed_socket_is_seen_by_the_peer),
		net_test(more_operations_than_submission_slots_are_taken),
		net_test(nap_ends_at_its_timeout),
		net_test(doorbell_ends_the_nap_every_time),
		net_test(doorbell_between_announcement_and_nap_is_not_lost),
		net_test(announcement_is_taken_back_by_a_wait_of_nothing),
		net_test(completion_ends_the_nap),
		net_test(close_ends_what_is_under_way_without_calling_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
