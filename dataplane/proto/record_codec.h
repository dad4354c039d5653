// Records: sealing, checking, and the parts every reader needs (layout: <millrace/record.h>).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <millrace/record.h>

// Fills the common header of a record whose bytes stand in two parts (head starts with struct
// mr_record), checksum last.
void mr_record_seal(void *head, size_t head_bytes, const void *body, size_t body_bytes,
	enum mr_record_kind kind, uint16_t flags);

// Records are 8-byte aligned wherever they stand.
// Header sane (length a multiple of 8, in bounds, kind known, room for its fixed part and counts)?
// Cheap; for records read from memory.
bool mr_record_sane(const struct mr_record *record, size_t available);

// Sane, and the checksum fits: for records read from a disk. 0 or -EBADMSG.
int mr_record_check(const void *bytes, size_t available);

// Event bytes of an event record.
static inline const uint8_t *mr_record_event_bytes(const struct mr_record_event *record)
{
	return (const uint8_t *)record + sizeof(*record);
}
