#include "recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <millrace/reason.h>

#include "directory.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "recovery_state.h"
#include "segment_file.h"

enum { STREAM_IDS_END = 0xffff }; // 0xffff is no stream
static const uint64_t progress_interval_ns = 1000000000;

int recovery_failed(struct recovery *recovery, int error, const char *what)
{
	if (recovery->error->segment != 0)
		return error; // the place is said already
	snprintf(recovery->error->text, sizeof(recovery->error->text), "%s: %s", what,
		strerror(-error));
	return error;
}

void recovery_tell(struct recovery *recovery, const char *what, uint64_t done, uint64_t all)
{
	const struct mr_recovery_config *config = recovery->config;
	const uint64_t now_ns = config->now_ns();
	if (config->progress == NULL || now_ns - recovery->told_ns < progress_interval_ns)
		return;
	recovery->told_ns = now_ns;
	config->progress(config->progress_owner, what, done, all);
}

int recovery_read(
	struct recovery *recovery, mr_position position, const struct mr_record **ret_record)
{
	const int error = mr_scan_record(recovery->scan, position, ret_record);
	struct mr_segment_place place;
	if (error == 0 || error == -ENOENT
		|| !mr_segment_map_place(recovery->map, position, &place))
		return error;
	return mr_scan_fail(recovery->error, error, place.segment,
		(uint64_t)place.first_block * MR_JOURNAL_BLOCK_BYTES,
		"from here on: the record of stream %u at %" PRIu64 " cannot be read: %s",
		(unsigned)mr_position_stream(position), mr_position_offset(position),
		strerror(-error));
}

static int read_for_replay(void *owner, mr_position position, const struct mr_record **ret_record)
{
	return recovery_read(owner, position, ret_record);
}

struct mr_replay_source recovery_source(struct recovery *recovery)
{
	return (struct mr_replay_source){.owner = recovery, .read = read_for_replay};
}

void recovery_drop(struct recovery *recovery, uint32_t stream, mr_position origin, uint64_t webhook,
	uint8_t reason)
{
	struct mr_record_dropped dropped = {.origin = origin, .webhook = webhook, .reason = reason};
	mr_record_seal(&dropped, sizeof(dropped), NULL, 0, MR_RECORD_DROPPED, 0);
	(void)mr_snapshot_append(recovery->snapshot, stream, &dropped, sizeof(dropped), NULL, 0);
}

// -- The directory

static int contradiction(
	struct recovery *recovery, const char *what, uint64_t configured, uint64_t journal)
{
	snprintf(recovery->error->text, sizeof(recovery->error->text),
		"%s is %" PRIu64 " in the configuration, but %" PRIu64
		" in the journal: it never changes",
		what, configured, journal);
	return -EINVAL;
}

static int judge_config(struct recovery *recovery)
{
	const struct mr_recovery_config *config = recovery->config;
	const struct mr_segment_header *header = &recovery->found.newest;
	if (recovery->found.empty)
		return 0;
	if (header->flows != config->flows)
		return contradiction(recovery, "flows", config->flows, header->flows);
	if (header->slots != MR_SLOTS)
		return contradiction(recovery, "slots", MR_SLOTS, header->slots);
	if (header->hash_seed != config->hash_seed)
		return contradiction(recovery, "hash_seed", config->hash_seed, header->hash_seed);
	return 0;
}

// The live segment of this boot whose ids overlap [first, first + count); NULL: none.
static const struct mr_segment_header *overlapping(
	const struct recovery *recovery, uint32_t first, uint32_t count)
{
	const struct mr_scan_found *found = &recovery->found;
	for (uint64_t i = found->oldest_needed; i <= found->newest_segment; i++) {
		const struct mr_segment_header *header = mr_scan_segment(recovery->scan, i);
		if (header != NULL && first < (uint32_t)header->first_stream + header->streams
			&& header->first_stream < first + count)
			return header;
	}
	return NULL;
}

// Ids that no live segment names, behind those of the boot before. 0 or -ENOSPC.
static int choose_streams(const struct recovery *recovery, uint32_t count, uint16_t *ret_first)
{
	uint32_t first = 1;
	if (!recovery->found.empty)
		first = (uint32_t)recovery->found.newest.first_stream
			+ recovery->found.newest.streams;
	for (uint32_t rounds = 0; rounds < 2;) {
		if (first + count > STREAM_IDS_END) {
			first = 1;
			rounds++;
		}
		const struct mr_segment_header *header =
			recovery->found.empty ? NULL : overlapping(recovery, first, count);
		if (header == NULL) {
			*ret_first = (uint16_t)first;
			return 0;
		}
		first = (uint32_t)header->first_stream + header->streams;
	}
	return -ENOSPC;
}

// -- Replay

static int replay_record(
	struct recovery *recovery, uint16_t stream, uint64_t offset, const struct mr_record *record)
{
	const mr_position position = mr_position_make(stream, offset);
	if (!mr_quarantine_enter(&recovery->quarantine, position))
		return 0;
	int error = mr_replay_record(recovery->replay, stream, offset, record);
	if (error == -EBADMSG) { // its checksum is right: whoever wrote it was wrong
		mr_quarantine_add(&recovery->quarantine, position);
		error = 0;
	}
	recovery->recovered->records++;
	return error;
}

static int insane(struct recovery *recovery, const struct mr_scan_frame *frame, uint16_t stream,
	uint64_t offset)
{
	snprintf(recovery->error->text, sizeof(recovery->error->text),
		"segment %016" PRIx64 ": offset %" PRIu64 ": stream %u has no record at %" PRIu64
		", though the frame is whole",
		frame->segment, frame->offset, stream, offset);
	recovery->error->segment = frame->segment;
	recovery->error->offset = frame->offset;
	return -EBADMSG;
}

// The scan has seen to the check of the frame, hence of every record in it.
static int replay_run(struct recovery *recovery, const struct mr_scan_frame *frame,
	const struct mr_frame_run *run, const uint8_t *bytes)
{
	int error = 0;
	for (uint32_t done = 0; done < run->bytes && error == 0;) {
		const struct mr_record *record = (const void *)(bytes + done);
		if (!mr_record_sane(record, run->bytes - done))
			return insane(recovery, frame, run->stream, run->offset + done);
		error = replay_record(recovery, run->stream, run->offset + done, record);
		done += record->length;
	}
	return error;
}

static int replay_frame(struct recovery *recovery, const struct mr_scan_frame *frame)
{
	const uint8_t *at = frame->payload;
	int error = 0;
	for (uint32_t i = 0; i < frame->header->runs && error == 0; i++) {
		error = replay_run(recovery, frame, &frame->runs[i], at);
		at += frame->runs[i].bytes;
	}
	mr_quarantine_leave(&recovery->quarantine);
	return error;
}

static bool is_of_boot(const struct recovery *recovery, uint64_t segment, uint64_t boot)
{
	const struct mr_segment_header *header = mr_scan_segment(recovery->scan, segment);
	return header != NULL && header->boot == boot;
}

// Snapshots of boots that came no further do not count.
static bool counts(
	const struct recovery *recovery, const struct mr_scan_frame *frame, uint64_t boot)
{
	return frame->header->sequence >= recovery->found.replay_frame
		&& frame->header->kind != MR_FRAME_INDEX
		&& is_of_boot(recovery, frame->segment, boot);
}

// Starts that were killed leave segments that do not count: the journal ends before them, and they
// are swept away.
static void forget_unfinished(
	struct recovery *recovery, uint64_t boot, uint64_t last_frame, uint64_t last_check)
{
	struct mr_scan_found *found = &recovery->found;
	const uint64_t last_boot = found->newest.boot;
	while (!is_of_boot(recovery, found->newest_segment, boot))
		found->newest_segment--;
	mr_assert(found->newest_segment >= found->replay_segment);
	found->newest = *mr_scan_segment(recovery->scan, found->newest_segment);
	found->newest.boot = last_boot; // boots rise
	found->last_frame = last_frame;
	found->last_check = last_check;
}

static int replay_all(struct recovery *recovery)
{
	const struct mr_scan_found *found = &recovery->found;
	if (found->empty)
		return 0;
	if (found->replay_frame == 0) { // no snapshot has ever counted
		recovery->found = (struct mr_scan_found){.empty = true};
		return 0;
	}
	const struct mr_segment_header *first =
		mr_scan_segment(recovery->scan, found->replay_segment);
	mr_assert(first != NULL); // the scan has seen to it
	const uint64_t boot = first->boot;
	recovery->all_bytes = (found->newest_segment - found->replay_segment + 1)
		* recovery->config->segment_bytes;
	int error = mr_scan_seek(recovery->scan, found->replay_segment);
	uint64_t last_frame = 0, last_check = 0; // of that boot
	while (error == 0) {
		struct mr_scan_frame frame;
		error = mr_scan_next(recovery->scan, &frame, recovery->error);
		if (error <= 0)
			break;
		recovery->recovered->bytes += frame.header->bytes;
		error = counts(recovery, &frame, boot) ? replay_frame(recovery, &frame) : 0;
		if (error == -ENOMEM)
			return recovery_failed(recovery, error, "replay");
		if (is_of_boot(recovery, frame.segment, boot)) {
			last_frame = frame.header->sequence;
			last_check = frame.header->check;
		}
		recovery_tell(
			recovery, "replaying", recovery->recovered->bytes, recovery->all_bytes);
	}
	if (error == 0)
		forget_unfinished(recovery, boot, last_frame, last_check);
	return error;
}

// Everything in the journal counts from here on. What was under way when a process was killed is
// seen, and may still be lost with the power: only in the newest segment, since a segment is begun
// when all before it is durable.
static int make_durable(struct recovery *recovery)
{
	const struct mr_disk *disk = recovery->config->disk;
	if (recovery->found.empty)
		return 0;
	const struct mr_segment_facts newest =
		mr_segment_map_facts(recovery->map, recovery->found.newest_segment);
	int error = disk->sync(disk->state, newest.fd);
	return error != 0 ? recovery_failed(recovery, error, "the newest segment") : 0;
}

// -- The snapshot

static int begin_snapshot(struct recovery *recovery, uint32_t streams)
{
	const struct mr_recovery_config *config = recovery->config;
	const struct mr_scan_found *found = &recovery->found;
	struct mr_snapshot_config snapshot = {.disk = config->disk,
		.map = recovery->map,
		.segment_bytes = config->segment_bytes,
		.hash_seed = config->hash_seed,
		.wall_ns = config->wall_ns(),
		.flows = config->flows,
		.streams = streams,
		.place = {.journal_id = found->newest.journal_id,
			.boot = found->newest.boot + 1,
			.segment = found->newest_segment,
			.frame = found->last_frame,
			.previous = found->last_check,
			.replay_frame = found->replay_frame,
			.replay_segment = found->replay_segment,
			.oldest_segment = found->oldest_needed}};
	int error = choose_streams(recovery, streams, &snapshot.place.first_stream);
	if (error != 0)
		return recovery_failed(recovery, error, "no stream ids are left");
	if (found->empty
		&& getrandom(&snapshot.place.journal_id, sizeof(snapshot.place.journal_id), 0)
			!= sizeof(snapshot.place.journal_id))
		return recovery_failed(recovery, -EIO, "no random id");
	error = mr_snapshot_begin(&snapshot, &recovery->snapshot);
	return error != 0 ? recovery_failed(recovery, error, "a new segment") : 0;
}

static int write_snapshot(struct recovery *recovery)
{
	struct mr_recovered *recovered = recovery->recovered;
	const struct mr_quarantine *quarantine = &recovery->quarantine;
	recovered->quarantined = mr_quarantine_count(quarantine);
	for (uint32_t i = 0; i < recovered->quarantined; i++)
		recovery_drop(
			recovery, 0, mr_quarantine_at(quarantine, i), 0, MR_REASON_QUARANTINED);
	if (recovered->quarantined > 0)
		recovered->quarantined_first = mr_quarantine_at(quarantine, 0);
	int error = recovery_write(recovery);
	if (error != 0)
		return error;
	error = mr_snapshot_finish(recovery->snapshot, &recovered->place, recovered->ends);
	if (error != 0)
		return recovery_failed(recovery, error, "the snapshot cannot be written");
	recovery_need_records(recovery);
	return 0;
}

// -- All of it

static int recover(struct recovery *recovery)
{
	const struct mr_recovery_config *config = recovery->config;
	const struct mr_scan_found *found = &recovery->found;
	const uint32_t streams = config->shards + config->deliveries + 1;
	int error = mr_scan_open(config->disk, &recovery->scan, &recovery->found, recovery->error);
	if (error == 0)
		error = judge_config(recovery);
	if (error != 0)
		return error;
	mr_quarantine_open(&recovery->quarantine, config->disk);
	uint64_t seed = 0;
	(void)!getrandom(&seed, sizeof(seed), 0); // only spreads tables
	recovery->replay = mr_replay_new(config->flows, seed);
	if (recovery->replay == NULL)
		return recovery_failed(recovery, -ENOMEM, "replay");
	error = replay_all(recovery);
	if (error == 0)
		error = recovery_map_segments(recovery, streams);
	if (error == 0)
		error = make_durable(recovery);
	if (error != 0)
		return error;
	error = mr_segment_sweep(config->disk, found->empty ? 1 : found->oldest_needed,
		found->empty ? 0 : found->newest_segment);
	if (error != 0)
		return recovery_failed(recovery, error, "unused segments cannot be removed");
	error = begin_snapshot(recovery, streams);
	return error != 0 ? error : write_snapshot(recovery);
}

// Frees what only the start needs.
static void forget(struct recovery *recovery, bool has_succeeded)
{
	mr_quarantine_close(&recovery->quarantine, has_succeeded);
	mr_snapshot_free(recovery->snapshot);
	mr_replay_free(recovery->replay);
	mr_scan_close(recovery->scan);
	if (!has_succeeded)
		recovery_close_map(recovery);
}

int mr_recover(const struct mr_recovery_config *config, struct mr_needs *const *needs,
	struct mr_segment_map **ret_map, struct mr_recovered **ret_recovered,
	struct mr_scan_error *ret_error)
{
	mr_assert(config->shards > 0 && config->shards <= MR_SHARDS_MAX);
	mr_assert(config->deliveries > 0 && config->deliveries <= MR_DELIVERIES_MAX);
	const uint64_t begun_ns = config->now_ns();
	*ret_error = (struct mr_scan_error){.text = "no memory"};
	struct recovery *recovery = calloc(1, sizeof(*recovery));
	struct mr_recovered *recovered = calloc(1, sizeof(*recovered));
	int error = -ENOMEM;
	if (recovery != NULL && recovered != NULL) {
		recovery->config = config;
		recovery->needs = needs;
		recovery->error = ret_error;
		recovery->told_ns = begun_ns;
		recovery->recovered = recovered;
		error = recover(recovery);
		forget(recovery, error == 0);
	}
	if (error == 0) {
		recovered->took_ns = config->now_ns() - begun_ns;
		*ret_map = recovery->map;
		*ret_recovered = recovered;
	} else {
		mr_recovered_free(recovered);
	}
	free(recovery);
	return error;
}

void mr_recovered_free(struct mr_recovered *recovered)
{
	if (recovered == NULL)
		return;
	for (uint32_t i = 0; i < recovered->lanes_count; i++) {
		for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++) {
			struct mr_recovered_sublane *sublane = &recovered->lanes[i].sublanes[k];
			free((void *)(uintptr_t)sublane->records);
			free((void *)(uintptr_t)sublane->records_entries);
		}
	}
	free((void *)(uintptr_t)recovered->place.index);
	free(recovered->sessions);
	free(recovered->flows);
	free(recovered->events);
	free(recovered->lanes);
	free(recovered->expiries);
	free(recovered);
}
