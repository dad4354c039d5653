// Webhook targets: from a URL to what is dialled, and the guard that keeps deliveries away from
// internal addresses. The guard judges the address that is handed to connect, never a name. Used
// when a webhook is made, by the steward.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "net.h"

enum { MR_GUARD_NETWORKS_MAX = 32 };

struct mr_target {
	// as written, for the Host header: an IPv6 address in brackets
	char host[MR_HOST_BYTES_MAX + 1];
	char path[MR_URL_BYTES_MAX]; // path and query, at least "/"
	struct mr_address address;
};

// Networks that deliveries may go to although they are internal. Zeroed: none.
struct mr_guard {
	uint32_t count;
	struct mr_network {
		uint8_t ip[16]; // as in struct mr_address, bits beyond the prefix are zero
		uint8_t bits; // of 128
	} networks[MR_GUARD_NETWORKS_MAX];
};

// http://<address>[:port][/path][?query] with a canonical IP literal: no user, no fragment, no
// second spelling of an address (127.1, 0x7f.1, 2130706433). 0, or -EINVAL with a static text in
// *ret_why.
int mr_target_parse(const char *url, struct mr_target *ret_target, const char **ret_why);

// Adds networks: "10.0.0.0/8, fd00::/8 192.0.2.7", separated by commas or blanks. 0, or -EINVAL or
// -ENOSPC with a static text in *ret_why; the guard is untouched then.
int mr_guard_allow(struct mr_guard *guard, const char *networks, const char **ret_why);
// Public addresses pass, internal ones when they are allowed. False: *ret_why names the kind of
// address.
bool mr_guard_permits(
	const struct mr_guard *guard, const struct mr_address *address, const char **ret_why);
