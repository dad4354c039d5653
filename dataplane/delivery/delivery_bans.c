// What operators have stopped, before a first attempt: rules, recorded batches that they void, and
// what is held by them.
#include "delivery_parts.h"
#include "mr_assert.h"
#include "record_codec.h"

enum { EXPIRED_PER_LOOK = 256, JUDGED_PER_STEP = 20000 };

bool mr_delivery_bans_init(struct mr_delivery *delivery, struct mr_arena *arena)
{
	return mr_bans_init(&delivery->bans.rules, arena, MR_BANS_MAX, delivery->config.rng_seed);
}

void mr_event_record_scopes(const struct mr_record *record, struct mr_event_scopes *ret_scopes)
{
	const struct mr_record_event *event = (const struct mr_record_event *)(const void *)record;
	const struct mr_event_fixed *fixed =
		(const struct mr_event_fixed *)(const void *)mr_record_event_bytes(event);
	mr_assert(record->kind == MR_RECORD_EVENT && fixed->ancestors <= MR_ANCESTORS_MAX);
	*ret_scopes = (struct mr_event_scopes){
		.ids = {event->app, fixed->object, fixed->workspace, fixed->database, fixed->user},
		.ancestors = (const uint64_t *)(const void *)(fixed + 1),
		.ancestors_count = fixed->ancestors};
}

enum mr_read mr_delivery_read_scopes(
	struct mr_delivery *delivery, mr_position position, struct mr_event_scopes *ret_scopes)
{
	const struct mr_record *record;
	enum mr_read read = mr_reader_get(&delivery->reader, position, &record);
	if (read == MR_READ_WAIT)
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_WAITS), 1);
	if (read == MR_READ_GONE)
		mr_count(mr_delivery_counter(delivery, MR_DELIVERY_READ_GONE), 1);
	if (read != MR_READ_HIT)
		return read;
	mr_expect(record->kind == MR_RECORD_EVENT);
	if (record->kind != MR_RECORD_EVENT)
		return MR_READ_GONE;
	mr_event_record_scopes(record, ret_scopes);
	return MR_READ_HIT;
}

bool mr_delivery_bars(const struct mr_delivery *delivery, const struct mr_event_scopes *scopes)
{
	const struct mr_ban_entry *entry = mr_bans_find(&delivery->bans.rules, scopes);
	return entry != NULL && entry->rule.mode != MR_BAN_THROTTLE;
}

void mr_delivery_restart(struct mr_delivery *delivery, const struct mr_sublane *sublane)
{
	struct mr_list list = delivery->rendering;
	delivery->rendering = (struct mr_list){0};
	for (struct mr_link *link; (link = mr_list_pop(&list)) != NULL;) {
		struct mr_attempt *attempt = mr_container_of(link, struct mr_attempt, link);
		if (attempt->first && (sublane == NULL || attempt->sublane == sublane))
			mr_attempt_abort(delivery, attempt);
		else
			mr_list_push(&delivery->rendering, link);
	}
}

// What was rendered was judged by the rules as they were, and is not sent.
static void rules_changed(struct mr_delivery *delivery)
{
	delivery->bans.epoch++;
	mr_delivery_restart(delivery, NULL);
}

void mr_delivery_ban(struct mr_delivery *delivery, const struct mr_ban_entry *entry)
{
	bool set = mr_bans_set(&delivery->bans.rules, entry);
	mr_expect(set); // the steward has no more of them
	rules_changed(delivery);
	delivery->bans.judges = true;
}

void mr_delivery_unban(struct mr_delivery *delivery, struct mr_scope scope)
{
	if (mr_bans_lift(&delivery->bans.rules, scope))
		rules_changed(delivery);
}

// -- Batches that are recorded and were never sent

bool mr_delivery_void(struct mr_delivery *delivery, struct mr_sublane *sublane)
{
	struct mr_recipient *recipient = &delivery->recipients[sublane->lane];
	struct mr_record_progress progress = mr_progress_of(delivery, recipient);
	mr_assert(mr_lane_is_unsent(sublane));
	if (mr_stream_room(delivery->config.stream) < sizeof(progress))
		return false;
	bool busy = sublane->busy; // its attempt ends when it finds no batch
	uint32_t taken[MR_LANE_SIDES];
	memcpy(taken, sublane->batch, sizeof(taken));
	sublane->settled_number = sublane->number;
	sublane->busy = false;
	mr_lane_void(sublane);
	mr_lane_return(sublane, taken);
	sublane->busy = busy;
	mr_progress_append(delivery, progress, sublane, MR_PROGRESS_VOID);
	delivery->bans.void_end = mr_stream_next(delivery->config.stream);
	mr_count(mr_delivery_counter(delivery, MR_DELIVERY_VOIDED), 1);
	if (!busy)
		mr_delivery_look(delivery, recipient, sublane);
	return true;
}

// Whether the batch may be sent. An event that is not at hand is not waited for: it will be judged
// in its next batch.
static bool passes(struct mr_delivery *delivery, const struct mr_sublane *sublane, uint32_t *work)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		for (uint32_t i = 0; i < sublane->batch[side]; i++) {
			struct mr_lane_entry entry;
			struct mr_event_scopes scopes;
			bool there = mr_lane_next(&delivery->lanes, &cursor, side, &entry);
			mr_assert(there);
			*work += 1;
			if (mr_delivery_read_scopes(delivery, entry.position, &scopes)
					!= MR_READ_HIT
				|| mr_delivery_bars(delivery, &scopes))
				return false;
		}
	return true;
}

// False: there is more to be judged.
static bool judge_unsent(struct mr_delivery *delivery)
{
	uint32_t epoch = delivery->bans.epoch;
	uint32_t work = 0;
	struct mr_sublane *next;
	for (struct mr_sublane *sublane = LIST_FIRST(&delivery->lanes.unsent); sublane != NULL;
		sublane = next) {
		next = LIST_NEXT(sublane, unsent);
		if (sublane->judged == epoch)
			continue;
		if (work >= JUDGED_PER_STEP)
			return false;
		if (passes(delivery, sublane, &work))
			sublane->judged = epoch;
		else if (!mr_delivery_void(delivery, sublane))
			return false;
	}
	return true;
}

bool mr_delivery_bans_stand(struct mr_delivery *delivery)
{
	struct mr_delivery_bans *bans = &delivery->bans;
	if (bans->judges)
		bans->judges = !judge_unsent(delivery);
	return !bans->judges && mr_stream_watermark(delivery->config.stream) >= bans->void_end;
}

// -- What is held

static void list_for_sift(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	if (recipient->sifts)
		return;
	recipient->sifts = true;
	mr_list_push(&delivery->bans.sift, &recipient->sift_link);
}

bool mr_delivery_may_batch(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_sublane *sublane)
{
	mr_assert(sublane->number == 0);
	if (mr_held_wants_sift(sublane, delivery->bans.epoch)) {
		list_for_sift(delivery, recipient);
		return false;
	}
	return !sublane->held.walked && !sublane->held.stuck;
}

void mr_recipient_drop_held(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, enum mr_reason reason)
{
	mr_position position, object;
	if (!mr_held_front(&delivery->lanes, sublane, &position, &object)) {
		mr_held_end(sublane);
		bool there = mr_held_front(&delivery->lanes, sublane, &position, &object);
		mr_assert(there);
	}
	mr_held_drop(&delivery->lanes, recipient->lane, sublane);
	mr_delivery_dropped(delivery, recipient->row, recipient->webhook, position, reason);
}

// Judges one. False: not now.
static bool sift_one(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane)
{
	struct mr_lanes *lanes = &delivery->lanes;
	mr_position position;
	uint64_t object;
	bool there = mr_held_front(lanes, sublane, &position, &object);
	mr_assert(there && sublane->held.sifting);
	struct mr_event_scopes scopes;
	enum mr_read read = mr_delivery_read_scopes(delivery, position, &scopes);
	if (read == MR_READ_WAIT)
		return false;
	if (read == MR_READ_GONE) {
		mr_recipient_drop_held(delivery, recipient, sublane, MR_REASON_EXPIRED);
		return true;
	}
	if (mr_delivery_bars(delivery, &scopes) || mr_held_has(lanes, sublane, object))
		return mr_held_keep(lanes, recipient->lane, sublane);
	return mr_held_release(lanes, recipient->lane, sublane);
}

// What was to be sent before goes in front of the list. False: not now.
static bool sift_older(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, uint32_t *work, uint32_t units)
{
	struct mr_lane_entry entry;
	for (uint32_t side; mr_held_older(&delivery->lanes, sublane, &side, &entry); *work += 1) {
		struct mr_event_scopes scopes;
		if (*work >= units)
			return false;
		enum mr_read read = mr_delivery_read_scopes(delivery, entry.position, &scopes);
		if (read == MR_READ_WAIT)
			return false;
		if (read == MR_READ_GONE) {
			mr_lane_leave(&delivery->lanes, recipient->lane, sublane, side);
			mr_delivery_dropped(delivery, recipient->row, recipient->webhook,
				entry.position, MR_REASON_EXPIRED);
		} else if (!mr_held_take_older(&delivery->lanes, recipient->lane, sublane, side,
				   &entry, scopes.ids[MR_SCOPE_OBJECT - 1])) {
			return false;
		}
	}
	return true;
}

// False: it must be asked again.
static bool sift_sublane(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, uint32_t *work, uint32_t units)
{
	struct mr_lane_held *held = &sublane->held;
	uint32_t epoch = delivery->bans.epoch;
	if (!mr_held_wants_sift(sublane, epoch))
		return true;
	if (sublane->number != 0 || sublane->busy || held->walked)
		return true; // it is looked at when it is free again
	if (!held->sifting) {
		if (!sift_older(delivery, recipient, sublane, work, units)
			|| !mr_held_sift(&delivery->lanes, recipient->lane, sublane))
			return false;
		held->epoch = epoch;
	}
	for (; held->list.count > 0; *work += 1)
		if (*work >= units || !sift_one(delivery, recipient, sublane))
			return false;
	mr_held_end(sublane);
	mr_delivery_look(delivery, recipient, sublane);
	return held->epoch == epoch; // else the rules have changed on the way
}

uint32_t mr_delivery_sift(struct mr_delivery *delivery, uint32_t units)
{
	uint32_t work = 0;
	struct mr_list list = delivery->bans.sift;
	delivery->bans.sift = (struct mr_list){0};
	for (struct mr_link *link; (link = mr_list_pop(&list)) != NULL;) {
		struct mr_recipient *recipient =
			mr_container_of(link, struct mr_recipient, sift_link);
		const struct mr_lane *lane = recipient->lane;
		bool done = true;
		for (uint32_t i = 0; i < lane->in_flight && recipient->state < MR_RECIPIENT_GONE;
			i++)
			done = sift_sublane(delivery, recipient,
				       mr_lane_sublane(&delivery->lanes, lane, i), &work, units)
				&& done;
		recipient->sifts = !done;
		if (!done)
			mr_list_push(&delivery->bans.sift, link);
	}
	return work;
}

static bool front_is_gone(struct mr_delivery *delivery, const struct mr_sublane *sublane)
{
	mr_position position;
	uint64_t object;
	struct mr_event_scopes scopes;
	if (!mr_held_front(&delivery->lanes, sublane, &position, &object))
		return false;
	if (delivery->config.is_durable)
		return mr_lane_need_gone(&delivery->lanes.need, position);
	return mr_delivery_read_scopes(delivery, position, &scopes) == MR_READ_GONE;
}

void mr_recipient_look_held(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	if (delivery->bans.epoch == 0 || recipient->state >= MR_RECIPIENT_GONE)
		return;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		struct mr_lane_held *held = &sublane->held;
		uint32_t most = held->sifting || held->walked ? 0 : EXPIRED_PER_LOOK;
		for (; most > 0 && front_is_gone(delivery, sublane); most--)
			mr_recipient_drop_held(delivery, recipient, sublane, MR_REASON_EXPIRED);
		held->stuck = held->stuck && sublane->busy;
		mr_delivery_look(delivery, recipient, sublane);
	}
}
