// The control socket (messages: <millrace/control.h>): who may connect, and whose handler takes
// what they send. Runs in the steward's thread.
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/control.h>
#include <millrace/stats.h>

enum { MR_CONTROL_CLIENTS_MAX = 16 };

// Who asked, and what: enough to answer later, in any order.
struct mr_control_ticket {
	uint32_t client; // place of the connection
	uint32_t visit; // of the place: whoever connects there later is another one
	uint32_t type; // enum mr_control_type
	uint32_t request_id;
};

struct mr_control_request {
	struct mr_control_ticket ticket;
	const void *body; // of the type's size, aligned, and sound (control_codec.h)
	uint32_t uid; // of the peer
	bool is_daemon; // MR_CONTROL_OF_DAEMON
};

// Answers now or later, once, with mr_control_reply or mr_control_refuse.
struct mr_control_handler {
	enum mr_control_type type;
	void (*handle)(void *owner, const struct mr_control_request *request);
};

struct mr_control_host {
	void *owner; // of the handlers
	const struct mr_control_handler *handlers;
	uint32_t handlers_count;
	// Its members may connect beside root and the router's own user; "none" or NULL: nobody.
	const char *group;
	mr_counter *requests;
	mr_counter *rejected;
};

struct mr_control_client {
	int fd; // -1: free
	uint32_t visit;
	uint32_t uid;
};

struct mr_control {
	struct mr_control_host host;
	int listener;
	uint32_t gid; // of host.group; UINT32_MAX: nobody
	struct mr_control_client clients[MR_CONTROL_CLIENTS_MAX];
	char path[108];
	_Alignas(8) uint8_t message[MR_CONTROL_MESSAGE_BYTES_MAX]; // that is being served
	_Alignas(
		8) uint8_t answer[MR_CONTROL_MESSAGE_BYTES_MAX]; // for handlers whose reply is long
};

// Listens at `path`, mode 0600. Takes the place of a socket file that nobody listens on. 0, or
// negative errno with a sentence in `ret_why`.
int mr_control_open(struct mr_control *control, const char *path,
	const struct mr_control_host *host, char *ret_why, size_t why_size);
void mr_control_close(
	struct mr_control *control); // accepts one that was never opened (listener -1)
// What to poll for; room for 1 + MR_CONTROL_CLIENTS_MAX. Returns how many.
uint32_t mr_control_poll_fds(const struct mr_control *control, struct pollfd *ret_fds);
// Takes a request of each client that has one. True: of some.
bool mr_control_serve(struct mr_control *control);
// The answer; its size is the type's. Nothing happens when the client is gone.
void mr_control_reply(
	struct mr_control *control, const struct mr_control_ticket *ticket, const void *body);
// The same, with a descriptor that stays the caller's.
void mr_control_reply_with(struct mr_control *control, const struct mr_control_ticket *ticket,
	const void *body, int fd);
// Not done, and nothing has changed: a negative errno and what to do.
__attribute__((format(printf, 4, 5))) void mr_control_refuse(struct mr_control *control,
	const struct mr_control_ticket *ticket, int result, const char *format, ...);
