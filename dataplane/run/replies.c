#include "replies.h"

#include <string.h>

#include <millrace/wire.h>

#include "mr_assert.h"
#include "wire_codec.h"

bool mr_replies_init(struct mr_replies *replies, struct mr_arena *arena, struct mr_postbox *postbox,
	const struct mr_replies_config *config)
{
	mr_assert(config->flows > 0 && config->flows <= MR_FLOWS_MAX);
	*replies = (struct mr_replies){.config = *config, .postbox = postbox};
	replies->handshakes =
		mr_arena_array(arena, "steward: sessions", struct mr_handshake *, MR_REPLIES_MAX);
	return replies->handshakes != NULL;
}

static void put(struct mr_replies *replies, struct mr_handshake *handshake)
{
	mr_assert(replies->count < MR_REPLIES_MAX);
	replies->handshakes[(replies->head + replies->count++) % MR_REPLIES_MAX] = handshake;
}

void mr_reply_nothing(struct mr_replies *replies, struct mr_handshake *handshake)
{
	handshake->reply_length = 0;
	put(replies, handshake);
}

// Header of a reply to what the handshake asked.
static struct mr_wire_header reply_header(const struct mr_replies *replies,
	const struct mr_handshake *handshake, enum mr_wire_type type)
{
	struct mr_wire_header header;
	memcpy(&header, handshake->request, sizeof(header));
	header.type = (uint8_t)type;
	header.flags = replies->config.is_volatile ? MR_WIRE_FLAG_VOLATILE : 0;
	header.flow = 0;
	header.count = 0;
	header.first_sequence = 0;
	header.known = 0;
	return header;
}

static void finish(struct mr_replies *replies, struct mr_handshake *handshake,
	enum mr_wire_type type, size_t body_length)
{
	struct mr_wire_header header = reply_header(replies, handshake, type);
	size_t length = MR_WIRE_HEADER_BYTES + body_length + MR_WIRE_TAG_BYTES;
	mr_assert(length <= sizeof(handshake->reply));
	handshake->reply_length = length <= handshake->request_length // nobody is amplified
		? (uint32_t)mr_wire_finish(handshake->reply, &header, body_length)
		: 0;
	put(replies, handshake);
}

void mr_reply_error(struct mr_replies *replies, struct mr_handshake *handshake,
	enum mr_reason reason, uint32_t offset)
{
	struct mr_wire_error error = {.reason = (uint16_t)reason, .offset = offset};
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES, &error, sizeof(error));
	finish(replies, handshake, MR_WIRE_ERROR, sizeof(error));
}

void mr_reply_welcome(struct mr_replies *replies, struct mr_handshake *handshake,
	const struct mr_session *session)
{
	struct mr_wire_welcome welcome = {.hash_seed = replies->config.hash_seed,
		.boot_id = replies->config.boot_id,
		.flows = (uint16_t)replies->config.flows};
	size_t grants = replies->config.flows * sizeof(struct mr_wire_grant);
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES, &welcome, sizeof(welcome));
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES + sizeof(welcome), session->grants, grants);
	finish(replies, handshake, MR_WIRE_WELCOME, sizeof(welcome) + grants);
}

void mr_reply_bye(struct mr_replies *replies, struct mr_handshake *handshake)
{
	finish(replies, handshake, MR_WIRE_BYE, 0);
}

bool mr_replies_send(struct mr_replies *replies)
{
	bool moved = false;
	while (replies->count > 0) {
		struct mr_stage_set source = {0};
		struct mr_post *post = mr_postbox_take(replies->postbox);
		if (post == NULL)
			return moved;
		struct mr_handshake *handshake = replies->handshakes[replies->head];
		replies->head = (replies->head + 1) % MR_REPLIES_MAX;
		replies->count--;
		mr_stage_set_add(&source, replies->config.first_source + handshake->source);
		post->msg.kind = MR_STEWARD_WELCOME;
		post->msg.handshake = handshake;
		mr_postbox_send(replies->postbox, post, source, NULL, NULL, 0);
		moved = true;
	}
	return moved;
}
