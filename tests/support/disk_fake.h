// A journal's directory in memory, with everything that goes wrong with disks: as struct mr_disk,
// and as the files of net_fake's mr_net_read and mr_net_write_durable (mr_fake_set_files). After a
// power cut it is what the next boot finds. Deterministic: everything follows from the seeds.
//
// Writes that return 0, or complete with a count, are durable; while under way, after an error, and
// when the power goes, each sector of 512 bytes is kept or reverted by itself. Names are durable
// after sync_directory; before, a power cut keeps the first few changes. A write must not overlap
// another one under way, its bytes must not change meanwhile, and no descriptor may be closed while
// it is in use: these are asserted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk.h"
#include "net_fake.h"

struct disk_fake;

struct disk_fake *disk_fake_new(uint64_t seed);
void disk_fake_free(struct disk_fake *fake); // accepts NULL
// Another disk with the same files as a power cut that keeps everything would leave them: no
// descriptor is open, nothing is planned.
struct disk_fake *disk_fake_copy(const struct disk_fake *fake, uint64_t seed);
struct mr_disk disk_fake_disk(struct disk_fake *fake);
struct mr_fake_files disk_fake_files(struct disk_fake *fake);

// -- The power
// The power goes and comes back: descriptors are closed, locks are gone, faults that were planned
// are forgotten; the capacity and the delays stay. Close the nets first.
void disk_fake_crash(struct disk_fake *fake, uint64_t seed);
// An orderly exit of the process instead: nothing is lost, the rest as above.
void disk_fake_exit(struct disk_fake *fake);
// The n-th change from now (1: the next one; 0: none) is the last: whether it took place shows
// after disk_fake_crash; it and everything later give -EIO. Changes are writes, make_zeroed,
// sync, creates, renames, removes and sync_directory.
void disk_fake_cut_at(struct disk_fake *fake, uint64_t nth);
uint64_t disk_fake_changes(const struct disk_fake *fake); // so far: where a cut can be

// -- Faults. Writes are mr_net_write_durable, write and make_zeroed, counted as they are asked for.
// The n-th write from now (1: the next one) gives this negative errno, once. After -EIO and
// -ECANCELED its sectors are uncertain; after any other nothing was written.
void disk_fake_fail(struct disk_fake *fake, uint64_t nth, int error);
// The n-th write writes that much, a multiple of 4096, and says so; only mr_net_write_durable.
void disk_fake_shorten(struct disk_fake *fake, uint64_t nth, size_t bytes);
// From now on every change gives this error (-EIO, -ENOSPC, -EROFS ...); 0: mended.
void disk_fake_break(struct disk_fake *fake, int error);
void disk_fake_break_reads(struct disk_fake *fake, int error);
void disk_fake_limit_reads(struct disk_fake *fake, size_t bytes); // mr_net_read: at most; 0: no
void disk_fake_capacity(struct disk_fake *fake, uint64_t bytes); // -ENOSPC beyond; 0: endless
void disk_fake_owned_by(struct disk_fake *fake, const char *owner); // lock: -EBUSY; NULL: by nobody

// Of mr_net_read and mr_net_write_durable. Shuffled: each takes up to twice as long, or no time,
// and they overtake each other; otherwise they end in the order in which they were asked.
struct disk_fake_delays {
	uint64_t write_ns;
	uint64_t read_ns;
	bool shuffled;
};
void disk_fake_delay(struct disk_fake *fake, struct disk_fake_delays delays);

// -- Looking and tampering
uint64_t disk_fake_writes(const struct disk_fake *fake); // so far
const uint8_t *disk_fake_look(const struct disk_fake *fake, const char *name, uint64_t *ret_size);
// Durably, as if by the disk itself; within the file.
void disk_fake_tamper(struct disk_fake *fake, const char *name, uint64_t offset, const void *bytes,
	size_t length);
