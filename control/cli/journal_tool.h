// A journal's directory as the tools see it: read only, without its lock, also while a router
// writes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli_render.h"
#include "disk.h"
#include "scan.h"

struct mr_tool_options {
	const char *directory;
	const char *to; // salvage
	const struct mr_render *render;
	int32_t stream; // -1: all
	uint32_t kind; // 0: all
	uint64_t object, webhook; // 0: all
	int64_t since_ns, until_ns; // wall clock, [since, until)
	uint64_t late_ns; // impact: a delivery that took longer is late
	uint64_t limit; // UINT64_MAX: none
};

struct mr_tool {
	const struct mr_tool_options *options;
	struct mr_document doc;
	struct mr_disk disk;
	struct mr_scan *scan;
	struct mr_scan_found found;
	struct mr_scan_error error; // filled when a function fails
	bool is_live; // a router has it: the end may move
};

// 0, or negative errno with the error filled.
int mr_tool_open(struct mr_tool *tool, const struct mr_tool_options *options);
void mr_tool_close(struct mr_tool *tool); // accepts a half-opened one
// Fills the error; returns `err`.
int mr_tool_fail(struct mr_tool *tool, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// The disk without the scan: the directory must be there.
int mr_tool_open_disk(struct mr_tool *tool, const struct mr_tool_options *options);

// A record, sound, and where it stands.
struct mr_tool_record {
	const struct mr_record *record;
	const struct mr_frame_header *frame;
	mr_position position;
	uint64_t segment;
};

// Calls `each` for all records from the segment on that `since` is in, in the order in which they
// were written, until it returns another value than 0. That value, 0 at the end, or negative errno
// with the error filled. `frame` is called first for each frame; both may be NULL.
struct mr_tool_walker {
	void *owner;
	int (*frame)(void *owner, const struct mr_scan_frame *frame);
	int (*record)(void *owner, const struct mr_tool_record *record);
};
int mr_tool_walk(struct mr_tool *tool, const struct mr_tool_walker *walker);

// The commands. 0, or negative errno with the error filled.
int mr_tool_ls(struct mr_tool *tool);
int mr_tool_cat(struct mr_tool *tool);
int mr_tool_verify(struct mr_tool *tool);
int mr_tool_stats(struct mr_tool *tool);
int mr_tool_impact(struct mr_tool *tool);
int mr_tool_salvage(struct mr_tool *tool); // opens nothing but the disk before

// -- Records as text
const char *mr_record_kind_name(unsigned kind); // "event", ...; "unknown"
unsigned mr_record_kind_find(const char *name); // 0: there is no such kind
struct mr_record_facts {
	uint64_t object; // 0: it names none
	uint64_t webhook; // 0: it names none, or several
	uint64_t count; // of what it lists
	char detail[256];
};
void mr_record_describe(const struct mr_record *record, struct mr_record_facts *ret_facts);
// Does a record that may name several name this webhook?
bool mr_record_names_webhook(const struct mr_record *record, uint64_t webhook);
// Positions that it refers to: 0 and the count. A DISTRIBUTED or QUEUED record has offsets in its
// own stream, which are made positions.
uint32_t mr_record_refers(const struct mr_record *record, uint16_t stream,
	mr_position *ret_positions, uint32_t positions_max);

// "2026-11-22T02:20:00.123Z"; "" for 0.
void mr_time_text(int64_t at_ns, char *ret_text, size_t size);
// The same, seconds since 1970 as "@...", or an age as "90s", "10m", "3h", "2d". 0 or -EINVAL.
int mr_time_parse(const char *text, int64_t now_ns, int64_t *ret_at_ns);
