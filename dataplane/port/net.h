// Asynchronous sockets, journal files and the nap of one lcore: net_uring.c over io_uring,
// tests/support/net_fake.c in virtual time. One instance per lcore, used by that thread alone;
// completions are called from mr_net_poll.
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

// `entries`: operations that may be under way at once; completions never overflow. SINGLE_ISSUER,
// DEFER_TASKRUN and TASKRUN_FLAG where the kernel has them. Must be called by the thread that uses
// it. 0 or negative errno.
int mr_net_open(uint32_t entries, struct mr_net **ret_net);
// By the same thread; accepts NULL. Ends what is under way without calling back; afterwards the
// kernel touches no buffer any more.
void mr_net_close(struct mr_net *net);
const char *mr_net_features(const struct mr_net *net); // what is active, as text

// TCP, NODELAY, close-on-exec. File descriptor or negative errno.
int mr_net_socket(struct mr_net *net, const struct mr_address *to);
void mr_net_connect(struct mr_net *net, struct mr_io *io, int fd, const struct mr_address *to);
// Sends the whole buffer (the kernel goes on after short writes). The result is its length; less,
// or an error, when the connection is no good any more.
void mr_net_send(struct mr_net *net, struct mr_io *io, int fd, const void *bytes, size_t length);
// The result is 0 when the peer has closed.
void mr_net_recv(struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size);
// Files of the journal; offset, length and memory aligned to 4096. The result is the number of
// bytes, which may be fewer than asked: the caller goes on. As many bytes as a write's result says
// are durable (RWF_DSYNC); after an error, anything may have been written.
void mr_net_read(struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size,
	uint64_t offset);
void mr_net_write_durable(struct mr_net *net, struct mr_io *io, int fd, const void *bytes,
	size_t length, uint64_t offset);
// Memory that mr_net_write_durable writes from, at most once per net: the kernel keeps hold of its
// pages instead of taking them for every write. False when it does not (the memlock limit): then
// writes are the same, a little dearer. mr_net_features says which.
bool mr_net_register(struct mr_net *net, void *memory, size_t bytes);
// Asks the kernel to end the operation of `io`; its done() is still called, once.
void mr_net_cancel(struct mr_net *net, struct mr_io *io);
// Closed asynchronously, no callback. Cancel what is under way on it first: until that has ended
// the peer sees no end.
void mr_net_close_fd(struct mr_net *net, int fd);

// Submits what was prepared and runs the completions that are there: one enter at most, and only
// when there is something to do. Returns how many completions ran.
uint32_t mr_net_poll(struct mr_net *net);

// The nap. Announce it, look once more at every ring that others push to, then wait: who pushes
// after that look finds the net sleeping and rings the doorbell. mr_net_wait sleeps until a
// completion, the doorbell or `timeout_ns`; 0 takes the announcement back. Without an announcement
// it makes its own, and a push in between waits for the timeout.
void mr_net_announce_nap(struct mr_net *net);
void mr_net_wait(struct mr_net *net, uint64_t timeout_ns);
// From any thread, after its push: ends the nap of the net's owner; one fence when it does not
// sleep.
void mr_net_ring_doorbell(struct mr_net *net);
bool mr_net_sleeping(const struct mr_net *net);
