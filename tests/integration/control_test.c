// The control socket as its clients see it: sizes, versions, types, and who may listen where.
#include "control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/millrace-control-XXXXXX";
static char path[64];
static struct mr_control control;
static mr_counter requests, rejected;
static int segment_fd;

static struct mr_control_ticket kept; // of the status that is answered later
static bool answers_later;

static void say_welcome(void *owner, const struct mr_control_request *request)
{
	const struct mr_control_welcome welcome = {.boot_id = 4711};
	mr_control_reply_with(owner, &request->ticket, &welcome, segment_fd);
}

static void say_status(void *owner, const struct mr_control_request *request)
{
	const struct mr_control_status status = {.state = MR_ROUTER_RUNNING};
	if (answers_later)
		kept = request->ticket;
	else
		mr_control_reply(owner, &request->ticket, &status);
}

static void reload(void *owner, const struct mr_control_request *request)
{
	const struct mr_control_reload done = {.errors = 3};
	mr_control_reply(owner, &request->ticket, &done);
}

static void unban(void *owner, const struct mr_control_request *request)
{
	const struct mr_control_unban *unban = request->body;
	const struct mr_control_effect effect = {
		.id = unban->scope.id, .took_ns = request->uid, .replaced = request->is_daemon};
	mr_control_reply(owner, &request->ticket, &effect);
}

static const struct mr_control_handler handlers[] = {{MR_CONTROL_HELLO, say_welcome},
	{MR_CONTROL_STATUS, say_status}, {MR_CONTROL_RELOAD, reload}, {MR_CONTROL_UNBAN, unban}};

static const struct mr_control_host host = {.owner = &control,
	.handlers = handlers,
	.handlers_count = sizeof(handlers) / sizeof(handlers[0]),
	.requests = &requests,
	.rejected = &rejected};

static int setup(void **state)
{
	(void)state;
	char why[256];
	snprintf(directory, sizeof(directory), "/tmp/millrace-control-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/direct.sock", directory);
	segment_fd = memfd_create("test", MFD_CLOEXEC);
	answers_later = false;
	atomic_store(&requests, 0);
	atomic_store(&rejected, 0);
	return mr_control_open(&control, path, &host, why, sizeof(why));
}

static int teardown(void **state)
{
	(void)state;
	mr_control_close(&control);
	close(segment_fd);
	return rmdir(directory); // the socket's file is gone
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, sizeof(path));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static struct mr_control_header request(uint32_t type, uint32_t length)
{
	return (struct mr_control_header){.magic = MR_CONTROL_MAGIC,
		.length = length,
		.type = type,
		.request_id = 17,
		.version = MR_CONTROL_VERSION};
}

// Sends bytes and reads the reply; its type. 0: the connection was closed.
static uint32_t exchange(int fd, const void *bytes, size_t length, uint8_t ret_reply[1024])
{
	struct mr_control_header header;
	assert_int_equal(send(fd, bytes, length, 0), (ssize_t)length);
	(void)mr_control_serve(&control); // connects
	(void)mr_control_serve(&control);
	ssize_t got = recv(fd, ret_reply, 1024, MSG_DONTWAIT);
	if (got <= 0)
		return 0;
	memcpy(&header, ret_reply, sizeof(header));
	assert_int_equal(header.magic, MR_CONTROL_MAGIC);
	assert_int_equal(header.length, got);
	assert_int_equal(header.flags, 1);
	return header.type;
}

static void expect_error(int fd, const void *bytes, size_t length, int result, const char *words)
{
	struct mr_control_error error;
	uint8_t reply[1024];
	uint64_t before = mr_read(&rejected);
	assert_int_equal(exchange(fd, bytes, length, reply), MR_CONTROL_ERROR);
	memcpy(&error, reply + sizeof(struct mr_control_header), sizeof(error));
	assert_int_equal(error.result, result);
	assert_non_null(strstr(error.message, words));
	assert_int_equal(mr_read(&rejected), before + 1);
}

static void questions_are_answered_with_their_id(void **state)
{
	(void)state;
	struct mr_control_header status = request(MR_CONTROL_STATUS, sizeof(status));
	struct mr_control_header again = request(MR_CONTROL_RELOAD, sizeof(again));
	struct mr_control_header header;
	struct mr_control_status body;
	uint8_t reply[1024];
	int fd = dial();
	assert_int_equal(exchange(fd, &status, sizeof(status), reply), MR_CONTROL_STATUS);
	memcpy(&header, reply, sizeof(header));
	memcpy(&body, reply + sizeof(header), sizeof(body));
	assert_int_equal(header.request_id, 17);
	assert_int_equal(header.length, sizeof(header) + sizeof(body));
	assert_int_equal(body.state, MR_ROUTER_RUNNING);
	assert_int_equal(exchange(fd, &again, sizeof(again), reply), MR_CONTROL_RELOAD);
	assert_int_equal(mr_read(&requests), 2);
	assert_int_equal(mr_read(&rejected), 0);
	close(fd);
}

static void hello_hands_over_the_segment(void **state)
{
	(void)state;
	struct mr_control_header hello = request(MR_CONTROL_HELLO, sizeof(hello));
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} passed;
	uint8_t reply[1024];
	struct stat ours, theirs;
	int fd = dial();
	int got_fd = -1;
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	(void)mr_control_serve(&control);
	struct iovec bytes = {.iov_base = reply, .iov_len = sizeof(reply)};
	struct msghdr message = {.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = passed.bytes,
		.msg_controllen = sizeof(passed.bytes)};
	assert_int_equal(recvmsg(fd, &message, MSG_DONTWAIT),
		sizeof(hello) + sizeof(struct mr_control_welcome));
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&got_fd, CMSG_DATA(header), sizeof(got_fd));
	assert_int_equal(fstat(got_fd, &theirs), 0);
	assert_int_equal(fstat(segment_fd, &ours), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(got_fd);
	close(fd);
}

static void messages_of_wrong_size_version_or_type_are_rejected(void **state)
{
	(void)state;
	_Alignas(8) static uint8_t large[MR_CONTROL_MESSAGE_BYTES_MAX + 8];
	struct mr_control_header wrong;
	int fd = dial();
	expect_error(fd, large, 5, -EBADMSG, "shorter than its header");
	wrong = request(MR_CONTROL_STATUS, sizeof(wrong));
	wrong.magic = 1;
	expect_error(fd, &wrong, sizeof(wrong), -EBADMSG, "not a control message");
	wrong = request(MR_CONTROL_STATUS, sizeof(wrong));
	wrong.version = MR_CONTROL_VERSION + 1;
	expect_error(fd, &wrong, sizeof(wrong), -EPROTONOSUPPORT, "only 3");
	wrong = request(MR_CONTROL_STATUS, sizeof(wrong) + 1);
	expect_error(fd, &wrong, sizeof(wrong), -EBADMSG, "the length says 25");
	wrong = request(99, sizeof(wrong));
	expect_error(fd, &wrong, sizeof(wrong), -EOPNOTSUPP, "type 99 is unknown");
	wrong = request(MR_CONTROL_BANS, sizeof(wrong) + sizeof(struct mr_control_from));
	memcpy(large, &wrong, sizeof(wrong));
	expect_error(fd, large, wrong.length, -EOPNOTSUPP, "not answered by this release");
	wrong = request(MR_CONTROL_STATUS, sizeof(wrong) + 8);
	memcpy(large, &wrong, sizeof(wrong));
	expect_error(fd, large, sizeof(wrong) + 8, -EBADMSG, "takes a body of 0 bytes");
	expect_error(fd, large, sizeof(large), -EMSGSIZE, "longer than any");
	wrong = request(MR_CONTROL_STATUS, sizeof(wrong)); // and the connection still serves
	uint8_t reply[1024];
	assert_int_equal(exchange(fd, &wrong, sizeof(wrong), reply), MR_CONTROL_STATUS);
	close(fd);
}

static void request_with_a_body_reaches_its_handler_with_the_peer(void **state)
{
	(void)state;
	struct {
		struct mr_control_header header;
		struct mr_control_unban body;
	} message = {.header = request(MR_CONTROL_UNBAN, sizeof(message)),
		.body.scope = {.id = 77, .kind = MR_SCOPE_APP}};
	struct mr_control_effect effect;
	uint8_t reply[1024];
	int fd = dial();
	assert_int_equal(exchange(fd, &message, sizeof(message), reply), MR_CONTROL_UNBAN);
	memcpy(&effect, reply + sizeof(message.header), sizeof(effect));
	assert_int_equal(effect.id, 77);
	assert_int_equal(effect.took_ns, getuid());
	assert_int_equal(effect.replaced, 0);
	message.header.flags = MR_CONTROL_OF_DAEMON;
	assert_int_equal(exchange(fd, &message, sizeof(message), reply), MR_CONTROL_UNBAN);
	memcpy(&effect, reply + sizeof(message.header), sizeof(effect));
	assert_int_equal(effect.replaced, 1);
	message.body.scope.id = 0;
	expect_error(fd, &message, sizeof(message), -EINVAL, "0 is no id");
	close(fd);
}

static void answer_may_come_later_than_those_of_later_questions(void **state)
{
	(void)state;
	struct mr_control_header first = request(MR_CONTROL_STATUS, sizeof(first));
	struct mr_control_header second = request(MR_CONTROL_RELOAD, sizeof(second));
	const struct mr_control_status status = {.state = MR_ROUTER_DRAINING};
	struct mr_control_header header;
	uint8_t reply[1024];
	int fd = dial();
	answers_later = true;
	first.request_id = 1;
	assert_int_equal(exchange(fd, &first, sizeof(first), reply), 0);
	second.request_id = 2;
	assert_int_equal(exchange(fd, &second, sizeof(second), reply), MR_CONTROL_RELOAD);
	mr_control_reply(&control, &kept, &status);
	assert_int_equal(
		recv(fd, reply, sizeof(reply), MSG_DONTWAIT), sizeof(header) + sizeof(status));
	memcpy(&header, reply, sizeof(header));
	assert_int_equal(header.request_id, 1);
	assert_int_equal(header.type, MR_CONTROL_STATUS);
	close(fd);
}

static void answer_to_a_client_that_left_reaches_nobody(void **state)
{
	(void)state;
	struct mr_control_header question = request(MR_CONTROL_STATUS, sizeof(question));
	const struct mr_control_status status = {.state = MR_ROUTER_DRAINING};
	uint8_t reply[1024];
	int fd = dial();
	answers_later = true;
	assert_int_equal(exchange(fd, &question, sizeof(question), reply), 0);
	close(fd);
	(void)mr_control_serve(&control); // notices that it left
	fd = dial();
	(void)mr_control_serve(&control); // the next one has its place
	mr_control_reply(&control, &kept, &status);
	mr_control_refuse(&control, &kept, -EIO, "nobody hears this");
	assert_int_equal(recv(fd, reply, sizeof(reply), MSG_DONTWAIT), -1);
	assert_int_equal(mr_read(&rejected), 0);
	close(fd);
}

static void client_beyond_the_bound_is_told_so(void **state)
{
	(void)state;
	struct mr_control_header header;
	struct mr_control_error error;
	uint8_t reply[1024];
	int fds[MR_CONTROL_CLIENTS_MAX + 1];
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX + 1; i++) {
		fds[i] = dial();
		(void)mr_control_serve(&control);
	}
	ssize_t got = recv(fds[MR_CONTROL_CLIENTS_MAX], reply, sizeof(reply), MSG_DONTWAIT);
	assert_int_equal(got, sizeof(header) + sizeof(error));
	memcpy(&error, reply + sizeof(header), sizeof(error));
	assert_int_equal(error.result, -EBUSY);
	close(fds[0]);
	(void)mr_control_serve(&control); // notices that it left
	int fd = dial();
	header = request(MR_CONTROL_STATUS, sizeof(header));
	assert_int_equal(exchange(fd, &header, sizeof(header), reply), MR_CONTROL_STATUS);
	close(fd);
	for (uint32_t i = 1; i < MR_CONTROL_CLIENTS_MAX + 1; i++)
		close(fds[i]);
}

static void live_socket_is_an_error_and_a_stale_one_is_replaced(void **state)
{
	(void)state;
	static struct mr_control second;
	struct stat status;
	char why[256];
	assert_int_equal(mr_control_open(&second, path, &host, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, path));
	mr_control_close(&second); // never opened
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	close(control.listener); // as if its router had been killed: the file stays
	assert_int_equal(mr_control_open(&control, path, &host, why, sizeof(why)), 0);
	close(dial());
}

static void file_that_is_no_socket_is_left_alone(void **state)
{
	(void)state;
	static struct mr_control second;
	char file[80];
	char why[256];
	snprintf(file, sizeof(file), "%s/file", directory);
	FILE *made = fopen(file, "we");
	assert_non_null(made);
	fclose(made);
	assert_int_equal(mr_control_open(&second, file, &host, why, sizeof(why)), -EEXIST);
	assert_non_null(strstr(why, "no socket"));
	assert_int_equal(unlink(file), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			questions_are_answered_with_their_id, setup, teardown),
		cmocka_unit_test_setup_teardown(hello_hands_over_the_segment, setup, teardown),
		cmocka_unit_test_setup_teardown(
			messages_of_wrong_size_version_or_type_are_rejected, setup, teardown),
		cmocka_unit_test_setup_teardown(
			request_with_a_body_reaches_its_handler_with_the_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answer_may_come_later_than_those_of_later_questions, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answer_to_a_client_that_left_reaches_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(
			client_beyond_the_bound_is_told_so, setup, teardown),
		cmocka_unit_test_setup_teardown(
			live_socket_is_an_error_and_a_stale_one_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_that_is_no_socket_is_left_alone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
