// DATA: from an authenticated packet to one descriptor for the owner shard of its flow. Nothing
// that came this far ends here: the shard settles every sequence.
#include "ingest_state.h"
#include "mr_assert.h"
#include "verdict.h"

// Sequences fit a descriptor beside a byte; nobody will ever count so far.
static const uint64_t sequence_limit = UINT64_C(1) << 56;
static_assert(
	MR_WINDOW_MAX <= UINT16_MAX, "who is further ahead of its own `known` has left the window");

static enum mr_discard check(const struct mr_ingest *ingest, const struct mr_wire_header *header)
{
	if (header->flow >= ingest->config.flows)
		return MR_DISCARD_FLOW;
	if (header->count == 0 || header->count > MR_PACKET_EVENTS_MAX)
		return MR_DISCARD_EVENT_COUNT;
	if (header->first_sequence >= sequence_limit
		|| (header->first_sequence > header->known
			&& header->first_sequence - header->known > UINT16_MAX))
		return MR_DISCARD_BEYOND_EDGE;
	return MR_DISCARD_COUNT;
}

// The newest burst says where the producer is: its first packet is as good as its last.
static void remember_path(struct mr_ingest *ingest, struct mr_source_session *session,
	const struct mr_message *message)
{
	if (session->has_path && session->path_burst == ingest->burst)
		return;
	mr_path_of(message->rx->data, message->view, &session->path);
	session->path_burst = ingest->burst;
	session->has_path = true;
}

// The whole packet in one descriptor: no byte of it travels.
static void refuse_whole(
	struct mr_ingest *ingest, const struct mr_packet *packet, uint32_t reason, uint8_t slot)
{
	uint64_t behind =
		packet->known < packet->first_sequence ? packet->first_sequence - packet->known : 0;

	mr_assert(behind <= UINT16_MAX);
	mr_outbox_stage(&ingest->outbox, ingest->shard_of_flow[packet->flow],
		(struct mr_source_msg){
			.data = packet->first_sequence | (uint64_t)slot << 56,
			.session = packet->session,
			.known_behind = (uint16_t)behind,
			.kind = MR_SOURCE_REFUSED,
			.flow = packet->flow,
			.reason = (uint8_t)reason,
			.count = packet->count,
		});
}

// True when the packet is refused as a whole.
static bool judge(struct mr_ingest *ingest, uint64_t app, struct mr_packet *packet)
{
	const struct mr_verdict_rules rules = {
		.hash_seed = ingest->config.hash_seed,
		.flows = ingest->config.flows,
		.now_ns = ingest->now.mono_ns,
		.shed = &ingest->sheds[ingest->shard_of_flow[packet->flow]],
		.bans = &ingest->bans,
		.app = app,
	};
	uint8_t slot = 0;

	if (ingest->pause_reason != MR_REASON_OK) {
		refuse_whole(ingest, packet, ingest->pause_reason, 0);
		return true;
	}
	if (!mr_verdict_give(&rules, packet, &slot))
		return false;
	refuse_whole(ingest, packet, MR_REASON_OBJECT_FULL, slot);
	return true;
}

bool mr_ingest_data(struct mr_ingest *ingest, const struct mr_message *message)
{
	const struct mr_wire_header *header = &message->header;

	enum mr_discard why = check(ingest, header);
	if (why != MR_DISCARD_COUNT) {
		mr_ingest_discard(ingest, why);
		return false;
	}
	struct mr_source_session *session = mr_sessions_find(&ingest->sessions, header, &why);
	if (session == NULL) {
		mr_ingest_discard(ingest, why);
		if (why == MR_DISCARD_SESSION)
			mr_ingest_error(ingest, message, MR_REASON_UNKNOWN_SESSION);
		return false;
	}
	remember_path(ingest, session, message);
	mr_gauge(&ingest->sessions.seen[session->index], ingest->now.mono_ns);

	struct mr_packet *packet = message->rx->packet;
	packet->events = message->body;
	packet->first_sequence = header->first_sequence;
	packet->known = header->known;
	packet->send_time_ns = header->send_time_ns;
	packet->received_at_ns = ingest->now.wall_ns;
	packet->next = NULL;
	packet->events_bytes = (uint32_t)message->body_length;
	packet->session = session->index;
	packet->source = (uint16_t)ingest->config.index;
	packet->flow = (uint8_t)header->flow;
	packet->count = (uint8_t)header->count;
	if (judge(ingest, session->app, packet))
		return false;
	mr_outbox_stage(&ingest->outbox, ingest->shard_of_flow[packet->flow],
		(struct mr_source_msg){.data = (uintptr_t)packet, .kind = MR_SOURCE_PACKET});
	return true;
}
