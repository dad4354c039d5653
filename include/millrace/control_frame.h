// What all messages of the control socket have in common.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/limits.h>

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

// Who asks, as the asker knows it; the peer's user stands here when it is empty. Ends up in bans,
// acts and logs.
struct mr_control_author {
	char name[MR_AUTHOR_BYTES_MAX];
};
