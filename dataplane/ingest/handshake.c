// HELLO and BYE go to the steward as a whole and come back with the answer. A fixed number of them
// is under way.
#include "ingest_state.h"
#include "mr_assert.h"
#include "wire_codec.h"

static_assert(sizeof(struct mr_path) <= sizeof(((struct mr_handshake *)0)->path), "a path fits");

// A producer that asks again while its question is under way gets no second place.
static bool is_under_way(const struct mr_ingest *ingest, const struct mr_wire_header *header)
{
	for (uint32_t i = 0; i < MR_HANDSHAKES_MAX; i++) {
		struct mr_wire_header other;
		if ((ingest->handshakes_free >> i & 1) != 0)
			continue;
		memcpy(&other, ingest->handshakes[i].request, sizeof(other));
		if (other.session_id == header->session_id && other.key_id == header->key_id
			&& other.type == header->type)
			return true;
	}
	return false;
}

static enum mr_discard check(
	const struct mr_ingest *ingest, const struct mr_message *message, uint64_t *ret_app)
{
	const struct mr_wire_header *header = &message->header;
	struct mr_wire_hello hello;
	uint64_t known[MR_FLOWS_MAX];

	if (!mr_sessions_app_of_key(&ingest->sessions, header->key_id, ret_app))
		return MR_DISCARD_KEY;
	if (header->session_id == 0)
		return MR_DISCARD_SESSION;
	if (header->length > MR_WIRE_BYTES_MAX)
		return MR_DISCARD_LENGTH;
	if (header->type == MR_WIRE_HELLO) {
		size_t welcome = sizeof(struct mr_wire_welcome)
			+ ingest->config.flows * sizeof(struct mr_wire_grant);
		if (message->body_length < welcome
			|| mr_wire_parse_hello(message->body, message->body_length, &hello, known)
				< 0)
			return MR_DISCARD_LENGTH;
	}
	if (ingest->handshakes_free == 0 || is_under_way(ingest, header))
		return MR_DISCARD_HELLO_BUSY;
	return MR_DISCARD_COUNT;
}

void mr_ingest_handshake(
	struct mr_ingest *ingest, const struct mr_message *message, enum mr_to_steward_kind kind)
{
	uint64_t app;

	enum mr_discard why = check(ingest, message, &app);
	if (why != MR_DISCARD_COUNT) {
		mr_ingest_discard(ingest, why);
		return;
	}
	uint32_t slot = (uint32_t)__builtin_ctz(ingest->handshakes_free);
	struct mr_handshake *handshake = &ingest->handshakes[slot];
	struct mr_path path = {0};
	mr_path_of(message->rx->data, message->view, &path);
	memcpy(handshake->request, message->body - MR_WIRE_HEADER_BYTES, message->header.length);
	memcpy(handshake->path, &path, sizeof(path));
	handshake->request_length = message->header.length;
	handshake->reply_length = 0;
	handshake->app = app;
	handshake->source = (uint16_t)ingest->config.index;
	handshake->slot = (uint16_t)slot;
	struct mr_desc desc = {.word = {(uintptr_t)handshake, (uint64_t)kind}};
	if (!mr_ring_push(ingest->config.to_steward, desc)) {
		mr_ingest_discard(ingest, MR_DISCARD_HELLO_BUSY);
		return;
	}
	ingest->handshakes_free &= ~(UINT32_C(1) << slot);
	if (kind == MR_TO_STEWARD_HELLO)
		mr_count(&ingest->config.stats->counters[MR_INGEST_HELLOS], 1);
}

void mr_ingest_welcome(struct mr_ingest *ingest, struct mr_handshake *handshake)
{
	struct mr_path path;

	mr_assert(handshake->slot < MR_HANDSHAKES_MAX
		&& handshake == &ingest->handshakes[handshake->slot]);
	mr_assert((ingest->handshakes_free >> handshake->slot & 1) == 0);
	memcpy(&path, handshake->path, sizeof(path));
	mr_expect(handshake->reply_length <= handshake->request_length);
	if (handshake->reply_length > 0 && handshake->reply_length <= handshake->request_length)
		mr_ingest_send(ingest, &path, handshake->reply, handshake->reply_length);
	ingest->handshakes_free |= UINT32_C(1) << handshake->slot;
}
