#include "directory.h"

#include <string.h>

#include <millrace/reason.h>
#include <millrace/wire.h>

#include "failpoint.h"
#include "mr_assert.h"
#include "wire_codec.h"

#define SWEEP_NS UINT64_C(10000000000) // how often silent sessions are looked for

enum state {
	STATE_FREE = 0,
	STATE_RECORDING_OPEN, // waits for room in the node stream, or until its record is durable
	STATE_KNOWN, // recovered: its sources have not heard of it
	STATE_OPENING, // waits for a message, or for the stages to apply it
	STATE_OPEN,
	STATE_CLOSING_SOURCES,
	STATE_CLOSING_SHARDS,
	STATE_RECORDING_CLOSE,
};

struct mr_session_entry {
	struct mr_node_session session;
	// to be answered when the step is done; NULL: nobody asked
	struct mr_handshake *handshake;
	uint64_t record_end; // RECORDING: of the record; 0: it is not written yet
	uint64_t since_ns; // monotonic: of its last HELLO, or of the start
	enum state state;
};

bool mr_directory_init(struct mr_directory *directory, struct mr_arena *arena,
	struct mr_postbox *postbox, struct mr_node *node, const struct mr_directory_config *config)
{
	mr_assert(config->sessions_max > 0 && config->sessions_max <= MR_SESSIONS_MAX);
	*directory = (struct mr_directory){.config = *config, .postbox = postbox, .node = node};
	directory->entries = mr_arena_array(
		arena, "steward: sessions", struct mr_session_entry, config->sessions_max);
	bool replies = mr_replies_init(&directory->replies, arena, postbox, &config->replies);
	bool todo =
		mr_todo_init(&directory->todo, arena, "steward: sessions", config->sessions_max);
	return todo && replies && directory->entries != NULL;
}

// -- Entries

static struct mr_session_entry *find(
	struct mr_directory *directory, uint64_t app, uint64_t session_id)
{
	for (uint32_t i = 0; i < directory->config.sessions_max; i++) {
		struct mr_session_entry *entry = &directory->entries[i];
		if (entry->state != STATE_FREE && entry->session.session_id == session_id
			&& entry->session.app == app)
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

static void record(struct mr_directory *directory, struct mr_session_entry *entry, enum state state)
{
	entry->state = state;
	entry->record_end = 0;
	directory->recording++;
}

// With several apps, none may have more than half of the table: the others find room.
static bool has_its_share(const struct mr_directory *directory, uint64_t app)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < directory->config.sessions_max; i++) {
		const struct mr_session_entry *entry = &directory->entries[i];
		count += entry->state != STATE_FREE && entry->session.app == app;
	}
	return directory->apps > 1 && count >= (directory->config.sessions_max + 1) / 2;
}

// A place for a session that is not known; NULL after the answer was given.
static struct mr_session_entry *take_place(struct mr_directory *directory,
	struct mr_handshake *handshake, const struct mr_wire_header *header)
{
	struct mr_session_entry *entry = NULL;
	enum mr_reason reason = MR_REASON_NO_CREDIT;
	if (directory->draining)
		reason = MR_REASON_DRAINING;
	else if (mr_node_failed(directory->node))
		reason = MR_REASON_JOURNAL_FAILED;
	else if (!has_its_share(directory, handshake->app))
		entry = find_free(directory);
	if (entry == NULL) {
		mr_reply_error(&directory->replies, handshake, reason, 0);
		return NULL;
	}
	directory->open++;
	entry->session =
		(struct mr_node_session){.app = handshake->app, .session_id = header->session_id};
	return entry;
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
		|| (hello.flows != 0 && hello.flows != directory->config.replies.flows)) {
		mr_reply_error(
			&directory->replies, handshake, MR_REASON_MALFORMED, MR_WIRE_HEADER_BYTES);
		return;
	}
	struct mr_session_entry *entry = find(directory, handshake->app, header.session_id);
	if (entry != NULL
		&& entry->state != STATE_OPEN) { // sent again while we work on the first one
		mr_reply_nothing(&directory->replies, handshake);
		return;
	}
	if (entry == NULL)
		entry = take_place(directory, handshake, &header);
	if (entry == NULL)
		return;
	entry->handshake = handshake;
	entry->since_ns = directory->now_ns;
	if (entry->session.key_id == header.key_id) {
		want(directory, entry, STATE_OPENING); // the journal has it
		return;
	}
	entry->session.key_id = header.key_id;
	record(directory, entry, STATE_RECORDING_OPEN);
}

void mr_directory_bye(struct mr_directory *directory, struct mr_handshake *handshake)
{
	struct mr_wire_header header;
	memcpy(&header, handshake->request, sizeof(header));
	struct mr_session_entry *entry = find(directory, handshake->app, header.session_id);
	if (entry == NULL) { // closed already: the answer was lost
		mr_reply_bye(&directory->replies, handshake);
	} else if (entry->state != STATE_OPEN) {
		mr_reply_nothing(&directory->replies, handshake);
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
	} else if (entry->state == STATE_CLOSING_SHARDS) {
		record(directory, entry, STATE_RECORDING_CLOSE);
	} else {
		mr_assert(entry->state == STATE_OPENING);
		entry->state = STATE_OPEN;
		entry->handshake = NULL;
		if (handshake != NULL)
			mr_reply_welcome(&directory->replies, handshake, &post->msg.session);
	}
}

// -- The journal

static void recorded(struct mr_directory *directory, struct mr_session_entry *entry)
{
	struct mr_handshake *handshake = entry->handshake;
	directory->recording--;
	if (entry->state == STATE_RECORDING_OPEN) {
		want(directory, entry, STATE_OPENING);
		return;
	}
	*entry = (struct mr_session_entry){0};
	directory->open--;
	if (handshake != NULL)
		mr_reply_bye(&directory->replies, handshake);
}

static bool work_on_record(struct mr_directory *directory, struct mr_session_entry *entry)
{
	bool closes = entry->state == STATE_RECORDING_CLOSE;
	if (!closes && entry->state != STATE_RECORDING_OPEN)
		return false;
	if (entry->record_end == 0) {
		if (!mr_node_has_room(directory->node))
			return false;
		entry->record_end = mr_node_session(
			directory->node, &entry->session, closes ? MR_SESSION_CLOSED : 0);
	}
	if (!mr_node_durable(directory->node, entry->record_end))
		return false;
	MR_FAILPOINT(session_recorded);
	recorded(directory, entry);
	return true;
}

static bool work_on_records(struct mr_directory *directory)
{
	bool moved = false;
	for (uint32_t i = 0; i < directory->config.sessions_max && directory->recording > 0; i++)
		moved |= work_on_record(directory, &directory->entries[i]);
	return moved;
}

bool mr_directory_record(struct mr_directory *directory, uint32_t index)
{
	const struct mr_session_entry *entry = &directory->entries[index];
	if (entry->state == STATE_FREE || entry->state == STATE_RECORDING_CLOSE)
		return true;
	if (!mr_node_has_room(directory->node))
		return false;
	(void)mr_node_session(directory->node, &entry->session, 0);
	return true;
}

void mr_directory_recover(struct mr_directory *directory, const struct mr_directory_known *known)
{
	struct mr_session_entry *entry = &directory->entries[known->index];
	mr_assert(known->index < directory->config.sessions_max && entry->state == STATE_FREE);
	*entry = (struct mr_session_entry){.session = known->session, .state = STATE_KNOWN};
	directory->open++;
}

void mr_directory_resume(struct mr_directory *directory)
{
	for (uint32_t i = 0; i < directory->config.sessions_max; i++) {
		struct mr_session_entry *entry = &directory->entries[i];
		if (entry->state != STATE_KNOWN)
			continue;
		entry->since_ns = directory->now_ns;
		want(directory, entry, STATE_OPENING);
	}
}

// -- Silence

static uint64_t last_seen(
	const struct mr_directory *directory, const struct mr_session_entry *entry)
{
	uint64_t last_ns = entry->since_ns;
	size_t index = (size_t)(entry - directory->entries);
	for (uint32_t i = 0; i < MR_SOURCES_MAX && directory->config.seen[i] != NULL; i++) {
		uint64_t seen_ns = mr_read(&directory->config.seen[i][index]);
		last_ns = seen_ns > last_ns ? seen_ns : last_ns;
	}
	return last_ns;
}

static bool end_silent(struct mr_directory *directory)
{
	bool moved = false;
	if (directory->now_ns - directory->swept_ns < SWEEP_NS)
		return false;
	directory->swept_ns = directory->now_ns;
	for (uint32_t i = 0; i < directory->config.sessions_max; i++) {
		struct mr_session_entry *entry = &directory->entries[i];
		if (entry->state != STATE_OPEN
			|| directory->now_ns < last_seen(directory, entry) + MR_SESSION_SILENCE_NS)
			continue;
		mr_count(directory->config.expired, 1);
		want(directory, entry, STATE_CLOSING_SOURCES);
		moved = true;
	}
	return moved;
}

// -- Messages

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
	*session = (struct mr_session){.app = entry->session.app,
		.session_id = entry->session.session_id,
		.key_id = entry->session.key_id,
		.epoch = entry->session.epoch,
		.index = (uint16_t)index};
	post->msg.kind =
		entry->state == STATE_OPENING ? MR_STEWARD_SESSION_OPEN : MR_STEWARD_SESSION_CLOSE;
	if (entry->state == STATE_OPENING && entry->handshake == NULL) {
		targets = config->sources; // recovered: the shards have it
	} else if (entry->state == STATE_OPENING) {
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

bool mr_directory_work(struct mr_directory *directory, uint64_t now_ns)
{
	directory->now_ns = now_ns;
	bool moved = work_on_records(directory);
	moved |= end_silent(directory);
	moved |= mr_replies_send(&directory->replies);
	while (send_message(directory))
		moved = true;
	return moved;
}

bool mr_directory_ready(const struct mr_directory *directory)
{
	return directory->replies.count + directory->config.sessions_max < MR_REPLIES_MAX;
}

bool mr_directory_idle(const struct mr_directory *directory)
{
	return directory->todo.count == 0 && directory->recording == 0
		&& directory->replies.count == 0;
}
