// The data plane's control socket: UNIX SOCK_SEQPACKET, one message per packet, request and reply.
// Every message is a header and a fixed-size body; a message whose size, version or type does not
// fit is answered with MR_CONTROL_ERROR. docs/CONTROL.md has the tables. No pointers cross.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/limits.h>

enum { MR_CONTROL_MAGIC = 0x4354524d, MR_CONTROL_VERSION = 2 };

enum mr_control_type {
	// request: nothing. Reply: struct mr_control_welcome, and the statistics segment as
	// SCM_RIGHTS
	MR_CONTROL_HELLO = 1,
	MR_CONTROL_STATUS = 2, // request: nothing. Reply: struct mr_control_status
	MR_CONTROL_RELOAD = 3, // request: nothing. Reply: struct mr_control_reload
	MR_CONTROL_ERROR = 255, // reply: struct mr_control_error
};

struct mr_control_header {
	uint32_t magic;
	uint32_t length; // whole message
	uint32_t type; // enum mr_control_type
	uint32_t request_id; // echoed
	uint16_t version;
	uint16_t flags; // 1: reply
	uint32_t reserved;
};
static_assert(sizeof(struct mr_control_header) == 24, "control format");

struct mr_control_welcome {
	uint64_t segment_bytes;
	uint64_t boot_id;
	uint32_t stats_version;
	uint32_t pid;
	char release[32]; // version text
};
static_assert(sizeof(struct mr_control_welcome) == 56, "control format");

enum mr_router_state {
	MR_ROUTER_STARTING = 0,
	MR_ROUTER_RUNNING = 1,
	MR_ROUTER_DRAINING = 2,
	MR_ROUTER_RECOVERING = 3, // before STARTING
};

struct mr_control_status {
	uint32_t state; // enum mr_router_state
	uint32_t is_volatile;
	uint64_t uptime_ns;
	uint64_t generation_wanted; // of the configuration
	uint64_t generation_in_force; // on all stages
	uint64_t start_ns; // exec until ready
	uint32_t links_up;
	uint32_t links;
	char port[64]; // the port's name and driver
	char config[256]; // path of the configuration file, empty: defaults
	uint64_t recovery_done_bytes; // of the replay at the start
	uint64_t recovery_all_bytes;
	uint64_t retention_bytes; // the journal's bound
	char journal[256]; // its directory; empty: durability is memory
};
static_assert(sizeof(struct mr_control_status) == 648, "control format");

struct mr_control_reload {
	int32_t result; // 0 or negative errno
	uint32_t errors;
	char message[512]; // first error as file:line:col: text
};
static_assert(sizeof(struct mr_control_reload) == 520, "control format");

struct mr_control_error {
	int32_t result; // negative errno
	uint32_t reserved;
	char message[248];
};
static_assert(sizeof(struct mr_control_error) == 256, "control format");
