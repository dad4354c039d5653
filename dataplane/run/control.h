// The control socket (messages: <millrace/control.h>): who may connect, the sizes of what they
// send, and one handler per type. Runs in the steward's thread.
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/control.h>
#include <millrace/stats.h>

enum { MR_CONTROL_CLIENTS_MAX = 16 };

// What the handlers ask of the steward.
struct mr_control_host {
	void *owner;
	void (*welcome)(void *owner, struct mr_control_welcome *ret_welcome,
		int *ret_fd); // the fd stays the owner's
	void (*status)(void *owner, struct mr_control_status *ret_status);
	void (*reload)(void *owner, struct mr_control_reload *ret_reload);
	mr_counter *requests;
	mr_counter *rejected;
};

struct mr_control {
	struct mr_control_host host;
	int listener;
	int clients[MR_CONTROL_CLIENTS_MAX]; // -1: free
	char path[108];
};

// Listens at `path`, mode 0600. Takes the place of a socket file that nobody listens on. 0, or
// negative errno with a sentence in `ret_why`.
int mr_control_open(struct mr_control *control, const char *path,
	const struct mr_control_host *host, char *ret_why, size_t why_size);
void mr_control_close(
	struct mr_control *control); // accepts one that was never opened (listener -1)
// What to poll for; room for 1 + MR_CONTROL_CLIENTS_MAX. Returns how many.
uint32_t mr_control_poll_fds(const struct mr_control *control, struct pollfd *ret_fds);
// Serves everything that is there now.
void mr_control_serve(struct mr_control *control);
