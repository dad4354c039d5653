#include "delivery_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/journal.h>

#include "bytes.h"
#include "delivery_parts.h"
#include "event_codec.h"
#include "record_codec.h"

// What is durable, whether a buffer still has it or not: of the shards' streams tests write no more
// than fits.
static void read_file(struct rig *rig, mr_position position, void *ret_bytes, size_t bytes)
{
	uint16_t id = mr_position_stream(position);
	uint64_t offset = mr_position_offset(position);
	if (id == rig->own_stream.id)
		memcpy(ret_bytes, rig->own_file + offset, bytes);
	else
		mr_stream_copy_own(
			id == rig->shard_stream.id ? &rig->shard_stream : &rig->old_stream, offset,
			ret_bytes, bytes);
}

static enum mr_read fetch(void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	struct rig *rig = state;
	rig->fetches++;
	if (rig->answer != MR_READ_HIT)
		return rig->answer;
	if (rig->on_disk && mr_segment_map_find(rig->map, position) == 0)
		return MR_READ_GONE;
	struct mr_record record;
	read_file(rig, position, &record, sizeof(record));
	read_file(rig, position, ret_bytes, record.length);
	*ret_length = record.length;
	return MR_READ_HIT;
}

static struct mr_delivery_config config_of(struct rig *rig)
{
	struct mr_delivery_config config = {.number = 3,
		.shards = 1,
		.boot_id = 77,
		.stream = &rig->own_stream,
		.streams = rig->streams,
		.streams_count = 2,
		.shard_streams = {rig->shard_stream.id},
		.backend = {.state = rig, .fetch = fetch},
		.from_shard = {rig->lane_msgs},
		.to_shard = {rig->hold_msgs},
		.from_steward = rig->from_steward,
		.to_steward = rig->to_steward,
		.board = &rig->board,
		.stats = &rig->stats,
		.webhooks = rig->rows,
		.attempts = &rig->attempts,
		.taps = &rig->taps,
		.rng_seed = 3};
	config.limits = (struct mr_delivery_limits){.lanes_max = RIG_LANES_MAX,
		.entries_max = 40000,
		.endpoints_max = 16,
		.connections_max = 32,
		.connections_per_endpoint = 16,
		.connections_per_host = 16,
		.fragment_cache_bytes = 1 << 20,
		.progress_interval_ns = 100 * MS,
		.tune = {.penalised_max = 1024,
			.batch_events_max = 1000,
			.batch_bytes_max = 102400,
			.batch_age_ns = 50 * MS,
			.connect_timeout_ns = 5 * SECOND,
			.request_timeout_ns = 10 * SECOND,
			.retry_base_ns = SECOND,
			.retry_cap_ns = 600 * SECOND,
			.expire_after_ns = 24 * 3600 * SECOND,
			.heartbeat_ns = 8 * 3600 * SECOND}};
	if (rig->on_disk) {
		config.is_durable = true;
		config.journal = &rig->journal;
		config.map = rig->map;
		config.owner = &rig->owner;
		config.needs = &rig->needs;
		config.feeds[0] = &rig->feed;
	}
	return config;
}

static struct rig *world_new(uint16_t first_stream)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	fake_engine_reset();
	assert_int_equal(mr_arena_open(&rig->arena, 32 << 20, false), 0);
	assert_true(mr_stream_init(
		&rig->shard_stream, &rig->arena, first_stream, 8 << 20, MR_STREAM_START));
	assert_true(mr_stream_init(&rig->own_stream, &rig->arena,
		(uint16_t)(first_stream + RIG_OWN_STREAM), 1 << 20, MR_STREAM_START));
	rig->streams[RIG_SHARD_STREAM] = &rig->shard_stream;
	rig->streams[RIG_OWN_STREAM] = &rig->own_stream;
	rig->lane_msgs = mr_ring_new(&rig->arena, "rings", 8192);
	rig->hold_msgs = mr_ring_new(&rig->arena, "rings", 4);
	rig->from_steward = mr_ring_new(&rig->arena, "rings", RIG_MESSAGES_MAX);
	rig->to_steward = mr_ring_new(&rig->arena, "rings", 4);
	rig->now =
		(struct mr_now){.mono_ns = 1000 * SECOND, .wall_ns = 1700000000 * (int64_t)SECOND};
	rig->durable = true;
	rig->budget = 1000000;
	rig->sequence = 1;
	return rig;
}

static void start(struct rig *rig, const struct mr_delivery_config *config)
{
	rig->delivery = mr_delivery_new(&rig->arena, config);
	assert_non_null(rig->delivery);
	mr_arena_seal(&rig->arena);
}

struct rig *rig_new(void)
{
	struct rig *rig = world_new(RIG_SHARD_STREAM);
	struct mr_delivery_config config = config_of(rig);
	start(rig, &config);
	return rig;
}

// -- A journal on disk

static void begin_segment(struct rig *rig, uint16_t first_stream, uint16_t streams,
	const uint64_t *starts, uint64_t boot)
{
	struct mr_segment_header header = {.number = ++rig->segments,
		.boot = boot,
		.first_stream = first_stream,
		.streams = streams,
		.segment_bytes = 64 << 20};
	memcpy(header.starts, starts, streams * sizeof(starts[0]));
	mr_segment_map_begin(rig->map, (int)rig->segments, &header);
	mr_segment_map_frame(rig->map, 1, starts);
}

static void make_durable(struct rig *rig)
{
	uint64_t own =
		atomic_load(rig->durable ? &rig->own_stream.tail : &rig->own_stream.watermark);
	uint64_t ends[] = {atomic_load(&rig->shard_stream.tail), own};
	if (rig->on_disk) {
		uint64_t from = atomic_load(&rig->own_stream.watermark);
		rig->own_file = realloc(rig->own_file, own);
		assert_non_null(rig->own_file);
		mr_stream_copy_own(&rig->own_stream, from, rig->own_file + from, own - from);
		mr_segment_map_durable(rig->map, 2, ends);
	}
	atomic_store(&rig->own_stream.watermark, own);
}

struct rig *rig_disk_plan(void)
{
	static const uint64_t starts[] = {MR_STREAM_START};
	struct rig *rig = world_new(RIG_DISK_STREAM);
	const struct mr_segment_map_config config = {
		.segment_bytes = 64 << 20, .streams_max = 2, .segments_max = MR_SEGMENTS_MAX};
	rig->on_disk = true;
	assert_true(mr_stream_init(
		&rig->old_stream, &rig->arena, RIG_OLD_STREAM, 1 << 20, MR_STREAM_START));
	rig->map = mr_segment_map_new(&config);
	assert_non_null(rig->map);
	begin_segment(rig, RIG_OLD_STREAM, 1, starts, 1);
	return rig;
}

void rig_disk_start(struct rig *rig, uint32_t entries_max)
{
	const uint64_t starts[] = {MR_STREAM_START, MR_STREAM_START};
	begin_segment(rig, RIG_DISK_STREAM, 2, starts, 2);
	struct mr_delivery_config config = config_of(rig);
	config.limits.entries_max = entries_max;
	start(rig, &config);
}

struct rig *rig_new_on_disk(uint32_t entries_max)
{
	struct rig *rig = rig_disk_plan();
	rig_disk_start(rig, entries_max);
	return rig;
}

void rig_segment_begin(struct rig *rig)
{
	make_durable(rig);
	const uint64_t starts[] = {
		atomic_load(&rig->shard_stream.tail), atomic_load(&rig->own_stream.watermark)};
	begin_segment(rig, RIG_DISK_STREAM, 2, starts, 2);
}

void rig_segment_retire(struct rig *rig)
{
	mr_segment_map_retire(rig->map);
}

uint64_t rig_needs(const struct rig *rig)
{
	const struct mr_lane_need *need = &rig->delivery->lanes.need;
	uint64_t sum = rig_counts(rig);
	for (uint32_t i = 0; i < MR_SEGMENTS_MAX; i++)
		sum -= need->cut[i] + need->left[i];
	return sum;
}

uint64_t rig_counts(const struct rig *rig)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < MR_SEGMENTS_MAX; i++)
		sum += atomic_load(&rig->needs.segments[i]);
	return sum;
}

static void count_old(struct rig *rig)
{
	const uint64_t ends[] = {mr_stream_next(&rig->old_stream)};
	mr_stream_publish(&rig->old_stream);
	mr_segment_map_durable(rig->map, 2, ends);
	atomic_fetch_add(&rig->needs.segments[1], 1);
}

mr_position rig_old_lane_record(
	struct rig *rig, uint64_t webhook, const mr_position *positions, uint32_t count)
{
	struct mr_record_lane head = {.webhook = webhook, .sublanes = 1, .count = count};
	size_t bytes = count * sizeof(positions[0]);
	mr_record_seal(&head, sizeof(head), positions, bytes, MR_RECORD_LANE, 0);
	uint64_t offset = mr_stream_append(&rig->old_stream, &head, sizeof(head), positions, bytes);
	count_old(rig);
	return mr_position_make(RIG_OLD_STREAM, offset);
}

void rig_free(struct rig *rig)
{
	char why[256];
	if (!mr_delivery_audit(rig->delivery, why, sizeof(why)))
		fail_msg("%s", why);
	mr_delivery_free(rig->delivery);
	mr_segment_map_free(rig->map);
	mr_arena_close(&rig->arena);
	fake_engine_reset();
	free(rig->own_file);
	free(rig);
}

static struct mr_steward_msg *next_message(struct rig *rig)
{
	assert_in_range(rig->messages_count, 0, RIG_MESSAGES_MAX - 1);
	struct mr_steward_msg *msg = &rig->messages[rig->messages_count++];
	msg->generation = ++rig->generation;
	return msg;
}

static void send_message(struct rig *rig, const struct mr_steward_msg *msg)
{
	struct mr_desc desc = {{(uint64_t)(uintptr_t)msg, 0}};
	assert_true(mr_ring_push(rig->from_steward, desc));
}

struct mr_tune *rig_tune(struct rig *rig)
{
	struct mr_steward_msg *msg = next_message(rig);
	msg->kind = MR_STEWARD_TUNE;
	msg->tune = rig->delivery->config.limits.tune;
	return &msg->tune;
}

void rig_retune(struct rig *rig)
{
	send_message(rig, &rig->messages[rig->messages_count - 1]);
	rig_step(rig, 0);
}

struct mr_webhook *rig_webhook(struct rig *rig, uint32_t lane, uint32_t in_flight)
{
	struct mr_steward_msg *msg = next_message(rig);
	msg->kind = MR_STEWARD_WEBHOOK_ADD;
	struct mr_webhook *webhook = &msg->webhook; // zeroed: messages are used once
	webhook->id = 5000 + lane;
	webhook->lane = lane;
	webhook->in_flight = (uint16_t)in_flight;
	webhook->port = (uint16_t)(8000 + lane);
	mr_copy_text(webhook->host, sizeof(webhook->host), "127.0.0.1", 9);
	mr_copy_text(webhook->path, sizeof(webhook->path), "/hook?a=1", 9);
	webhook->secret_length = sizeof(RIG_SECRET) - 1;
	memcpy(msg->webhook.secret, RIG_SECRET, sizeof(RIG_SECRET) - 1);
	return &msg->webhook;
}

void rig_add(struct rig *rig, const struct mr_webhook *webhook)
{
	const char *msg = (const char *)webhook - offsetof(struct mr_steward_msg, webhook);
	send_message(rig, (const struct mr_steward_msg *)(const void *)msg);
	rig_step(rig, 0);
}

void rig_remove(struct rig *rig, const struct mr_webhook *webhook)
{
	struct mr_steward_msg *msg = next_message(rig);
	msg->kind = MR_STEWARD_WEBHOOK_REMOVE;
	msg->webhook.id = webhook->id;
	msg->webhook.lane = webhook->lane;
	send_message(rig, msg);
}

struct mr_steward_msg *rig_message(struct rig *rig, enum mr_steward_kind kind)
{
	struct mr_steward_msg *msg = next_message(rig);
	msg->kind = kind;
	return msg;
}

void rig_send(struct rig *rig, const struct mr_steward_msg *msg)
{
	send_message(rig, msg);
}

bool rig_is_in_force(const struct rig *rig, const struct mr_steward_msg *msg)
{
	return mr_read(&rig->stats.generation) >= msg->generation;
}

struct mr_steward_msg *rig_ban(
	struct rig *rig, enum mr_scope_kind kind, uint64_t id, enum mr_ban_mode mode)
{
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_BAN);
	msg->ban = (struct mr_ban_entry){
		.rule = {.scope = {.kind = kind, .id = id}, .mode = (uint8_t)mode}};
	rig_send(rig, msg);
	return msg;
}

struct mr_steward_msg *rig_unban(struct rig *rig, enum mr_scope_kind kind, uint64_t id)
{
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_UNBAN);
	msg->ban = (struct mr_ban_entry){.rule.scope = {.kind = kind, .id = id}};
	rig_send(rig, msg);
	return msg;
}

const struct mr_survey_part *rig_survey(
	struct rig *rig, enum mr_scope_kind kind, uint64_t id, enum mr_reason drop_reason)
{
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_SURVEY);
	memset(&rig->survey, 0, sizeof(rig->survey));
	rig->survey.scope = (struct mr_scope){.kind = kind, .id = id};
	rig->survey.drop_reason = (uint8_t)drop_reason;
	msg->survey = &rig->survey;
	rig_send(rig, msg);
	const struct mr_survey_part *part = &rig->survey.parts[rig->delivery->config.number];
	for (uint32_t i = 0; atomic_load(&part->done) == 0; i++) {
		assert_in_range(i, 0, 100000);
		rig_step(rig, 0);
	}
	return part;
}

void rig_stop(struct rig *rig, uint32_t what)
{
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_STOP);
	msg->stopped = what;
	rig_send(rig, msg);
	rig_step(rig, 0);
	assert_true(rig_is_in_force(rig, msg));
}

static mr_position append_event(struct rig *rig, struct mr_stream *stream, uint64_t object)
{
	static uint8_t bytes[MR_EVENT_BYTES_MAX];
	struct mr_event event = {.action = MR_ACTION_CHANGED,
		.object = object,
		.user = rig->sequence,
		.created_at_ns = 1600000000000000000,
		.type = {"task", 4},
		.change_action = MR_ACTION_CHANGED,
		.field = {"name", 4}};
	ssize_t length = mr_event_encode(&event, bytes, sizeof(bytes));
	assert_true(length > 0);
	struct mr_record_event head = {
		.app = rig->app, .sequence = rig->sequence++, .received_at_ns = rig->now.wall_ns};
	mr_record_seal(&head, sizeof(head), bytes, (size_t)length, MR_RECORD_EVENT, 0);
	mr_stream_retire(stream, mr_stream_next(stream));
	uint64_t offset = mr_stream_append(stream, &head, sizeof(head), bytes, (size_t)length);
	mr_stream_publish(stream);
	return mr_position_make(stream->id, offset);
}

mr_position rig_event(struct rig *rig, uint64_t object)
{
	return append_event(rig, &rig->shard_stream, object);
}

mr_position rig_old_event(struct rig *rig, uint64_t object)
{
	mr_position position = append_event(rig, &rig->old_stream, object);
	count_old(rig);
	return position;
}

void rig_match(struct rig *rig, uint32_t lane, mr_position position, uint64_t object, bool marked)
{
	struct mr_lane_msg msg = {.position = position,
		.lane = lane,
		.object_hash = (uint8_t)object,
		.flags = marked ? MR_LANE_PENALISED : 0};
	assert_true(mr_ring_push(rig->lane_msgs, mr_desc_of(msg)));
	rig->matches++;
}

void rig_deliver(struct rig *rig, uint32_t lane, uint64_t object, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		rig_match(rig, lane, rig_event(rig, object), object, false);
}

void rig_step(struct rig *rig, uint64_t later_ns)
{
	rig->now.mono_ns += later_ns;
	rig->now.wall_ns += (int64_t)later_ns;
	if (rig->on_disk)
		make_durable(rig);
	if (!rig->feed_lags)
		mr_lane_feed_publish(&rig->feed, rig->matches, mr_stream_next(&rig->shard_stream));
	// What the back end must answer for is no longer in the buffer.
	uint64_t reserved = atomic_load(&rig->shard_stream.reserved);
	if (rig->overwritten)
		atomic_store(&rig->shard_stream.reserved, reserved + 2 * rig->shard_stream.size);
	mr_delivery_step(rig->delivery, rig->now, (struct mr_budget){rig->budget});
	atomic_store(&rig->shard_stream.reserved, reserved);
	make_durable(rig);
}

void rig_run(struct rig *rig, uint64_t for_ns, uint64_t step_ns)
{
	for (uint64_t ran_ns = 0; ran_ns < for_ns; ran_ns += step_ns)
		rig_step(rig, step_ns);
}

uint64_t rig_counter(const struct rig *rig, enum mr_counter_id id)
{
	return mr_read(&rig->stats.counters[id]);
}

uint64_t rig_dropped(const struct rig *rig, enum mr_reason reason)
{
	return mr_read(&rig->stats.reasons[reason]);
}

uint32_t rig_parse(const struct fake_request *request, uint64_t *ret_numbers, uint32_t max)
{
	static const char mark[] = "{\"user\":{\"gid\":\"";
	static char text[MR_BATCH_BYTES_MAX + 1];
	uint32_t count = 0;
	assert_in_range(request->length, 0, MR_BATCH_BYTES_MAX);
	memcpy(text, request->request.body, request->length);
	text[request->length] = '\0';
	for (const char *at = text; (at = strstr(at, mark)) != NULL; count++) {
		at += sizeof(mark) - 1;
		assert_in_range(count, 0, max - 1);
		ret_numbers[count] = strtoull(at, NULL, 10);
	}
	return count;
}

const char *rig_header(const struct fake_request *request, const char *name)
{
	static char value[256];
	value[0] = '\0';
	const char *at = strstr(request->headers, name);
	if (at == NULL)
		return value;
	at += strlen(name);
	assert_memory_equal(at, ": ", 2);
	size_t length = strcspn(at + 2, "\r");
	assert_in_range(length, 0, sizeof(value) - 1);
	memcpy(value, at + 2, length);
	value[length] = '\0';
	return value;
}

void rig_check_signature(const struct fake_request *request, const char *secret, size_t length)
{
	uint8_t mac[32];
	char hex[65] = {0};
	struct mr_hmac *hmac = mr_hmac_new(secret, length);
	mr_hmac_sign(hmac, request->request.body, request->length, mac);
	mr_hmac_free(hmac);
	mr_hex_encode(mac, sizeof(mac), hex);
	assert_string_equal(rig_header(request, "X-Hook-Signature"), hex);
}

uint32_t rig_answer_all(enum mr_outcome outcome, uint16_t status)
{
	uint32_t answered = 0;
	for (struct fake_request *request; (request = fake_engine_oldest()) != NULL; answered++)
		fake_engine_answer(request, outcome, status);
	return answered;
}
