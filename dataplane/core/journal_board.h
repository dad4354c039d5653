// What the journal stage and the owners of streams tell each other without messages, when the
// journal is on disk. Every field has one writer; all are loaded with acquire and stored with
// release. A volatile router has no boards (NULL).
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include <millrace/limits.h>

enum mr_journal_state {
	MR_JOURNAL_OK = 0,
	// No further segment can be had: shards refuse events (journal_full); match, batch,
	// progress, dropped and checkpoint records go on in what is left.
	MR_JOURNAL_FULL = 1,
	// A write has failed: nothing becomes durable any more. Shards refuse events
	// (journal_failed); delivery begins no new batch, what is recorded durably has 10 s more;
	// the router exits with 74.
	MR_JOURNAL_FAILED = 2,
};

struct mr_journal_board { // written by the journal stage
	alignas(64) _Atomic uint32_t state; // enum mr_journal_state
	// Checkpoint that is wanted: rises by one. Every owner begins one when it sees a number
	// above the one it has done.
	_Atomic uint64_t epoch;
	_Atomic uint64_t stalled_since_ns; // monotonic: a write has been under way since; 0: none
	_Atomic uint64_t failed_ns; // monotonic: when it failed; 0: it has not
	// What failed, for people; stored before the state.
	_Atomic int32_t failed_error; // negative errno
	_Atomic uint64_t failed_segment; // number; 0: a segment that was being made
	_Atomic uint64_t failed_offset; // in its file
};

struct mr_owner_board { // written by a shard, a delivery stage or the steward; read by the journal
	// All records of this checkpoint are appended, the last of them below `epoch_end`; it
	// counts once the stream is durable up to there.
	alignas(64) _Atomic uint64_t epoch_end;
	_Atomic uint64_t epoch;
	// Lowest offset of its own stream that it still needs in the file, whatever checkpoints
	// say: a shard's oldest event that is not distributed. What others need is counted, or in a
	// checkpoint. UINT64_MAX: nothing; 0: nothing yet, for nothing of the stream retires before
	// the first checkpoint.
	_Atomic uint64_t keep;
};

// A delivery stage's needs: lane entries (and lane records that hold entries) by the segment they
// stand in, index: segment number mod MR_SEGMENTS_MAX. An entry is counted before the hop that
// brought it is answered, hence before its shard lets go of the event.
struct mr_needs {
	_Atomic uint32_t segments[MR_SEGMENTS_MAX];
};
