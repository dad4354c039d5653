// Slow directory work for the journal's writer, away from the lcores: segments are made, zeroed,
// renamed and removed by whoever calls mr_maker_serve (backend_disk.h). Requests are served and
// answered in the order in which they were asked; every result is reported, nothing is tried twice.
// The writer's half, used by its thread alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend_disk.h"

enum {
	MR_MAKER_REQUESTS_MAX = 16, // asked and not answered; a power of two
	MR_MAKER_NAME_BYTES_MAX = 32, // with its end
};

enum mr_maker_kind {
	// A new file `name` of `bytes` zeros, durable like its name. The answer is its descriptor,
	// for O_DIRECT writes and reads. A file that could not be made whole is removed again;
	// -EEXIST: the name is taken, and stays as it is.
	MR_MAKER_MAKE = 1,
	MR_MAKER_RENAME, // `name` becomes `to`, durably; descriptors stay good
	// `fd` is closed unless it is negative, then `name` removed, durably. Nobody may have a
	// read or a write on it under way.
	MR_MAKER_REMOVE,
};

struct mr_maker_request {
	enum mr_maker_kind kind;
	int fd; // REMOVE
	uint64_t tag; // the writer's; comes back with the answer
	uint64_t bytes; // MAKE; a multiple of 4096
	char name[MR_MAKER_NAME_BYTES_MAX];
	char to[MR_MAKER_NAME_BYTES_MAX]; // RENAME
};

struct mr_maker_answer {
	enum mr_maker_kind kind;
	int32_t result; // 0, MAKE: a descriptor; or negative errno
	uint64_t tag;
};

// Copies the request. False: MR_MAKER_REQUESTS_MAX are under way, ask again later.
bool mr_maker_ask(struct mr_maker *maker, const struct mr_maker_request *request);
// The next answer, if there is one.
bool mr_maker_answered(struct mr_maker *maker, struct mr_maker_answer *ret_answer);
