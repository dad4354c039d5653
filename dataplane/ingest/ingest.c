#include "ingest.h"

#include "hash.h"
#include "ingest_state.h"
#include "link.h"
#include "mr_assert.h"
#include "wire_codec.h"

enum { EVENTS_PER_UNIT = 8, PREFETCH_AHEAD = 4 };

// -- From the steward

static void handle_steward(struct mr_ingest *ingest, const struct mr_steward_msg *msg)
{
	switch (msg->kind) {
	case MR_STEWARD_SESSION_OPEN:
		mr_sessions_open(&ingest->sessions, &msg->session);
		break;
	case MR_STEWARD_SESSION_CLOSE:
		mr_sessions_close(&ingest->sessions, msg->session.index);
		break;
	case MR_STEWARD_KEYS:
		mr_sessions_set_keys(&ingest->sessions, msg->keys.keys, msg->keys.count);
		break;
	case MR_STEWARD_PAUSE:
		mr_assert(msg->reason < MR_REASON_LIMIT);
		ingest->pause_reason = msg->reason;
		break;
	case MR_STEWARD_WELCOME:
		mr_ingest_welcome(ingest, msg->handshake);
		break;
	case MR_STEWARD_BAN: {
		bool done = mr_bans_set(&ingest->bans, &msg->ban);
		mr_expect(done); // the steward keeps to MR_BANS_MAX
		break;
	}
	case MR_STEWARD_UNBAN:
		(void)mr_bans_lift(&ingest->bans, msg->ban.rule.scope);
		break;
	case MR_STEWARD_WEBHOOK_ADD:
	case MR_STEWARD_WEBHOOK_REMOVE:
	case MR_STEWARD_TUNE:
	case MR_STEWARD_GO:
	case MR_STEWARD_SURVEY:
	case MR_STEWARD_STOP:
	case MR_STEWARD_EXPLAIN:
	case MR_STEWARD_TAP:
	case MR_STEWARD_WEBHOOK_TEST:
	default: // for other stages: in force here by not mattering
		break;
	}
	atomic_store_explicit(
		&ingest->config.stats->generation, msg->generation, memory_order_release);
}

static uint32_t take_steward(struct mr_ingest *ingest)
{
	struct mr_desc descs[MR_BURST_MAX];

	uint32_t count = mr_ring_pop_burst(ingest->config.from_steward, descs, MR_BURST_MAX);
	for (uint32_t i = 0; i < count; i++)
		handle_steward(ingest, (const struct mr_steward_msg *)(uintptr_t)descs[i].word[0]);
	return count;
}

// -- From the shards

static void handle_ack(struct mr_ingest *ingest, uint32_t shard, uint64_t data)
{
	struct mr_source_msg done = {.data = data, .kind = MR_SOURCE_ACK_DONE};

	mr_ingest_ack(ingest, (const struct mr_ack_slot *)(uintptr_t)data);
	bool taken = mr_ring_push(ingest->config.to_shard[shard], mr_desc_of(done));
	mr_assert(taken); // packets leave room for every slot there is
}

static void handle_shed(struct mr_ingest *ingest, uint32_t shard, const struct mr_shard_msg *msg)
{
	struct mr_turned_away *shed = &ingest->sheds[shard];

	if (msg->until_ms == 0) {
		mr_turned_away_lift(shed, msg->slot);
		return;
	}
	uint32_t flow = mr_flow_of_slot(
		mr_slot_of(msg->data, ingest->config.hash_seed), ingest->config.flows);
	mr_expect(ingest->shard_of_flow[flow] == shard);
	mr_turned_away_set(shed, msg->slot, msg->data, flow,
		ingest->now.mono_ns + msg->until_ms * UINT64_C(1000000));
}

static uint32_t take_shard(struct mr_ingest *ingest, uint32_t shard)
{
	struct mr_desc descs[MR_BURST_MAX];

	uint32_t count = mr_ring_pop_burst(ingest->config.from_shard[shard], descs, MR_BURST_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct mr_shard_msg msg = mr_desc_to(struct mr_shard_msg, descs[i]);
		switch (msg.kind) {
		case MR_SHARD_RELEASE:
			mr_outbox_free(&ingest->outbox,
				mr_frame_of_packet((struct mr_packet *)(uintptr_t)msg.data));
			break;
		case MR_SHARD_ACK:
			handle_ack(ingest, shard, msg.data);
			break;
		case MR_SHARD_SHED:
			handle_shed(ingest, shard, &msg);
			break;
		default:
			mr_assert(false);
		}
	}
	if (mr_turned_away_any(&ingest->sheds[shard]))
		mr_turned_away_sweep(&ingest->sheds[shard], ingest->now.mono_ns);
	return count;
}

// -- From the port

// A UDP datagram for one of our ports. True when its frame stays with a shard.
static bool take_datagram(
	struct mr_ingest *ingest, const struct mr_rx *rx, const struct mr_view *view)
{
	struct mr_message message = {.rx = rx, .view = view};

	if (!mr_frame_from_private(view)) {
		mr_ingest_discard(ingest, MR_DISCARD_SOURCE_ADDRESS);
		return false;
	}
	enum mr_discard why = mr_wire_parse(view->l4 + MR_UDP_BYTES, view->l4_length - MR_UDP_BYTES,
		&message.header, &message.body, &message.body_length);
	if (why != MR_DISCARD_COUNT) {
		mr_ingest_discard(ingest, why);
		return false;
	}
	switch (message.header.type) {
	case MR_WIRE_DATA:
		return mr_ingest_data(ingest, &message);
	case MR_WIRE_HELLO:
		mr_ingest_handshake(ingest, &message, MR_TO_STEWARD_HELLO);
		return false;
	case MR_WIRE_BYE:
		mr_ingest_handshake(ingest, &message, MR_TO_STEWARD_BYE);
		return false;
	case MR_WIRE_PING:
		mr_ingest_pong(ingest, &message);
		return false;
	default:
		mr_ingest_discard(ingest, MR_DISCARD_TYPE);
		return false;
	}
}

// True when the frame is no longer ours to free.
static bool take_frame(struct mr_ingest *ingest, const struct mr_rx *rx)
{
	struct mr_view view;
	struct mr_link_reply answer;

	enum mr_discard why = mr_frame_parse(&ingest->port, rx->data, rx->length, rx->flags, &view);
	if (why == MR_DISCARD_COUNT && view.kind == MR_FRAME_UDP)
		return take_datagram(ingest, rx, &view);
	if (why == MR_DISCARD_COUNT)
		why = mr_link_answer(&ingest->port, rx->data, rx->length, &view, &answer);
	if (why != MR_DISCARD_COUNT) {
		mr_ingest_discard(ingest, why);
		return false;
	}
	mr_frame_set_length(rx->frame, answer.length);
	mr_outbox_send(&ingest->outbox, rx->frame,
		answer.echo ? MR_INGEST_ECHO_REPLIES : MR_INGEST_ARP_REPLIES);
	return true;
}

static void prefetch(const struct mr_rx *rx)
{
	__builtin_prefetch(rx->data);
	__builtin_prefetch(rx->data + 64);
	__builtin_prefetch(rx->data + 128);
	__builtin_prefetch(rx->packet, 1);
}

// One burst. Returns work units; 0: nothing there.
static uint32_t take_burst(struct mr_ingest *ingest, uint32_t max)
{
	struct mr_rx frames[MR_BURST_MAX];
	uint64_t bytes = 0;

	uint16_t count =
		mr_nic_rx_burst(ingest->config.nic, ingest->outbox.queue, frames, (uint16_t)max);
	if (count == 0)
		return 0;
	ingest->burst++;
	for (uint32_t i = 0; i < count && i < PREFETCH_AHEAD; i++)
		prefetch(&frames[i]);
	for (uint32_t i = 0; i < count; i++) {
		if (i + PREFETCH_AHEAD < count)
			prefetch(&frames[i + PREFETCH_AHEAD]);
		bytes += frames[i].length;
		if (!take_frame(ingest, &frames[i]))
			mr_outbox_free(&ingest->outbox, frames[i].frame);
	}
	mr_outbox_flush(&ingest->outbox);
	mr_count(&ingest->config.stats->counters[MR_INGEST_RX_PACKETS], count);
	mr_count(&ingest->config.stats->counters[MR_INGEST_RX_BYTES], bytes);
	// An event is an eighth of a unit, and no event is shorter than its fixed part.
	return count + (uint32_t)(bytes / (EVENTS_PER_UNIT * MR_EVENT_FIXED_BYTES));
}

const mr_counter *mr_ingest_seen(const struct mr_ingest *ingest)
{
	return ingest->sessions.seen;
}

enum mr_poll mr_ingest_step(void *ingest, struct mr_now now, struct mr_budget budget)
{
	struct mr_ingest *self = ingest;

	self->now = now;
	self->errors_left = MR_ERRORS_PER_STEP;
	uint32_t work = take_steward(self);
	for (uint32_t shard = 0; shard < self->config.shards; shard++)
		work += take_shard(self, shard);
	mr_outbox_flush(
		&self->outbox); // replies and frames of the shards: the burst may need their room
	uint32_t units = work;
	while (units < budget.units) {
		uint32_t left = budget.units - units;
		uint32_t taken = take_burst(self, left < MR_BURST_MAX ? left : MR_BURST_MAX);
		if (taken == 0)
			break;
		units += taken;
	}
	return units > 0 ? MR_POLL_BUSY : MR_POLL_IDLE;
}

// -- Start

static bool is_set(const uint8_t *address, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (address[i] != 0)
			return true;
	return false;
}

static struct mr_port_address port_address(const struct mr_ingest_config *config)
{
	struct mr_port_address port = {
		.port_base = config->port_base,
		.ports = (uint16_t)config->flows,
		.has_ipv4 = is_set(config->ipv4, sizeof(config->ipv4)),
		.has_ipv6 = is_set(config->ipv6, sizeof(config->ipv6)),
	};

	memcpy(port.mac, config->mac, sizeof(port.mac));
	memcpy(port.ipv4, config->ipv4, sizeof(port.ipv4));
	memcpy(port.ipv6, config->ipv6, sizeof(port.ipv6));
	return port;
}

static struct mr_turned_away *sheds_new(struct mr_arena *arena, uint32_t shards, uint64_t seed)
{
	struct mr_turned_away *sheds =
		mr_arena_array(arena, "ingest shed", struct mr_turned_away, shards);
	bool complete = sheds != NULL;

	for (uint32_t i = 0; i < shards; i++) {
		struct mr_turned_away shed;
		complete = mr_turned_away_init(&shed, arena, seed) && complete;
		if (complete)
			sheds[i] = shed;
	}
	return complete ? sheds : NULL;
}

static void wire_up(struct mr_ingest *ingest)
{
	const struct mr_ingest_config *config = &ingest->config;

	for (uint32_t flow = 0; flow < config->flows; flow++)
		ingest->shard_of_flow[flow] = (uint8_t)mr_shard_of_flow(flow, config->shards);
	ingest->outbox.nic = config->nic;
	ingest->outbox.queue = (uint16_t)config->index;
	ingest->outbox.stats = config->stats;
	ingest->outbox.shards = config->shards;
	memcpy(ingest->outbox.to_shard, config->to_shard, sizeof(ingest->outbox.to_shard));
}

struct mr_ingest *mr_ingest_new(struct mr_arena *arena, const struct mr_ingest_config *config)
{
	struct mr_sessions sessions;
	struct mr_bans bans;

	mr_assert(config->shards > 0 && config->shards <= MR_SHARDS_MAX);
	mr_assert(config->shards <= config->flows && config->flows <= MR_FLOWS_MAX);
	mr_assert((config->flows & (config->flows - 1)) == 0);
	struct mr_ingest *ingest = mr_arena_array(arena, "ingest", struct mr_ingest, 1);
	struct mr_handshake *handshakes =
		mr_arena_array(arena, "ingest handshakes", struct mr_handshake, MR_HANDSHAKES_MAX);
	bool complete = mr_sessions_init(&sessions, arena, config->sessions_max, config->hash_seed);
	complete = mr_bans_init(&bans, arena, MR_BANS_MAX, config->hash_seed) && complete;
	struct mr_turned_away *sheds = sheds_new(arena, config->shards, config->hash_seed);
	if (ingest == NULL || handshakes == NULL || !complete || sheds == NULL)
		return NULL;
	ingest->config = *config;
	ingest->port = port_address(config);
	ingest->sessions = sessions;
	ingest->sheds = sheds;
	ingest->bans = bans;
	ingest->handshakes = handshakes;
	ingest->handshakes_free = UINT32_MAX;
	wire_up(ingest);
	return ingest;
}
