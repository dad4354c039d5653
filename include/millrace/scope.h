// What bans, limits and statistics are keyed by.
#pragma once

#include <assert.h>
#include <stdint.h>

enum mr_scope_kind {
	MR_SCOPE_NONE = 0,
	MR_SCOPE_APP = 1,
	MR_SCOPE_OBJECT = 2,
	MR_SCOPE_WORKSPACE = 3,
	MR_SCOPE_DATABASE = 4,
	MR_SCOPE_USER = 5,
};

struct mr_scope {
	uint64_t id;
	uint32_t kind; // enum mr_scope_kind
	uint32_t reserved; // zero
};
static_assert(sizeof(struct mr_scope) == 16, "crosses the control socket");

const char *mr_scope_kind_name(unsigned kind); // "app", "object", ...; "none" for the rest
