// What goes back to producers. Each message is laid out in a frame of the reply pool behind the way
// its producer's own packet came.
#include "ingest_state.h"
#include "mr_assert.h"
#include "wire_codec.h"

struct reply {
	struct mr_frame *frame;
	uint8_t *data;
	uint8_t *datagram;
};

static bool reply_begin(
	struct mr_ingest *ingest, const struct mr_path *path, struct reply *ret_reply)
{
	struct reply reply;

	reply.frame = mr_nic_tx_frame(ingest->config.nic, ingest->outbox.queue, &reply.data);
	if (reply.frame == NULL) {
		mr_ingest_discard(ingest, MR_DISCARD_NO_MBUF);
		return false;
	}
	reply.datagram = reply.data + mr_path_header_bytes(path);
	*ret_reply = reply;
	return true;
}

static void reply_end(struct mr_ingest *ingest, const struct mr_path *path,
	const struct reply *reply, size_t length, enum mr_counter_id counter)
{
	mr_frame_set_length(
		reply->frame, mr_frame_build(reply->data, &ingest->port, path, (uint32_t)length));
	mr_outbox_send(&ingest->outbox, reply->frame, counter);
}

static uint16_t own_flags(const struct mr_ingest *ingest)
{
	return ingest->config.is_volatile ? MR_WIRE_FLAG_VOLATILE : 0;
}

// The shard knows what to say, the source how to reach whom: a session that has gone meanwhile
// needs no ACK.
void mr_ingest_ack(struct mr_ingest *ingest, const struct mr_ack_slot *slot)
{
	struct reply reply;

	mr_assert(slot->session < ingest->sessions.capacity);
	mr_assert(slot->length <= sizeof(slot->body) && slot->length % 8 == 0);
	const struct mr_source_session *session = &ingest->sessions.sessions[slot->session];
	if (session->session_id == 0 || !session->has_path
		|| !reply_begin(ingest, &session->path, &reply))
		return;
	struct mr_wire_header header = {
		.type = MR_WIRE_ACK,
		.flags = slot->flags,
		.key_id = session->key_id,
		.session_id = session->session_id,
		.session_epoch = session->epoch,
		.flow = slot->flow,
	};
	memcpy(reply.datagram + MR_WIRE_HEADER_BYTES, slot->body, slot->length);
	size_t length = mr_wire_finish(reply.datagram, &header, slot->length);
	reply_end(ingest, &session->path, &reply, length, MR_INGEST_ACKS_SENT);
}

void mr_ingest_pong(struct mr_ingest *ingest, const struct mr_message *message)
{
	struct mr_wire_header header = message->header;
	struct mr_path path;
	struct reply reply;
	uint64_t app;

	if (!mr_sessions_app_of_key(&ingest->sessions, header.key_id, &app)) {
		mr_ingest_discard(ingest, MR_DISCARD_KEY);
		return;
	}
	mr_path_of(message->rx->data, message->view, &path);
	if (!reply_begin(ingest, &path, &reply))
		return;
	header.type = MR_WIRE_PONG;
	header.flags = own_flags(ingest);
	memcpy(reply.datagram + MR_WIRE_HEADER_BYTES, message->body, message->body_length);
	size_t length = mr_wire_finish(reply.datagram, &header, message->body_length);
	reply_end(ingest, &path, &reply, length, MR_COUNTER_COUNT);
}

// Never larger than what it answers, and few at a time: nobody gains by making us answer somebody
// else.
void mr_ingest_error(
	struct mr_ingest *ingest, const struct mr_message *message, enum mr_reason reason)
{
	struct mr_wire_error error = {.reason = (uint16_t)reason};
	struct mr_wire_header header = message->header;
	struct mr_path path;
	struct reply reply;

	if (ingest->errors_left == 0 || message->body_length < sizeof(error))
		return;
	mr_path_of(message->rx->data, message->view, &path);
	if (!reply_begin(ingest, &path, &reply))
		return;
	ingest->errors_left--;
	header.type = MR_WIRE_ERROR;
	header.flags = own_flags(ingest);
	header.count = 0;
	memcpy(reply.datagram + MR_WIRE_HEADER_BYTES, &error, sizeof(error));
	size_t length = mr_wire_finish(reply.datagram, &header, sizeof(error));
	reply_end(ingest, &path, &reply, length, MR_COUNTER_COUNT);
}

void mr_ingest_send(struct mr_ingest *ingest, const struct mr_path *path, const uint8_t *datagram,
	uint32_t length)
{
	struct reply reply;

	if (!reply_begin(ingest, path, &reply))
		return;
	memcpy(reply.datagram, datagram, length);
	reply_end(ingest, path, &reply, length, MR_COUNTER_COUNT);
}
