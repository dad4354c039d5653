// A segment as a file: its name and its first block (<millrace/journal.h>).
//
// Segments are made ahead under the name that they will have. A file that has no header, or one of
// another number (a recycled file's), was never begun: it is a spare and holds nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/journal.h>

#include "disk.h"

enum { MR_SEGMENT_NAME_BYTES = 25 }; // "segment-" and 16 hex digits, with its end

void mr_segment_name(uint64_t number, char ret_name[MR_SEGMENT_NAME_BYTES]);
bool mr_segment_number(const char *name, uint64_t *ret_number); // false: no segment's name

// Fills what is constant and the check of a header that stands in a block, zeroed beyond it.
void mr_segment_seal(void *block);
// The header of segment `number`? 0; -EPROTONOSUPPORT: written by a newer release; -EBADMSG.
int mr_segment_check(const void *block, uint64_t number);

// Removes the files of segments outside [oldest, newest]: spares, and retired ones that were not
// recycled yet. At a start, before anything is begun; blocking. 0 or negative errno.
int mr_segment_sweep(const struct mr_disk *disk, uint64_t oldest, uint64_t newest);
