// An ingest stage with a port in memory, two shards and a steward played by the test; and frames
// made by hand, with code of their own, so that a mistake of the stage's cannot hide in its tests.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest.h"
#include "nic_fake.h"
#include "shard.h"

enum {
	FLOWS = 16,
	SHARDS = 2,
	PORT = 7400,
	KEY = 7,
	APP = 70,
	SESSION = 3, // index
	SESSION_ID = 0x5e55,
	FRAMES = 512,
	REPLIES = 64,
	FRAME_MAX = 9216,
};
#define SEED UINT64_C(0x1234567890abcdef)

extern const uint8_t our_mac[6], peer_mac[6];
extern const uint8_t our_ipv4[4], peer_ipv4[4];
extern const uint8_t our_ipv6[16], peer_ipv6[16];

struct world {
	struct mr_arena arena;
	struct mr_nic *nic;
	struct mr_ingest_config config;
	struct mr_stats_stage stats;
	struct mr_ingest *ingest;
	struct mr_now now;
	uint64_t generation;
	struct mr_steward_msg msg;
	uint8_t out[FRAME_MAX]; // the last frame taken from the wire
	uint32_t out_length;
};

struct world *world_new(void); // key and session are open
void world_free(struct world *world); // every frame must have come back
enum mr_poll world_step(struct world *world);
struct mr_steward_msg *world_msg(struct world *world, enum mr_steward_kind kind);
void world_tell(
	struct world *world); // the message of world_msg; checks that its generation is published
void world_set_key(struct world *world, uint64_t key_id); // the only one
void world_close_session(struct world *world, uint16_t index);
void world_open_session(
	struct world *world, uint16_t index, uint64_t id, uint64_t app, uint32_t epoch);
uint64_t discards(const struct world *world, enum mr_discard why);
uint64_t discards_all(const struct world *world);
uint64_t counter(const struct world *world, enum mr_counter_id id);
bool take_sent(struct world *world); // into world->out
// The next descriptor for a shard; kind 0 when there is none.
struct mr_source_msg take_msg(struct world *world, uint32_t shard);
void shard_says(struct world *world, uint32_t shard, struct mr_shard_msg msg);
void release(struct world *world, uint32_t shard, struct mr_packet *packet);

// -- Frames
struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t length;
	uint32_t l3; // where it begins
	uint32_t l4;
	uint32_t payload;
};

struct way { // how a frame travels; zero: plain IPv4 to our base port
	bool ipv6;
	uint32_t vlans;
	uint32_t options; // IPv4 option words
	uint16_t to_port;
	bool no_checksum;
};

uint16_t ones_sum(uint32_t sum, const uint8_t *bytes, uint32_t length);
void fix_ipv4(struct frame *frame);
void fix_udp(struct frame *frame); // lengths stay, checksum is made right
struct frame *udp_frame(
	const struct way *way, const void *payload, uint32_t length); // static memory
void deliver(struct world *world, const struct frame *frame); // receive and one step

// -- Messages
uint64_t object_of_flow(uint32_t flow, uint32_t nth); // the nth object that belongs to the flow
uint32_t put_event(uint8_t *bytes, uint64_t object);
struct mr_wire_header header_of(uint8_t type, uint16_t flow, uint64_t first, uint16_t count);
// A whole message; returns its length.
uint32_t put_message(
	uint8_t *bytes, const struct mr_wire_header *header, const void *body, uint32_t length);
// DATA of `count` events, all of the same object, in that object's flow.
uint32_t put_data(uint8_t *bytes, uint64_t object, uint64_t first, uint16_t count);
struct mr_packet *packet_of(struct mr_source_msg msg);
