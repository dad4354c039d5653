// The writer's inside, shared by its files: commits (disk_commit.c), segments (disk_segment.c),
// spares (disk_spare.c), retirement (disk_retire.c), checkpoints (disk_checkpoint.c). All of it
// belongs to the journal stage's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend_disk.h"
#include "journal_frame.h"
#include "maker.h"
#include "segment_file.h"

enum {
	DISK_MARK_BYTES = 1 << 20, // the index has an entry for the first frame of each
	DISK_RETIRED_MAX = 256, // files that wait to be used again or removed
	DISK_RESUBMITS_MAX = 8, // of one write, before it counts as failed
};
#define DISK_STALL_NS  UINT64_C(1000000000) // a write that takes longer is a stall
#define DISK_RETRY_NS  UINT64_C(1000000000) // until a spare is asked for again
#define DISK_AGE_PARTS 8 // a segment is closed after this part of the retention by age
#define DISK_LOOK_NS   UINT64_C(10000000) // between looks for segments that may retire

enum disk_write_kind { DISK_FRAME, DISK_HEADER };

// A write under way. They are a ring: begun, and counted as durable, in order.
struct disk_write {
	struct mr_io io; // first
	struct mr_backend_disk *disk;
	uint8_t *buffer; // MR_FRAME_BYTES_MAX, aligned
	enum disk_write_kind kind;
	uint32_t length;
	uint32_t done; // whole blocks that were written
	uint32_t resubmits;
	bool written; // to the end
	bool counted_stall;
	uint64_t offset; // in the segment's file
	uint64_t begun_ns;
	// FRAME
	uint64_t sequence;
	uint64_t payload;
	uint64_t oldest_segment; // as the frame says
	uint64_t ends[MR_STREAMS_MAX]; // how far each stream has come with it
};

enum disk_segment_state {
	DISK_SEGMENT_NONE, // the next one begins when all writes are done and there is a spare
	DISK_SEGMENT_BEGINS, // its header is being written
	DISK_SEGMENT_OPEN,
};

struct disk_file { // a spare, or a retired segment
	uint64_t number;
	uint64_t bytes;
	uint64_t retired_ns;
	int fd;
};

struct mr_backend_disk {
	struct mr_backend_disk_config config;
	uint64_t files_max; // by retention_bytes
	uint64_t index_room; // kept free in each segment
	struct mr_net *net; // NULL: not attached
	bool is_started; // the streams are known
	int64_t wall_ns; // of this step
	bool is_failed;
	int32_t error; // of a write; the writer is about to fail
	uint64_t error_offset;

	struct disk_write writes[MR_JOURNAL_COMMITS_MAX];
	uint32_t oldest_write;
	uint32_t writes_count;

	uint64_t sequence; // of the frame built last
	uint64_t previous; // its check
	uint64_t durable_sequence;
	uint64_t built[MR_STREAMS_MAX]; // how far each stream stands in frames
	uint64_t durable[MR_STREAMS_MAX]; // and in durable ones: the watermarks
	uint64_t pending_since_ns; // bytes wait since; 0: none
	uint32_t turn; // the stream that goes first into the next frame

	enum disk_segment_state segment_state;
	uint64_t segment; // number of the newest
	int fd;
	uint64_t at; // where the next frame goes
	int64_t begun_at_ns; // wall clock
	uint8_t *index; // entries of the closing frame
	uint32_t index_count;
	uint64_t index_mark; // MiB that the last entry is for

	struct disk_file spares[MR_SEGMENT_SPARES];
	uint32_t spares_count;
	enum mr_maker_kind asked; // what will become the next spare; 0: nothing
	struct disk_file recycling; // RENAME
	bool is_spare_denied; // by the last attempt
	uint64_t retry_ns;

	struct disk_file retired[DISK_RETIRED_MAX]; // a ring, oldest first
	uint64_t retired_first;
	uint64_t retired_end;
	uint64_t oldest_built; // as the last frame says
	uint64_t oldest_durable; // and the last durable one
	uint64_t look_ns;

	uint64_t replay_frame; // for the next frames
	uint64_t replay_segment;
	uint64_t epoch; // asked for
	bool is_epoch_open; // and not done
	uint64_t epoch_frame; // the frame at the asking
	uint64_t epoch_segment; // 0: not built yet
	uint64_t bytes; // of frames, since the start
	uint64_t epoch_bytes; // at the asking
	uint64_t checkpoint_end_bytes; // when the last one was complete
	uint64_t replay_bytes; // at the frame from which a start replays
	bool is_checkpoint_wanted; // by who cannot retire a segment
};

// -- disk_commit.c
// Counts writes that are done; bytes that became durable by that.
uint64_t disk_take_written(
	struct mr_backend_disk *disk, struct mr_stream *const *streams, struct mr_now now);
// Builds frames of what is new while there are buffers.
void disk_write_more(
	struct mr_backend_disk *disk, struct mr_stream *const *streams, struct mr_now now);
// The next free write; its buffer is the caller's until disk_submit. There is one.
struct disk_write *disk_next_write(struct mr_backend_disk *disk);
void disk_submit(struct mr_backend_disk *disk, struct disk_write *write, uint64_t now_ns);
struct mr_journal_frame_carry disk_carry(
	const struct mr_backend_disk *disk, enum mr_journal_frame_kind kind);
// Of a frame that stands in the write's buffer at `disk->at`: it becomes the last one built.
void disk_submit_frame(struct mr_backend_disk *disk, struct disk_write *write, uint32_t length,
	uint64_t payload, uint64_t now_ns);

// -- disk_segment.c
uint64_t disk_index_room(const struct mr_backend_disk_config *config);
// Room for a frame in the segment that is open; less than MR_FRAME_ROOM_MIN: close it.
uint64_t disk_segment_room(const struct mr_backend_disk *disk);
// Little is written, but what is in it shall retire by age some day.
bool disk_segment_is_old(const struct mr_backend_disk *disk);
void disk_segment_close(struct mr_backend_disk *disk, uint64_t now_ns);
// Begins the next one when it can.
void disk_segment_begin(struct mr_backend_disk *disk, struct mr_now now);
void disk_segment_begun(struct mr_backend_disk *disk, const struct disk_write *write);
// The frame that is about to be built, for the index.
void disk_index_note(struct mr_backend_disk *disk);

// -- disk_spare.c
void disk_spares_step(struct mr_backend_disk *disk, struct mr_now now);

// -- disk_retire.c
void disk_retire_step(struct mr_backend_disk *disk, struct mr_now now);
uint64_t disk_files(const struct mr_backend_disk *disk); // segments and spares of any kind
// A retired file that may be written again; false: there is none, or none yet.
bool disk_retired_take(struct mr_backend_disk *disk, struct disk_file *ret_file);
bool disk_retired_is_coming(struct mr_backend_disk *disk); // one will do, if not yet
void disk_retired_put_back(struct mr_backend_disk *disk, struct disk_file file);

// -- disk_checkpoint.c
void disk_checkpoint_step(struct mr_backend_disk *disk);
void disk_checkpoint_note(struct mr_backend_disk *disk); // the frame that is about to be built

// -- backend_disk.c
void disk_fail(struct mr_backend_disk *disk, int32_t error, uint64_t segment, uint64_t offset,
	uint64_t now_ns);
void disk_set_full(struct mr_backend_disk *disk, bool is_full);
void disk_show(struct mr_backend_disk *disk); // the gauges

static inline void disk_count(struct mr_backend_disk *disk, enum mr_counter_id counter)
{
	mr_count(&disk->config.stats->counters[counter], 1);
}
