// The receiver as a whole, in a process of its own: the test speaks to it over loopback as a router
// would, rightly and wrongly, and judges its exit code and its report.
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <millrace/exit_code.h>

#include "crypto.h"
#include "ledger.h"
#include "report.h"
#include "sink.h"

enum { EVENTS = 40, ARGUMENTS_MAX = 16, TEXT_BYTES = 32768 };

static const char secret[] = "0123456789abcdef0123456789abcdef";
static char directory[64];
static char ledger_path[128];
static char report_path[128];
static uint16_t port;
static pid_t receiver;
static struct mr_ledger ledger;

static void nap_ms(long ms)
{
	const struct timespec time = {.tv_nsec = ms * 1000000};
	nanosleep(&time, NULL);
}

static uint16_t free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

// How long an answer is waited for.
static void set_patience(int fd, long ms)
{
	const struct timeval patience = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static int dial(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	for (int i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			set_patience(fd, 5000);
			return fd;
		}
		close(fd);
		nap_ms(10);
	}
	fail_msg("nobody listens");
	return -1;
}

// Starts the receiver with the words of `line` and a ledger of EVENTS accepted events.
static void start(const char *line)
{
	const struct mr_workload_options workload = {.objects = 10,
		.first_object = 100,
		.hot_object = 99,
		.workspaces = 1,
		.databases = 1,
		.projects = 1,
		.project_base = 301,
		.sessions = 1};
	assert_int_equal(mr_ledger_create(&ledger, ledger_path, EVENTS, &workload, 1, 16), 0);
	for (uint64_t n = 1; n <= EVENTS; n++) {
		assert_int_equal(mr_ledger_offer(&ledger, n, 100 + n % 10, n), 0);
		mr_ledger_settle(&ledger, n, MR_LEDGER_ACCEPTED, 0);
	}
	port = free_port();
	fflush(NULL);
	receiver = fork();
	assert_true(receiver >= 0);
	if (receiver > 0)
		return;
	char text[512];
	char *argv[ARGUMENTS_MAX];
	int argc = 0;
	char *save = NULL;
	snprintf(text, sizeof(text), "sink --listen 127.0.0.1:%u --ledger %s -o json --wait 1s %s",
		port, ledger_path, line);
	for (char *word = strtok_r(text, " ", &save); word != NULL;
		word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	if (freopen(report_path, "w", stdout) == NULL)
		_exit(99);
	int code = mr_sink_main(argc, argv);
	fflush(stdout);
	_exit(code);
}

// Waits for the receiver's end; its exit code, and its report.
static int finish(struct mr_report_sink *ret_report)
{
	int status = 0;
	mr_ledger_finish(&ledger);
	mr_ledger_close(&ledger);
	assert_int_equal(waitpid(receiver, &status, 0), receiver);
	receiver = 0;
	assert_true(WIFEXITED(status));
	static char json[TEXT_BYTES];
	FILE *file = fopen(report_path, "re");
	assert_non_null(file);
	size_t length = fread(json, 1, sizeof(json), file);
	fclose(file);
	assert_int_equal(mr_report_read_sink(json, length, ret_report), 0);
	return WEXITSTATUS(status);
}

// Sends one request; the status of the answer, or 0 when none came. The answer stands in `answer`.
static char answer[1024];

static int post(int fd, const char *headers, const char *body)
{
	static char text[TEXT_BYTES];
	int length = snprintf(text, sizeof(text),
		"POST /project/301 HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s",
		strlen(body), headers, body);
	assert_true(length > 0 && length < TEXT_BYTES);
	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
		return 0;
	ssize_t count = recv(fd, answer, sizeof(answer) - 1, 0);
	if (count <= 0)
		return 0;
	answer[count] = '\0';
	int status = 0;
	assert_int_equal(sscanf(answer, "HTTP/1.1 %d ", &status), 1);
	return status;
}

static void shake_hands(int fd)
{
	char header[128];
	snprintf(header, sizeof(header), "X-Hook-Secret: %s\r\n", secret);
	assert_int_equal(post(fd, header, "{}"), 200);
	assert_non_null(strstr(answer, header));
}

// Delivers events first .. last under an id; `spoil` breaks the signature.
static int deliver(int fd, uint64_t first, uint64_t last, bool spoil)
{
	static char body[TEXT_BYTES / 2];
	char headers[256];
	size_t at = (size_t)snprintf(body, sizeof(body), "{\"events\":[");
	for (uint64_t n = first; n <= last; n++)
		at += (size_t)snprintf(body + at, sizeof(body) - at,
			"%s{\"user\":null,\"action\":\"added\",\"resource\":{\"gid\":\"%llu\"},\"parent\":{\"gid\":\"%llu\"}}",
			n > first ? "," : "", (unsigned long long)(100 + n % 10),
			(unsigned long long)n);
	at += (size_t)snprintf(body + at, sizeof(body) - at, "]}");
	struct mr_hmac *hmac = mr_hmac_new(secret, sizeof(secret) - 1);
	uint8_t mac[32];
	char hex[65] = {0};
	mr_hmac_sign(hmac, body, at, mac);
	mr_hmac_free(hmac);
	mr_hex_encode(mac, sizeof(mac), hex);
	if (spoil)
		hex[63] = hex[63] == '0' ? '1' : '0';
	snprintf(headers, sizeof(headers),
		"Content-Type: application/json\r\nX-Hook-Signature: %s\r\nwebhook-id: msg_%llu\r\n",
		hex, (unsigned long long)first);
	return post(fd, headers, body);
}

static void a_good_run_ends_by_itself_with_0(void **state)
{
	(void)state;
	start("--until-settled --paths 1");
	int fd = dial();
	shake_hands(fd);
	for (uint64_t n = 1; n <= EVENTS; n += 10)
		assert_int_equal(deliver(fd, n, n + 9, false), 200);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_DONE);
	assert_true(report.passed);
	assert_int_equal(report.events, EVENTS);
	assert_int_equal(report.signatures_verified, 4);
	assert_int_equal(report.latencies[0].count, EVENTS);
	close(fd);
}

static void a_loss_ends_with_1(void **state)
{
	(void)state;
	start("--until-settled");
	int fd = dial();
	shake_hands(fd);
	assert_int_equal(deliver(fd, 1, EVENTS - 1, false), 200);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_FAILED);
	assert_int_equal(report.lost, 1);
	close(fd);
}

static void a_wrong_signature_ends_with_1(void **state)
{
	(void)state;
	start("--until-settled");
	int fd = dial();
	shake_hands(fd);
	assert_int_equal(deliver(fd, 1, EVENTS, true), 401);
	assert_int_equal(deliver(fd, 1, EVENTS, false), 200);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_FAILED);
	assert_int_equal(report.signatures_bad, 1);
	assert_int_equal(report.lost, 0);
	close(fd);
}

static void without_a_handshake_nothing_is_taken(void **state)
{
	(void)state;
	start("--until-settled");
	int fd = dial();
	assert_int_equal(deliver(fd, 1, EVENTS, false), 401);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_FAILED);
	assert_int_equal(report.events, 0);
	close(fd);
}

static void refusals_on_purpose_are_made_good_by_sending_again(void **state)
{
	(void)state;
	start("--until-settled --fail-share 0.7 --seed 3");
	int fd = dial();
	shake_hands(fd);
	int refused = 0;
	for (uint64_t n = 1; n <= EVENTS; n += 4) {
		int status;
		while ((status = deliver(fd, n, n + 3, false)) == 503)
			refused++;
		assert_int_equal(status, 200);
	}
	assert_true(refused > 0);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_DONE);
	close(fd);
}

static void a_connection_is_closed_at_the_request_it_was_told(void **state)
{
	(void)state;
	start("--until-settled --close-after 3");
	int fd = dial();
	shake_hands(fd);
	assert_int_equal(deliver(fd, 1, 20, false), 200);
	assert_int_equal(deliver(fd, 21, EVENTS, false), 0);
	close(fd);
	fd = dial();
	assert_int_equal(deliver(fd, 21, EVENTS, false), 200);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_DONE);
	close(fd);
}

static void a_late_answer_comes_late(void **state)
{
	(void)state;
	start("--until-settled --delay 100ms");
	int fd = dial();
	shake_hands(fd);
	struct timespec before;
	struct timespec after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(deliver(fd, 1, EVENTS, false), 200);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec
		>= 100000000);
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_DONE);
	close(fd);
}

static void a_hanging_endpoint_never_answers_and_says_so_in_the_end(void **state)
{
	(void)state;
	start("--hang");
	int fd = dial();
	shake_hands(fd);
	set_patience(fd, 300);
	assert_int_equal(deliver(fd, 1, EVENTS, false), 0);
	close(fd);
	kill(receiver, SIGTERM); // without --until-settled it runs until told
	struct mr_report_sink report;
	assert_int_equal(finish(&report), MR_EXIT_FAILED);
	assert_int_equal(report.lost, EVENTS);
}

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/millrace-sink-test-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(ledger_path, sizeof(ledger_path), "%s/ledger", directory);
	snprintf(report_path, sizeof(report_path), "%s/report", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (receiver > 0) {
		kill(receiver, SIGKILL);
		waitpid(receiver, NULL, 0);
		receiver = 0;
	}
	unlink(ledger_path);
	unlink(report_path);
	rmdir(directory);
	return 0;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_good_run_ends_by_itself_with_0),
		CASE(a_loss_ends_with_1),
		CASE(a_wrong_signature_ends_with_1),
		CASE(without_a_handshake_nothing_is_taken),
		CASE(refusals_on_purpose_are_made_good_by_sending_again),
		CASE(a_connection_is_closed_at_the_request_it_was_told),
		CASE(a_late_answer_comes_late),
		CASE(a_hanging_endpoint_never_answers_and_says_so_in_the_end),
	};
#undef CASE
	return cmocka_run_group_tests(tests, NULL, NULL);
}
