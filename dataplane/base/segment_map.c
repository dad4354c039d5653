#include "segment_map.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

#include <millrace/journal.h>

#include "mr_assert.h"

enum { MARK_BYTES = 1 << 20, STREAM_IDS = 1 << 16 };

// One live segment. Readers may meet an entry while it is written for a later segment: all they
// load is atomic, stored with release and loaded with acquire, so who has seen a word of the later
// segment also sees that the earlier one is retired.
struct entry {
	_Atomic int fd;
	_Atomic uint32_t first_stream;
	_Atomic uint32_t streams;
	_Atomic uint32_t end_block; // of what is durable
	_Atomic uint32_t marks_count;
	_Atomic uint64_t *starts; // per stream
	_Atomic uint64_t *ends; // per stream: how far it is durable
	_Atomic uint64_t *marks; // each: block, then an offset per stream
	// The writer's.
	uint64_t bytes;
	int64_t begun_at_ns;
};

struct mr_segment_map {
	struct entry *entries; // index: number mod capacity
	uint64_t mask; // capacity - 1
	uint32_t streams_max;
	uint32_t marks_max;
	uint64_t boot; // the writer's: of the newest segment
	// Number of the first segment of the boot that has the stream. 0: none.
	_Atomic uint64_t first_with[STREAM_IDS];
	alignas(64) _Atomic uint64_t oldest;
	_Atomic uint64_t end;
};

static uint64_t capacity_of(const struct mr_segment_map_config *config)
{
	uint64_t capacity = 1;
	while (capacity < config->segments_max)
		capacity *= 2;
	return capacity;
}

static uint32_t marks_of(const struct mr_segment_map_config *config)
{
	return (uint32_t)((config->segment_bytes + MARK_BYTES - 1) / MARK_BYTES);
}

static uint64_t entry_words(const struct mr_segment_map_config *config)
{
	return 2 * (uint64_t)config->streams_max
		+ (uint64_t)marks_of(config) * (1 + config->streams_max);
}

uint64_t mr_segment_map_bytes(const struct mr_segment_map_config *config)
{
	return sizeof(struct mr_segment_map)
		+ capacity_of(config) * (sizeof(struct entry) + 8 * entry_words(config));
}

struct mr_segment_map *mr_segment_map_new(const struct mr_segment_map_config *config)
{
	mr_assert(config->segments_max >= 1 && config->segments_max <= MR_SEGMENTS_MAX);
	mr_assert(config->streams_max >= 1 && config->streams_max <= MR_STREAMS_MAX);
	const uint64_t capacity = capacity_of(config);
	struct mr_segment_map *map = aligned_alloc(64, (sizeof(*map) + 63) / 64 * 64);
	struct entry *entries = calloc(capacity, sizeof(*entries));
	_Atomic uint64_t *words = calloc(capacity * entry_words(config), sizeof(*words));
	if (map == NULL || entries == NULL || words == NULL) {
		free(map);
		free(entries);
		free(words);
		return NULL;
	}
	map->entries = entries;
	map->mask = capacity - 1;
	map->streams_max = config->streams_max;
	map->marks_max = marks_of(config);
	map->boot = 0;
	for (uint32_t i = 0; i < STREAM_IDS; i++)
		atomic_init(&map->first_with[i], 0);
	atomic_init(&map->oldest, 0);
	atomic_init(&map->end, 0);
	for (uint64_t i = 0; i < capacity; i++) {
		entries[i].starts = words;
		entries[i].ends = words + config->streams_max;
		entries[i].marks = words + 2 * (uint64_t)config->streams_max;
		words += entry_words(config);
	}
	return map;
}

void mr_segment_map_free(struct mr_segment_map *map)
{
	if (map == NULL)
		return;
	free(map->entries[0].starts);
	free(map->entries);
	free(map);
}

static struct entry *entry_of(const struct mr_segment_map *map, uint64_t number)
{
	return &map->entries[number & map->mask];
}

// -- Writer

static struct entry *newest_of(struct mr_segment_map *map)
{
	const uint64_t end = atomic_load_explicit(&map->end, memory_order_relaxed);
	mr_assert(end > atomic_load_explicit(&map->oldest, memory_order_relaxed));
	return entry_of(map, end - 1);
}

static void fill(struct entry *entry, int fd, const struct mr_segment_header *header)
{
	atomic_store_explicit(&entry->fd, fd, memory_order_release);
	atomic_store_explicit(&entry->first_stream, header->first_stream, memory_order_release);
	atomic_store_explicit(&entry->streams, header->streams, memory_order_release);
	atomic_store_explicit(&entry->end_block, 1, memory_order_release);
	atomic_store_explicit(&entry->marks_count, 0, memory_order_release);
	for (uint32_t i = 0; i < header->streams; i++) {
		atomic_store_explicit(&entry->starts[i], header->starts[i], memory_order_release);
		atomic_store_explicit(&entry->ends[i], header->starts[i], memory_order_release);
	}
	entry->bytes = header->segment_bytes;
	entry->begun_at_ns = header->begun_at_ns;
}

void mr_segment_map_begin(
	struct mr_segment_map *map, int fd, const struct mr_segment_header *header)
{
	const uint64_t oldest = atomic_load_explicit(&map->oldest, memory_order_relaxed);
	const uint64_t end = atomic_load_explicit(&map->end, memory_order_relaxed);
	const uint64_t number = header->number;
	mr_assert(number > 0 && header->streams <= map->streams_max);
	mr_assert(oldest == end || number == end);
	mr_assert(oldest == end || number - oldest <= map->mask);
	fill(entry_of(map, number), fd, header);
	if (oldest == end || header->boot != map->boot) {
		map->boot = header->boot;
		for (uint32_t i = 0; i < header->streams; i++)
			atomic_store_explicit(&map->first_with[header->first_stream + i], number,
				memory_order_release);
	}
	if (oldest == end)
		atomic_store_explicit(&map->oldest, number, memory_order_release);
	atomic_store_explicit(&map->end, number + 1, memory_order_release);
}

void mr_segment_map_frame(struct mr_segment_map *map, uint32_t block, const uint64_t *offsets)
{
	struct entry *entry = newest_of(map);
	const uint32_t streams = atomic_load_explicit(&entry->streams, memory_order_relaxed);
	const uint32_t count = atomic_load_explicit(&entry->marks_count, memory_order_relaxed);
	const uint64_t stride = 1 + (uint64_t)map->streams_max;
	const uint32_t per_mark = MARK_BYTES / MR_JOURNAL_BLOCK_BYTES;
	if (count > 0) {
		const uint64_t last = atomic_load_explicit(
			&entry->marks[(count - 1) * stride], memory_order_relaxed);
		mr_assert(block > last);
		if (block / per_mark == last / per_mark || count == map->marks_max)
			return;
	}
	_Atomic uint64_t *mark = &entry->marks[count * stride];
	atomic_store_explicit(&mark[0], block, memory_order_release);
	for (uint32_t i = 0; i < streams; i++)
		atomic_store_explicit(&mark[1 + i], offsets[i], memory_order_release);
	atomic_store_explicit(&entry->marks_count, count + 1, memory_order_release);
}

void mr_segment_map_durable(struct mr_segment_map *map, uint32_t end_block, const uint64_t *ends)
{
	struct entry *entry = newest_of(map);
	const uint32_t streams = atomic_load_explicit(&entry->streams, memory_order_relaxed);
	mr_assert(end_block >= atomic_load_explicit(&entry->end_block, memory_order_relaxed));
	atomic_store_explicit(&entry->end_block, end_block, memory_order_release);
	for (uint32_t i = 0; i < streams; i++)
		atomic_store_explicit(&entry->ends[i], ends[i], memory_order_release);
}

void mr_segment_map_retire(struct mr_segment_map *map)
{
	const uint64_t oldest = atomic_load_explicit(&map->oldest, memory_order_relaxed);
	mr_assert(oldest < atomic_load_explicit(&map->end, memory_order_relaxed));
	atomic_store_explicit(&map->oldest, oldest + 1, memory_order_release);
}

static bool is_live(const struct mr_segment_map *map, uint64_t number)
{
	return number >= mr_segment_map_oldest(map) && number < mr_segment_map_end(map);
}

struct mr_segment_facts mr_segment_map_facts(const struct mr_segment_map *map, uint64_t number)
{
	mr_assert(is_live(map, number));
	const struct entry *entry = entry_of(map, number);
	return (struct mr_segment_facts){
		.fd = atomic_load_explicit(&entry->fd, memory_order_relaxed),
		.bytes = entry->bytes,
		.begun_at_ns = entry->begun_at_ns,
	};
}

// -- Readers

uint64_t mr_segment_map_oldest(const struct mr_segment_map *map)
{
	return atomic_load_explicit(&map->oldest, memory_order_acquire);
}

uint64_t mr_segment_map_end(const struct mr_segment_map *map)
{
	return atomic_load_explicit(&map->end, memory_order_acquire);
}

// Index of the stream in the entry's tables; false: the entry's boot has no such stream.
static bool index_in(const struct entry *entry, uint16_t stream, uint32_t *ret_index)
{
	const uint32_t first = atomic_load_explicit(&entry->first_stream, memory_order_acquire);
	const uint32_t count = atomic_load_explicit(&entry->streams, memory_order_acquire);
	*ret_index = stream - first;
	return stream >= first && stream - first < count;
}

uint64_t mr_segment_map_start(const struct mr_segment_map *map, uint64_t number, uint16_t stream)
{
	mr_assert(is_live(map, number));
	const struct entry *entry = entry_of(map, number);
	uint32_t index;
	if (!index_in(entry, stream, &index))
		return 0;
	return atomic_load_explicit(&entry->starts[index], memory_order_acquire);
}

// The segment's boot has the stream, and the segment begins at or before the offset: true for the
// segments up to the wanted one, among those from the boot's first one on.
static bool begins_before(const struct entry *entry, uint16_t stream, uint64_t offset)
{
	uint32_t index;
	return index_in(entry, stream, &index)
		&& atomic_load_explicit(&entry->starts[index], memory_order_acquire) <= offset;
}

// The segment among [low, end) that would hold the offset; 0: none begins before it.
static uint64_t search(const struct mr_segment_map *map, uint64_t low, uint64_t end,
	uint16_t stream, uint64_t offset)
{
	if (low >= end)
		return 0;
	if (begins_before(entry_of(map, end - 1), stream, offset))
		return end - 1;
	uint64_t found = 0;
	while (low < end) {
		const uint64_t middle = low + (end - low) / 2;
		if (begins_before(entry_of(map, middle), stream, offset)) {
			found = middle;
			low = middle + 1;
		} else {
			end = middle;
		}
	}
	return found;
}

// Block of the last mark at or before the offset, and of the mark behind it.
static void look_up(const struct mr_segment_map *map, const struct entry *entry, uint32_t index,
	uint64_t offset, struct mr_segment_place *ret_place)
{
	const uint64_t stride = 1 + (uint64_t)map->streams_max;
	uint32_t low = 0;
	uint32_t count = atomic_load_explicit(&entry->marks_count, memory_order_acquire);
	uint64_t first = 1;
	uint64_t end = atomic_load_explicit(&entry->end_block, memory_order_acquire);
	while (low < count) {
		const uint32_t middle = low + (count - low) / 2;
		const _Atomic uint64_t *mark = &entry->marks[middle * stride];
		const uint64_t block = atomic_load_explicit(&mark[0], memory_order_acquire);
		if (atomic_load_explicit(&mark[1 + index], memory_order_acquire) <= offset) {
			first = block;
			low = middle + 1;
		} else {
			end = block;
			count = middle;
		}
	}
	ret_place->fd = atomic_load_explicit(&entry->fd, memory_order_acquire);
	ret_place->first_block = (uint32_t)first;
	ret_place->end_block = (uint32_t)end;
}

// One look at the map. What was read counts when no segment has retired meanwhile.
static bool find_once(const struct mr_segment_map *map, uint64_t oldest, mr_position position,
	struct mr_segment_place *ret_place)
{
	const uint16_t stream = mr_position_stream(position);
	const uint64_t offset = mr_position_offset(position);
	const uint64_t first = atomic_load_explicit(&map->first_with[stream], memory_order_acquire);
	const uint64_t low = first > oldest ? first : oldest;
	const uint64_t number =
		first == 0 ? 0 : search(map, low, mr_segment_map_end(map), stream, offset);
	if (number == 0)
		return false;
	const struct entry *entry = entry_of(map, number);
	uint32_t index;
	if (!index_in(entry, stream, &index)
		|| offset >= atomic_load_explicit(&entry->ends[index], memory_order_acquire))
		return false;
	ret_place->segment = number;
	look_up(map, entry, index, offset, ret_place);
	return true;
}

bool mr_segment_map_place(
	const struct mr_segment_map *map, mr_position position, struct mr_segment_place *ret_place)
{
	for (;;) {
		struct mr_segment_place place;
		const uint64_t oldest = mr_segment_map_oldest(map);
		const bool found = find_once(map, oldest, position, &place);
		if (mr_segment_map_oldest(map) != oldest)
			continue; // retired meanwhile: it may have been overwritten
		if (found)
			*ret_place = place;
		return found;
	}
}

uint64_t mr_segment_map_find(const struct mr_segment_map *map, mr_position position)
{
	struct mr_segment_place place;
	return mr_segment_map_place(map, position, &place) ? place.segment : 0;
}
