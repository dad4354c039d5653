#include "direct.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { TIMEOUT_SECONDS = 5 };

// Writes the reason; returns the negative errno, for a one-line return.
static int fail(char *ret_why, int error, const char *text)
{
	snprintf(ret_why, MR_DIRECT_WHY_BYTES, "%s", text);
	return error;
}

static int fail_connect(char *ret_why, int error, const char *path)
{
	const char *advice = "";

	switch (-error) {
	case ENOENT:
		advice =
			"there is no such socket: start millraced, or name its direct.socket with --socket";
		break;
	case ECONNREFUSED:
		advice =
			"nobody listens there: millraced has ended and left its socket behind; start it";
		break;
	case EACCES:
	case EPERM:
		advice = "not permitted: run as root, or as the user that runs millraced";
		break;
	case EPROTOTYPE:
		advice =
			"this is a socket of something else: --socket wants millraced's direct.socket";
		break;
	default:
		advice = strerror(-error);
		break;
	}
	snprintf(ret_why, MR_DIRECT_WHY_BYTES, "%s: %s", path, advice);
	return error;
}

static int connect_to(const char *path, char *ret_why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(ret_why, -ENAMETOOLONG,
			"the path of the socket is longer than the system allows (107 bytes)");
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(ret_why, -errno, strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0
		|| setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0
		|| connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = -errno;

		close(fd);
		return fail_connect(ret_why, error, path);
	}
	return fd;
}

// Takes the descriptor that travels with a reply; -1 when there is none.
static int descriptor_of(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS
		&& control->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

// What a reply of `length` bytes says of itself; the body that was asked for has `body_bytes`.
static int reply_check(const struct mr_control_header *reply, size_t length,
	const struct mr_control_header *asked, size_t body_bytes, char *ret_why)
{
	if (length < sizeof(*reply) || reply->magic != MR_CONTROL_MAGIC)
		return fail(ret_why, -EPROTO,
			"what listens there does not speak Millrace's control protocol");
	if (reply->version != MR_CONTROL_VERSION) {
		snprintf(ret_why, MR_DIRECT_WHY_BYTES,
			"millraced speaks control version %u, this program %u: use the millrace of millraced's release",
			reply->version, (unsigned)MR_CONTROL_VERSION);
		return -EPROTO;
	}
	if (reply->length != length || reply->request_id != asked->request_id)
		return fail(ret_why, -EPROTO, "a reply of millraced does not fit its request");
	if (reply->type == MR_CONTROL_ERROR)
		body_bytes = sizeof(struct mr_control_error);
	else if (reply->type != asked->type)
		body_bytes = SIZE_MAX;
	if (length - sizeof(*reply) != body_bytes)
		return fail(ret_why, -EPROTO,
			"a reply of millraced has another type or size than asked for");
	return 0;
}

static int refused(const struct mr_control_error *error, char *ret_why)
{
	snprintf(ret_why, MR_DIRECT_WHY_BYTES, "millraced refused: %.*s",
		(int)sizeof(error->message), error->message);
	return error->result < 0 ? error->result : -EPROTO;
}

// The body goes to `ret_body`; of a refusal, which may be longer, the rest to `rest`.
static int receive(struct mr_direct *direct, const struct mr_control_header *asked, void *ret_body,
	size_t ret_bytes, int *ret_fd, char *ret_why)
{
	struct mr_control_header header;
	struct mr_control_error error = {0};
	uint8_t rest[sizeof(error) + 1];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec parts[] = {{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = ret_body, .iov_len = ret_bytes},
		{.iov_base = rest, .iov_len = sizeof(rest)}};
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = sizeof(parts) / sizeof(parts[0]),
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const ssize_t length = recvmsg(direct->fd, &message, MSG_CMSG_CLOEXEC);

	if (length < 0)
		return errno == EAGAIN ? fail(ret_why, -ETIMEDOUT,
			       "millraced does not answer: its main thread is stuck")
				       : fail(ret_why, -errno, strerror(errno));
	if (length == 0)
		return fail(ret_why, -ECONNRESET, "millraced closed the connection");
	*ret_fd = descriptor_of(&message);
	const int r = reply_check(&header, (size_t)length, asked, ret_bytes, ret_why);

	if (r < 0 || header.type != MR_CONTROL_ERROR)
		return r;
	const size_t first = ret_bytes < sizeof(error) ? ret_bytes : sizeof(error);

	if (first > 0)
		memcpy(&error, ret_body, first);
	memcpy((uint8_t *)&error + first, rest, sizeof(error) - first);
	return refused(&error, ret_why);
}

// One request, one reply; *ret_fd is the caller's (-1: none came).
static int exchange(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, void *ret_body, size_t ret_bytes, int *ret_fd, char *ret_why)
{
	const struct mr_control_header request = {
		.magic = MR_CONTROL_MAGIC,
		.length = (uint32_t)(sizeof(request) + body_bytes),
		.type = type,
		.request_id = ++direct->request_id,
		.version = MR_CONTROL_VERSION,
		.flags = direct->flags,
	};
	struct iovec parts[] = {
		{.iov_base = (void *)(uintptr_t)&request, .iov_len = sizeof(request)},
		{.iov_base = (void *)(uintptr_t)body, .iov_len = body_bytes}};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = body_bytes > 0 ? 2 : 1};

	*ret_fd = -1;
	if (sendmsg(direct->fd, &message, MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? fail(ret_why, -ETIMEDOUT,
			       "millraced takes no requests: its main thread is stuck")
				       : fail(ret_why, -errno, "millraced closed the connection");
	return receive(direct, &request, ret_body, ret_bytes, ret_fd, ret_why);
}

int mr_direct_ask(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, void *ret_body, size_t ret_bytes, char *ret_why)
{
	int unexpected;
	const int r =
		exchange(direct, type, body, body_bytes, ret_body, ret_bytes, &unexpected, ret_why);

	if (unexpected >= 0)
		close(unexpected);
	return r;
}

int mr_direct_wait(struct mr_direct *direct, uint32_t timeout_ms)
{
	const struct timeval timeout = {
		.tv_sec = timeout_ms / 1000, .tv_usec = (int32_t)(timeout_ms % 1000) * 1000};

	if (setsockopt(direct->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0
		|| setsockopt(direct->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	return 0;
}

static bool table_fits(uint64_t at, uint64_t count, uint64_t row_bytes, size_t bytes)
{
	return at % 8 == 0 && at >= sizeof(struct mr_stats) && at <= bytes
		&& count <= (bytes - at) / row_bytes;
}

int mr_stats_check(const struct mr_stats *stats, size_t bytes, char *ret_why)
{
	if (bytes < sizeof(*stats) || stats->magic != MR_STATS_MAGIC || stats->bytes != bytes)
		return fail(ret_why, -EPROTO, "the statistics segment is none");
	if (stats->version != MR_STATS_VERSION)
		return fail(ret_why, -EPROTO,
			"the statistics segment has another version: use the millrace of millraced's release");
	if (stats->stages_count > MR_STAGES_MAX || stats->shards > MR_SHARDS_MAX
		|| !table_fits(
			stats->stages_at, stats->stages_count, sizeof(struct mr_stats_stage), bytes)
		|| !table_fits(stats->scopes_at,
			(uint64_t)stats->shards * MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX,
			sizeof(struct mr_stats_scope), bytes)
		|| !table_fits(stats->webhooks_at, stats->webhooks_max,
			sizeof(struct mr_stats_webhook), bytes)
		|| stats->deliveries > MR_DELIVERIES_MAX
		|| !table_fits(stats->tops_at,
			(uint64_t)stats->shards * MR_TOP_KINDS * MR_TOP_TABLES,
			sizeof(struct mr_stats_top), bytes)
		|| !table_fits(stats->attempts_at, stats->deliveries,
			sizeof(struct mr_stats_attempts), bytes)
		|| !table_fits(stats->taps_at, (uint64_t)stats->shards + stats->deliveries,
			sizeof(struct mr_stats_taps), bytes))
		return fail(ret_why, -EPROTO,
			"the statistics segment announces tables that it does not hold");
	return 0;
}

static int map_stats(struct mr_direct *direct, int fd, char *ret_why)
{
	struct stat about;

	if (fd < 0 || fstat(fd, &about) < 0)
		return fail(ret_why, -EPROTO, "millraced sent no statistics segment");
	if (about.st_size < (off_t)sizeof(struct mr_stats)
		|| (uint64_t)about.st_size != direct->welcome.segment_bytes)
		return fail(
			ret_why, -EPROTO, "the statistics segment has another size than announced");
	void *mapped = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return fail(ret_why, -errno, "the statistics segment cannot be mapped");
	direct->stats = mapped;
	direct->stats_bytes = (size_t)about.st_size;
	return mr_stats_check(direct->stats, direct->stats_bytes, ret_why);
}

int mr_direct_open(struct mr_direct *ret_direct, const char *path, char *ret_why)
{
	int segment = -1;

	*ret_direct = (struct mr_direct){.fd = connect_to(path, ret_why)};
	if (ret_direct->fd < 0)
		return ret_direct->fd;
	int r = exchange(ret_direct, MR_CONTROL_HELLO, NULL, 0, &ret_direct->welcome,
		sizeof(ret_direct->welcome), &segment, ret_why);
	if (r == 0) {
		ret_direct->welcome.release[sizeof(ret_direct->welcome.release) - 1] = 0;
		r = map_stats(ret_direct, segment, ret_why);
	}
	if (segment >= 0)
		close(segment);
	if (r < 0)
		mr_direct_close(ret_direct);
	return r;
}

void mr_direct_close(struct mr_direct *direct)
{
	if (direct->stats)
		munmap((void *)(uintptr_t)direct->stats, direct->stats_bytes);
	if (direct->fd >= 0)
		close(direct->fd);
	*direct = (struct mr_direct){.fd = -1};
}

int mr_direct_status(struct mr_direct *direct, struct mr_control_status *ret_status, char *ret_why)
{
	const int r = mr_direct_ask(
		direct, MR_CONTROL_STATUS, NULL, 0, ret_status, sizeof(*ret_status), ret_why);

	if (r < 0)
		return r;
	ret_status->port[sizeof(ret_status->port) - 1] = 0;
	ret_status->config[sizeof(ret_status->config) - 1] = 0;
	ret_status->journal[sizeof(ret_status->journal) - 1] = 0;
	return 0;
}
