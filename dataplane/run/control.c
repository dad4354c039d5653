#include "control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mr_assert.h"

// The largest reply fits here, behind its header.
union body {
	struct mr_control_welcome welcome;
	struct mr_control_status status;
	struct mr_control_reload reload;
	struct mr_control_error error;
};

struct reply {
	struct mr_control_header header;
	union body body;
};

struct handler {
	uint32_t type;
	uint32_t request_bytes; // of the body
	uint32_t reply_bytes;
	void (*handle)(struct mr_control *control, union body *ret_body, int *ret_fd);
};

static void handle_hello(struct mr_control *control, union body *ret_body, int *ret_fd)
{
	control->host.welcome(control->host.owner, &ret_body->welcome, ret_fd);
}

static void handle_status(struct mr_control *control, union body *ret_body, int *ret_fd)
{
	(void)ret_fd;
	control->host.status(control->host.owner, &ret_body->status);
}

static void handle_reload(struct mr_control *control, union body *ret_body, int *ret_fd)
{
	(void)ret_fd;
	control->host.reload(control->host.owner, &ret_body->reload);
}

static const struct handler handlers[] = {
	{MR_CONTROL_HELLO, 0, sizeof(struct mr_control_welcome), handle_hello},
	{MR_CONTROL_STATUS, 0, sizeof(struct mr_control_status), handle_status},
	{MR_CONTROL_RELOAD, 0, sizeof(struct mr_control_reload), handle_reload},
};

// -- Listening

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int length = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", path);
	return length > 0 && (size_t)length < sizeof(ret_address->sun_path) ? 0 : -ENAMETOOLONG;
}

// Removes the file of a router that is gone; -EADDRINUSE when one lives.
static int clear_stale(const struct sockaddr_un *address)
{
	struct stat status;
	if (lstat(address->sun_path, &status) != 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	bool alive = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	close(fd);
	if (alive)
		return -EADDRINUSE;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mode_t before = umask(0177);
	int bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int err = bound == 0 ? 0 : -errno;
	umask(before);
	if (err == 0 && listen(fd, MR_CONTROL_CLIENTS_MAX) != 0)
		err = -errno;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

int mr_control_open(struct mr_control *control, const char *path,
	const struct mr_control_host *host, char *ret_why, size_t why_size)
{
	struct sockaddr_un address;
	*control = (struct mr_control){.host = *host, .listener = -1};
	memset(control->clients, 0xff, sizeof(control->clients));
	int err = address_of(path, &address);
	if (err == 0)
		err = clear_stale(&address);
	if (err == 0)
		err = control->listener = listen_at(&address);
	if (err >= 0) {
		snprintf(control->path, sizeof(control->path), "%s", path);
		return 0;
	}
	control->listener = -1;
	if (err == -EADDRINUSE)
		snprintf(ret_why, why_size,
			"another millraced listens on %s: stop it, or set direct.socket", path);
	else if (err == -EEXIST)
		snprintf(ret_why, why_size,
			"%s is there and no socket: remove it, or set direct.socket", path);
	else
		snprintf(ret_why, why_size, "cannot listen on %s: %s", path, strerror(-err));
	return err;
}

static void drop_client(struct mr_control *control, uint32_t client)
{
	close(control->clients[client]);
	control->clients[client] = -1;
}

void mr_control_close(struct mr_control *control)
{
	if (control->listener < 0)
		return;
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i] >= 0)
			drop_client(control, i);
	close(control->listener);
	unlink(control->path);
	control->listener = -1;
}

uint32_t mr_control_poll_fds(const struct mr_control *control, struct pollfd *ret_fds)
{
	uint32_t count = 0;
	ret_fds[count++] = (struct pollfd){.fd = control->listener, .events = POLLIN};
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i] >= 0)
			ret_fds[count++] =
				(struct pollfd){.fd = control->clients[i], .events = POLLIN};
	return count;
}

// -- Messages

// False: the client does not read its replies and has to go.
static bool send_reply(int fd, const struct mr_control_header *request, uint32_t type,
	struct reply *reply, uint32_t body_bytes, int passed_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} passed = {.bytes = {0}};
	reply->header = (struct mr_control_header){.magic = MR_CONTROL_MAGIC,
		.length = (uint32_t)sizeof(reply->header) + body_bytes,
		.type = type,
		.request_id = request->request_id,
		.version = MR_CONTROL_VERSION,
		.flags = 1};
	struct iovec bytes = {.iov_base = reply, .iov_len = reply->header.length};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
	if (passed_fd >= 0) {
		message.msg_control = passed.bytes;
		message.msg_controllen = sizeof(passed.bytes);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes.iov_len;
}

__attribute__((format(printf, 5, 6))) static bool reject(struct mr_control *control, int fd,
	const struct mr_control_header *request, int result, const char *format, ...)
{
	struct reply reply = {0};
	va_list arguments;
	mr_count(control->host.rejected, 1);
	reply.body.error.result = result;
	va_start(arguments, format);
	vsnprintf(reply.body.error.message, sizeof(reply.body.error.message), format, arguments);
	va_end(arguments);
	return send_reply(fd, request, MR_CONTROL_ERROR, &reply, sizeof(reply.body.error), -1);
}

static bool serve_message(struct mr_control *control, int fd, const uint8_t *message, size_t length)
{
	struct mr_control_header request = {0};
	mr_count(control->host.requests, 1);
	if (length < sizeof(request))
		return reject(control, fd, &request, -EBADMSG,
			"a message of %zu bytes is shorter than its header", length);
	memcpy(&request, message, sizeof(request));
	if (request.magic != MR_CONTROL_MAGIC)
		return reject(control, fd, &request, -EBADMSG, "not a control message");
	if (request.version != MR_CONTROL_VERSION)
		return reject(control, fd, &request, -EPROTONOSUPPORT,
			"version %u is not spoken here, only %d", request.version,
			MR_CONTROL_VERSION);
	if (request.length != length)
		return reject(control, fd, &request, -EBADMSG,
			"the length says %u, the message has %zu bytes", request.length, length);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		const struct handler *handler = &handlers[i];
		struct reply reply = {0};
		int passed_fd = -1;
		if (handler->type != request.type)
			continue;
		if (length != sizeof(request) + handler->request_bytes)
			return reject(control, fd, &request, -EBADMSG,
				"type %u takes a body of %u bytes, not %zu", request.type,
				handler->request_bytes, length - sizeof(request));
		handler->handle(control, &reply.body, &passed_fd);
		return send_reply(
			fd, &request, request.type, &reply, handler->reply_bytes, passed_fd);
	}
	return reject(control, fd, &request, -EOPNOTSUPP, "type %u is unknown", request.type);
}

static void serve_client(struct mr_control *control, uint32_t client)
{
	uint8_t message[MR_CONTROL_MESSAGE_BYTES_MAX / 4];
	int fd = control->clients[client];
	// MSG_TRUNC: the length of the whole packet, also when it does not fit
	ssize_t length = recv(fd, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	bool stays = length > 0;
	if (length > (ssize_t)sizeof(message)) {
		struct mr_control_header nothing = {0};
		mr_count(control->host.requests, 1);
		stays = reject(control, fd, &nothing, -EMSGSIZE,
			"a message of %zd bytes is longer than any that is known", length);
	} else if (stays) {
		stays = serve_message(control, fd, message, (size_t)length);
	}
	if (!stays)
		drop_client(control, client);
}

static bool may_connect(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
		&& (peer.uid == 0 || peer.uid == geteuid());
}

static void accept_client(struct mr_control *control)
{
	const struct mr_control_header nothing = {0};
	int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!may_connect(fd)) {
		(void)reject(control, fd, &nothing, -EPERM,
			"only root and the router's own user may connect");
		close(fd);
		return;
	}
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i] >= 0)
			continue;
		control->clients[i] = fd;
		return;
	}
	(void)reject(control, fd, &nothing, -EBUSY, "%d clients are connected already",
		MR_CONTROL_CLIENTS_MAX);
	close(fd);
}

void mr_control_serve(struct mr_control *control)
{
	accept_client(control);
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i] >= 0)
			serve_client(control, i);
}
