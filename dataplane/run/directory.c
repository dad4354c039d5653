#include "directory.h"

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

bool mr_directory_init(struct mr_directory *directory, struct mr_arena *arena,
	struct mr_postbox *postbox, const struct mr_directory_config *config)
{
	mr_assert(config->flows > 0 && config->flows <= MR_FLOWS_MAX);
	mr_assert(config->sessions_max > 0 && config->sessions_max <= MR_SESSIONS_MAX);
	*directory = (struct mr_directory){.config = *config, .postbox = postbox};
	directory->entries = mr_arena_array(
		arena, "steward: sessions", struct mr_session_entry, config->sessions_max);
	directory->answers =
		mr_arena_array(arena, "steward: sessions", struct mr_handshake *, MR_ANSWERS_MAX);
	bool todo =
		mr_todo_init(&directory->todo, arena, "steward: sessions", config->sessions_max);
	return todo && directory->entries != NULL && directory->answers != NULL;
}

// -- Answers

static void answer(struct mr_directory *directory, struct mr_handshake *handshake)
{
	mr_assert(directory->answers_count < MR_ANSWERS_MAX);
	directory
		->answers[(directory->answers_head + directory->answers_count++) % MR_ANSWERS_MAX] =
		handshake;
}

static void answer_nothing(struct mr_directory *directory, struct mr_handshake *handshake)
{
	handshake->reply_length = 0;
	answer(directory, handshake);
}

// Header of a reply to what the handshake asked.
static struct mr_wire_header reply_header(const struct mr_directory *directory,
	const struct mr_handshake *handshake, enum mr_wire_type type)
{
	struct mr_wire_header header;
	memcpy(&header, handshake->request, sizeof(header));
	header.type = (uint8_t)type;
	header.flags = directory->config.is_volatile ? MR_WIRE_FLAG_VOLATILE : 0;
	header.flow = 0;
	header.count = 0;
	header.first_sequence = 0;
	header.known = 0;
	return header;
}

static void finish(struct mr_directory *directory, struct mr_handshake *handshake,
	enum mr_wire_type type, size_t body_length)
{
	struct mr_wire_header header = reply_header(directory, handshake, type);
	size_t length = MR_WIRE_HEADER_BYTES + body_length + MR_WIRE_TAG_BYTES;
	mr_assert(length <= sizeof(handshake->reply));
	handshake->reply_length = length <= handshake->request_length // nobody is amplified
		? (uint32_t)mr_wire_finish(handshake->reply, &header, body_length)
		: 0;
	answer(directory, handshake);
}

static void answer_error(struct mr_directory *directory, struct mr_handshake *handshake,
	enum mr_reason reason, uint32_t offset)
{
	struct mr_wire_error error = {.reason = (uint16_t)reason, .offset = offset};
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES, &error, sizeof(error));
	finish(directory, handshake, MR_WIRE_ERROR, sizeof(error));
}

static void answer_welcome(struct mr_directory *directory, struct mr_handshake *handshake,
	const struct mr_session *session)
{
	struct mr_wire_welcome welcome = {.hash_seed = directory->config.hash_seed,
		.boot_id = directory->config.boot_id,
		.flows = (uint16_t)directory->config.flows};
	size_t grants = directory->config.flows * sizeof(struct mr_wire_grant);
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES, &welcome, sizeof(welcome));
	memcpy(handshake->reply + MR_WIRE_HEADER_BYTES + sizeof(welcome), session->grants, grants);
	finish(directory, handshake, MR_WIRE_WELCOME, sizeof(welcome) + grants);
}

static bool send_answer(struct mr_directory *directory)
{
	struct mr_stage_set source = {0};
	struct mr_post *post =
		directory->answers_count > 0 ? mr_postbox_take(directory->postbox) : NULL;
	if (post == NULL)
		return false;
	struct mr_handshake *handshake = directory->answers[directory->answers_head];
	directory->answers_head = (directory->answers_head + 1) % MR_ANSWERS_MAX;
	directory->answers_count--;
	mr_stage_set_add(&source, directory->config.first_source + handshake->source);
	post->msg.kind = MR_STEWARD_WELCOME;
	post->msg.handshake = handshake;
	mr_postbox_send(directory->postbox, post, source, NULL, NULL, 0);
	return true;
}

// -- Entries

static struct mr_session_entry *find(
	struct mr_directory *directory, uint64_t app, uint64_t session_id)
{
	for (uint32_t i = 0; i < directory->config.sessions_max; i++) {
		struct mr_session_entry *entry = &directory->entries[i];
		if (entry->state != STATE_FREE && entry->session_id == session_id
			&& entry->app == app)
			return entry;
	}
	return NULL;
}

static struct mr_session_entry *find_free(struct mr_directory *directory)
{
	for (uint32_t i = 0; i < directory->config.sessions_max; i++)
		if (directory->entries[i].state == STATE_FREE)
			return &directory->entries[i];
	return NULL;
}

static void want(struct mr_directory *directory, struct mr_session_entry *entry, enum state state)
{
	entry->state = state;
	mr_todo_put(&directory->todo, (uint32_t)(entry - directory->entries));
}

void mr_directory_hello(struct mr_directory *directory, struct mr_handshake *handshake)
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
		|| (hello.flows != 0 && hello.flows != directory->config.flows)) {
		answer_error(directory, handshake, MR_REASON_MALFORMED, MR_WIRE_HEADER_BYTES);
		return;
	}
	struct mr_session_entry *entry = find(directory, handshake->app, header.session_id);
	if (entry != NULL
		&& entry->state != STATE_OPEN) { // sent again while we work on the first one
		answer_nothing(directory, handshake);
		return;
	}
	if (entry == NULL && directory->draining) {
		answer_error(directory, handshake, MR_REASON_DRAINING, 0);
		return;
	}
	if (entry == NULL) {
		entry = find_free(directory);
		if (entry == NULL) {
			answer_error(directory, handshake, MR_REASON_NO_CREDIT, 0);
			return;
		}
		directory->open++;
		entry->app = handshake->app;
		entry->session_id = header.session_id;
	}
	entry->key_id = header.key_id;
	entry->handshake = handshake;
	want(directory, entry, STATE_OPENING);
}

void mr_directory_bye(struct mr_directory *directory, struct mr_handshake *handshake)
{
	struct mr_wire_header header;
	memcpy(&header, handshake->request, sizeof(header));
	struct mr_session_entry *entry = find(directory, handshake->app, header.session_id);
	if (entry == NULL) { // closed already: the answer was lost
		finish(directory, handshake, MR_WIRE_BYE, 0);
	} else if (entry->state != STATE_OPEN) {
		answer_nothing(directory, handshake);
	} else {
		entry->handshake = handshake;
		want(directory, entry, STATE_CLOSING_SOURCES);
	}
}

static void applied(void *owner, const struct mr_post *post)
{
	struct mr_directory *directory = owner;
	struct mr_session_entry *entry = &directory->entries[post->tag];
	struct mr_handshake *handshake = entry->handshake;
	if (entry->state == STATE_CLOSING_SOURCES) {
		want(directory, entry, STATE_CLOSING_SHARDS);
		return;
	}
	entry->handshake = NULL;
	if (entry->state == STATE_OPENING) {
		entry->state = STATE_OPEN;
		answer_welcome(directory, handshake, &post->msg.session);
		return;
	}
	mr_assert(entry->state == STATE_CLOSING_SHARDS);
	*entry = (struct mr_session_entry){0};
	directory->open--;
	finish(directory, handshake, MR_WIRE_BYE, 0);
}

static struct mr_stage_set both(struct mr_stage_set a, struct mr_stage_set b)
{
	for (size_t i = 0; i < sizeof(a.bits) / sizeof(a.bits[0]); i++)
		a.bits[i] |= b.bits[i];
	return a;
}

static bool send_message(struct mr_directory *directory)
{
	const struct mr_directory_config *config = &directory->config;
	struct mr_post *post =
		directory->todo.count > 0 ? mr_postbox_take(directory->postbox) : NULL;
	if (post == NULL)
		return false;
	uint32_t index = mr_todo_take(&directory->todo);
	const struct mr_session_entry *entry = &directory->entries[index];
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
	mr_postbox_send(directory->postbox, post, targets, applied, directory, index);
	return true;
}

bool mr_directory_work(struct mr_directory *directory)
{
	bool moved = false;
	while (send_answer(directory))
		moved = true;
	while (send_message(directory))
		moved = true;
	return moved;
}

bool mr_directory_ready(const struct mr_directory *directory)
{
	return directory->answers_count + directory->config.sessions_max < MR_ANSWERS_MAX;
}
