#include "ingest_world.h"

#include <stdlib.h>

#include <millrace/event.h>

#include "event_codec.h"
#include "hash.h"
#include "wire_codec.h"

const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
const uint8_t our_ipv4[4] = {10, 0, 0, 1}, peer_ipv4[4] = {10, 0, 0, 2};
const uint8_t our_ipv6[16] = {0xfd, [14] = 0xab, [15] = 1}, peer_ipv6[16] = {0xfd, [15] = 2};

static void wire_rings(struct world *world)
{
	struct mr_ingest_config *config = &world->config;

	for (uint32_t i = 0; i < SHARDS; i++) {
		config->to_shard[i] = mr_ring_new(&world->arena, "to shard", 1024);
		config->from_shard[i] = mr_ring_new(&world->arena, "from shard", 1024);
	}
	config->from_steward = mr_ring_new(&world->arena, "steward", 64);
	config->to_steward = mr_ring_new(&world->arena, "steward", 64);
}

struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(mr_arena_open(&world->arena, 4 << 20, false), 0);
	world->nic = mr_nic_fake_new(FRAMES, REPLIES);
	world->now = (struct mr_now){.mono_ns = 1000000000, .wall_ns = 1600000000000000000};
	world->config = (struct mr_ingest_config){
		.index = 0,
		.shards = SHARDS,
		.flows = FLOWS,
		.hash_seed = SEED,
		.is_volatile = true,
		.port_base = PORT,
		.sessions_max = 16,
		.nic = world->nic,
		.stats = &world->stats,
	};
	memcpy(world->config.mac, our_mac, 6);
	memcpy(world->config.ipv4, our_ipv4, 4);
	memcpy(world->config.ipv6, our_ipv6, 16);
	wire_rings(world);
	world->ingest = mr_ingest_new(&world->arena, &world->config);
	assert_non_null(world->ingest);
	mr_arena_seal(&world->arena);
	world_set_key(world, KEY);
	world_open_session(world, SESSION, SESSION_ID, APP, 0);
	return world;
}

void world_free(struct world *world)
{
	for (uint32_t shard = 0; shard < SHARDS; shard++)
		for (struct mr_source_msg msg = take_msg(world, shard); msg.kind != 0;
			msg = take_msg(world, shard))
			if (msg.kind == MR_SOURCE_PACKET)
				release(world, shard, packet_of(msg));
	while (world_step(world) == MR_POLL_BUSY)
		;
	assert_int_equal(mr_nic_fake_frames_out(world->nic), 0);
	assert_int_equal(mr_nic_fake_replies_out(world->nic), 0);
	mr_nic_fake_free(world->nic);
	mr_arena_close(&world->arena);
	free(world);
}

enum mr_poll world_step(struct world *world)
{
	return mr_ingest_step(world->ingest, world->now, (struct mr_budget){.units = 1000});
}

// The message is the steward's until the generation is published; it is too large for a stack.
struct mr_steward_msg *world_msg(struct world *world, enum mr_steward_kind kind)
{
	memset(&world->msg, 0, sizeof(world->msg));
	world->msg.kind = kind;
	world->msg.generation = ++world->generation;
	return &world->msg;
}

void world_tell(struct world *world)
{
	assert_true(mr_ring_push(
		world->config.from_steward, (struct mr_desc){.word = {(uintptr_t)&world->msg}}));
	world_step(world);
	assert_int_equal(mr_read(&world->stats.generation), world->generation);
}

void world_set_key(struct world *world, uint64_t key_id)
{
	struct mr_steward_msg *msg = world_msg(world, MR_STEWARD_KEYS);

	msg->keys.count = 1;
	msg->keys.keys[0] = (struct mr_key){.key_id = key_id, .app = APP};
	world_tell(world);
}

void world_open_session(
	struct world *world, uint16_t index, uint64_t id, uint64_t app, uint32_t epoch)
{
	struct mr_session *session = &world_msg(world, MR_STEWARD_SESSION_OPEN)->session;

	session->app = app;
	session->session_id = id;
	session->key_id = KEY;
	session->epoch = epoch;
	session->index = index;
	world_tell(world);
}

void world_close_session(struct world *world, uint16_t index)
{
	world_msg(world, MR_STEWARD_SESSION_CLOSE)->session.index = index;
	world_tell(world);
}

uint64_t discards(const struct world *world, enum mr_discard why)
{
	return mr_read(&world->stats.discards[why]);
}

uint64_t discards_all(const struct world *world)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < MR_DISCARD_COUNT; i++)
		sum += mr_read(&world->stats.discards[i]);
	return sum;
}

uint64_t counter(const struct world *world, enum mr_counter_id id)
{
	return mr_read(&world->stats.counters[id]);
}

bool take_sent(struct world *world)
{
	world->out_length = mr_nic_fake_sent(world->nic, 0, world->out, sizeof(world->out));
	return world->out_length > 0;
}

struct mr_source_msg take_msg(struct world *world, uint32_t shard)
{
	struct mr_desc desc;

	if (mr_ring_pop_burst(world->config.to_shard[shard], &desc, 1) == 0)
		return (struct mr_source_msg){0};
	return mr_desc_to(struct mr_source_msg, desc);
}

void shard_says(struct world *world, uint32_t shard, struct mr_shard_msg msg)
{
	assert_true(mr_ring_push(world->config.from_shard[shard], mr_desc_of(msg)));
}

void release(struct world *world, uint32_t shard, struct mr_packet *packet)
{
	shard_says(world, shard,
		(struct mr_shard_msg){.data = (uintptr_t)packet, .kind = MR_SHARD_RELEASE});
}

// RFC 1071 as written: 16-bit words in network order.
uint16_t ones_sum(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | (i + 1 < length ? bytes[i + 1] : 0u);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put_be16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

void fix_ipv4(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3;

	put_be16(ip + 10, 0);
	put_be16(ip + 10, (uint16_t)~ones_sum(0, ip, frame->l4 - frame->l3));
}

void fix_udp(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3;
	uint8_t *udp = frame->bytes + frame->l4;
	uint32_t length = (uint32_t)udp[4] << 8 | udp[5];

	put_be16(udp + 6, 0);
	uint32_t sum = 17 + length;
	sum += ip[0] >> 4 == 6 ? ones_sum(0, ip + 8, 32) : ones_sum(0, ip + 12, 8);
	uint16_t checksum = (uint16_t)~ones_sum(sum, udp, length);
	put_be16(udp + 6, checksum == 0 ? 0xffff : checksum);
}

static uint32_t put_ipv4(uint8_t *ip, uint32_t options, uint32_t length)
{
	uint32_t header = 20 + options * 4;

	ip[0] = (uint8_t)(0x40 | header / 4);
	put_be16(ip + 2, header + length);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, peer_ipv4, 4);
	memcpy(ip + 16, our_ipv4, 4);
	memset(ip + 20, 1, options * 4); // no-operation
	return header;
}

static uint32_t put_ipv6(uint8_t *ip, uint32_t length)
{
	ip[0] = 0x60;
	put_be16(ip + 4, length);
	ip[6] = 17;
	ip[7] = 64;
	memcpy(ip + 8, peer_ipv6, 16);
	memcpy(ip + 24, our_ipv6, 16);
	return 40;
}

struct frame *udp_frame(const struct way *way, const void *payload, uint32_t length)
{
	static struct frame frame;
	uint8_t *at = frame.bytes;

	memset(&frame, 0, sizeof(frame));
	memcpy(at, our_mac, 6);
	memcpy(at + 6, peer_mac, 6);
	at += 12;
	for (uint32_t i = 0; i < way->vlans; i++, at += 4) {
		put_be16(at, i + 1 < way->vlans ? 0x88a8 : 0x8100);
		put_be16(at + 2, 100 + i);
	}
	put_be16(at, way->ipv6 ? 0x86dd : 0x0800);
	frame.l3 = (uint32_t)(at + 2 - frame.bytes);
	frame.l4 = frame.l3
		+ (way->ipv6 ? put_ipv6(at + 2, 8 + length)
			     : put_ipv4(at + 2, way->options, 8 + length));
	frame.payload = frame.l4 + 8;
	frame.length = frame.payload + length;
	assert_true(frame.length <= sizeof(frame.bytes));
	at = frame.bytes + frame.l4;
	put_be16(at, 50000);
	put_be16(at + 2, way->to_port != 0 ? way->to_port : PORT);
	put_be16(at + 4, 8 + length);
	memcpy(at + 8, payload, length);
	if (!way->ipv6)
		fix_ipv4(&frame);
	if (!way->no_checksum)
		fix_udp(&frame);
	return &frame;
}

void deliver(struct world *world, const struct frame *frame)
{
	assert_true(mr_nic_fake_receive(world->nic, 0, frame->bytes, frame->length, 0));
	assert_int_equal(world_step(world), MR_POLL_BUSY);
}

uint64_t object_of_flow(uint32_t flow, uint32_t nth)
{
	for (uint64_t object = 1;; object++)
		if (mr_flow_of_slot(mr_slot_of(object, SEED), FLOWS) == flow && nth-- == 0)
			return object;
}

uint32_t put_event(uint8_t *bytes, uint64_t object)
{
	struct mr_event event = {
		.action = MR_ACTION_CHANGED,
		.object = object,
		.workspace = 1,
		.type = {.data = "task", .length = 4},
	};
	ssize_t length = mr_event_encode(&event, bytes, 256);

	assert_true(length > 0);
	return (uint32_t)length;
}

struct mr_wire_header header_of(uint8_t type, uint16_t flow, uint64_t first, uint16_t count)
{
	return (struct mr_wire_header){
		.type = type,
		.key_id = KEY,
		.session_id = SESSION_ID,
		.flow = flow,
		.count = count,
		.first_sequence = first,
		.known = first > 5 ? first - 5 : 1,
		.send_time_ns = 4711,
	};
}

uint32_t put_message(
	uint8_t *bytes, const struct mr_wire_header *header, const void *body, uint32_t length)
{
	struct mr_wire_header copy = *header;

	if (length > 0)
		memmove(bytes + MR_WIRE_HEADER_BYTES, body, length);
	return (uint32_t)mr_wire_finish(bytes, &copy, length);
}

uint32_t put_data(uint8_t *bytes, uint64_t object, uint64_t first, uint16_t count)
{
	uint32_t length = 0;
	uint16_t flow = (uint16_t)mr_flow_of_slot(mr_slot_of(object, SEED), FLOWS);
	struct mr_wire_header header = header_of(MR_WIRE_DATA, flow, first, count);

	for (uint32_t i = 0; i < count; i++)
		length += put_event(bytes + MR_WIRE_HEADER_BYTES + length, object);
	return put_message(bytes, &header, bytes + MR_WIRE_HEADER_BYTES, length);
}

struct mr_packet *packet_of(struct mr_source_msg msg)
{
	assert_int_equal(msg.kind, MR_SOURCE_PACKET);
	return (struct mr_packet *)(uintptr_t)msg.data;
}
