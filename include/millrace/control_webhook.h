// Messages of the control socket about webhooks, keys and single events.
#pragma once

#include <stdint.h>

#include <millrace/control_frame.h>
#include <millrace/limits.h>
#include <millrace/scope.h>

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
	// failed, -ETIMEDOUT, -EEXIST duplicate (user, resource, target), -ENOSPC, -ENOENT, -EPERM
	// of the configuration file, -EBUSY, -ENOTCONN disabled
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
