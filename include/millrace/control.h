// The data plane's control socket: UNIX SOCK_SEQPACKET, one message per packet, request and reply.
// Every message is a header and a fixed-size body; a message whose size, version or type does not
// fit is answered with MR_CONTROL_ERROR. docs/CONTROL.md has the tables. No pointers cross.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/control_frame.h>
#include <millrace/control_webhook.h>
#include <millrace/limits.h>

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

enum mr_control_act_flag {
	MR_ACT_DRY_RUN = 1, // changes nothing: says what it would do
	MR_ACT_CONFIRM_ALL = 2, // meant, although the scope takes in everything
	MR_ACT_PURGE = 4, // BAN: what waits is dropped (banned_pending)
};

struct mr_control_ban {
	struct mr_control_author author;
	struct mr_ban_rule rule;
	uint64_t ttl_ns; // 0: until it is lifted
	uint32_t flags; // enum mr_control_act_flag
	uint32_t reserved;
	char reason[MR_BAN_REASON_BYTES_MAX];
};
static_assert(sizeof(struct mr_control_ban) == 232, "control format");

struct mr_control_unban {
	struct mr_control_author author;
	struct mr_scope scope;
};
static_assert(sizeof(struct mr_control_unban) == 80, "control format");

struct mr_control_purge { // events and deliveries that wait are dropped (purged)
	struct mr_control_author author;
	struct mr_scope scope;
	uint32_t flags; // enum mr_control_act_flag
	uint8_t with_descendants;
	uint8_t reserved[3];
};
static_assert(sizeof(struct mr_control_purge) == 88, "control format");

struct mr_control_pause {
	struct mr_control_author author;
	uint32_t what; // enum mr_pause bits; 0 with `on`: -EINVAL
	uint32_t on; // 1 pause, 0 resume
	uint64_t ttl_ns; // 0: until it is lifted
	char reason[MR_BAN_REASON_BYTES_MAX];
};
static_assert(sizeof(struct mr_control_pause) == 208, "control format");

// What an act has done, or (dry run) would do.
struct mr_control_effect {
	int32_t result; // 0 or negative errno: -EPERM not without MR_ACT_CONFIRM_ALL
	uint32_t reserved;
	uint64_t id; // of the ban, or of the act
	uint64_t generation; // in force on all stages
	uint64_t took_ns;
	uint64_t queued_events; // in object queues, of the scope
	uint64_t pending_deliveries; // in lanes
	uint64_t recent_events; // DRY_RUN: of the scope in the last minute, about (top-K, ledgers)
	uint32_t webhooks; // with pending deliveries of the scope
	uint32_t replaced; // BAN: 1 when the scope had one already
	char message[184]; // on failure: what, where, what to do
};
static_assert(sizeof(struct mr_control_effect) == 248, "control format");

struct mr_control_from { // lists come in pages
	uint64_t after; // the last id or number of the page before; 0: from the start
};

enum { MR_CONTROL_BANS_MAX = 60 };
struct mr_control_bans {
	uint32_t count; // ascending by id
	uint32_t more;
	struct mr_paused paused[MR_PAUSES];
	struct mr_ban bans[MR_CONTROL_BANS_MAX];
};

enum mr_act_kind {
	MR_ACT_BANNED = 1,
	MR_ACT_UNBANNED,
	MR_ACT_BAN_EXPIRED,
	MR_ACT_PURGED,
	MR_ACT_PAUSED,
	MR_ACT_RESUMED,
	MR_ACT_PAUSE_EXPIRED,
	MR_ACT_WEBHOOK_PUT,
	MR_ACT_WEBHOOK_REMOVED,
	MR_ACT_APP_PUT,
	MR_ACT_APP_REMOVED,
	MR_ACT_RELOADED,
};

// What operators have done, and what ended by itself; the last MR_ACTS_MAX of this boot.
struct mr_act {
	uint64_t number; // from 1, without gaps
	int64_t at_ns; // wall clock
	uint32_t kind; // enum mr_act_kind
	uint32_t direct; // 1: not through millrace-controld
	uint32_t uid; // of the peer
	uint32_t result; // positive errno; 0: done
	struct mr_ban ban; // BANNED, UNBANNED, BAN_EXPIRED, PURGED (scope, author)
	// Webhook or app; PAUSED, RESUMED, PAUSE_EXPIRED: enum mr_pause bits (ban: author, reason,
	// end); PURGED: events and deliveries dropped.
	uint64_t subject;
};
static_assert(sizeof(struct mr_act) == 280, "control format");

enum { MR_CONTROL_ACTS_MAX = 56 };
struct mr_control_acts {
	uint64_t boot_id;
	uint32_t count; // ascending by number
	uint32_t more;
	struct mr_act acts[MR_CONTROL_ACTS_MAX];
};

static_assert(sizeof(struct mr_control_header) + sizeof(struct mr_control_bans)
		<= MR_CONTROL_MESSAGE_BYTES_MAX,
	"a page fits a message");
static_assert(sizeof(struct mr_control_header) + sizeof(struct mr_control_acts)
		<= MR_CONTROL_MESSAGE_BYTES_MAX,
	"a page fits a message");
static_assert(sizeof(struct mr_control_header) + sizeof(struct mr_control_webhooks)
		<= MR_CONTROL_MESSAGE_BYTES_MAX,
	"a page fits a message");
static_assert(sizeof(struct mr_control_header) + sizeof(struct mr_control_apps)
		<= MR_CONTROL_MESSAGE_BYTES_MAX,
	"a page fits a message");

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
