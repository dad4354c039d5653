// Asynchronous sockets and the nap of one lcore: net_uring.c over io_uring, tests/support/net_fake.c in virtual time. One instance per lcore, used by that
// thread alone; completions are called from mr_net_poll.
//
// A mr_io is the caller's, embedded in its connection; one operation may be under way per mr_io.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_net;

struct mr_io {
	// result: bytes, a file descriptor, or negative errno (-ECANCELED after mr_net_cancel)
	void (*done)(struct mr_io *io, int32_t result);
	bool busy; // an operation is under way
};

struct mr_address {
	uint8_t ip[16]; // IPv6, or IPv4 as ::ffff:a.b.c.d
	uint16_t port; // host order
};

// SINGLE_ISSUER, DEFER_TASKRUN and TASKRUN_FLAG where the kernel has them; *ret_features says what is active. Must be called by the thread
// that uses it. 0 or negative errno.
int mr_net_open(uint32_t entries, struct mr_net **ret_net);
void mr_net_close(
	struct mr_net *net); // accepts NULL; cancels what is under way without calling back
const char *mr_net_features(const struct mr_net *net);

int mr_net_socket(struct mr_net *net,
	const struct mr_address *to); // TCP, NODELAY, close-on-exec: fd or negative errno
void mr_net_connect(struct mr_net *net, struct mr_io *io, int fd, const struct mr_address *to);
// Sends the whole buffer (the kernel retries short writes); result is its length or an error.
void mr_net_send(struct mr_net *net, struct mr_io *io, int fd, const void *bytes, size_t length);
void mr_net_recv(struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size);
// Asks the kernel to end the operation of `io`; its done() is still called, once.
void mr_net_cancel(struct mr_net *net, struct mr_io *io);
void mr_net_close_fd(
	struct mr_net *net, int fd); // shut down and closed asynchronously; no callback

// Runs completions that are there; submits what was prepared: one enter at most, and only when there is something to do. Returns how
// many completions ran.
uint32_t mr_net_poll(struct mr_net *net);
// The nap: submits, and sleeps until a completion, the doorbell, or `timeout_ns`.
void mr_net_wait(struct mr_net *net, uint64_t timeout_ns);
// From any thread: ends the nap of the net's owner; cheap when it does not sleep.
void mr_net_ring_doorbell(struct mr_net *net);
bool mr_net_sleeping(const struct mr_net *net);
