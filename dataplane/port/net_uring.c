#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <liburing.h>

#include "bytes.h"
#include "mr_assert.h"
#include "net.h"

enum { SUBMISSIONS_MAX = 1024, COMPLETIONS_MAX = 65536, COMPLETION_BURST = 64 };

struct mr_net {
	struct mr_io doorbell; // first: its callback finds the net by it
	struct io_uring ring;
	bool deferred; // completions need an enter of ours (TASKRUN_FLAG says when)
	bool skip_success;
	char features[96];
	// What mr_net_register took: writes from it are IORING_OP_WRITE_FIXED.
	const uint8_t *registered;
	size_t registered_bytes;
	// By submission slot: the kernel reads an address when it takes the submission, and no
	// other can have the slot before.
	struct sockaddr_in6 *addresses;
	int doorbell_fd;
	uint64_t doorbell_value;
	bool announced; // the owner's own view of `sleeping`
	_Atomic uint32_t sleeping; // written by the owner; cleared by whoever rings
};

static void on_doorbell(struct mr_io *io, int32_t result);

// The best set of flags that this kernel takes.
static int ring_init(struct mr_net *net, uint32_t entries)
{
	static const struct {
		unsigned flags;
		bool deferred;
		const char *text;
	} modes[] = {
		{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
				| IORING_SETUP_TASKRUN_FLAG,
			true, "io_uring: single issuer, deferred task work"},
		{IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, true,
			"io_uring: cooperative task work (kernel before 6.1)"},
		{0, false, "io_uring: plain (kernel before 5.19)"},
	};
	uint32_t completions = entries < COMPLETIONS_MAX / 4 ? 4 * entries : COMPLETIONS_MAX;

	int r = -EINVAL;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && r == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = modes[i].flags | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
			.cq_entries = completions < 64 ? 64 : completions,
		};
		uint32_t submissions = entries < SUBMISSIONS_MAX ? entries : SUBMISSIONS_MAX;
		r = io_uring_queue_init_params(submissions, &net->ring, &params);
		net->deferred = modes[i].deferred;
		(void)mr_copy_text(
			net->features, sizeof(net->features), modes[i].text, strlen(modes[i].text));
		net->skip_success = (params.features & IORING_FEAT_CQE_SKIP) != 0;
		if (r == 0 && (params.features & IORING_FEAT_EXT_ARG) == 0) {
			io_uring_queue_exit(&net->ring);
			return -ENOSYS; // a wait with a timeout needs Linux 5.11
		}
	}
	return r;
}

static struct io_uring_sqe *next_sqe(struct mr_net *net)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&net->ring);

	while (sqe == NULL) { // the submission ring is full
		int r = io_uring_submit(&net->ring);
		mr_assert(r >= 0 || r == -EINTR || r == -EAGAIN || r == -EBUSY);
		sqe = io_uring_get_sqe(&net->ring);
	}
	return sqe;
}

static struct io_uring_sqe *begin(struct mr_net *net, struct mr_io *io)
{
	mr_assert(!io->busy && io->done != NULL);
	io->busy = true;
	return next_sqe(net);
}

static void arm_doorbell(struct mr_net *net)
{
	struct io_uring_sqe *sqe = begin(net, &net->doorbell);

	io_uring_prep_read(
		sqe, net->doorbell_fd, &net->doorbell_value, sizeof(net->doorbell_value), 0);
	io_uring_sqe_set_data(sqe, &net->doorbell);
}

static void on_doorbell(struct mr_io *io, int32_t result)
{
	struct mr_net *net = (struct mr_net *)io;

	mr_expect(result == (int32_t)sizeof(net->doorbell_value));
	arm_doorbell(net);
}

int mr_net_open(uint32_t entries, struct mr_net **ret_net)
{
	struct mr_net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		return -ENOMEM;
	int r = ring_init(net, entries);
	if (r < 0) {
		free(net);
		return r;
	}
	net->doorbell.done = on_doorbell;
	net->addresses = calloc(net->ring.sq.ring_entries, sizeof(*net->addresses));
	// Blocking on purpose: the kernel then waits for the doorbell instead of answering EAGAIN.
	net->doorbell_fd = eventfd(0, EFD_CLOEXEC);
	if (net->addresses == NULL || net->doorbell_fd < 0) {
		r = net->addresses == NULL ? -ENOMEM : -errno;
		mr_net_close(net);
		return r;
	}
	arm_doorbell(net);
	*ret_net = net;
	return 0;
}

void mr_net_close(struct mr_net *net)
{
	if (net == NULL)
		return;
	struct io_uring_sync_cancel_reg all = {
		.flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY,
		.timeout = {.tv_sec = 1},
	};
	(void)io_uring_submit(&net->ring); // closes that were prepared
	(void)io_uring_register_sync_cancel(&net->ring, &all);
	io_uring_queue_exit(&net->ring);
	if (net->doorbell_fd >= 0)
		close(net->doorbell_fd);
	free(net->addresses);
	free(net);
}

const char *mr_net_features(const struct mr_net *net)
{
	return net->features;
}

static bool is_ipv4(const struct mr_address *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(address->ip, mapped, sizeof(mapped)) == 0;
}

int mr_net_socket(struct mr_net *net, const struct mr_address *to)
{
	const int on = 1;

	(void)net;
	int fd = socket(is_ipv4(to) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

// An address of either family in room for the longer one. Returns its length.
static socklen_t fill_sockaddr(const struct mr_address *address, struct sockaddr_in6 *ret_room)
{
	if (!is_ipv4(address)) {
		*ret_room = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
		memcpy(&ret_room->sin6_addr, address->ip, 16);
		return sizeof(*ret_room);
	}
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
	memcpy(&v4.sin_addr, address->ip + 12, 4);
	memcpy(ret_room, &v4, sizeof(v4));
	return sizeof(v4);
}

void mr_net_connect(struct mr_net *net, struct mr_io *io, int fd, const struct mr_address *to)
{
	struct io_uring_sqe *sqe = begin(net, io);
	size_t slot = (size_t)(sqe - net->ring.sq.sqes);

	mr_assert(slot < net->ring.sq.ring_entries);
	socklen_t length = fill_sockaddr(to, &net->addresses[slot]);
	io_uring_prep_connect(sqe, fd, (const struct sockaddr *)&net->addresses[slot], length);
	io_uring_sqe_set_data(sqe, io);
}

void mr_net_send(struct mr_net *net, struct mr_io *io, int fd, const void *bytes, size_t length)
{
	struct io_uring_sqe *sqe = begin(net, io);

	io_uring_prep_send(sqe, fd, bytes, length, MSG_NOSIGNAL | MSG_WAITALL);
	io_uring_sqe_set_data(sqe, io);
}

void mr_net_recv(struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size)
{
	struct io_uring_sqe *sqe = begin(net, io);

	io_uring_prep_recv(sqe, fd, ret_bytes, size, 0);
	if (net->deferred)
		sqe->ioprio |=
			IORING_RECVSEND_POLL_FIRST; // an answer takes a while: spare the first try
	io_uring_sqe_set_data(sqe, io);
}

void mr_net_read(
	struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size, uint64_t offset)
{
	struct io_uring_sqe *sqe = begin(net, io);

	mr_assert(size <= INT32_MAX);
	io_uring_prep_read(sqe, fd, ret_bytes, (unsigned)size, offset);
	io_uring_sqe_set_data(sqe, io);
}

bool mr_net_register(struct mr_net *net, void *memory, size_t bytes)
{
	static const char registered[] = "; registered commit buffers";
	const struct iovec all = {.iov_base = memory, .iov_len = bytes};

	mr_assert(net->registered == NULL);
	if (io_uring_register_buffers(&net->ring, &all, 1) < 0)
		return false;
	net->registered = memory;
	net->registered_bytes = bytes;
	size_t length = strlen(net->features);
	(void)mr_copy_text(net->features + length, sizeof(net->features) - length, registered,
		strlen(registered));
	return true;
}

static bool is_registered(const struct mr_net *net, const uint8_t *bytes, size_t length)
{
	return net->registered != NULL && bytes >= net->registered
		&& bytes + length <= net->registered + net->registered_bytes;
}

void mr_net_write_durable(struct mr_net *net, struct mr_io *io, int fd, const void *bytes,
	size_t length, uint64_t offset)
{
	struct io_uring_sqe *sqe = begin(net, io);

	mr_assert(length <= INT32_MAX);
	if (is_registered(net, bytes, length))
		io_uring_prep_write_fixed(sqe, fd, bytes, (unsigned)length, offset, 0);
	else
		io_uring_prep_write(sqe, fd, bytes, (unsigned)length, offset);
	sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_data(sqe, io);
}

// Operations of no one: only their errors complete, and nobody asks.
static void finish_quiet(struct mr_net *net, struct io_uring_sqe *sqe)
{
	if (net->skip_success)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data(sqe, NULL);
}

void mr_net_cancel(struct mr_net *net, struct mr_io *io)
{
	if (!io->busy)
		return;
	struct io_uring_sqe *sqe = next_sqe(net);
	io_uring_prep_cancel(sqe, io, 0);
	finish_quiet(net, sqe);
}

void mr_net_close_fd(struct mr_net *net, int fd)
{
	struct io_uring_sqe *sqe = next_sqe(net);

	io_uring_prep_close(sqe, fd);
	finish_quiet(net, sqe);
}

static uint32_t run_completions(struct mr_net *net)
{
	struct io_uring_cqe *cqes[COMPLETION_BURST];
	struct {
		struct mr_io *io;
		int32_t result;
	} burst[COMPLETION_BURST];
	uint32_t left = io_uring_cq_ready(&net->ring); // not those that callbacks bring about
	uint32_t ran = 0;

	while (left > 0) {
		uint32_t want = left < COMPLETION_BURST ? left : COMPLETION_BURST;
		uint32_t got = io_uring_peek_batch_cqe(&net->ring, cqes, want);
		mr_assert(got == want);
		for (uint32_t i = 0; i < got; i++) {
			burst[i].io = io_uring_cqe_get_data(cqes[i]);
			burst[i].result = cqes[i]->res;
		}
		io_uring_cq_advance(&net->ring, got);
		for (uint32_t i = 0; i < got; i++) {
			if (burst[i].io == NULL)
				continue;
			mr_assert(burst[i].io->busy);
			burst[i].io->busy = false;
			burst[i].io->done(burst[i].io, burst[i].result);
			ran++;
		}
		left -= got;
	}
	return ran;
}

uint32_t mr_net_poll(struct mr_net *net)
{
	unsigned flags = IO_URING_READ_ONCE(*net->ring.sq.kflags);
	bool behind = (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;

	mr_expect((flags & IORING_SQ_CQ_OVERFLOW) == 0); // the ring was sized for all of them
	if (behind)
		(void)io_uring_submit_and_get_events(&net->ring);
	else if (io_uring_sq_ready(&net->ring) > 0)
		(void)io_uring_submit(&net->ring);
	return run_completions(net);
}

void mr_net_announce_nap(struct mr_net *net)
{
	// Sequentially consistent with the fence of mr_net_ring_doorbell: either the pusher sees
	// this, or the owner's last look sees the push (Dekker).
	net->announced = true;
	atomic_store(&net->sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
}

void mr_net_wait(struct mr_net *net, uint64_t timeout_ns)
{
	struct __kernel_timespec timeout = {
		.tv_sec = (int64_t)(timeout_ns / 1000000000),
		.tv_nsec = (int64_t)(timeout_ns % 1000000000),
	};
	struct io_uring_cqe *cqe;

	if (timeout_ns > 0) {
		if (!net->announced)
			mr_net_announce_nap(net);
		(void)io_uring_submit_and_wait_timeout(&net->ring, &cqe, 1, &timeout, NULL);
	}
	net->announced = false;
	atomic_store_explicit(&net->sleeping, 0, memory_order_relaxed);
}

void mr_net_ring_doorbell(struct mr_net *net)
{
	const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&net->sleeping, memory_order_relaxed) == 0)
		return;
	if (atomic_exchange(&net->sleeping, 0) == 0)
		return; // somebody else rings
	ssize_t written = write(net->doorbell_fd, &one, sizeof(one));
	mr_expect(written == (ssize_t)sizeof(one));
}

bool mr_net_sleeping(const struct mr_net *net)
{
	return atomic_load_explicit(&net->sleeping, memory_order_relaxed) != 0;
}
