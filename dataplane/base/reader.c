#include "reader.h"

#include <string.h>

#include "mr_assert.h"

void mr_reader_init(struct mr_reader *reader, struct mr_stream *const *streams,
	uint32_t streams_count, struct mr_backend_reader backend)
{
	reader->streams = streams;
	reader->streams_count = streams_count;
	reader->first_stream = streams_count > 0 ? streams[0]->id : 0;
	reader->backend = backend;
}

static bool header_is_sane(const struct mr_record *record)
{
	return record->length >= sizeof(*record) && record->length <= MR_RECORD_BYTES_MAX
		&& record->length % 8 == 0 && record->kind > 0
		&& record->kind < MR_RECORD_KIND_COUNT;
}

// The header first: it says how much more there is. Both copies are checked, so they are of one
// record.
static enum mr_read read_memory(struct mr_reader *reader, mr_position position)
{
	uint32_t index = (uint32_t)mr_position_stream(position) - reader->first_stream;
	const struct mr_stream *stream =
		index < reader->streams_count ? reader->streams[index] : NULL;
	uint64_t offset = mr_position_offset(position);
	struct mr_record record;
	if (stream == NULL || !mr_stream_read(stream, offset, &record, sizeof(record)))
		return MR_READ_WAIT;
	bool sane = header_is_sane(&record);
	mr_expect(sane);
	if (!sane)
		return MR_READ_GONE;
	memcpy(reader->bytes, &record, sizeof(record));
	bool whole = mr_stream_read(stream, offset + sizeof(record), reader->bytes + sizeof(record),
		record.length - sizeof(record));
	return whole ? MR_READ_HIT : MR_READ_WAIT;
}

static enum mr_read read_backend(struct mr_reader *reader, mr_position position)
{
	if (reader->backend.fetch == NULL)
		return MR_READ_GONE;
	uint32_t length = 0;
	enum mr_read answer =
		reader->backend.fetch(reader->backend.state, position, reader->bytes, &length);
	if (answer != MR_READ_HIT)
		return answer;
	struct mr_record record;
	memcpy(&record, reader->bytes, sizeof(record));
	bool sane = length >= sizeof(record) && header_is_sane(&record) && record.length == length;
	mr_expect(sane);
	return sane ? MR_READ_HIT : MR_READ_GONE;
}

enum mr_read mr_reader_get(
	struct mr_reader *reader, mr_position position, const struct mr_record **ret_record)
{
	enum mr_read answer = read_memory(reader, position);
	if (answer == MR_READ_WAIT) // not in memory: the file may have it
		answer = read_backend(reader, position);
	if (answer == MR_READ_HIT)
		*ret_record = (const void *)reader->bytes;
	return answer;
}
