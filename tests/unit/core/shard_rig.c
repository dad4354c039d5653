#include "shard_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"
#include "ring.h"

enum { RING = 8192, ARENA_BYTES = 64 << 20, SEED = 77 };

static uint64_t or_else(uint64_t value, uint64_t other)
{
	return value != 0 ? value : other;
}

static void fill_options(struct rig_options *options)
{
	struct mr_shard_limits *limits = &options->limits;
	options->shards = (uint32_t)or_else(options->shards, 1);
	options->flows = (uint32_t)or_else(options->flows, options->shards);
	options->buffer_bytes = or_else(options->buffer_bytes, 1 << 22);
	limits->objects_max = (uint32_t)or_else(limits->objects_max, 4096);
	limits->positions_max = (uint32_t)or_else(limits->positions_max, 65536);
	limits->sessions_max = RIG_SESSIONS_MAX;
	limits->refused_runs_max = (uint32_t)or_else(limits->refused_runs_max, 1024);
	limits->webhooks_max = (uint32_t)or_else(limits->webhooks_max, 2048);
	limits->reorder_packets_max = (uint32_t)or_else(limits->reorder_packets_max, 256);
	limits->object_queue_events = (uint32_t)or_else(limits->object_queue_events, 1024);
	limits->object_queue_bytes = (uint32_t)or_else(limits->object_queue_bytes, 1 << 20);
	limits->penalty_after = (uint32_t)or_else(limits->penalty_after, 8);
	limits->quantum_units = (uint32_t)or_else(limits->quantum_units, 16);
	limits->ack_interval_ns = or_else(limits->ack_interval_ns, 200 * 1000);
	limits->undurable_bytes_max = or_else(limits->undurable_bytes_max, 1 << 20);
	limits->progress_interval_ns = or_else(limits->progress_interval_ns, 1000 * 1000);
}

static struct mr_ring *ring(struct rig *rig, const char *name)
{
	struct mr_ring *ring = mr_ring_new(&rig->arena, name, RING);
	assert_non_null(ring);
	return ring;
}

static uint32_t index_of(const struct rig *rig, mr_position position)
{
	return (uint32_t)mr_position_stream(position) - rig->options.first_stream;
}

static enum mr_read fetch(void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	struct rig *rig = state;
	const uint32_t index = index_of(rig, position);
	const uint64_t offset = mr_position_offset(position);
	assert_true(index < rig->options.shards);
	if (rig->file_gone)
		return MR_READ_GONE;
	if (++rig->fetches % 2 == 1 && rig->file_waits)
		return MR_READ_WAIT;
	assert_true(offset < mr_stream_watermark(&rig->streams[index]));
	memcpy(ret_length, rig->files[index] + offset, sizeof(*ret_length));
	memcpy(ret_bytes, rig->files[index] + offset, *ret_length);
	return MR_READ_HIT;
}

static void make_durable(struct rig *rig, uint32_t index)
{
	struct mr_stream *stream = &rig->streams[index];
	const uint64_t from = atomic_load(&stream->watermark);
	const uint64_t tail = atomic_load(&stream->tail);
	if (rig->options.is_durable && tail > from) {
		assert_true(tail <= RIG_FILE_BYTES);
		assert_true(mr_stream_read(stream, from, rig->files[index] + from, tail - from));
	}
	atomic_store(&stream->watermark, tail);
}

static void configure_journal(struct rig *rig, uint32_t index)
{
	struct mr_shard_config *config = &rig->configs[index];
	config->is_volatile = false;
	config->journal = &rig->journal;
	config->owner = &rig->owners[index];
	config->backend = (struct mr_backend_reader){.state = rig, .fetch = fetch};
	for (uint32_t i = 0; i < RIG_DELIVERIES; i++)
		config->feeds[i] = &rig->feeds[index][i];
}

static void configure(struct rig *rig, uint32_t index)
{
	struct mr_shard_config *config = &rig->configs[index];
	const size_t scopes = (size_t)MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX;
	config->index = index;
	config->shards = rig->options.shards;
	config->flows = rig->options.flows;
	config->sources = 1;
	config->deliveries = RIG_DELIVERIES;
	config->hash_seed = SEED;
	config->is_volatile = true;
	config->awaits_go = rig->options.awaits_go;
	config->limits = rig->options.limits;
	config->stream = &rig->streams[index];
	config->streams = rig->stream_pointers;
	config->streams_count = rig->options.shards;
	config->backend = rig->options.backend;
	config->throttles = &rig->throttles[index];
	config->stats = &rig->stats[index];
	config->scopes = &rig->scopes[index * scopes];
	if (rig->options.shows_activity) {
		config->taps = &rig->taps[index];
		config->tops = &rig->tops[(size_t)index * MR_TOP_KINDS * MR_TOP_TABLES];
	}
	config->from_source[0] = ring(rig, "from source");
	config->to_source[0] = ring(rig, "to source");
	config->from_steward = ring(rig, "steward");
	for (uint32_t i = 0; i < RIG_DELIVERIES; i++) {
		config->to_delivery[i] = ring(rig, "to delivery");
		config->from_delivery[i] = ring(rig, "from delivery");
		config->boards[i] = &rig->boards[i];
	}
	for (uint32_t i = 0; i < rig->options.shards; i++) {
		config->shard_streams[i] = (uint16_t)(rig->options.first_stream + i);
		if (i < index) {
			config->from_shard[i] = ring(rig, "hops");
			config->to_shard[i] = ring(rig, "hops");
			rig->configs[i].from_shard[index] = config->to_shard[i];
			rig->configs[i].to_shard[index] = config->from_shard[i];
		}
	}
	if (rig->options.is_durable)
		configure_journal(rig, index);
}

void rig_open(struct rig *rig, const struct rig_options *options)
{
	memset(rig, 0, sizeof(*rig));
	rig->surprises = mr_expect_failures();
	rig->options.backend = options->backend;
	rig->options = *options;
	fill_options(&rig->options);
	const uint32_t shards = rig->options.shards;
	assert_int_equal(mr_arena_open(&rig->arena, ARENA_BYTES, false), 0);
	rig->stats = mr_arena_array(&rig->arena, "stats", struct mr_stats_stage, shards);
	rig->scopes = mr_arena_array(&rig->arena, "scopes", struct mr_stats_scope,
		shards * MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX);
	rig->taps = mr_arena_array(&rig->arena, "taps", struct mr_stats_taps, shards);
	rig->tops = mr_arena_array(
		&rig->arena, "tops", struct mr_stats_top, shards * MR_TOP_KINDS * MR_TOP_TABLES);
	rig->boards =
		mr_arena_array(&rig->arena, "boards", struct mr_delivery_board, RIG_DELIVERIES);
	rig->throttles = mr_arena_array(&rig->arena, "throttles", struct mr_throttle_board, shards);
	rig->survey = mr_arena_array(&rig->arena, "survey", struct mr_survey, 1);
	rig->message = mr_arena_array(&rig->arena, "message", struct mr_steward_msg, 1);
	rig->log = mr_arena_array(&rig->arena, "log", struct rig_entry, RIG_LOG_MAX);
	rig->now = (struct mr_now){.mono_ns = 1000000, .wall_ns = 5000000};
	rig->units = 512;
	for (uint32_t i = 0; i < shards; i++) {
		rig->stream_pointers[i] = &rig->streams[i];
		assert_true(mr_stream_init(&rig->streams[i], &rig->arena,
			(uint16_t)(rig->options.first_stream + i), rig->options.buffer_bytes,
			MR_STREAM_START + rig->options.earlier_bytes));
		if (rig->options.is_durable)
			rig->files[i] = calloc(1, RIG_FILE_BYTES);
	}
	for (uint32_t i = 0; i < RIG_DELIVERIES; i++) {
		for (uint32_t stream = 0; stream < shards; stream++)
			atomic_store(&rig->boards[i].floor[stream], UINT64_MAX);
	}
	for (uint32_t i = 0; i < shards; i++)
		configure(rig, i);
	for (uint32_t i = 0; i < shards; i++) {
		rig->shards[i] = mr_shard_new(&rig->arena, &rig->configs[i]);
		assert_non_null(rig->shards[i]);
	}
	mr_arena_seal(&rig->arena);
}

void rig_audit(const struct rig *rig)
{
	for (uint32_t i = 0; i < rig->options.shards; i++) {
		char why[128] = "";
		if (!mr_shard_audit(rig->shards[i], why, sizeof(why)))
			fail_msg("shard %u: %s", i, why);
	}
}

void rig_close(struct rig *rig)
{
	rig_audit(rig);
	rig->message->kind = MR_STEWARD_SESSION_CLOSE;
	for (uint16_t i = 0; i < RIG_SESSIONS_MAX; i++) {
		rig->message->session.index = i;
		rig_tell(rig);
	}
	assert_int_equal(rig->packets_lent, 0);
	assert_int_equal(mr_expect_failures(), rig->surprises);
	for (uint32_t i = 0; i < rig->options.shards; i++)
		free(rig->files[i]);
	mr_arena_close(&rig->arena);
}

void rig_tell(struct rig *rig)
{
	const struct mr_desc desc = {.word = {(uint64_t)(uintptr_t)rig->message}};
	rig->message->generation = ++rig->generation;
	for (uint32_t i = 0; i < rig->options.shards; i++)
		assert_true(mr_ring_push(rig->configs[i].from_steward, desc));
	rig_step(rig);
	for (uint32_t i = 0; i < rig->options.shards; i++)
		assert_int_equal(mr_read(&rig->stats[i].generation), rig->generation);
}

void rig_session(struct rig *rig, uint16_t index)
{
	rig_session_of(rig, index, RIG_APP);
}

void rig_session_of(struct rig *rig, uint16_t index, uint64_t app)
{
	memset(rig->message, 0, sizeof(*rig->message));
	rig->message->kind = MR_STEWARD_SESSION_OPEN;
	rig->message->session.app = app;
	rig->message->session.session_id = RIG_SESSION_ID + index;
	rig->message->session.index = index;
	rig_tell(rig);
}

void rig_ban(struct rig *rig, struct mr_ban_rule rule)
{
	memset(rig->message, 0, sizeof(*rig->message));
	rig->message->kind = MR_STEWARD_BAN;
	rig->message->ban =
		(struct mr_ban_entry){.rule = rule, .throttle = (uint16_t)rule.scope.kind};
	rig_tell(rig);
}

void rig_unban(struct rig *rig, struct mr_scope scope)
{
	memset(rig->message, 0, sizeof(*rig->message));
	rig->message->kind = MR_STEWARD_UNBAN;
	rig->message->ban.rule.scope = scope;
	rig_tell(rig);
}

void rig_stop(struct rig *rig, uint32_t stopped)
{
	memset(rig->message, 0, sizeof(*rig->message));
	rig->message->kind = MR_STEWARD_STOP;
	rig->message->stopped = stopped;
	rig_tell(rig);
}

void rig_begin_survey(struct rig *rig, struct mr_scope scope, bool descendants, uint8_t reason)
{
	memset(rig->survey, 0, sizeof(*rig->survey));
	rig->survey->scope = scope;
	rig->survey->with_descendants = descendants;
	rig->survey->drop_reason = reason;
	memset(rig->message, 0, sizeof(*rig->message));
	rig->message->kind = MR_STEWARD_SURVEY;
	rig->message->survey = rig->survey;
	rig_tell(rig);
}

bool rig_survey_is_done(const struct rig *rig, uint64_t *ret_events)
{
	*ret_events = 0;
	for (uint32_t i = 0; i < rig->options.shards; i++) {
		const struct mr_survey_part *part = &rig->survey->parts[1 + i]; // one source
		if (atomic_load(&part->done) == 0)
			return false;
		*ret_events += part->events;
	}
	return true;
}

uint64_t rig_survey(struct rig *rig, struct mr_scope scope, bool descendants, uint8_t reason)
{
	uint64_t events;
	rig_begin_survey(rig, scope, descendants, reason);
	for (uint32_t i = 0; !rig_survey_is_done(rig, &events); i++) {
		assert_true(i < 10000);
		rig_step(rig);
	}
	return events;
}

void rig_webhook(struct rig *rig, const struct mr_webhook *webhook)
{
	memset(rig->message, 0, sizeof(*rig->message));
	rig->message->kind = MR_STEWARD_WEBHOOK_ADD;
	rig->message->webhook = *webhook;
	rig->message->webhook.shard = (uint16_t)rig_owner(rig, webhook->resource);
	rig_tell(rig);
}

void rig_subscribe(struct rig *rig, uint64_t id, uint64_t resource)
{
	static struct mr_webhook webhook;
	webhook.id = id;
	webhook.resource = resource;
	webhook.lane = (uint32_t)id;
	webhook.delivery = (uint16_t)(id % RIG_DELIVERIES);
	rig_webhook(rig, &webhook);
}

uint32_t rig_flow(const struct rig *rig, uint64_t object)
{
	return mr_flow_of_slot(mr_slot_of(object, SEED), rig->options.flows);
}

uint32_t rig_owner(const struct rig *rig, uint64_t resource)
{
	return mr_shard_of_flow(rig_flow(rig, resource), rig->options.shards);
}

uint64_t rig_object_of(const struct rig *rig, uint32_t flow, uint32_t nth)
{
	uint64_t object = 1;
	for (;; object++) {
		if (rig_flow(rig, object) == flow && nth-- == 0)
			return object;
	}
}

static struct mr_text text(const char *characters)
{
	return (struct mr_text){.data = characters, .length = (uint16_t)strlen(characters)};
}

size_t rig_encode(const struct rig_event *from, uint8_t *ret_bytes, size_t size)
{
	static const char payload[MR_PAYLOAD_BYTES_MAX];
	struct mr_event event = {
		.action = MR_ACTION_CHANGED,
		.ancestors_count = (uint8_t)from->ancestors,
		.object = from->object,
		.workspace = from->workspace,
		.database = from->database,
		.user = from->user,
		.created_at_ns = 1,
		.type = text(from->type != NULL ? from->type : "task"),
		.payload = {.data = payload, .length = (uint16_t)from->payload_bytes},
	};
	for (uint32_t i = 0; i < from->ancestors; i++) {
		event.ancestors[i].gid = from->gids[i];
		event.ancestors[i].via = from->via[i];
		event.ancestors[i].type = text(from->types[i] != NULL ? from->types[i] : "project");
	}
	const ssize_t length = mr_event_encode(&event, ret_bytes, size);
	assert_true(length > 0);
	return (size_t)length;
}

struct mr_packet *rig_packet(struct rig *rig, uint16_t session, uint64_t first, uint64_t known,
	const struct rig_event *event, uint32_t count)
{
	static uint8_t bytes[MR_EVENT_BYTES_MAX + 8];
	const size_t length = rig_encode(event, bytes, sizeof(bytes));
	struct mr_packet *packet = calloc(1, sizeof(*packet) + length * count);
	assert_non_null(packet);
	uint8_t *events = (uint8_t *)(packet + 1);
	for (uint32_t i = 0; i < count; i++)
		memcpy(events + i * length, bytes, length);
	packet->events = events;
	packet->events_bytes = (uint32_t)(length * count);
	packet->first_sequence = first;
	packet->known = known;
	packet->send_time_ns = rig->now.mono_ns;
	packet->received_at_ns = rig->now.wall_ns;
	packet->session = session;
	packet->flow = (uint8_t)rig_flow(rig, event->object);
	packet->count = (uint8_t)count;
	packet->decoded = (uint8_t)count;
	return packet;
}

void rig_push(struct rig *rig, uint32_t shard, struct mr_source_msg message)
{
	assert_true(mr_ring_push(rig->configs[shard].from_source[0], mr_desc_of(message)));
}

void rig_lend(struct rig *rig, struct mr_packet *packet)
{
	const struct mr_source_msg message = {
		.data = (uint64_t)(uintptr_t)packet,
		.kind = MR_SOURCE_PACKET,
	};
	rig->packets_lent++;
	rig_push(rig, packet->flow % rig->options.shards, message);
}

void rig_send(struct rig *rig, uint64_t first, const struct rig_event *event, uint32_t count)
{
	rig_lend(rig, rig_packet(rig, 0, first, 0, event, count));
}

void rig_hold(struct rig *rig, uint64_t object, enum mr_hold_kind kind)
{
	const struct mr_hold_msg message = {.object = object, .lane = 1, .kind = kind};
	assert_true(mr_ring_push(
		rig->configs[rig_owner(rig, object)].from_delivery[0], mr_desc_of(message)));
}

static void read_ack(struct rig *rig, struct mr_ack_slot *slot)
{
	struct mr_wire_ack_view view;
	struct rig_ack *ack = &rig->acks[slot->session][slot->flow];
	assert_int_equal(mr_wire_parse_ack(slot->body, slot->length, &view), 0);
	assert_true(view.ack.edge >= ack->edge && view.ack.settled >= ack->settled);
	ack->settled = view.ack.settled;
	ack->edge = view.ack.edge;
	ack->bitmap_words = view.ack.bitmap_words;
	ack->runs_count = view.ack.refused_runs;
	ack->flags = slot->flags;
	ack->count++;
	memcpy(ack->bitmap, view.bitmap, view.ack.bitmap_words * sizeof(uint64_t));
	for (uint32_t i = 0; i < view.ack.refused_runs; i++)
		ack->runs[i] = mr_wire_ack_refused(&view, i);
}

static void run_source(struct rig *rig, uint32_t shard)
{
	struct mr_desc desc;
	while (mr_ring_pop_burst(rig->configs[shard].to_source[0], &desc, 1) == 1) {
		const struct mr_shard_msg message = mr_desc_to(struct mr_shard_msg, desc);
		void *data = (void *)(uintptr_t)message.data;
		if (message.kind == MR_SHARD_RELEASE) {
			free(data);
			rig->packets_lent--;
		} else if (message.kind == MR_SHARD_ACK) {
			read_ack(rig, data);
			rig_push(rig, shard,
				(struct mr_source_msg){
					.data = message.data, .kind = MR_SOURCE_ACK_DONE});
		} else {
			assert_int_equal(message.kind, MR_SHARD_SHED);
			rig->sheds++;
			rig->last_shed = message;
		}
	}
}

static void log_entry(struct rig *rig, struct mr_lane_msg message)
{
	const uint32_t index = index_of(rig, message.position);
	uint64_t words[(sizeof(struct mr_record_event) + sizeof(struct mr_event_fixed)) / 8];
	struct mr_record_event event;
	assert_true(rig->log_count < RIG_LOG_MAX);
	const uint64_t offset = mr_position_offset(message.position);
	if (rig->options.is_durable)
		memcpy(words, rig->files[index] + offset, sizeof(words));
	else
		assert_true(mr_stream_read(&rig->streams[index], offset, words, sizeof(words)));
	memcpy(&event, words, sizeof(event));
	assert_int_equal(event.record.kind, MR_RECORD_EVENT);
	rig->log[rig->log_count++] = (struct rig_entry){
		.message = message,
		.object = words[MR_RECORD_EVENT_OBJECT_AT / 8],
		.session_id = event.session_id,
		.sequence = event.sequence,
	};
}

static void run_deliveries(struct rig *rig, uint32_t shard)
{
	for (uint32_t i = 0; i < RIG_DELIVERIES; i++) {
		struct mr_desc desc;
		uint64_t taken = atomic_load(&rig->boards[i].taken[shard]);
		uint64_t count = UINT64_MAX;
		uint64_t offset;
		if (rig->options.is_durable)
			assert_true(mr_lane_feed_read(&rig->feeds[shard][i], &count, &offset));
		while (taken < count
			&& mr_ring_pop_burst(rig->configs[shard].to_delivery[i], &desc, 1) == 1) {
			log_entry(rig, mr_desc_to(struct mr_lane_msg, desc));
			taken++;
		}
		if (rig->lanes_pin) {
			for (uint32_t stream = 0; stream < rig->options.shards; stream++)
				atomic_store(&rig->boards[i].floor[stream], MR_STREAM_START);
		}
		atomic_store(&rig->boards[i].taken[shard], taken);
	}
}

void rig_step(struct rig *rig)
{
	const struct mr_budget budget = {.units = rig->units};
	rig->now.mono_ns += 100 * 1000;
	rig->now.wall_ns += 100 * 1000;
	for (uint32_t i = 0; i < rig->options.shards; i++)
		(void)mr_shard_step(rig->shards[i], rig->now, budget);
	for (uint32_t i = 0; i < rig->options.shards; i++) {
		if (!rig->journal_stopped)
			make_durable(rig, i);
		if (!rig->deliveries_stopped)
			run_deliveries(rig, i);
		run_source(rig, i);
	}
}

void rig_run(struct rig *rig, uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++)
		rig_step(rig);
}

uint64_t rig_counter(const struct rig *rig, uint32_t shard, enum mr_counter_id id)
{
	return mr_read(&rig->stats[shard].counters[id]);
}

uint64_t rig_total(const struct rig *rig, enum mr_counter_id id)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < rig->options.shards; i++)
		sum += rig_counter(rig, i, id);
	return sum;
}

uint64_t rig_reason(const struct rig *rig, enum mr_reason reason)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < rig->options.shards; i++)
		sum += mr_read(&rig->stats[i].reasons[reason]);
	return sum;
}

uint64_t rig_discards(const struct rig *rig, enum mr_discard discard)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < rig->options.shards; i++)
		sum += mr_read(&rig->stats[i].discards[discard]);
	return sum;
}

uint32_t rig_heard(const struct rig *rig, uint32_t lane)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < rig->log_count; i++)
		count += rig->log[i].message.lane == lane;
	return count;
}
