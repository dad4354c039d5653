// Who is told of alarms, and the act of telling: HTTP POST, a program, or syslog(3). Each waits at
// most MR_RECEIVER_SECONDS.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "notice.h"

enum mr_receiver_kind { MR_RECEIVER_HTTP = 1, MR_RECEIVER_EXEC, MR_RECEIVER_SYSLOG };
const char *mr_receiver_kind_name(enum mr_receiver_kind kind); // "http", "exec", "syslog"

enum { MR_RECEIVERS_MAX = 8, MR_RECEIVER_ARGUMENTS_MAX = 16, MR_RECEIVER_SECONDS = 10 };

struct mr_receiver {
	enum mr_receiver_kind kind;
	bool heartbeat; // is sent the watchdog, too
	char name[MR_NAME_BYTES_MAX + 1];
	char url[MR_URL_BYTES_MAX + 1]; // HTTP; may hold a secret
	char token[256]; // HTTP: as a bearer; empty: none. Secret
	char *argv[MR_RECEIVER_ARGUMENTS_MAX + 1]; // EXEC, ends with NULL; an absolute path first
};

enum { MR_RECEIVER_WHY_BYTES = 160 };
// 0, or negative errno with a reason that holds no secret. `stop` ends it early (-ECANCELED).
int mr_receiver_tell(const struct mr_receiver *receiver, const struct mr_notice *notice,
	const atomic_bool *stop, char *ret_why);
// What is left of the URL for people to see: scheme, host and port.
void mr_receiver_place(const struct mr_receiver *receiver, char *ret_text, size_t size);
