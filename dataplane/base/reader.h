// Reading a record by position from any core: out of the stream's buffer while it is there, out of
// the journal when the writer has come round. One reader per stage; the answer stands in the
// reader's own memory until the next call.
#pragma once

#include <stdint.h>

#include <millrace/record.h>

#include "stream.h"

enum mr_read {
	MR_READ_HIT, // the record stands in ret
	MR_READ_WAIT, // a file read is under way: ask again in a later step
	MR_READ_GONE, // retired, or overwritten in a volatile router: nobody has it any more
};

// Where overwritten records may still be found; implemented by the journal stage's back ends and by
// tests. `fetch` copies the record of `position` to `ret_bytes` (room for MR_RECORD_BYTES_MAX), or
// answers WAIT or GONE. It never blocks.
struct mr_backend_reader {
	void *state;
	enum mr_read (*fetch)(
		void *state, mr_position position, void *ret_bytes, uint32_t *ret_length);
};

struct mr_reader {
	struct mr_stream *const *streams; // index: stream id - first_stream
	uint32_t streams_count;
	uint16_t first_stream; // of this boot; positions of earlier boots are the back end's
	struct mr_backend_reader backend;
	alignas(64) uint8_t bytes[MR_RECORD_BYTES_MAX + 56];
};

// The streams' ids are consecutive.
void mr_reader_init(struct mr_reader *reader, struct mr_stream *const *streams,
	uint32_t streams_count, struct mr_backend_reader backend);
// On HIT *ret_record points into the reader. A record whose header is nonsense answers GONE and
// trips mr_expect.
enum mr_read mr_reader_get(
	struct mr_reader *reader, mr_position position, const struct mr_record **ret_record);
