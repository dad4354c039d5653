#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "log.h"
#include "server.h"
#include "store.h"

enum { BACKLOG = 512 };

static int finish(int fd, const struct sockaddr *address, socklen_t length)
{
	if (bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	const int error = -errno;

	close(fd);
	return error;
}

// Somebody listens there: not ours to take away.
static bool is_taken(const struct sockaddr_un *address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool taken =
		fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return taken;
}

// Members of the group may open the socket, when the daemon itself is one.
static void admit_group(const char *path, const char *name)
{
	char buffer[4096];
	struct group entry;
	struct group *found = NULL;

	if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) == 0 && found
		&& chown(path, (uid_t)-1, found->gr_gid) < 0)
		mr_log(MR_LOG_WARNING,
			"control.socket: group %s cannot be given: the daemon's user is no member of it",
			name);
}

int mr_listen_unix(const char *path, const char *group, char *ret_why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = -ENAMETOOLONG;

	if (mr_copy_text(address.sun_path, sizeof(address.sun_path), path, strlen(path)))
		r = is_taken(&address) ? -EADDRINUSE : 0;
	if (r == 0) {
		unlink(path); // of a daemon that was killed
		r = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = r < 0 ? -errno : finish(r, (const struct sockaddr *)&address, sizeof(address));
	}
	if (r >= 0 && chmod(path, 0660) < 0) {
		const int error = -errno;

		close(r);
		r = error;
	}
	if (r >= 0)
		admit_group(path, group);
	if (r < 0)
		snprintf(ret_why, MR_STORE_WHY_BYTES,
			"control.socket: %s: %s; its directory must be the daemon's, and no other daemon run on it",
			path, strerror(-r));
	return r;
}

// The address as sockets take it; NULL: it has another form. The caller frees it.
static struct addrinfo *resolve(const char *address)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	const char *port = strrchr(address, ':');
	const bool is_v6 = address[0] == '[';
	char host[64];

	if (!port || (is_v6 && (port < address + 2 || port[-1] != ']'))
		|| !mr_copy_text(host, sizeof(host), address + is_v6,
			(size_t)(port - address) - 2 * (size_t)is_v6)
		|| getaddrinfo(host, port + 1, &hints, &found) != 0)
		return NULL;
	return found;
}

bool mr_listen_address_fits(const char *address)
{
	struct addrinfo *found = resolve(address);

	if (found)
		freeaddrinfo(found);
	return found != NULL;
}

int mr_listen_tcp(const char *address, char *ret_why)
{
	struct addrinfo *found = resolve(address);
	const int on = 1;
	int r = -EINVAL;

	if (found) {
		r = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (r >= 0)
			setsockopt(r, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		r = r < 0 ? -errno : finish(r, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	if (r < 0)
		snprintf(ret_why, MR_STORE_WHY_BYTES,
			"control.listen: %s: %s; it must be an address of this host, with a port that is free",
			address, strerror(-r));
	return r;
}
