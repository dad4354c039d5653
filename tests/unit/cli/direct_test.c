// The connection to the data plane, against a server that answers well or badly in one way. The
// server is a child process that serves one connection; every bad answer must be refused with a
// reason, and none may be believed.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "direct_acts.h"
#include "fake_stats.h"

enum fault {
	GOOD,
	BAD_MAGIC,
	BAD_VERSION,
	BAD_LENGTH,
	BAD_REQUEST_ID,
	BAD_TYPE,
	SHORT_HEADER,
	SHORT_BODY,
	ERROR_REPLY,
	NO_SEGMENT,
	SEGMENT_SIZE,
	HANG_UP,
	ACT_REFUSED,
	LONG_LIST,
};

static char directory[] = "/tmp/millrace-direct-XXXXXX";
static char path[sizeof(directory) + 8];
static struct fake_stats fake;

struct answer {
	struct mr_control_header header;
	union {
		struct mr_control_welcome welcome;
		struct mr_control_status status;
		struct mr_control_error error;
		struct mr_control_effect effect;
		struct mr_control_bans bans;
	} body;
};

static size_t fill_body(struct answer *answer, uint32_t type, enum fault fault)
{
	if (fault == ERROR_REPLY) {
		answer->header.type = MR_CONTROL_ERROR;
		answer->body.error =
			(struct mr_control_error){.result = -EBUSY, .message = "no, not now"};
		return sizeof(answer->body.error);
	}
	if (type == MR_CONTROL_STATUS) {
		answer->body.status =
			(struct mr_control_status){.state = MR_ROUTER_RUNNING, .is_volatile = 1};
		memset(answer->body.status.port, 'p',
			sizeof(answer->body.status.port)); // not terminated
		return sizeof(answer->body.status);
	}
	if (type == MR_CONTROL_BAN) {
		answer->body.effect = (struct mr_control_effect){
			.result = fault == ACT_REFUSED ? -EPERM : 0, .id = 7, .generation = 3};
		memset(answer->body.effect.message, 'm', sizeof(answer->body.effect.message));
		return sizeof(answer->body.effect);
	}
	if (type == MR_CONTROL_BANS) {
		answer->body.bans.count = fault == LONG_LIST ? MR_CONTROL_BANS_MAX + 1 : 1;
		answer->body.bans.bans[0].id = 7;
		memset(answer->body.bans.bans[0].reason, 'r', MR_BAN_REASON_BYTES_MAX);
		return sizeof(answer->body.bans);
	}
	answer->body.welcome = (struct mr_control_welcome){
		.segment_bytes = fault == SEGMENT_SIZE ? fake.bytes + 8 : fake.bytes,
		.boot_id = 5,
		.stats_version = MR_STATS_VERSION,
		.pid = 9,
		.release = "0.1.0",
	};
	return sizeof(answer->body.welcome);
}

static void send_answer(int fd, const struct answer *answer, size_t bytes, bool with_segment)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)answer, .iov_len = bytes};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (with_segment) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &fake.fd, sizeof(int));
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		_exit(1);
}

static void serve(int fd, enum fault fault)
{
	struct mr_control_header request;

	while (recv(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request)
		&& fault != HANG_UP) {
		static struct answer answer;

		memset(&answer, 0, sizeof(answer));
		answer.header = request;
		answer.header.flags = 1;
		size_t bytes = sizeof(answer.header) + fill_body(&answer, request.type, fault);

		answer.header.length = (uint32_t)bytes;
		answer.header.magic ^= fault == BAD_MAGIC;
		answer.header.version = (uint16_t)(answer.header.version + (fault == BAD_VERSION));
		answer.header.length += fault == BAD_LENGTH;
		answer.header.request_id += fault == BAD_REQUEST_ID;
		answer.header.type += fault == BAD_TYPE;
		if (fault == SHORT_HEADER)
			bytes = sizeof(answer.header) - 1;
		if (fault == SHORT_BODY)
			answer.header.length = (uint32_t)(bytes -= 8);
		send_answer(fd, &answer, bytes,
			request.type == MR_CONTROL_HELLO && fault != NO_SEGMENT);
	}
}

// The server's process; it ends with its one client.
static pid_t start_server(enum fault fault)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(10);
		int fd = accept(listener, NULL, NULL);

		close(listener);
		serve(fd, fault);
		_exit(0);
	}
	close(listener);
	return pid;
}

static int open_world(void **state)
{
	(void)state;
	fake_stats_open(&fake);
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	fake_stats_close(&fake);
	unlink(path);
	return rmdir(directory);
}

static void good_router_is_believed(void **state)
{
	struct mr_direct direct;
	struct mr_control_status status;
	char why[MR_DIRECT_WHY_BYTES] = "";
	pid_t server = start_server(GOOD);

	(void)state;
	assert_int_equal(mr_direct_open(&direct, path, why), 0);
	assert_string_equal(direct.welcome.release, "0.1.0");
	assert_int_equal(direct.stats->stages_count, FAKE_STAGES);
	assert_int_equal(mr_direct_status(&direct, &status, why), 0);
	assert_int_equal(status.state, MR_ROUTER_RUNNING);
	assert_int_equal(strlen(status.port), sizeof(status.port) - 1);
	mr_direct_close(&direct);
	mr_direct_close(&direct); // closed already
	assert_int_equal(waitpid(server, NULL, 0), server);
}

static void acts_and_lists_come_back_terminated_and_within_bounds(void **state)
{
	const struct mr_control_ban ban = {.rule = {.scope = {.id = 42, .kind = MR_SCOPE_APP}}};
	struct mr_control_effect effect;
	static struct mr_control_bans bans;
	struct mr_direct direct;
	char why[MR_DIRECT_WHY_BYTES] = "";
	pid_t server = start_server(GOOD);

	(void)state;
	assert_int_equal(mr_direct_open(&direct, path, why), 0);
	assert_int_equal(
		mr_direct_act(&direct, MR_CONTROL_BAN, &ban, sizeof(ban), &effect, why), 0);
	assert_int_equal(effect.id, 7);
	assert_int_equal(strlen(effect.message), sizeof(effect.message) - 1);
	assert_int_equal(mr_direct_bans(&direct, 0, &bans, why), 0);
	assert_int_equal(bans.count, 1);
	assert_int_equal(strlen(bans.bans[0].reason), MR_BAN_REASON_BYTES_MAX - 1);
	mr_direct_close(&direct);
	assert_int_equal(waitpid(server, NULL, 0), server);
}

static void refused_acts_and_lists_beyond_their_page_are_errors(void **state)
{
	const struct mr_control_ban ban = {.rule = {.scope = {.id = 42, .kind = MR_SCOPE_APP}}};
	struct mr_control_effect effect;
	static struct mr_control_bans bans;
	struct mr_direct direct;
	char why[MR_DIRECT_WHY_BYTES] = "";

	(void)state;
	pid_t server = start_server(ACT_REFUSED);

	assert_int_equal(mr_direct_open(&direct, path, why), 0);
	assert_int_equal(
		mr_direct_act(&direct, MR_CONTROL_BAN, &ban, sizeof(ban), &effect, why), -EPERM);
	assert_int_equal(strspn(why, "m"), sizeof(effect.message) - 1);
	mr_direct_close(&direct);
	assert_int_equal(waitpid(server, NULL, 0), server);
	server = start_server(LONG_LIST);
	assert_int_equal(mr_direct_open(&direct, path, why), 0);
	assert_int_equal(mr_direct_bans(&direct, 0, &bans, why), -EPROTO);
	mr_direct_close(&direct);
	assert_int_equal(waitpid(server, NULL, 0), server);
}

static void every_bad_answer_is_refused_with_a_reason(void **state)
{
	static const struct {
		enum fault fault;
		int error;
		const char *why; // part of it
	} table[] = {
		{BAD_MAGIC, -EPROTO, "does not speak"},
		{BAD_VERSION, -EPROTO, "control version 4"},
		{BAD_LENGTH, -EPROTO, "does not fit"},
		{BAD_REQUEST_ID, -EPROTO, "does not fit"},
		{BAD_TYPE, -EPROTO, "another type"},
		{SHORT_HEADER, -EPROTO, "does not speak"},
		{SHORT_BODY, -EPROTO, "another type or size"},
		{ERROR_REPLY, -EBUSY, "no, not now"},
		{NO_SEGMENT, -EPROTO, "no statistics segment"},
		{SEGMENT_SIZE, -EPROTO, "another size"},
		{HANG_UP, -ECONNRESET, "closed the connection"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mr_direct direct;
		char why[MR_DIRECT_WHY_BYTES] = "";
		pid_t server = start_server(table[i].fault);

		assert_int_equal(mr_direct_open(&direct, path, why), table[i].error);
		if (!strstr(why, table[i].why))
			fail_msg("\"%s\" is not in \"%s\"", table[i].why, why);
		assert_null(direct.stats);
		assert_int_equal(direct.fd, -1);
		assert_int_equal(waitpid(server, NULL, 0), server);
	}
}

static void socket_that_is_missing_stale_or_too_long_says_what_to_do(void **state)
{
	struct mr_direct direct;
	char why[MR_DIRECT_WHY_BYTES], longer[200];

	(void)state;
	assert_int_equal(mr_direct_open(&direct, "/nonexistent/direct.sock", why), -ENOENT);
	assert_non_null(strstr(why, "start millraced"));
	pid_t server = start_server(GOOD);

	kill(server, SIGKILL);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_int_equal(mr_direct_open(&direct, path, why), -ECONNREFUSED);
	assert_non_null(strstr(why, "left its socket behind"));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(mr_direct_open(&direct, longer, why), -ENAMETOOLONG);
}

// Each copy of a sound segment's header is spoiled in one field.
static void segment_is_checked_before_it_is_believed(void **state)
{
	enum { SPOILED = 17 };
	struct mr_stats spoiled[SPOILED];
	char why[MR_DIRECT_WHY_BYTES];

	(void)state;
	assert_int_equal(mr_stats_check(fake.stats, fake.bytes, why), 0);
	assert_int_equal(mr_stats_check(fake.stats, sizeof(*fake.stats) - 1, why), -EPROTO);
	for (size_t i = 0; i < SPOILED; i++)
		spoiled[i] = *fake.stats;
	spoiled[0].magic++;
	spoiled[1].version++;
	spoiled[2].bytes -= 8;
	spoiled[3].stages_count = MR_STAGES_MAX + 1;
	spoiled[4].stages_at = fake.bytes;
	spoiled[5].stages_at = UINT64_MAX - 7;
	spoiled[6].stages_at += 4;
	spoiled[7].stages_at = 8;
	spoiled[8].shards = MR_SHARDS_MAX + 1;
	spoiled[9].shards = 2;
	spoiled[10].scopes_at = fake.bytes - 8;
	spoiled[11].webhooks_max = UINT32_MAX;
	spoiled[12].webhooks_at = fake.bytes - 8;
	spoiled[13].deliveries = MR_DELIVERIES_MAX + 1;
	spoiled[14].tops_at = fake.bytes - 8;
	spoiled[15].attempts_at = fake.bytes - 8;
	spoiled[16].taps_at = fake.bytes - 8;
	for (size_t i = 0; i < SPOILED; i++)
		assert_int_equal(mr_stats_check(&spoiled[i], fake.bytes, why), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_router_is_believed),
		cmocka_unit_test(acts_and_lists_come_back_terminated_and_within_bounds),
		cmocka_unit_test(refused_acts_and_lists_beyond_their_page_are_errors),
		cmocka_unit_test(every_bad_answer_is_refused_with_a_reason),
		cmocka_unit_test(socket_that_is_missing_stale_or_too_long_says_what_to_do),
		cmocka_unit_test(segment_is_checked_before_it_is_believed),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
