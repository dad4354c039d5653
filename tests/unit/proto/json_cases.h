// Awkward events whose rendering the golden test and the JavaScript round trip share.
#pragma once

#include <stddef.h>

#include <millrace/event.h>

#define TEXT(literal)                                             \
	{                                                         \
		.data = "" literal, .length = sizeof(literal) - 1 \
	}

struct json_case {
	struct mr_event event;
	const char *json;
};

#define HEAD \
	"{\"user\":{\"gid\":\"12\",\"resource_type\":\"user\"},\"created_at\":\"2012-02-22T02:06:58.147Z\",\"type\":"
#define SYSTEM "{\"user\":null,\"created_at\":\"1970-01-01T00:00:00.000Z\",\"type\":"

static const struct json_case json_cases[] = {
	{{.action = MR_ACTION_ADDED,
		 .object = 1001,
		 .user = 12,
		 .created_at_ns = 1329876418147999999,
		 .type = TEXT("task"),
		 .subtype = TEXT("default_task"),
		 .parent_gid = 77,
		 .parent_type = TEXT("project")},
		HEAD
		"\"task\",\"action\":\"added\",\"resource\":{\"gid\":\"1001\",\"resource_type\":\"task\",\"resource_subtype\":\"default_task\"},\"parent\":{\"gid\":\"77\",\"resource_type\":\"project\"}}"},
	{{.action = MR_ACTION_REMOVED,
		 .object = 1001,
		 .user = 12,
		 .created_at_ns = 1329876418147000000,
		 .type = TEXT("task"),
		 .parent_gid = 77,
		 .parent_type = TEXT("project")},
		HEAD
		"\"task\",\"action\":\"removed\",\"resource\":{\"gid\":\"1001\",\"resource_type\":\"task\"},\"parent\":{\"gid\":\"77\",\"resource_type\":\"project\"}}"},
	{{.action = MR_ACTION_CHANGED,
		 .change_action = MR_ACTION_CHANGED,
		 .object = 1001,
		 .user = 12,
		 .created_at_ns = 1329876418147000000,
		 .type = TEXT("task"),
		 .field = TEXT("assignee"),
		 .value_gid = 9,
		 .value_type = TEXT("user")},
		HEAD
		"\"task\",\"action\":\"changed\",\"resource\":{\"gid\":\"1001\",\"resource_type\":\"task\"},\"parent\":null,\"change\":{\"field\":\"assignee\",\"action\":\"changed\",\"new_value\":{\"gid\":\"9\",\"resource_type\":\"user\"}}}"},
	{{.action = MR_ACTION_CHANGED,
		 .change_action = MR_ACTION_ADDED,
		 .object = 1001,
		 .user = 12,
		 .created_at_ns = 1329876418147000000,
		 .type = TEXT("task"),
		 .field = TEXT("followers"),
		 .value_gid = 9,
		 .value_type = TEXT("user")},
		HEAD
		"\"task\",\"action\":\"changed\",\"resource\":{\"gid\":\"1001\",\"resource_type\":\"task\"},\"parent\":null,\"change\":{\"field\":\"followers\",\"action\":\"added\",\"added_value\":{\"gid\":\"9\",\"resource_type\":\"user\"}}}"},
	{{.action = MR_ACTION_CHANGED,
		 .change_action = MR_ACTION_REMOVED,
		 .object = 1001,
		 .user = 12,
		 .created_at_ns = 1329876418147000000,
		 .type = TEXT("task"),
		 .field = TEXT("followers"),
		 .value_gid = 9,
		 .value_type = TEXT("user")},
		HEAD
		"\"task\",\"action\":\"changed\",\"resource\":{\"gid\":\"1001\",\"resource_type\":\"task\"},\"parent\":null,\"change\":{\"field\":\"followers\",\"action\":\"removed\",\"removed_value\":{\"gid\":\"9\",\"resource_type\":\"user\"}}}"},
	{{.action = MR_ACTION_CHANGED,
		 .change_action = MR_ACTION_CHANGED,
		 .object = 1001,
		 .user = 12,
		 .created_at_ns = 1329876418147000000,
		 .type = TEXT("task"),
		 .field = TEXT("name")},
		HEAD
		"\"task\",\"action\":\"changed\",\"resource\":{\"gid\":\"1001\",\"resource_type\":\"task\"},\"parent\":null,\"change\":{\"field\":\"name\",\"action\":\"changed\"}}"},
	{{.action = MR_ACTION_CHANGED, .object = 1, .type = TEXT("t")},
		SYSTEM
		"\"t\",\"action\":\"changed\",\"resource\":{\"gid\":\"1\",\"resource_type\":\"t\"},\"parent\":null}"},
	{{.action = MR_ACTION_DELETED, .object = 18446744073709551615ULL, .type = TEXT("")},
		SYSTEM
		"\"\",\"action\":\"deleted\",\"resource\":{\"gid\":\"18446744073709551615\",\"resource_type\":\"\"},\"parent\":null}"},
	// Whoever sets a parent on another action does not get it rendered.
	{{.action = MR_ACTION_UNDELETED,
		 .object = 10,
		 .type = TEXT("story"),
		 .parent_gid = 5,
		 .parent_type = TEXT("task")},
		SYSTEM
		"\"story\",\"action\":\"undeleted\",\"resource\":{\"gid\":\"10\",\"resource_type\":\"story\"},\"parent\":null}"},
	{{.action = MR_ACTION_ADDED, .object = 99, .type = TEXT("quote\" back\\ slash/ del\x7f")},
		SYSTEM
		"\"quote\\\" back\\\\ slash/ del\x7f\",\"action\":\"added\",\"resource\":{\"gid\":\"99\",\"resource_type\":\"quote\\\" back\\\\ slash/ del\x7f\"},\"parent\":null}"},
	{{.action = MR_ACTION_ADDED,
		 .object = 100,
		 .type = TEXT("\b\f\n\r\t"),
		 .subtype = TEXT("\x01\x0b\x1f")},
		SYSTEM
		"\"\\b\\f\\n\\r\\t\",\"action\":\"added\",\"resource\":{\"gid\":\"100\",\"resource_type\":\"\\b\\f\\n\\r\\t\",\"resource_subtype\":\"\\u0001\\u000b\\u001f\"},\"parent\":null}"},
	{{.action = MR_ACTION_ADDED,
		 .object = 101,
		 .type = TEXT("caf\u00e9 \u65e5\u672c \U0001f600"),
		 .subtype = TEXT("\u2028\u2029\ufeff\xc2\x80")},
		SYSTEM
		"\"caf\u00e9 \u65e5\u672c \U0001f600\",\"action\":\"added\",\"resource\":{\"gid\":\"101\",\"resource_type\":\"caf\u00e9 \u65e5\u672c \U0001f600\",\"resource_subtype\":\"\u2028\u2029\ufeff\xc2\x80\"},\"parent\":null}"},
	{{.action = MR_ACTION_ADDED,
		 .object = 102,
		 .type = TEXT("__proto__"),
		 .subtype = TEXT("7")},
		SYSTEM
		"\"__proto__\",\"action\":\"added\",\"resource\":{\"gid\":\"102\",\"resource_type\":\"__proto__\",\"resource_subtype\":\"7\"},\"parent\":null}"},
};
enum { JSON_CASES = sizeof(json_cases) / sizeof(json_cases[0]) };
