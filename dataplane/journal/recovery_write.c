// The recovered state as records of a snapshot: sessions, windows, expiries, and copies of the
// events that wait.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/reason.h>

#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "recovery_state.h"

static uint32_t node_stream(const struct recovery *recovery)
{
	return recovery->config->shards + recovery->config->deliveries;
}

// -- The node stream

// `ret_indices`: index among the recovered sessions, by number in the replay.
static int write_sessions(struct recovery *recovery, uint32_t *ret_indices)
{
	struct mr_recovered *recovered = recovery->recovered;
	const uint32_t numbers = mr_replay_sessions(recovery->replay);
	recovered->sessions = calloc((size_t)numbers + 1, sizeof(recovered->sessions[0]));
	if (recovered->sessions == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < numbers; i++) {
		const struct mr_replay_session *session = mr_replay_session(recovery->replay, i);
		if (session == NULL)
			continue;
		struct mr_record_session record = {.app = session->app,
			.session_id = session->session_id,
			.key_id = session->key_id,
			.session_epoch = session->epoch,
			.at_ns = session->at_ns};
		mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_SESSION, 0);
		(void)mr_snapshot_append(recovery->snapshot, node_stream(recovery), &record,
			sizeof(record), NULL, 0);
		ret_indices[i] = recovered->sessions_count;
		recovered->sessions[recovered->sessions_count++] =
			(struct mr_recovered_session){.app = session->app,
				.session_id = session->session_id,
				.key_id = session->key_id,
				.epoch = session->epoch,
				.at_ns = session->at_ns};
	}
	return 0;
}

static int write_expiries(struct recovery *recovery)
{
	struct mr_recovered *recovered = recovery->recovered;
	const uint32_t count = mr_replay_expiries(recovery->replay);
	recovered->expiries = calloc((size_t)count + 1, sizeof(recovered->expiries[0]));
	if (recovered->expiries == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct mr_replay_expiry *expiry = mr_replay_expiry(recovery->replay, i);
		struct mr_record_expired record = {.webhook = expiry->webhook,
			.entry_hash = expiry->entry_hash,
			.at_ns = expiry->at_ns};
		mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_EXPIRED, 0);
		(void)mr_snapshot_append(recovery->snapshot, node_stream(recovery), &record,
			sizeof(record), NULL, 0);
		recovered->expiries[recovered->expiries_count++] = (struct mr_recovered_expiry){
			.webhook = expiry->webhook, .entry_hash = expiry->entry_hash};
	}
	return 0;
}

// Copied as they are: nothing in them depends on where they stand.
static void write_kept(struct recovery *recovery)
{
	const struct mr_recovery_config *config = recovery->config;
	const uint32_t count = mr_replay_kept_count(recovery->replay);
	for (uint32_t i = 0; i < count; i++) {
		const struct mr_record *record = mr_replay_kept(recovery->replay, i);
		if (record == NULL)
			continue;
		(void)mr_snapshot_append(
			recovery->snapshot, node_stream(recovery), record, record->length, NULL, 0);
		if (config->keep != NULL)
			config->keep(config->keep_owner, record);
	}
}

// -- Windows

static void write_flow(
	struct recovery *recovery, const struct mr_replay_flow *flow, uint32_t session)
{
	struct mr_recovered *recovered = recovery->recovered;
	struct mr_record_checkpoint record = {.app = flow->app,
		.session_id = flow->session_id,
		.session_epoch = flow->epoch,
		.flow = flow->flow,
		.next = flow->next};
	memcpy(record.accepted, flow->accepted, sizeof(record.accepted));
	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_CHECKPOINT, 0);
	(void)mr_snapshot_append(recovery->snapshot,
		mr_shard_of_flow(flow->flow, recovery->config->shards), &record, sizeof(record),
		NULL, 0);
	struct mr_recovered_flow *ret = &recovered->flows[recovered->flows_count++];
	ret->session = session;
	ret->flow = flow->flow;
	ret->next = flow->next;
	memcpy(ret->accepted, flow->accepted, sizeof(ret->accepted));
}

static int write_flows(struct recovery *recovery, const uint32_t *indices)
{
	struct mr_recovered *recovered = recovery->recovered;
	const uint32_t numbers = mr_replay_flows(recovery->replay);
	recovered->flows = calloc((size_t)numbers + 1, sizeof(recovered->flows[0]));
	if (recovered->flows == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < numbers; i++) {
		uint32_t session = 0;
		const struct mr_replay_flow *flow = mr_replay_flow(recovery->replay, i, &session);
		if (flow != NULL)
			write_flow(recovery, flow, indices[session]);
	}
	return 0;
}

// -- Events

// A copy in today's owner's stream. Of a copy of a copy that a checkpoint has named, only the
// record knows which hops were done before.
static void copy_event(struct recovery *recovery, const struct mr_record_event *record,
	const struct mr_replay_event *event)
{
	const struct mr_recovery_config *config = recovery->config;
	struct mr_record_event head = *record;
	struct mr_event_fixed fixed;
	const uint8_t *bytes = mr_record_event_bytes(record);
	memcpy(&fixed, bytes, sizeof(fixed));
	const uint32_t slot = mr_slot_of(fixed.object, config->hash_seed);
	const uint32_t shard =
		mr_shard_of_flow(mr_flow_of_slot(slot, config->flows), config->shards);
	uint16_t flags = MR_EVENT_COPIED | (record->record.flags & MR_EVENT_OBJECT_DONE);
	if (event->hops & (uint32_t)MR_REPLAY_HOP_OBJECT)
		flags |= MR_EVENT_OBJECT_DONE;
	head.hops_done |= (uint16_t)event->hops;
	const size_t length = record->record.length - sizeof(head);
	mr_record_seal(&head, sizeof(head), bytes, length, MR_RECORD_EVENT, flags);
	const mr_position position =
		mr_snapshot_append(recovery->snapshot, shard, &head, sizeof(head), bytes, length);
	struct mr_recovered *recovered = recovery->recovered;
	recovered->events[recovered->events_count++] =
		(struct mr_recovered_event){.object = fixed.object,
			.app = head.app,
			.workspace = fixed.workspace,
			.database = fixed.database,
			.offset = mr_position_offset(position),
			.bytes = head.record.length,
			.shard = shard};
}

static int compare_events(const void *a, const void *b)
{
	const struct mr_recovered_event *left = a, *right = b;
	if (left->shard != right->shard)
		return left->shard < right->shard ? -1 : 1;
	return (left->offset > right->offset) - (left->offset < right->offset);
}

static int copy_events(
	struct recovery *recovery, const struct mr_replay_event *events, uint32_t count)
{
	struct mr_recovered *recovered = recovery->recovered;
	recovered->events = calloc((size_t)count + 1, sizeof(recovered->events[0]));
	if (recovered->events == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct mr_record *record = NULL;
		const int error = recovery_read(recovery, events[i].position, &record);
		if (error != 0 && error != -ENOENT)
			return error;
		if (error == 0 && record->kind == MR_RECORD_EVENT) {
			copy_event(recovery, (const void *)record, &events[i]);
		} else {
			recovered->events_expired++;
			recovery_drop(recovery, 0, events[i].position, 0, MR_REASON_EXPIRED);
		}
		recovery_tell(recovery, "copying events", i, count);
	}
	qsort(recovered->events, recovered->events_count, sizeof(recovered->events[0]),
		compare_events);
	return 0;
}

static int write_events(struct recovery *recovery)
{
	struct mr_replay_event *events = NULL;
	uint32_t count = 0;
	const struct mr_replay_source source = recovery_source(recovery);
	int error = mr_replay_events(recovery->replay, &source, &events, &count);
	if (error == 0)
		error = copy_events(recovery, events, count);
	free(events);
	return error;
}

int recovery_write(struct recovery *recovery)
{
	uint32_t *indices =
		calloc((size_t)mr_replay_sessions(recovery->replay) + 1, sizeof(indices[0]));
	if (indices == NULL)
		return recovery_failed(recovery, -ENOMEM, "sessions");
	int error = write_sessions(recovery, indices);
	if (error == 0)
		error = write_flows(recovery, indices);
	free(indices);
	if (error == 0)
		error = write_expiries(recovery);
	if (error != 0)
		return recovery_failed(recovery, error, "sessions and windows");
	write_kept(recovery);
	error = write_events(recovery);
	if (error != 0)
		return recovery_failed(recovery, error, "events that wait for distribution");
	error = recovery_write_lanes(recovery);
	return error != 0 ? recovery_failed(recovery, error, "lanes") : 0;
}
