#include "sessions.h"

#include "mr_assert.h"

bool mr_sessions_init(
	struct mr_sessions *sessions, struct mr_arena *arena, uint32_t capacity, uint64_t seed)
{
	mr_assert(capacity > 0 && capacity <= MR_SESSIONS_MAX);
	*sessions = (struct mr_sessions){.capacity = capacity};
	sessions->sessions =
		mr_arena_array(arena, "ingest sessions", struct mr_source_session, capacity);
	sessions->seen = mr_arena_array(arena, "ingest sessions", mr_counter, capacity);
	sessions->keys = mr_arena_array(arena, "ingest keys", struct mr_key, MR_KEYS_MAX);
	bool ids = mr_table_init(&sessions->by_id, arena, "ingest sessions", capacity, seed);
	bool keys = mr_table_init(&sessions->by_key, arena, "ingest keys", MR_KEYS_MAX, seed);
	return sessions->sessions != NULL && sessions->seen != NULL && sessions->keys != NULL && ids
		&& keys;
}

void mr_sessions_set_keys(struct mr_sessions *sessions, const struct mr_key *keys, uint32_t count)
{
	mr_assert(count <= MR_KEYS_MAX);
	for (uint32_t i = 0; i < sessions->keys_count; i++)
		(void)mr_table_remove(&sessions->by_key, sessions->keys[i].key_id);
	sessions->keys_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		mr_expect(keys[i].key_id != 0);
		if (keys[i].key_id == 0
			|| mr_table_add(&sessions->by_key, keys[i].key_id, sessions->keys_count)
				< 0)
			continue; // named twice: the first one counts
		sessions->keys[sessions->keys_count++] = keys[i];
	}
	sessions->last = NULL; // its key may be gone
}

bool mr_sessions_app_of_key(const struct mr_sessions *sessions, uint64_t key_id, uint64_t *ret_app)
{
	uint32_t at;

	if (key_id == 0 || !mr_table_find(&sessions->by_key, key_id, &at))
		return false;
	mr_assert(at < sessions->keys_count && sessions->keys[at].key_id == key_id);
	*ret_app = sessions->keys[at].app;
	return true;
}

static struct mr_source_session *first_of_id(
	const struct mr_sessions *sessions, uint64_t session_id)
{
	uint32_t index;

	if (session_id == 0 || !mr_table_find(&sessions->by_id, session_id, &index))
		return NULL;
	mr_assert(index < sessions->capacity);
	return &sessions->sessions[index];
}

static struct mr_source_session *next_of_id(
	const struct mr_sessions *sessions, const struct mr_source_session *session)
{
	return session->next == 0 ? NULL : &sessions->sessions[session->next - 1];
}

void mr_sessions_open(struct mr_sessions *sessions, const struct mr_session *session)
{
	mr_assert(session->index < sessions->capacity && session->session_id != 0);
	struct mr_source_session *place = &sessions->sessions[session->index];
	if (place->session_id == session->session_id && place->app == session->app
		&& place->epoch == session->epoch)
		return;
	mr_assert(place->session_id == 0); // an index is closed before it is given again

	struct mr_source_session *first = first_of_id(sessions, session->session_id);
	*place = (struct mr_source_session){
		.session_id = session->session_id,
		.app = session->app,
		.key_id = session->key_id,
		.epoch = session->epoch,
		.index = session->index,
	};
	if (first != NULL) {
		place->next = first->next;
		first->next = (uint16_t)(session->index + 1);
		return;
	}
	int r = mr_table_add(&sessions->by_id, session->session_id, session->index);
	mr_assert(r == 0); // as many ids as places
}

void mr_sessions_close(struct mr_sessions *sessions, uint16_t index)
{
	mr_assert(index < sessions->capacity);
	struct mr_source_session *place = &sessions->sessions[index];
	if (place->session_id == 0)
		return;
	struct mr_source_session *at = first_of_id(sessions, place->session_id);
	mr_assert(at != NULL);
	if (at == place) {
		(void)mr_table_remove(&sessions->by_id, place->session_id);
		if (place->next != 0)
			(void)mr_table_add(
				&sessions->by_id, place->session_id, (uint32_t)place->next - 1);
	} else {
		while (at->next != index + 1) {
			at = next_of_id(sessions, at);
			mr_assert(at != NULL);
		}
		at->next = place->next;
	}
	*place = (struct mr_source_session){0};
	sessions->last = NULL;
}

struct mr_source_session *mr_sessions_find(
	struct mr_sessions *sessions, const struct mr_wire_header *header, enum mr_discard *ret_why)
{
	const struct mr_source_session *last = sessions->last;
	uint64_t app;

	if (last != NULL && last->session_id == header->session_id
		&& last->epoch == header->session_epoch && last->key_id == header->key_id)
		return &sessions->sessions[last->index];
	if (!mr_sessions_app_of_key(sessions, header->key_id, &app)) {
		*ret_why = MR_DISCARD_KEY;
		return NULL;
	}
	struct mr_source_session *at = first_of_id(sessions, header->session_id);
	while (at != NULL && (at->epoch != header->session_epoch || at->app != app))
		at = next_of_id(sessions, at);
	if (at == NULL) {
		*ret_why = MR_DISCARD_SESSION;
		return NULL;
	}
	if (at->key_id == header->key_id)
		sessions->last = at;
	return at;
}
