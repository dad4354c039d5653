// The port over real DPDK devices that need no hardware and no privilege. A process starts DPDK
// once, so every case is a process of its own.
#include "nic.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "ingest.h"
#include "mr_assert.h"

enum { WAIT_S = 20, MBUFS = 1024 };

static char folder[] = "/tmp/millrace-nic-XXXXXX";
static char why[512];

static struct mr_eal_options options_for(const char *device)
{
	static char prefix[64];
	struct mr_eal_options options = {
		.memory_mib = 64,
		.file_prefix = prefix,
		.devices = {device},
		.devices_count = 1,
		.main_cpu = (uint32_t)sched_getcpu(),
	};

	snprintf(prefix, sizeof(prefix), "millrace-test-%d", (int)getpid());
	return options;
}

static struct mr_nic *open_port(const char *device, uint16_t queues)
{
	struct mr_eal_options options = options_for(device);
	struct mr_nic *nic = NULL;
	const char *nic_why = "";

	int r = mr_eal_start(&options, why, sizeof(why));
	if (r == 0)
		r = mr_nic_open(
			&(struct mr_nic_options){
				.device = device,
				.queues = queues,
				.ring_size = 256,
				.mbufs = MBUFS,
				.mtu = 1500,
			},
			&nic, &nic_why);
	if (r < 0)
		fprintf(stderr, "%s%s\n", why, nic_why);
	mr_assert(r == 0);
	return nic;
}

static void close_port(struct mr_nic *nic)
{
	mr_nic_close(nic);
	mr_eal_stop();
}

// Runs a case in a child; assertions of the product (mr_assert) end it, and a hang is ended by the
// alarm.
static void in_a_process(void (*body)(void))
{
	int status = 0;

	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		alarm(WAIT_S);
		body();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the process ended with status %#x", (unsigned)status);
}

// -- One process

static void loop_frames(void)
{
	struct mr_nic *nic = open_port("net_ring0", 1);
	struct mr_rx rx[MR_BURST_MAX];

	for (uint32_t i = 0; i < 20 * MBUFS; i++) { // more than any pool holds
		uint8_t *data;
		struct mr_frame *frame = mr_nic_tx_frame(nic, 0, &data);
		mr_assert(frame != NULL);
		memset(data, (int)(i & 0xff), 100);
		mr_frame_set_length(frame, 100);
		mr_assert(mr_nic_tx_burst(nic, 0, &frame, 1) == 1);
		mr_assert(mr_nic_rx_burst(nic, 0, rx, MR_BURST_MAX) == 1);
		mr_assert(rx[0].length == 100 && rx[0].data[99] == (i & 0xff));
		mr_assert(mr_frame_of_packet(rx[0].packet) == rx[0].frame);
		memset(rx[0].packet, 0xff, sizeof(*rx[0].packet)); // beside the bytes, not in them
		mr_assert(rx[0].data[0] == (i & 0xff));
		mr_nic_free_burst(nic, &rx[0].frame, 1);
	}
	close_port(nic);
}

static void frames_come_back_and_are_given_back(void **state)
{
	(void)state;
	in_a_process(loop_frames);
}

static void hold_every_frame(void)
{
	struct mr_nic *nic = open_port("net_null0", 1);
	static struct mr_frame *held[2 * MBUFS];
	struct mr_rx rx[MR_BURST_MAX];
	uint32_t count = 0;
	uint8_t *data;

	for (uint16_t n; (n = mr_nic_rx_burst(nic, 0, rx, MR_BURST_MAX)) > 0;)
		for (uint16_t i = 0; i < n; i++)
			held[count++] = rx[i].frame;
	mr_assert(count > MBUFS / 2 && count <= MBUFS);
	struct mr_frame *reply = mr_nic_tx_frame(nic, 0, &data);
	mr_assert(reply != NULL); // ACKs get out although no packet gets in
	mr_frame_set_length(reply, 60);
	mr_assert(mr_nic_tx_burst(nic, 0, &reply, 1) == 1);
	for (uint32_t at = 0; at < count; at += 32)
		mr_nic_free_burst(nic, held + at, (uint16_t)(count - at < 32 ? count - at : 32));
	mr_assert(mr_nic_rx_burst(nic, 0, rx, 1) == 1);
	mr_nic_free_burst(nic, &rx[0].frame, 1);
	close_port(nic);
}

static void full_packet_pool_does_not_stop_replies(void **state)
{
	(void)state;
	in_a_process(hold_every_frame);
}

static void look_at_the_port(void)
{
	struct mr_nic *nic = open_port("net_null0,size=64", 2);
	struct mr_nic_info info;

	mr_nic_info(nic, &info);
	mr_assert(strcmp(info.name, "net_null0") == 0 && strcmp(info.driver, "net_null") == 0);
	mr_assert(info.queues == 2 && info.link_up);
	mr_assert(mr_nic_missed(nic) == 0);
	close_port(nic);
}

static void port_says_what_it_is(void **state)
{
	(void)state;
	in_a_process(look_at_the_port);
}

static int store_lcore(void *arg)
{
	atomic_store((_Atomic uint32_t *)arg, 4711);
	return 7;
}

static void run_on_lcores(void)
{
	struct mr_eal_options options = options_for("net_null0");
	_Atomic uint32_t seen[2] = {0};

	options.lcores_count = 2; // both on the CPU of the main one
	options.cpus[0] = options.main_cpu;
	options.cpus[1] = options.main_cpu;
	mr_assert(mr_eal_start(&options, why, sizeof(why)) == 0);
	mr_assert(mr_eal_launch(1, store_lcore, &seen[0]) == 0);
	mr_assert(mr_eal_launch(2, store_lcore, &seen[1]) == 0);
	mr_assert(mr_eal_wait(1) == 7 && mr_eal_wait(2) == 7);
	mr_assert(seen[0] == 4711 && seen[1] == 4711);
	mr_eal_stop();
}

static void lcores_may_share_a_cpu(void **state)
{
	(void)state;
	in_a_process(run_on_lcores);
}

static void ask_for_too_much(void)
{
	struct mr_nic *nic = open_port("net_ring0", 1);
	struct mr_nic_options options = {
		.device = "net_ring7", .queues = 1, .ring_size = 64, .mbufs = 512, .mtu = 1500};
	struct mr_nic *other = NULL;
	const char *said = NULL;

	mr_assert(mr_nic_open(&options, &other, &said) == -ENODEV);
	mr_assert(strstr(said, "net_ring7") != NULL);
	close_port(nic);
}

static void missing_port_is_named(void **state)
{
	(void)state;
	in_a_process(ask_for_too_much);
}

static void start_on_a_missing_folder(void)
{
	struct mr_eal_options options =
		options_for("net_memif0,role=server,socket=/nonexistent/m.sock,socket-abstract=no");

	mr_assert(mr_eal_start(&options, why, sizeof(why)) < 0);
	mr_assert(strstr(why, "net_memif0") != NULL && strstr(why, "/nonexistent") != NULL);
}

static void port_that_does_not_come_up_fails_the_start(void **state)
{
	(void)state;
	in_a_process(start_on_a_missing_folder);
}

// -- Two processes: a server with the ingest stage, a client that asks

static char server_device[160], client_device[160];
static const uint8_t our_ipv4[4] = {10, 9, 0, 1}, peer_ipv4[4] = {10, 9, 0, 2};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9};

static struct mr_now now_of_clock(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (struct mr_now){.mono_ns = (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec};
}

static atomic_bool stop;

static void on_term(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

static void serve(void)
{
	static struct mr_stats_stage stats;
	struct mr_arena arena;
	struct mr_nic_info info;
	struct mr_nic *nic = open_port(server_device, 1);

	mr_assert(mr_arena_open(&arena, 4 << 20, false) == 0);
	mr_nic_info(nic, &info);
	struct mr_ingest_config config = {
		.shards = 1,
		.flows = 1,
		.port_base = 7400,
		.sessions_max = 1,
		.nic = nic,
		.to_shard = {mr_ring_new(&arena, "test", 1024)},
		.from_shard = {mr_ring_new(&arena, "test", 1024)},
		.from_steward = mr_ring_new(&arena, "test", 8),
		.to_steward = mr_ring_new(&arena, "test", 8),
		.stats = &stats,
	};
	memcpy(config.mac, info.mac, sizeof(info.mac));
	memcpy(config.ipv4, our_ipv4, sizeof(our_ipv4));
	struct mr_ingest *ingest = mr_ingest_new(&arena, &config);
	mr_assert(ingest != NULL);
	while (!atomic_load(&stop))
		if (mr_ingest_step(ingest, now_of_clock(), (struct mr_budget){.units = 64})
			== MR_POLL_IDLE)
			usleep(100);
	mr_assert(mr_read(&stats.counters[MR_INGEST_ARP_REPLIES]) >= 3);
	close_port(nic);
}

static bool ask(struct mr_nic *nic)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1};
	struct mr_rx rx[4];
	uint8_t *data;

	struct mr_frame *frame = mr_nic_tx_frame(nic, 0, &data);
	mr_assert(frame != NULL);
	memset(data, 0, 60);
	memset(data, 0xff, 6);
	memcpy(data + 6, peer_mac, 6);
	data[12] = 0x08;
	data[13] = 0x06;
	memcpy(data + 14, head, sizeof(head));
	memcpy(data + 22, peer_mac, 6);
	memcpy(data + 28, peer_ipv4, 4);
	memcpy(data + 38, our_ipv4, 4);
	mr_frame_set_length(frame, 60);
	(void)mr_nic_tx_burst(nic, 0, &frame, 1); // lost while the link is down
	for (uint32_t i = 0; i < 100; i++) {
		uint16_t count = mr_nic_rx_burst(nic, 0, rx, 4);
		bool answered = false;
		for (uint16_t k = 0; k < count; k++) {
			const uint8_t *arp = rx[k].data + 14;
			answered = answered
				|| (arp[7] == 2 && memcmp(arp + 14, our_ipv4, 4) == 0
					&& memcmp(arp + 18, peer_mac, 6) == 0);
			mr_nic_free_burst(nic, &rx[k].frame, 1);
		}
		if (answered)
			return true;
		usleep(1000);
	}
	return false;
}

static void inquire(void)
{
	struct mr_nic *nic = open_port(client_device, 1);
	struct mr_nic_info info;
	uint32_t answers = 0;

	do {
		answers += ask(nic);
	} while (answers < 3);
	mr_nic_info(nic, &info);
	mr_assert(info.link_up);
	close_port(nic);
}

static void neighbour_in_another_process_is_answered(void **state)
{
	(void)state;
	int status = 0;

	snprintf(server_device, sizeof(server_device),
		"net_memif0,role=server,socket=%s/m.sock,socket-abstract=no", folder);
	snprintf(client_device, sizeof(client_device),
		"net_memif0,role=client,socket=%s/m.sock,socket-abstract=no", folder);
	fflush(stdout);
	pid_t server = fork();
	if (server == 0) {
		alarm(WAIT_S);
		signal(SIGTERM, on_term);
		serve();
		_exit(0);
	}
	assert_true(server > 0);
	in_a_process(inquire);
	kill(server, SIGTERM);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/m.sock", folder);
	(void)unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_and_are_given_back),
		cmocka_unit_test(full_packet_pool_does_not_stop_replies),
		cmocka_unit_test(port_says_what_it_is),
		cmocka_unit_test(lcores_may_share_a_cpu),
		cmocka_unit_test(missing_port_is_named),
		cmocka_unit_test(port_that_does_not_come_up_fails_the_start),
		cmocka_unit_test(neighbour_in_another_process_is_answered),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
