// What the sender meant, in a file that the receiver maps: one 16-byte entry per event number. The
// sender is the one writer. The file lives on the host where both run, since intended times are
// CLOCK_MONOTONIC.
//
//   offset       size  field
//        0       4096  struct mr_ledger_header
//   4096 + 16*n     8  intended send time of event number n + 1, ns of CLOCK_MONOTONIC
//          + 8      8  object (low 56 bits), state (high 8 bits)
//
// State: 0 not offered yet; 1 offered; 2 accepted; 3 never sent (the sender's own buffer was full);
// 64 + reason: refused. The state is stored with release after the time; `offered` in the header
// rises after the entry stands.
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workload.h"

enum { MR_LEDGER_MAGIC = 0x474c524d, MR_LEDGER_VERSION = 1, MR_LEDGER_HEADER_BYTES = 4096 };

enum mr_ledger_state {
	MR_LEDGER_NONE = 0,
	MR_LEDGER_OFFERED = 1,
	MR_LEDGER_ACCEPTED = 2,
	MR_LEDGER_UNSENT = 3,
	MR_LEDGER_REFUSED = 64, // + enum mr_reason
};

struct mr_ledger_header {
	uint32_t magic;
	uint32_t version;
	uint64_t capacity; // entries
	uint64_t hash_seed; // of the installation: slot = hash(object, seed) >> 52
	struct mr_workload_options workload;
	_Atomic uint64_t offered; // event numbers 1 .. offered stand
	_Atomic uint64_t settled; // of which the fate is known
	_Atomic uint32_t finished; // the sender will write no more
	uint32_t flows;
};
static_assert(sizeof(struct mr_workload_options) == 120, "file format");
static_assert(offsetof(struct mr_ledger_header, offered) == 144, "file format");
static_assert(offsetof(struct mr_ledger_header, flows) == 164, "file format");
static_assert(sizeof(struct mr_ledger_header) <= MR_LEDGER_HEADER_BYTES, "the header is one page");

struct mr_ledger_entry {
	uint64_t intended_ns;
	_Atomic uint64_t object_state;
};
static_assert(sizeof(struct mr_ledger_entry) == 16, "file format");

struct mr_ledger {
	struct mr_ledger_header *header; // NULL: not open
	struct mr_ledger_entry *entries;
	uint64_t bytes;
};

// Sender: makes the file (sparse) in a temporary place and moves it to `path`, so that a receiver
// never sees half of one. `hash_seed` and `flows` are the installation's, from WELCOME.
int mr_ledger_create(struct mr_ledger *ledger, const char *path, uint64_t capacity,
	const struct mr_workload_options *workload, uint64_t hash_seed, uint32_t flows);
// Receiver: 0, -ENOENT when it is not there yet, -EBADMSG when it is no ledger of this version, or
// negative errno.
int mr_ledger_open(struct mr_ledger *ledger, const char *path);
void mr_ledger_close(struct mr_ledger *ledger); // accepts one that is not open

// Sender. Numbers are offered in order, from 1. -ENOSPC: the capacity is used up.
int mr_ledger_offer(
	struct mr_ledger *ledger, uint64_t number, uint64_t object, uint64_t intended_ns);
void mr_ledger_settle(
	struct mr_ledger *ledger, uint64_t number, enum mr_ledger_state state, unsigned reason);
void mr_ledger_finish(struct mr_ledger *ledger);

// Receiver.
struct mr_ledger_view {
	uint64_t intended_ns;
	uint64_t object;
	uint8_t state; // enum mr_ledger_state
};
// False: no such event was ever offered.
bool mr_ledger_get(
	const struct mr_ledger *ledger, uint64_t number, struct mr_ledger_view *ret_view);
uint64_t mr_ledger_offered(const struct mr_ledger *ledger);
bool mr_ledger_finished(const struct mr_ledger *ledger);
