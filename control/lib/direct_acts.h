// Acts of operators over the data plane's own socket, and the lists of them.
#pragma once

#include "direct.h"

// BAN, UNBAN, PURGE, PAUSE, TAP with their struct. Waits until it is in force. What the router
// refuses is its negative errno with its sentence in `ret_why`; after -ETIMEDOUT it may still come
// into force.
int mr_direct_act(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, struct mr_control_effect *ret_effect, char *ret_why);
// One page of what comes after the id or number `after`; counts are within their arrays and texts
// terminated.
int mr_direct_bans(
	struct mr_direct *direct, uint64_t after, struct mr_control_bans *ret_bans, char *ret_why);
int mr_direct_acts(
	struct mr_direct *direct, uint64_t after, struct mr_control_acts *ret_acts, char *ret_why);
// The router reads its file again: -EINVAL with the first mistake when it is wrong.
int mr_direct_reload(struct mr_direct *direct, char *ret_why);
