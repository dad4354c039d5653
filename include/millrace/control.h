// The data plane's control socket: UNIX SOCK_SEQPACKET, one message per packet, request and reply.
// Every message is a header and a fixed-size body; a message whose size, version or type does not
// fit is answered with MR_CONTROL_ERROR. docs/CONTROL.md has the tables. No pointers cross.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/limits.h>
#include <millrace/record.h>

enum { MR_CONTROL_MAGIC = 0x4354524d, MR_CONTROL_VERSION = 3 };

enum mr_control_type {
	// request: nothing. Reply: struct mr_control_welcome, and the statistics segment as
	// SCM_RIGHTS
	MR_CONTROL_HELLO = 1,
	MR_CONTROL_STATUS = 2, // request: nothing. Reply: struct mr_control_status
	MR_CONTROL_RELOAD = 3, // request: nothing. Reply: struct mr_control_reload
	// Acts. The reply comes when what was asked is in force on every stage and, with a journal
	// on disk, durable; requests of other connections are answered meanwhile.
	MR_CONTROL_BAN = 4, // struct mr_control_ban; mr_control_effect
	MR_CONTROL_UNBAN = 5, // struct mr_control_unban; mr_control_effect
	MR_CONTROL_PURGE = 6, // struct mr_control_purge; mr_control_effect
	MR_CONTROL_PAUSE = 7, // struct mr_control_pause; mr_control_effect
	MR_CONTROL_WEBHOOK_PUT = 8, // struct mr_control_webhook; mr_control_webhook_done
	MR_CONTROL_WEBHOOK_REMOVE = 9, // struct mr_control_webhook_id; mr_control_webhook_done
	MR_CONTROL_WEBHOOK_TEST = 10, // struct mr_control_webhook_id; mr_control_webhook_done
	MR_CONTROL_APP_PUT = 11, // struct mr_control_app; mr_control_effect
	MR_CONTROL_APP_REMOVE = 12, // struct mr_control_app; mr_control_effect
	// Questions.
	MR_CONTROL_BANS = 20, // struct mr_control_from; mr_control_bans
	MR_CONTROL_ACTS = 21, // struct mr_control_from; mr_control_acts
	MR_CONTROL_EXPLAIN = 22, // struct mr_control_explain; mr_control_explained
	MR_CONTROL_TAP = 23, // struct mr_control_tap; mr_control_effect
	MR_CONTROL_WEBHOOKS = 24, // struct mr_control_from; mr_control_webhooks
	MR_CONTROL_APPS = 25, // struct mr_control_from; mr_control_apps
	MR_CONTROL_ERROR = 255, // reply: struct mr_control_error
};

enum mr_control_flag {
	MR_CONTROL_REPLY = 1,
	MR_CONTROL_OF_DAEMON = 2, // request: of millrace-controld; its acts are audited there
};

struct mr_control_header {
	uint32_t magic;
	uint32_t length; // whole message
	uint32_t type; // enum mr_control_type
	uint32_t request_id; // echoed
	uint16_t version;
	uint16_t flags; // enum mr_control_flag
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

// Who asks, as the asker knows it; the peer's user stands here when it is empty. Ends up in bans,
// acts and logs.
struct mr_control_author {
	char name[MR_AUTHOR_BYTES_MAX];
};

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

// A webhook that did not come from the configuration file. With an id of 0 it is a new one: the
// endpoint is asked before the answer (handshake) unless `secret` stands. With an id it changes
// what is there, and nothing but: filters, secret, disabled (without the flag it is enabled). After
// a rotation everything is signed with the new secret, retries too.
enum mr_webhook_put_flag {
	MR_WEBHOOK_DISABLED = 1, // keeps its place, takes no events
	MR_WEBHOOK_KEEP_FILTERS = 2, // `filters` says nothing
	MR_WEBHOOK_ROTATE = 4, // a new secret is made, and answered
};
struct mr_control_webhook {
	struct mr_control_author author;
	uint64_t id;
	uint64_t resource;
	uint64_t owner; // app of the token that made it
	uint64_t user;
	uint64_t workspace;
	uint32_t flags; // enum mr_webhook_put_flag
	uint16_t secret_length; // 0: made by the router
	uint16_t reserved;
	char secret[MR_SECRET_BYTES_MAX];
	char resource_type[MR_TYPE_BYTES_MAX + 8]; // empty: taken from the event
	char target[MR_URL_BYTES_MAX];
	char filters[4096]; // one a line: "type=task action=changed,added fields=name"; or "*"
};
struct mr_control_webhook_id {
	struct mr_control_author author;
	uint64_t id;
};
struct mr_control_webhook_done {
	// 0 or negative errno: -EINVAL, -EACCES target refused by policy, -ECONNREFUSED handshake
	// failed, -ETIMEDOUT, -EEXIST duplicate (user, resource, target), -ENOSPC, -ENOENT, -EPERM of
	// the configuration file, -EBUSY, -ENOTCONN disabled
	int32_t result;
	uint16_t http_status; // of the handshake or test, 0: none seen
	uint16_t secret_length;
	uint64_t id;
	uint64_t took_ns;
	char secret[MR_SECRET_BYTES_MAX]; // PUT of a new one, or rotated; else empty
	char message[248];
};

// One webhook as the router has it; counters stand in the statistics segment, row `lane`.
struct mr_control_webhook_row {
	uint64_t id;
	uint64_t resource;
	uint64_t owner; // 0: of the configuration file
	uint64_t user;
	uint64_t workspace;
	int64_t created_at_ns; // wall clock; 0: of the configuration file
	uint32_t lane; // UINT32_MAX: has none
	uint32_t flags; // enum mr_webhook_put_flag, 256 gone
	char resource_type[MR_TYPE_BYTES_MAX + 8];
	char target[MR_URL_BYTES_MAX];
	char filters[512]; // cut with "..." when longer
};
enum { MR_CONTROL_WEBHOOKS_MAX = 9 };
struct mr_control_webhooks {
	uint32_t count; // ascending by id
	uint32_t more;
	struct mr_control_webhook_row rows[MR_CONTROL_WEBHOOKS_MAX];
};

struct mr_control_app {
	struct mr_control_author author;
	uint64_t app;
	uint64_t key_id;
	char name[MR_NAME_BYTES_MAX];
};
enum { MR_CONTROL_APPS_MAX = 64 };
struct mr_control_apps {
	uint32_t count; // ascending by key id; `after` is one
	uint32_t more;
	struct mr_control_app rows[MR_CONTROL_APPS_MAX]; // author: "" of the configuration file
};

// An event as a producer would send it (docs/WIRE.md), judged by the real core, and not accepted.
struct mr_control_explain {
	uint64_t app;
	uint32_t event_bytes;
	uint32_t reserved;
	uint8_t event[4096];
};
enum mr_explain_why { // of a webhook on the event's way
	MR_EXPLAIN_WANTED = 1, // would be delivered
	MR_EXPLAIN_FILTERED = 2, // none of its filters passes
	MR_EXPLAIN_CUT_DIAMOND = 3, // resource named before
	MR_EXPLAIN_CUT_CYCLE = 4,
};
struct mr_explain_webhook {
	uint64_t webhook;
	uint64_t resource;
	uint32_t lane;
	uint8_t ancestor; // MR_VIA_OBJECT: the object itself
	uint8_t why; // enum mr_explain_why
	uint8_t reserved[2];
};
enum { MR_EXPLAIN_WEBHOOKS_MAX = 256 };
struct mr_control_explained {
	int32_t result; // 0; -EBADMSG: the event does not decode, see message
	uint32_t reason; // enum mr_reason of its admission; OK: would be accepted
	struct mr_scope scope; // of a refusal; of a ban that would hold it
	uint64_t ban; // id; 0: none
	uint32_t slot;
	uint16_t flow;
	uint16_t shard;
	uint32_t object_events; // waiting in the object's queue
	uint8_t object_penalised;
	uint8_t object_held; // by a slow lane or a ban
	uint16_t hops;
	uint32_t webhooks_count;
	uint32_t more; // webhooks beyond
	struct mr_explain_webhook webhooks[MR_EXPLAIN_WEBHOOKS_MAX];
	char message[192];
};

// Follow one object: its steps appear in the taps of the statistics segment for `ttl_ns`.
struct mr_control_tap {
	uint64_t object;
	uint64_t ttl_ns; // 0: ends it
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
