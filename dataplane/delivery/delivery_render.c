// Bodies: entries of a sub-lane read, rendered (or found rendered) and gathered into a request, and
// the record of their borders.
#include "asana_json.h"
#include "delivery_parts.h"
#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"
#include "record_codec.h"

bool mr_fragments_init(struct mr_fragments *fragments, struct mr_arena *arena, uint64_t bytes)
{
	uint32_t slots = 64;
	while (slots < UINT32_MAX / 2 && (uint64_t)slots * 2 * MR_FRAGMENT_SLOT_BYTES <= bytes)
		slots *= 2;
	fragments->mask = slots - 1;
	fragments->slots = mr_arena_array(arena, "fragment cache", struct mr_fragment, slots);
	return fragments->slots != NULL;
}

struct fragment {
	const uint8_t *bytes; // valid until the next one is asked for
	uint32_t length;
	int64_t received_ns;
	uint64_t object;
	bool barred; // by a rule: it is not rendered
};

// Renders an event that stands in the reader; it is kept when it fits a slot.
static bool render(struct mr_delivery *delivery, const struct mr_record *record,
	struct mr_fragment *slot, mr_position position, struct fragment *ret_fragment)
{
	const struct mr_record_event *event_record =
		(const struct mr_record_event *)(const void *)record;
	struct mr_event event;
	mr_event_decode(mr_record_event_bytes(event_record), &event);
	ssize_t length =
		mr_asana_render_event(&event, delivery->scratch, sizeof(delivery->scratch));
	mr_expect(length > 0);
	if (length <= 0)
		return false;
	*ret_fragment = (struct fragment){.bytes = delivery->scratch,
		.length = (uint32_t)length,
		.received_ns = event_record->received_at_ns,
		.object = event.object};
	if ((size_t)length <= sizeof(slot->bytes)) {
		slot->position = position;
		slot->received_ns = event_record->received_at_ns;
		slot->object = event.object;
		slot->epoch = delivery->bans.epoch;
		slot->length = (uint32_t)length;
		memcpy(slot->bytes, delivery->scratch, (size_t)length);
	}
	return true;
}

// Whether a rule bars the event that stands in the reader from a first attempt.
static bool is_barred(const struct mr_delivery *delivery, const struct mr_record *record,
	struct fragment *ret_fragment)
{
	struct mr_event_scopes scopes;
	mr_event_record_scopes(record, &scopes);
	*ret_fragment = (struct fragment){.object = scopes.ids[MR_SCOPE_OBJECT - 1],
		.barred = mr_delivery_bars(delivery, &scopes)};
	return ret_fragment->barred;
}

static enum mr_read get_fragment(struct mr_delivery *delivery, mr_position position, bool first,
	struct fragment *ret_fragment)
{
	struct mr_fragments *fragments = &delivery->fragments;
	struct mr_fragment *slot = &fragments->slots[mr_hash_u64(position, 0) & fragments->mask];
	bool judges = first && mr_bans_any(&delivery->bans.rules);
	if (slot->position == position && (!judges || slot->epoch == delivery->bans.epoch)) {
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_FRAGMENT_HITS), 1);
		*ret_fragment = (struct fragment){
			slot->bytes, slot->length, slot->received_ns, slot->object, false};
		return MR_READ_HIT;
	}
	const struct mr_record *record;
	enum mr_read read = mr_reader_get(&delivery->reader, position, &record);
	if (read == MR_READ_WAIT)
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_WAITS), 1);
	if (read == MR_READ_HIT) {
		mr_expect(record->kind == MR_RECORD_EVENT);
		if (record->kind == MR_RECORD_EVENT && judges
			&& is_barred(delivery, record, ret_fragment))
			return MR_READ_HIT;
		if (record->kind != MR_RECORD_EVENT
			|| !render(delivery, record, slot, position, ret_fragment))
			read = MR_READ_GONE;
	}
	if (read == MR_READ_GONE)
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_GONE), 1);
	return read;
}

enum render_result {
	RENDER_NEXT, // go on
	RENDER_SIDE_DONE,
	RENDER_WHOLE, // the body stands
	RENDER_MORE, // the budget is used
	RENDER_WAIT, // a read is under way
	RENDER_LOST, // an entry of a batch that was attempted is gone
};

static void append(struct mr_attempt *attempt, const struct fragment *fragment)
{
	uint32_t count = mr_lane_sum(attempt->taken);
	mr_assert(count < MR_BATCH_EVENTS_MAX);
	mr_assert(attempt->length + fragment->length + 1 <= attempt->request->body_size);
	if (count > 0)
		attempt->request->body[attempt->length++] = ',';
	memcpy(attempt->request->body + attempt->length, fragment->bytes, fragment->length);
	attempt->length += fragment->length;
	attempt->received_ns[count] = fragment->received_ns;
	attempt->taken[attempt->side]++;
}

// An entry that nobody has any more. Before its batch has borders it is dropped alone: at the front
// at once, else the batch ends before it.
static enum render_result skip_gone(
	struct mr_delivery *delivery, struct mr_attempt *attempt, mr_position position)
{
	if (!attempt->first)
		return RENDER_LOST;
	uint32_t side = attempt->side;
	if (attempt->taken[side] > 0) {
		attempt->quota[side] = attempt->taken[side];
		return RENDER_SIDE_DONE;
	}
	struct mr_recipient *recipient = attempt->recipient;
	mr_position left = mr_lane_leave(&delivery->lanes, recipient->lane, attempt->sublane, side);
	mr_assert(left == position);
	mr_delivery_dropped(
		delivery, recipient->row, recipient->webhook, position, MR_REASON_EXPIRED);
	struct mr_lane_cursor begin = mr_lane_begin(attempt->sublane);
	attempt->cursor.iter[side] = begin.iter[side];
	attempt->cursor.number[side] = begin.number[side];
	return RENDER_NEXT;
}

// An entry that a ban keeps, or that an earlier one of its object does. It lets others pass;
// without room to be held it stays, and the batch ends before it.
static enum render_result hold(struct mr_delivery *delivery, struct mr_attempt *attempt,
	const struct mr_lane_entry *entry, uint64_t object)
{
	struct mr_lane_held *held = &attempt->sublane->held;
	mr_assert(attempt->first && attempt->side != MR_LANE_RELEASED);
	if (!mr_lane_hold(&delivery->lanes, attempt->recipient->lane, attempt->sublane,
		    attempt->side, entry, object)) {
		held->stuck = true;
		return RENDER_SIDE_DONE;
	}
	held->epoch = delivery->bans.epoch;
	return RENDER_NEXT;
}

static bool fits(const struct mr_attempt *attempt, uint32_t length)
{
	size_t whole = attempt->length + 1 + length + sizeof(MR_ASANA_SUFFIX) - 1;
	if (!attempt->first) { // its borders are recorded, maybe by a release that renders shorter
		mr_expect(whole <= attempt->request->body_size);
		return whole <= attempt->request->body_size;
	}
	bool empty = mr_lane_sum(attempt->taken) == 0;
	bool normal = attempt->side == MR_LANE_NORMAL && !empty;
	return whole <= (normal ? attempt->normal_bytes : attempt->bytes_max);
}

static enum render_result render_next(
	struct mr_delivery *delivery, struct mr_attempt *attempt, uint32_t *work)
{
	uint32_t side = attempt->side;
	struct mr_lane_cursor before = attempt->cursor;
	struct mr_lane_entry entry;
	if (attempt->taken[side] == attempt->quota[side]
		|| !mr_lane_next(&delivery->lanes, &attempt->cursor, side, &entry))
		return RENDER_SIDE_DONE;
	if (attempt->first && side == MR_LANE_PENALTY
		&& !mr_lane_may_follow(&delivery->lanes, attempt->sublane, entry.penalised,
			attempt->taken[MR_LANE_NORMAL]))
		return RENDER_SIDE_DONE;
	*work += 1;
	struct fragment fragment = {0};
	bool judges = attempt->first && side != MR_LANE_RELEASED; // which is judged already
	enum mr_read read = get_fragment(delivery, entry.position, judges, &fragment);
	if (read == MR_READ_WAIT) {
		attempt->cursor = before;
		return RENDER_WAIT;
	}
	if (read == MR_READ_GONE)
		return skip_gone(delivery, attempt, entry.position);
	if (judges
		&& (fragment.barred
			|| mr_held_has(&delivery->lanes, attempt->sublane, fragment.object)))
		return hold(delivery, attempt, &entry, fragment.object);
	if (!fits(attempt, fragment.length))
		return attempt->first ? RENDER_SIDE_DONE : RENDER_LOST;
	append(attempt, &fragment);
	*work += fragment.length / 256;
	return RENDER_NEXT;
}

static enum render_result render_some(
	struct mr_delivery *delivery, struct mr_attempt *attempt, uint32_t *work, uint32_t units)
{
	if (attempt->length == 0) {
		memcpy(attempt->request->body, MR_ASANA_PREFIX, sizeof(MR_ASANA_PREFIX) - 1);
		attempt->length = sizeof(MR_ASANA_PREFIX) - 1;
	}
	while (attempt->side < MR_LANE_SIDES) {
		if (*work >= units)
			return RENDER_MORE;
		enum render_result result = render_next(delivery, attempt, work);
		if (result == RENDER_SIDE_DONE)
			attempt->side++;
		else if (result != RENDER_NEXT)
			return result;
	}
	mr_assert(attempt->length + sizeof(MR_ASANA_SUFFIX) - 1 <= attempt->request->body_size);
	return RENDER_WHOLE;
}

// The borders of a new batch, written down. False: the stream has no room now.
static bool record_batch(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	struct mr_stream *stream = delivery->config.stream;
	uint32_t count = mr_lane_sum(attempt->taken);
	size_t body_bytes = count * sizeof(mr_position);
	struct mr_record_batch head = {.webhook = attempt->recipient->webhook,
		.number = attempt->recipient->last_number + 1,
		.sublane = attempt->sublane->index,
		.count = (uint16_t)count,
		.penalised = (uint16_t)attempt->taken[MR_LANE_PENALTY]};
	if (mr_stream_room(stream) < sizeof(head) + body_bytes)
		return false;
	mr_lane_batch(&delivery->lanes, attempt->sublane, attempt->taken, delivery->positions);
	mr_record_seal(&head, sizeof(head), delivery->positions, body_bytes, MR_RECORD_BATCH, 0);
	mr_stream_append(stream, &head, sizeof(head), delivery->positions, body_bytes);
	attempt->sublane->recorded_end = mr_stream_next(stream);
	attempt->recipient->last_number = head.number;
	mr_lane_cut(&delivery->lanes, attempt->sublane, head.number, attempt->taken,
		delivery->now.mono_ns);
	attempt->number = head.number;
	attempt->sublane->judged = delivery->bans.epoch;
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_BATCHES), 1);
	return true;
}

// False: it has to wait for room.
static bool close_body(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	uint32_t count = mr_lane_sum(attempt->taken);
	if (count == 0) { // everything it would have carried is gone, or may not go yet
		mr_attempt_abort(delivery, attempt);
		return true;
	}
	if (attempt->first && !record_batch(delivery, attempt))
		return false;
	uint32_t mean = (uint32_t)(attempt->length / count);
	attempt->recipient->fragment_bytes = (7 * attempt->recipient->fragment_bytes + mean) / 8;
	memcpy(attempt->request->body + attempt->length, MR_ASANA_SUFFIX,
		sizeof(MR_ASANA_SUFFIX) - 1);
	attempt->length += sizeof(MR_ASANA_SUFFIX) - 1;
	mr_list_push(&delivery->durable, &attempt->link);
	return true;
}

static void lose_batch(struct mr_delivery *delivery, struct mr_attempt *attempt)
{
	attempt->sublane->busy = false;
	mr_backlog_lose_batch(delivery, attempt->recipient, attempt->sublane);
	mr_attempt_abort(delivery, attempt);
}

uint32_t mr_delivery_render(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	struct mr_link *waited = NULL;
	while (work < units && delivery->rendering.head != NULL
		&& delivery->rendering.head != waited) {
		struct mr_link *link = mr_list_pop(&delivery->rendering);
		struct mr_attempt *attempt = mr_container_of(link, struct mr_attempt, link);
		enum render_result result = RENDER_WHOLE;
		bool is_void = attempt->sublane->number != attempt->number;
		if (attempt->recipient->state >= MR_RECIPIENT_GONE || is_void
			|| !mr_delivery_may_attempt(delivery, attempt->sublane)) {
			mr_attempt_abort(delivery, attempt);
			continue;
		}
		result = render_some(delivery, attempt, &work, units);
		if (result == RENDER_LOST) {
			lose_batch(delivery, attempt);
		} else if (result != RENDER_WHOLE || !close_body(delivery, attempt)) {
			if (result != RENDER_MORE && waited == NULL)
				waited = link;
			mr_list_push(&delivery->rendering, link);
		}
	}
	return work;
}
