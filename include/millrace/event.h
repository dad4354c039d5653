// The change event (E1) as bytes and as a decoded view. The same layout travels in DATA packets and
// stands in event records. Little-endian, 8-byte aligned, no pointers. The bytes are the contract:
// see docs/WIRE.md.
//
//   offset  size  field
//        0     4  length        whole event, a multiple of 8
//        4     1  action        enum mr_action
//        5     1  change_action enum mr_action (added, removed, changed), 0 without a change
//        6     1  ancestors     count, at most 16
//        7     1  flags         zero
//        8     8  object        not 0
//       16     8  workspace
//       24     8  database
//       32     8  user          0: a system event
//       40     8  created_at    ns since 1970 UTC, not negative
//       48     8  value gid     0: no value
//       56     8  parent gid    0: no parent
//       64     1  type length, then subtype, field, value type, parent type: one byte each
//       69     1  zero
//       70     2  payload length
//       72   8*n  ancestor gids, none of them 0
//          2*n    per ancestor: index it was reached through (0xff: the object), length of its type
//                 strings without terminators: type, subtype, field, value type, parent type,
//                 ancestor types in order; payload; zeros up to `length`
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/limits.h>

enum mr_action {
	MR_ACTION_NONE = 0,
	MR_ACTION_ADDED = 1,
	MR_ACTION_REMOVED = 2,
	MR_ACTION_CHANGED = 3,
	MR_ACTION_DELETED = 4,
	MR_ACTION_UNDELETED = 5,
	MR_ACTION_COUNT,
};

enum { MR_VIA_OBJECT = 0xff }; // an ancestor reached from the object itself

struct mr_event_fixed {
	uint32_t length;
	uint8_t action;
	uint8_t change_action;
	uint8_t ancestors;
	uint8_t flags;
	uint64_t object;
	uint64_t workspace;
	uint64_t database;
	uint64_t user;
	int64_t created_at_ns;
	uint64_t value_gid;
	uint64_t parent_gid;
	uint8_t type_length;
	uint8_t subtype_length;
	uint8_t field_length;
	uint8_t value_type_length;
	uint8_t parent_type_length;
	uint8_t reserved;
	uint16_t payload_length;
};
static_assert(sizeof(struct mr_event_fixed) == MR_EVENT_FIXED_BYTES, "wire format");
static_assert(offsetof(struct mr_event_fixed, object) == 8, "scope ids stand at fixed offsets");
static_assert(offsetof(struct mr_event_fixed, created_at_ns) == 40, "wire format");

struct mr_text {
	const char *data; // points into the event's bytes; not terminated
	uint16_t length;
};

struct mr_ancestor {
	uint64_t gid;
	struct mr_text type;
	uint8_t via; // index of the ancestor it was reached through, or MR_VIA_OBJECT
};

// A decoded event. Every text points into the bytes it was decoded from and lives as long as they.
struct mr_event {
	uint32_t length; // of the encoded form
	uint8_t action; // enum mr_action
	uint8_t change_action; // 0: no change part
	uint8_t ancestors_count;
	uint64_t object;
	uint64_t workspace;
	uint64_t database;
	uint64_t user;
	int64_t created_at_ns;
	uint64_t value_gid; // 0: no value
	uint64_t parent_gid; // 0: no parent
	struct mr_text type;
	struct mr_text subtype;
	struct mr_text field;
	struct mr_text value_type;
	struct mr_text parent_type;
	struct mr_text payload;
	struct mr_ancestor ancestors[MR_ANCESTORS_MAX];
};

const char *mr_action_name(unsigned action); // "added", ...; "none" for the rest
