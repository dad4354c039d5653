// net.h in virtual time, for unit tests of the engine and for the simulator: no socket, no thread,
// no clock. Each address is a scripted peer that decides when it accepts, what it answers and how
// fast the bytes come. Deterministic: events of one moment happen in the order in which they were
// brought about.
//
// mr_net_open (of the fake) makes a net at time 0; mr_fake_advance moves its clock; mr_net_poll
// runs what is due.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net.h"

enum mr_fake_accept { MR_FAKE_ACCEPT, MR_FAKE_REFUSE, MR_FAKE_BLACK_HOLE };
enum mr_fake_then { MR_FAKE_KEEP, MR_FAKE_CLOSE, MR_FAKE_RESET, MR_FAKE_HANG };

// What a peer does with one whole request. Zeroed: answers nothing and keeps the connection, that
// is, it hangs.
struct mr_fake_answer {
	const char *bytes; // copied at once; NULL: none
	size_t length;
	uint64_t delay_ns; // until the first byte
	uint64_t gap_ns; // between pieces of `piece` bytes; piece 0: all at once
	size_t piece;
	bool endless; // the bytes come again and again
	enum mr_fake_then then; // after the last byte
};

struct mr_fake_peer {
	struct mr_address address;
	enum mr_fake_accept accept;
	uint64_t connect_ns;
	// Closes a connection that has been quiet for so long after an answer; 0: never.
	uint64_t idle_close_ns;
	// Called with each whole request (head and body of Content-Length bytes) at the moment it
	// has arrived.
	void (*serve)(struct mr_fake_peer *peer, const char *request, size_t length,
		uint64_t now_ns, struct mr_fake_answer *ret_answer);
	void *state; // the test's
	// Seen so far.
	uint32_t connects; // asked for
	uint32_t open;
	uint32_t open_most;
	uint64_t requests;
};

// A read or write of a file; `id` is the files' own.
struct mr_fake_file_op {
	uint64_t id;
	uint64_t offset;
	void *into; // of a read: filled by finish
	const void *from; // of a write: the same until finish; NULL: a read
	size_t length;
	int fd;
};

// What stands behind mr_net_read and mr_net_write_durable (disk_fake.h).
struct mr_fake_files {
	void *state;
	// When it will be done.
	uint64_t (*begin)(void *state, struct mr_fake_file_op *op, uint64_t now_ns);
	int32_t (*finish)(void *state, const struct mr_fake_file_op *op); // the result
	void (*drop)(void *state, const struct mr_fake_file_op *op); // the net is closed
};
void mr_fake_set_files(struct mr_net *net, struct mr_fake_files files);

// The peer is the caller's and must outlive the net.
void mr_fake_add(struct mr_net *net, struct mr_fake_peer *peer);
// An answer with this status, Content-Length and a body (may be empty); `bytes` must live until
// serve returns.
void mr_fake_status(struct mr_fake_answer *ret_answer, char *bytes, size_t size, uint32_t status,
	const char *body);
void mr_fake_advance(struct mr_net *net, uint64_t now_ns); // never back
uint64_t mr_fake_next_due(const struct mr_net *net); // UINT64_MAX: nothing will happen
uint32_t mr_fake_open_sockets(const struct mr_net *net);
void mr_fake_limit_sockets(struct mr_net *net, uint32_t limit); // EMFILE beyond
// The peer closes, or sends unasked, on every connection of it that is open.
void mr_fake_close_all(struct mr_net *net, struct mr_fake_peer *peer);
void mr_fake_say_to_all(struct mr_net *net, struct mr_fake_peer *peer, const char *text);
// The next send on any connection of the peer fails with this error and sends nothing.
void mr_fake_fail_next_send(struct mr_net *net, struct mr_fake_peer *peer, int error);
