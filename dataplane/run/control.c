#include "control.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control_codec.h"
#include "mr_assert.h"

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

// The group's members may open the socket. 0 or negative errno; -ENOENT: there is no such group.
static int admit_group(struct mr_control *control, const char *path, const char *name)
{
	char buffer[4096];
	struct group entry;
	struct group *found = NULL;
	control->gid = UINT32_MAX;
	if (name == NULL || strcmp(name, "none") == 0)
		return 0;
	if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL)
		return -ENOENT;
	if (chown(path, (uid_t)-1, found->gr_gid) != 0 || chmod(path, 0660) != 0)
		return -errno;
	control->gid = found->gr_gid;
	return 0;
}

int mr_control_open(struct mr_control *control, const char *path,
	const struct mr_control_host *host, char *ret_why, size_t why_size)
{
	struct sockaddr_un address;
	memset(control, 0, sizeof(*control));
	control->host = *host;
	control->listener = -1;
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	int err = address_of(path, &address);
	if (err == 0)
		err = clear_stale(&address);
	if (err == 0)
		err = control->listener = listen_at(&address);
	if (err >= 0) {
		snprintf(control->path, sizeof(control->path), "%s", path);
		err = admit_group(control, path, host->group);
		if (err == 0)
			return 0;
		snprintf(ret_why, why_size, "direct.group: %s: %s", host->group,
			err == -ENOENT ? "there is no such group" : strerror(-err));
		mr_control_close(control);
		return err;
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
	close(control->clients[client].fd);
	control->clients[client].fd = -1;
	control->clients[client].visit++; // what it asked for is forgotten
}

void mr_control_close(struct mr_control *control)
{
	if (control->listener < 0)
		return;
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
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
		if (control->clients[i].fd >= 0)
			ret_fds[count++] =
				(struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
	return count;
}

// -- Messages

// False: the client does not read its replies and has to go.
static bool send_reply(
	int fd, const struct mr_control_header *header, const void *body, int passed_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} passed = {.bytes = {0}};
	struct iovec parts[] = {{.iov_base = (void *)(uintptr_t)header, .iov_len = sizeof(*header)},
		{.iov_base = (void *)(uintptr_t)body, .iov_len = header->length - sizeof(*header)}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	if (passed_fd >= 0) {
		message.msg_control = passed.bytes;
		message.msg_controllen = sizeof(passed.bytes);
		struct cmsghdr *control = CMSG_FIRSTHDR(&message);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(control), &passed_fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)header->length;
}

static struct mr_control_header reply_header(
	uint32_t type, uint32_t body_bytes, uint32_t request_id)
{
	return (struct mr_control_header){.magic = MR_CONTROL_MAGIC,
		.length = (uint32_t)sizeof(struct mr_control_header) + body_bytes,
		.type = type,
		.request_id = request_id,
		.version = MR_CONTROL_VERSION,
		.flags = MR_CONTROL_REPLY};
}

static bool send_error(struct mr_control *control, int fd, uint32_t request_id,
	const struct mr_control_error *error)
{
	const struct mr_control_header header =
		reply_header(MR_CONTROL_ERROR, sizeof(*error), request_id);
	mr_count(control->host.rejected, 1);
	return send_reply(fd, &header, error, -1);
}

static bool is_there(const struct mr_control *control, const struct mr_control_ticket *ticket)
{
	mr_assert(ticket->client < MR_CONTROL_CLIENTS_MAX);
	const struct mr_control_client *client = &control->clients[ticket->client];
	return client->fd >= 0 && client->visit == ticket->visit;
}

void mr_control_reply_with(struct mr_control *control, const struct mr_control_ticket *ticket,
	const void *body, int fd)
{
	const struct mr_control_form *form = mr_control_form(ticket->type);
	mr_assert(form != NULL);
	const struct mr_control_header header =
		reply_header(form->type, form->reply_bytes, ticket->request_id);
	if (is_there(control, ticket)
		&& !send_reply(control->clients[ticket->client].fd, &header, body, fd))
		drop_client(control, ticket->client);
}

void mr_control_reply(
	struct mr_control *control, const struct mr_control_ticket *ticket, const void *body)
{
	mr_control_reply_with(control, ticket, body, -1);
}

void mr_control_refuse(struct mr_control *control, const struct mr_control_ticket *ticket,
	int result, const char *format, ...)
{
	struct mr_control_error error = {.result = result};
	va_list arguments;
	mr_assert(result < 0);
	va_start(arguments, format);
	vsnprintf(error.message, sizeof(error.message), format, arguments);
	va_end(arguments);
	if (is_there(control, ticket)
		&& !send_error(
			control, control->clients[ticket->client].fd, ticket->request_id, &error))
		drop_client(control, ticket->client);
}

static void serve_message(
	struct mr_control *control, uint32_t client, const void *message, size_t length)
{
	const struct mr_control_host *host = &control->host;
	struct mr_control_header header;
	char why[MR_CONTROL_WHY_BYTES];
	const int err = mr_control_parse(message, length, &header, why);
	const struct mr_control_request request = {.ticket = {.client = client,
							   .visit = control->clients[client].visit,
							   .type = header.type,
							   .request_id = header.request_id},
		.body = (const uint8_t *)message + sizeof(header),
		.uid = control->clients[client].uid,
		.is_daemon = header.flags & MR_CONTROL_OF_DAEMON};
	if (err != 0) {
		mr_control_refuse(control, &request.ticket, err, "%s", why);
		return;
	}
	for (uint32_t i = 0; i < host->handlers_count; i++) {
		if (host->handlers[i].type != header.type)
			continue;
		host->handlers[i].handle(host->owner, &request);
		return;
	}
	mr_control_refuse(control, &request.ticket, -EOPNOTSUPP,
		"type %u is not answered by this release", header.type);
}

// False: nothing was there.
static bool serve_client(struct mr_control *control, uint32_t client)
{
	const size_t size = sizeof(control->message);
	const struct mr_control_ticket nobody = {
		.client = client, .visit = control->clients[client].visit};
	// MSG_TRUNC: the length of the whole packet, also when it does not fit
	const ssize_t length =
		recv(control->clients[client].fd, control->message, size, MSG_DONTWAIT | MSG_TRUNC);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (length <= 0) {
		drop_client(control, client);
		return true;
	}
	mr_count(control->host.requests, 1);
	if (length > (ssize_t)size)
		mr_control_refuse(control, &nobody, -EMSGSIZE,
			"a message of %zd bytes is longer than any that is known", length);
	else
		serve_message(control, client, control->message, (size_t)length);
	return true;
}

static void turn_away(struct mr_control *control, int fd, int result, const char *why)
{
	struct mr_control_error error = {.result = result};
	snprintf(error.message, sizeof(error.message), "%s", why);
	(void)send_error(control, fd, 0, &error);
	close(fd);
}

static void accept_client(struct mr_control *control)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	const int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0
		|| (peer.uid != 0 && peer.uid != geteuid() && peer.gid != control->gid)) {
		turn_away(control, fd, -EPERM,
			"only root, the router's own user and direct.group may connect");
		return;
	}
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++) {
		struct mr_control_client *client = &control->clients[i];
		if (client->fd >= 0)
			continue;
		client->fd = fd;
		client->uid = peer.uid;
		return;
	}
	turn_away(control, fd, -EBUSY, "16 clients are connected already: close one");
	static_assert(MR_CONTROL_CLIENTS_MAX == 16, "as the text says");
}

bool mr_control_serve(struct mr_control *control)
{
	bool served = false;
	accept_client(control);
	for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			served |= serve_client(control, i);
	return served;
}
