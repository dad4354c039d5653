// Records that crash a start. A file beside the segments, mapped, holds the place of the record
// that is being replayed, and how many starts have crashed there; the one that has crashed two is
// skipped from then on, and so are those found before it. The file goes when a start succeeds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "disk.h"

enum { MR_QUARANTINED_MAX = 255, MR_QUARANTINE_CRASHES = 2 };

struct mr_quarantine_file;

struct mr_quarantine {
	const struct mr_disk *disk;
	struct mr_quarantine_file *file; // NULL: the disk cannot map it, and nothing is known
	mr_position suspect; // where the last start crashed; 0: nowhere
	uint32_t crashes; // there, in a row
};

// Takes over what the last start has left. A record that has crashed often enough is quarantined.
void mr_quarantine_open(struct mr_quarantine *quarantine, const struct mr_disk *disk);
// The record is the next one. False: it is to be skipped.
bool mr_quarantine_enter(struct mr_quarantine *quarantine, mr_position position);
// The record was survived, as far as a crash between two records is nobody's.
void mr_quarantine_leave(struct mr_quarantine *quarantine);
// Skips the record from now on.
void mr_quarantine_add(struct mr_quarantine *quarantine, mr_position position);
// All that are skipped: those of this start and of those that crashed.
uint32_t mr_quarantine_count(const struct mr_quarantine *quarantine);
mr_position mr_quarantine_at(const struct mr_quarantine *quarantine, uint32_t index);
// Nothing is kept: the start has succeeded. Otherwise the next one goes on with it.
void mr_quarantine_close(struct mr_quarantine *quarantine, bool has_succeeded);
