// Why an event was not accepted, or was given up after it was. The one list: the enum, the text,
// the metric label and the HTTP status of every reason are generated from it. Values are wire and
// record format: append, never renumber.
#pragma once

#include <stdint.h>

enum mr_reason_kind {
	MR_REASON_NONE, // not a failure
	MR_REASON_REFUSED, // never accepted: the producer is told
	MR_REASON_DROPPED, // accepted and later given up: counted
};

enum mr_retry {
	MR_RETRY_NO,
	MR_RETRY_AFTER,
	MR_RETRY_YES,
	MR_RETRY_NEW_SESSION,
	MR_RETRY_ELSEWHERE
};

// X(symbol, value, label, kind, http status or 0, retry, text)
#define MR_REASONS(X)                                                                              \
	X(OK, 0, "ok", NONE, 0, NO, "accepted")                                                    \
	X(MALFORMED, 1, "malformed", REFUSED, 400, NO, "cannot be decoded")                        \
	X(UNSUPPORTED_VERSION, 2, "unsupported_version", REFUSED, 400, NO,                         \
		"wire or API version is not supported")                                            \
	X(UNAUTHENTICATED, 3, "unauthenticated", REFUSED, 401, NO, "key or tag is wrong")          \
	X(UNKNOWN_SESSION, 4, "unknown_session", REFUSED, 0, NEW_SESSION,                          \
		"session or epoch is unknown or expired")                                          \
	X(TOO_LARGE, 5, "too_large", REFUSED, 413, NO, "event, batch or packet is over its limit") \
	X(BANNED, 6, "banned", REFUSED, 403, NO, "an operator banned the scope")                   \
	X(THROTTLED, 7, "throttled", REFUSED, 429, AFTER, "the scope is over its rate")            \
	X(OBJECT_FULL, 8, "object_full", REFUSED, 429, AFTER,                                      \
		"the object's queue is at its bound")                                              \
	X(SHARD_FULL, 9, "shard_full", REFUSED, 503, AFTER,                                        \
		"the shard's pools or stream have no room")                                        \
	X(NO_CREDIT, 10, "no_credit", REFUSED, 429, AFTER, "no room was granted")                  \
	X(RESTARTED, 11, "restarted", REFUSED, 0, YES,                                             \
		"its fate was lost with a restart: it was not accepted")                           \
	X(PAUSED, 12, "paused", REFUSED, 503, AFTER, "an operator paused ingest")                  \
	X(JOURNAL_FULL, 13, "journal_full", REFUSED, 507, AFTER, "the disk gives no space")        \
	X(JOURNAL_FAILED, 14, "journal_failed", REFUSED, 503, ELSEWHERE,                           \
		"write error: the router is going down")                                           \
	X(DRAINING, 15, "draining", REFUSED, 503, AFTER, "the router is shutting down")            \
	X(EXPIRED, 32, "expired", DROPPED, 0, NO, "retention by age or bytes")                     \
	X(WEBHOOK_GONE, 33, "webhook_gone", DROPPED, 0, NO,                                        \
		"the webhook was deleted, disabled, or 24 h without success")                      \
	X(PURGED, 34, "purged", DROPPED, 0, NO, "purged by an operator")                           \
	X(BANNED_PENDING, 35, "banned_pending", DROPPED, 0, NO,                                    \
		"banned by an operator while it was waiting")                                      \
	X(REJECTED, 36, "rejected", DROPPED, 0, NO, "the endpoint answered with a final refusal")  \
	X(QUARANTINED, 37, "quarantined", DROPPED, 0, NO, "a record that crashed recovery twice")

enum mr_reason {
#define X(symbol, value, label, kind, http, retry, text) MR_REASON_##symbol = value,
	MR_REASONS(X)
#undef X
		MR_REASON_LIMIT = 48 // array size that holds every value
};

struct mr_reason_info {
	const char *label; // metric label and JSON value; NULL for an unused value
	const char *text;
	enum mr_reason_kind kind;
	enum mr_retry retry;
	uint16_t http_status; // 0: never seen over HTTP
};

// Never NULL; unknown values give a row whose label is "unknown".
const struct mr_reason_info *mr_reason_info(unsigned reason);
