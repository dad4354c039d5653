// How an answer of the control API reads as text: which parts, in which order, how wide.
#pragma once

#include <stdint.h>

enum mr_column_kind {
	MR_COLUMN_TEXT, // of whatever it is
	MR_COLUMN_NEEDED, // the same; a row that has none is left out
	MR_COLUMN_ID, // never cut: it is what people type next
	MR_COLUMN_COUNT,
	MR_COLUMN_SECONDS, // a duration
	MR_COLUMN_MILLISECONDS,
	MR_COLUMN_MICROSECONDS,
	MR_COLUMN_SHARE, // 0 .. 1; percent
	MR_COLUMN_RATE, // per second, rounded
};

struct mr_column {
	const char *key; // path in the row: "effect.queued_events"
	const char *title;
	enum mr_column_kind kind;
	int width; // 0: the usual one
};

enum { MR_SECTION_COLUMNS_MAX = 20, MR_SHAPE_SECTIONS_MAX = 10 };

struct mr_section {
	const char *title;
	const char *path; // in the answer; "": itself
	struct mr_column columns[MR_SECTION_COLUMNS_MAX];
};

// A section whose value is an array is a table, of an object a group of fields. What the answer
// does not have is left out: a field, a section, a table whose first row has nothing for the first
// column.
struct mr_shape {
	struct mr_section sections[MR_SHAPE_SECTIONS_MAX];
};

extern const struct mr_shape mr_shape_status, mr_shape_hot, mr_shape_ledgers, mr_shape_latencies,
	mr_shape_bans, mr_shape_pauses, mr_shape_effect, mr_shape_webhooks, mr_shape_webhook,
	mr_shape_attempts, mr_shape_lags, mr_shape_tested, mr_shape_secret, mr_shape_apps,
	mr_shape_tokens, mr_shape_token, mr_shape_alarms, mr_shape_audit, mr_shape_explained,
	mr_shape_drills, mr_shape_drill, mr_shape_health, mr_shape_acts;
