// A replay's door, and the plain parts of its state: sessions, windows, expiries.
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"
#include "replay_state.h"

struct session_key {
	uint64_t app;
	uint64_t session_id;
};

struct flow_key {
	uint64_t app;
	uint64_t session_id;
	uint32_t epoch;
	uint16_t flow;
};

static bool session_is(const void *thing, const void *key)
{
	const struct mr_replay_session *session = thing;
	const struct session_key *wanted = key;
	return session->app == wanted->app && session->session_id == wanted->session_id;
}

static bool flow_is(const void *thing, const void *key)
{
	const struct mr_replay_flow *flow = thing;
	const struct flow_key *wanted = key;
	return flow->app == wanted->app && flow->session_id == wanted->session_id
		&& flow->epoch == wanted->epoch && flow->flow == wanted->flow;
}

static bool expiry_is(const void *thing, const void *key)
{
	return ((const struct mr_replay_expiry *)thing)->webhook == *(const uint64_t *)key;
}

static uint32_t session_hash(const struct mr_replay *replay, const struct session_key *key)
{
	return replay_hash(replay, key->session_id, key->app);
}

static uint32_t flow_hash(const struct mr_replay *replay, const struct flow_key *key)
{
	return replay_hash(
		replay, key->session_id + ((uint64_t)key->flow << 32 | key->epoch), key->app);
}

struct mr_replay *mr_replay_new(uint32_t flows, uint64_t seed)
{
	mr_assert(flows > 0 && flows <= MR_FLOWS_MAX);
	struct mr_replay *replay = calloc(1, sizeof(*replay));
	if (replay == NULL)
		return NULL;
	replay->flows_max = flows;
	replay->seed = seed;
	mr_replay_pool_init(&replay->sessions, sizeof(struct mr_replay_session));
	mr_replay_pool_init(&replay->flows, sizeof(struct mr_replay_flow));
	mr_replay_pool_init(&replay->expiries, sizeof(struct mr_replay_expiry));
	mr_replay_pool_init(&replay->events, sizeof(struct mr_replay_event));
	mr_replay_pool_init(&replay->entries, sizeof(struct replay_entry));
	mr_replay_pool_init(&replay->lanes, sizeof(struct replay_lane));
	replay_kept_init(replay);
	return replay;
}

void mr_replay_free(struct mr_replay *replay)
{
	if (replay == NULL)
		return;
	for (uint32_t i = 0; i < replay->lanes.used; i++) {
		struct replay_lane *lane = replay_lane(replay, i);
		free(lane->absent);
		free(lane->dump);
		for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++)
			free(lane->sublanes[k].batch);
	}
	struct mr_replay_pool *pools[] = {&replay->sessions, &replay->flows, &replay->expiries,
		&replay->events, &replay->entries, &replay->lanes};
	struct mr_replay_index *indexes[] = {&replay->session_by_id, &replay->flow_by_id,
		&replay->expiry_by_webhook, &replay->event_by_position, &replay->entry_by_position,
		&replay->lane_by_webhook};
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		mr_replay_pool_fini(pools[i]);
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
		mr_replay_index_fini(indexes[i]);
	for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++)
		free(replay->items[k]);
	replay_kept_fini(replay);
	free(replay);
}

// The flow, made when it is new; NULL: no memory.
static struct mr_replay_flow *flow_at(struct mr_replay *replay, const struct flow_key *key)
{
	const uint32_t hash = flow_hash(replay, key);
	uint32_t number =
		mr_replay_index_find(&replay->flow_by_id, hash, flow_is, &replay->flows, key);
	if (number != MR_REPLAY_NONE)
		return mr_replay_pool_at(&replay->flows, number);
	number = mr_replay_pool_take(&replay->flows);
	if (number == MR_REPLAY_NONE || mr_replay_index_add(&replay->flow_by_id, hash, number) != 0)
		return NULL;
	struct mr_replay_flow *flow = mr_replay_pool_at(&replay->flows, number);
	flow->app = key->app;
	flow->session_id = key->session_id;
	flow->epoch = key->epoch;
	flow->flow = key->flow;
	flow->next = 1;
	return flow;
}

static void forget_flows(struct mr_replay *replay, const struct mr_record_session *session)
{
	struct flow_key key = {session->app, session->session_id, session->session_epoch, 0};
	for (; key.flow < replay->flows_max; key.flow++) {
		const uint32_t hash = flow_hash(replay, &key);
		const uint32_t number = mr_replay_index_find(
			&replay->flow_by_id, hash, flow_is, &replay->flows, &key);
		if (number == MR_REPLAY_NONE)
			continue;
		mr_replay_index_remove(&replay->flow_by_id, hash, number);
		mr_replay_pool_give(&replay->flows, number);
	}
}

// An accepted sequence; those below it that were not are refused.
static void accept(struct mr_replay_flow *flow, uint64_t sequence)
{
	if (sequence >= flow->next) {
		if (sequence - flow->next >= MR_WINDOW_MAX)
			memset(flow->accepted, 0, sizeof(flow->accepted));
		else
			for (uint64_t s = flow->next; s < sequence; s++)
				flow->accepted[s % MR_WINDOW_MAX / 64] &= ~(UINT64_C(1) << s % 64);
		flow->next = sequence + 1;
	} else if (flow->next - sequence > MR_WINDOW_MAX) {
		return;
	}
	flow->accepted[sequence % MR_WINDOW_MAX / 64] |= UINT64_C(1) << sequence % 64;
}

static int replay_accepted(struct mr_replay *replay, const struct mr_record_event *event)
{
	if (event->app == 0 || event->flow >= replay->flows_max || event->sequence == UINT64_MAX)
		return -EBADMSG;
	if (event->record.flags & MR_EVENT_COPIED)
		return 0; // its window was written beside it
	struct flow_key key = {event->app, event->session_id, event->session_epoch, event->flow};
	struct mr_replay_flow *flow = flow_at(replay, &key);
	if (flow == NULL)
		return -ENOMEM;
	accept(flow, event->sequence);
	return 0;
}

static int replay_checkpoint(struct mr_replay *replay, const struct mr_record_checkpoint *record)
{
	if (record->app == 0 || record->flow >= replay->flows_max)
		return -EBADMSG;
	struct flow_key key = {
		record->app, record->session_id, record->session_epoch, record->flow};
	struct mr_replay_flow *flow = flow_at(replay, &key);
	if (flow == NULL)
		return -ENOMEM;
	flow->next = record->next;
	memcpy(flow->accepted, record->accepted, sizeof(flow->accepted));
	return 0;
}

static int replay_session(struct mr_replay *replay, const struct mr_record_session *record)
{
	if (record->app == 0)
		return -EBADMSG;
	struct session_key key = {record->app, record->session_id};
	const uint32_t hash = session_hash(replay, &key);
	uint32_t number = mr_replay_index_find(
		&replay->session_by_id, hash, session_is, &replay->sessions, &key);
	if (record->record.flags & MR_SESSION_CLOSED) {
		forget_flows(replay, record);
		if (number == MR_REPLAY_NONE)
			return 0;
		mr_replay_index_remove(&replay->session_by_id, hash, number);
		mr_replay_pool_give(&replay->sessions, number);
		return 0;
	}
	if (number == MR_REPLAY_NONE) {
		number = mr_replay_pool_take(&replay->sessions);
		if (number == MR_REPLAY_NONE
			|| mr_replay_index_add(&replay->session_by_id, hash, number) != 0)
			return -ENOMEM;
	}
	struct mr_replay_session *session = mr_replay_pool_at(&replay->sessions, number);
	session->app = record->app;
	session->session_id = record->session_id;
	session->key_id = record->key_id;
	session->epoch = record->session_epoch;
	session->at_ns = record->at_ns;
	return 0;
}

static uint32_t find_expiry(const struct mr_replay *replay, uint64_t webhook)
{
	return mr_replay_index_find(&replay->expiry_by_webhook, replay_hash(replay, webhook, 0),
		expiry_is, &replay->expiries, &webhook);
}

static int replay_expired(struct mr_replay *replay, const struct mr_record_expired *record)
{
	if (record->webhook == 0)
		return -EBADMSG;
	uint32_t number = find_expiry(replay, record->webhook);
	if (number == MR_REPLAY_NONE) {
		number = mr_replay_pool_take(&replay->expiries);
		if (number == MR_REPLAY_NONE
			|| mr_replay_index_add(&replay->expiry_by_webhook,
				   replay_hash(replay, record->webhook, 0), number)
				!= 0)
			return -ENOMEM;
	}
	struct mr_replay_expiry *expiry = mr_replay_pool_at(&replay->expiries, number);
	expiry->webhook = record->webhook;
	expiry->entry_hash = record->entry_hash;
	expiry->at_ns = record->at_ns;
	return 0;
}

// A whole event is given up by its own shard. What a delivery stage gives up of a webhook that was
// gone when it came names none: that is one delivery, of nobody.
static int replay_dropped(
	struct mr_replay *replay, uint16_t stream, const struct mr_record_dropped *record)
{
	if (record->webhook != 0)
		return replay_delivery_dropped(replay, record);
	if (mr_position_stream(record->origin) == stream)
		replay_distributed(replay, record->origin);
	return 0;
}

static int replay_distributed_all(
	struct mr_replay *replay, uint16_t stream, const uint64_t *offsets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		replay_distributed(replay, mr_position_make(stream, offsets[i]));
	return 0;
}

int mr_replay_record(
	struct mr_replay *replay, uint16_t stream, uint64_t offset, const struct mr_record *record)
{
	const mr_position position = mr_position_make(stream, offset);
	const void *bytes = record;
	int error;
	switch ((enum mr_record_kind)record->kind) {
	case MR_RECORD_EVENT:
		error = replay_accepted(replay, bytes);
		return error != 0 ? error : replay_event(replay, position, bytes);
	case MR_RECORD_MATCH:
		error = replay_hop(replay, bytes);
		return error != 0 ? error : replay_match(replay, position, bytes);
	case MR_RECORD_DISTRIBUTED: {
		const struct mr_record_distributed *distributed = bytes;
		return replay_distributed_all(
			replay, stream, (const void *)(distributed + 1), distributed->count);
	}
	case MR_RECORD_QUEUED: {
		const struct mr_record_queued *queued = bytes;
		return replay_queued(replay, stream, (const void *)(queued + 1), queued->count);
	}
	case MR_RECORD_LANE:
	case MR_RECORD_BATCH:
	case MR_RECORD_PROGRESS:
		return replay_lane_says(replay, record);
	case MR_RECORD_DROPPED:
		return replay_dropped(replay, stream, bytes);
	case MR_RECORD_CHECKPOINT:
		return replay_checkpoint(replay, bytes);
	case MR_RECORD_SESSION:
		return replay_session(replay, bytes);
	case MR_RECORD_EXPIRED:
		return replay_expired(replay, bytes);
	case MR_RECORD_WEBHOOK:
	case MR_RECORD_APP:
	case MR_RECORD_BAN:
	case MR_RECORD_PAUSE:
		return replay_keep(replay, record);
	case MR_RECORD_TAKEN:
	case MR_RECORD_KIND_COUNT:
		break;
	}
	return 0;
}

uint32_t mr_replay_sessions(const struct mr_replay *replay)
{
	return replay->sessions.used;
}

const struct mr_replay_session *mr_replay_session(const struct mr_replay *replay, uint32_t number)
{
	const struct mr_replay_session *session = mr_replay_pool_at(&replay->sessions, number);
	return session->app != 0 ? session : NULL;
}

uint32_t mr_replay_flows(const struct mr_replay *replay)
{
	return replay->flows.used;
}

const struct mr_replay_flow *mr_replay_flow(
	const struct mr_replay *replay, uint32_t number, uint32_t *ret_session)
{
	const struct mr_replay_flow *flow = mr_replay_pool_at(&replay->flows, number);
	if (flow->app == 0)
		return NULL;
	struct session_key key = {flow->app, flow->session_id};
	const uint32_t at = mr_replay_index_find(&replay->session_by_id, session_hash(replay, &key),
		session_is, &replay->sessions, &key);
	if (at == MR_REPLAY_NONE)
		return NULL; // closed
	const struct mr_replay_session *session = mr_replay_pool_at(&replay->sessions, at);
	if (session->epoch != flow->epoch)
		return NULL; // opened anew since
	*ret_session = at;
	return flow;
}

uint32_t mr_replay_expiries(const struct mr_replay *replay)
{
	return replay->expiries.used;
}

const struct mr_replay_expiry *mr_replay_expiry(const struct mr_replay *replay, uint32_t number)
{
	return mr_replay_pool_at(&replay->expiries, number);
}

uint64_t mr_replay_expired(const struct mr_replay *replay, uint64_t webhook)
{
	const uint32_t number = find_expiry(replay, webhook);
	return number == MR_REPLAY_NONE ? 0 : mr_replay_expiry(replay, number)->entry_hash;
}
