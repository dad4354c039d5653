#include "sessions.h"

#include <string.h>

#include <millrace/reason.h>
#include <millrace/wire.h>

#include "mr_assert.h"
#include "wire_codec.h"

enum state {
	STATE_FREE = 0,
	STATE_OPENING, // waits for a message, or for the stages to apply it
	STATE_OPEN,
	STATE_CLOSING_SOURCES,
	STATE_CLOSING_SHARDS,
};

struct mr_session_entry {
	uint64_t app;
	uint64_t session_id;
	uint64_t key_id;
	struct mr_handshake *handshake; // to be answered when the step is done
	enum state state;
};

bool mr_sessions_init(struct mr_sessions *sessions, struct mr_arena *arena,
	struct mr_outbox *outbox, const struct mr_sessions_config *config)
{
	mr_assert(config->flows > 0 && config->flows <= MR_FLOWS_MAX);
	mr_assert(config->sessions_max > 0 && config->sessions_max <= MR_SESSIONS_MAX);
	*sessions = (struct mr_sessions){.config = *config, .outbox = outbox};
	sessions->entries = mr_arena_array(
		arena, "steward: sessions", struct mr_session_entry, config->sessions_max);
	sessions->answers =
		mr_arena_array(arena, "steward: sessions", struct mr_handshake *, MR_ANSWERS_MAX);
	bool todo = mr_todo_init(&sessions->todo, arena, "steward: sessions", config->sessions_max);
	return todo && sessions->entries != NULL && sessions->answers != NULL;
}

// -- Answers

static void answer(struct mr_sessions *sessions, struct mr_handshake *handshake)
{
	mr_assert(sessions->answers_count < MR_ANSWERS_MAX);
	sessions->answers[(sessions->answers_head + sessions->answers_count++) % MR_ANSWERS_MAX] =
		handshake;
}

static void answer_nothing(struct mr_sessions *sessions, struct mr_handshake *handshake)
{
	handshake->reply_length = 0;
	answer(sessions, handshake);
}

// Header of a reply to what the handshake asked.
static struct mr_wire_header reply_header(const struct mr_sessions *sessions,
	const struct mr_handshake *handshake, enum mr_wire_type type)
{
	struct mr_wire_header header;
	memcpy(&header, handshake->request, sizeof(header));
	header.type = (uint8_t)type;
	header.flags = sessions->config.is_volatile ? MR_WIRE_FLAG_VOLATILE : 0;
	header.flow = 0;
	header.count = 0;
	header.first_sequence = 0;
	header.known = 0;
	return header;
}

static void finish(struct mr_sessions *sessions, struct mr_handshake *handshake,
	enum mr_wire_type type, size_t body_length)
{
	struct mr_wire_header header = reply_header(sessions, handshake, type);
	size_t length = MR_WIRE_HEADER_BYTES + body_length + MR_WIRE_TAG_BYTES;
	mr_assert(length <= sizeof(handshake->reply));
	handshake->reply_length = length <= handshake->request_length // nobody is amplified
		? (uint32_t)mr_wire_finish(handshake->reply, &header, body_length)
		: 0;
	answer(sessions, handshake);
}

static void answer_error(struct mr_sessions *sessions, struct mr_handshake *handshake,
	enum mr_reason reason, uint32_t offset)
{
	struct mr_wire_error error = {.reason = (uint16_t)reason, .offset = offset};
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES, &error, sizeof(error));
	finish(sessions, handshake, MR_WIRE_ERROR, sizeof(error));
}

static void answer_welcome(struct mr_sessions *sessions, struct mr_handshake *handshake,
	const struct mr_session *session)
{
	struct mr_wire_welcome welcome = {.hash_seed = sessions->config.hash_seed,
		.boot_id = sessions->config.boot_id,
		.flows = (uint16_t)sessions->config.flows};
	size_t grants = sessions->config.flows * sizeof(struct mr_wire_grant);
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES, &welcome, sizeof(welcome));
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES + sizeof(welcome), session->grants, grants);
	finish(sessions, handshake, MR_WIRE_WELCOME, sizeof(welcome) + grants);
}

static bool send_answer(struct mr_sessions *sessions)
{
	struct mr_stage_set source = {0};
	struct mr_post *post =
		sessions->answers_count > 0 ? mr_outbox_take(sessions->outbox) : NULL;
	if (post == NULL)
		return false;
	struct mr_handshake *handshake = sessions->answers[sessions->answers_head];
	sessions->answers_head = (sessions->answers_head + 1) % MR_ANSWERS_MAX;
	sessions->answers_count--;
	mr_stage_set_add(&source, sessions->config.first_source + handshake->source);
	post->msg.kind = MR_STEWARD_WELCOME;
	post->msg.handshake = handshake;
	mr_outbox_send(sessions->outbox, post, source, NULL, NULL, 0);
	return true;
}

// -- Entries

static struct mr_session_entry *find(
	struct mr_sessions *sessions, uint64_t app, uint64_t session_id)
{
	for (uint32_t i = 0; i < sessions->config.sessions_max; i++) {
		struct mr_session_entry *entry = &sessions->entries[i];
		if (entry->state != STATE_FREE && entry->session_id == session_id
			&& entry->app == app)
			return entry;
	}
	return NULL;
}

static struct mr_session_entry *find_free(struct mr_sessions *sessions)
{
	for (uint32_t i = 0; i < sessions->config.sessions_max; i++)
		if (sessions->entries[i].state == STATE_FREE)
			return &sessions->entries[i];
	return NULL;
}

static void want(struct mr_sessions *sessions, struct mr_session_entry *entry, enum state state)
{
	entry->state = state;
	mr_todo_put(&sessions->todo, (uint32_t)(entry - sessions->entries));
}

void mr_sessions_hello(struct mr_sessions *sessions, struct mr_handshake *handshake)
{
	struct mr_wire_header header;
	struct mr_wire_hello hello;
	uint64_t known[MR_FLOWS_MAX];
	const uint8_t *body;
	size_t length;
	if (mr_wire_parse(handshake->request, handshake->request_length, &header, &body, &length)
			!= MR_DISCARD_COUNT
		|| header.type != MR_WIRE_HELLO || header.session_id == 0
		|| mr_wire_parse_hello(body, length, &hello, known) != 0
		|| (hello.flows != 0 && hello.flows != sessions->config.flows)) {
		answer_error(sessions, handshake, MR_REASON_MALFORMED, MR_WIRE_HEADER_BYTES);
		return;
	}
	struct mr_session_entry *entry = find(sessions, handshake->app, header.session_id);
	if (entry != NULL
		&& entry->state != STATE_OPEN) { // sent again while we work on the first one
		answer_nothing(sessions, handshake);
		return;
	}
	if (entry == NULL && sessions->draining) {
		answer_error(sessions, handshake, MR_REASON_DRAINING, 0);
		return;
	}
	if (entry == NULL) {
		entry = find_free(sessions);
		if (entry == NULL) {
			answer_error(sessions, handshake, MR_REASON_NO_CREDIT, 0);
			return;
		}
		sessions->open++;
		entry->app = handshake->app;
		entry->session_id = header.session_id;
	}
	entry->key_id = header.key_id;
	entry->handshake = handshake;
	want(sessions, entry, STATE_OPENING);
}

void mr_sessions_bye(struct mr_sessions *sessions, struct mr_handshake *handshake)
{
	struct mr_wire_header header;
	memcpy(&header, handshake->request, sizeof(header));
	struct mr_session_entry *entry = find(sessions, handshake->app, header.session_id);
	if (entry == NULL) { // closed already: the answer was lost
		finish(sessions, handshake, MR_WIRE_BYE, 0);
	} else if (entry->state != STATE_OPEN) {
		answer_nothing(sessions, handshake);
	} else {
		entry->handshake = handshake;
		want(sessions, entry, STATE_CLOSING_SOURCES);
	}
}

static void applied(void *owner, const struct mr_post *post)
{
	struct mr_sessions *sessions = owner;
	struct mr_session_entry *entry = &sessions->entries[post->tag];
	struct mr_handshake *handshake = entry->handshake;
	if (entry->state == STATE_CLOSING_SOURCES) {
		want(sessions, entry, STATE_CLOSING_SHARDS);
		return;
	}
	entry->handshake = NULL;
	if (entry->state == STATE_OPENING) {
		entry->state = STATE_OPEN;
		answer_welcome(sessions, handshake, &post->msg.session);
		return;
	}
	mr_assert(entry->state == STATE_CLOSING_SHARDS);
	*entry = (struct mr_session_entry){0};
	sessions->open--;
	finish(sessions, handshake, MR_WIRE_BYE, 0);
}

static struct mr_stage_set both(struct mr_stage_set a, struct mr_stage_set b)
{
	for (size_t i = 0; i < sizeof(a.bits) / sizeof(a.bits[0]); i++)
		a.bits[i] |= b.bits[i];
	return a;
}

static bool send_message(struct mr_sessions *sessions)
{
	const struct mr_sessions_config *config = &sessions->config;
	struct mr_post *post = sessions->todo.count > 0 ? mr_outbox_take(sessions->outbox) : NULL;
	if (post == NULL)
		return false;
	uint32_t index = mr_todo_take(&sessions->todo);
	const struct mr_session_entry *entry = &sessions->entries[index];
	struct mr_session *session = &post->msg.session;
	struct mr_stage_set targets = both(config->sources, config->shards);
	*session = (struct mr_session){.app = entry->app,
		.session_id = entry->session_id,
		.key_id = entry->key_id,
		.index = (uint16_t)index};
	post->msg.kind =
		entry->state == STATE_OPENING ? MR_STEWARD_SESSION_OPEN : MR_STEWARD_SESSION_CLOSE;
	if (entry->state == STATE_OPENING) {
		struct mr_wire_hello hello;
		int err = mr_wire_parse_hello(entry->handshake->request + MR_WIRE_HEADER_BYTES,
			entry->handshake->request_length - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES,
			&hello, session->known);
		mr_assert(err == 0); // it was sound when it came
	} else {
		targets = entry->state == STATE_CLOSING_SOURCES ? config->sources : config->shards;
	}
	mr_outbox_send(sessions->outbox, post, targets, applied, sessions, index);
	return true;
}

bool mr_sessions_work(struct mr_sessions *sessions)
{
	bool moved = false;
	while (send_answer(sessions))
		moved = true;
	while (send_message(sessions))
		moved = true;
	return moved;
}

bool mr_sessions_ready(const struct mr_sessions *sessions)
{
	return sessions->answers_count + sessions->config.sessions_max < MR_ANSWERS_MAX;
}
