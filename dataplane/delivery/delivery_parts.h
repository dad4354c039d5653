// The functions of the delivery stage's files for each other, file by file; delivery_state.h has
// what they share.
#pragma once

#include "delivery_state.h"

// -- delivery_intake.c
uint32_t mr_delivery_intake(struct mr_delivery *delivery); // returns work done
// Whether the stage's place in the streams of all shards is at the border of a record.
bool mr_delivery_at_borders(const struct mr_delivery *delivery);
void mr_delivery_publish_board(struct mr_delivery *delivery);
void mr_delivery_flush_holds(struct mr_delivery *delivery);
// A sub-lane looks whether it has something to send now; if not now, sets its timer.
void mr_delivery_look(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);

// -- delivery_recipient.c
// Opens the webhook's lane; one that it has already takes the webhook's secret.
void mr_recipient_add(struct mr_delivery *delivery, const struct mr_webhook *webhook);
void mr_recipient_remove(struct mr_delivery *delivery, uint64_t webhook, uint32_t lane);
// What `last_number` of a lane that is opened now is at least.
uint64_t mr_recipient_first_number(const struct mr_delivery *delivery);
void mr_recipient_gone(struct mr_delivery *delivery,
	struct mr_recipient *recipient); // the endpoint wants no more, or is no more
void mr_recipient_succeeded(struct mr_delivery *delivery, struct mr_recipient *recipient);
void mr_recipient_failed(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_attempt *attempt);
void mr_recipient_shaken(
	struct mr_delivery *delivery, struct mr_recipient *recipient); // the secret was echoed
void mr_recipient_ready(struct mr_delivery *delivery,
	struct mr_recipient *recipient); // in line, unless it fails or stands in one
void mr_recipient_wake(
	struct mr_delivery *delivery, struct mr_recipient *recipient); // its timer fired
void mr_recipient_fini(struct mr_delivery *delivery, struct mr_recipient *recipient);
// One delivery is given up: counted for the stage and, where there is one, the row; recorded when
// the stream has room.
void mr_delivery_dropped(struct mr_delivery *delivery, struct mr_stats_webhook *row,
	uint64_t webhook, mr_position position, enum mr_reason reason);
// The same for all entries of a lane record that has gone with its segment.
void mr_delivery_dropped_record(struct mr_delivery *delivery, struct mr_recipient *recipient,
	mr_position position, uint32_t count);
void mr_recipient_flags(struct mr_delivery *delivery, struct mr_recipient *recipient); // of its row
bool mr_recipient_tell(struct mr_delivery *delivery,
	struct mr_recipient *recipient); // false: the steward's ring is full

// -- delivery_drain.c
uint32_t mr_delivery_drain(struct mr_delivery *delivery, uint32_t units);

// -- delivery_recover.c
bool mr_delivery_parked_init(struct mr_delivery *delivery, struct mr_arena *arena);
// The recovered lane of the webhook, under its number now; NULL: none was recovered.
struct mr_recipient *mr_recipient_unpark(
	struct mr_delivery *delivery, const struct mr_webhook *webhook);

// -- delivery_backlog.c
// An entry has come: a record is written when the tail is long enough.
void mr_backlog_took(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);
// The sub-lane may want to read back.
void mr_backlog_look(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);
uint32_t mr_delivery_refill(struct mr_delivery *delivery, uint32_t units);
// When memory is short: tails become records, and long lists give up.
void mr_backlog_relieve(struct mr_delivery *delivery, struct mr_recipient *recipient);
// Drops what waits for a failing endpoint and has gone with its segment.
void mr_backlog_expire(struct mr_delivery *delivery, struct mr_recipient *recipient);
// An entry of a recorded batch is gone: the others cannot be sent under its number, and leave.
void mr_backlog_lose_batch(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);
// Whether the lane is behind, or owes more than memory holds.
bool mr_backlog_is(const struct mr_delivery *delivery, const struct mr_recipient *recipient);
// Lanes with a backlog have half of the attempts at most, together. Asks for one more; false: the
// lane waits in `backlogged`.
bool mr_backlog_admits(struct mr_delivery *delivery, struct mr_recipient *recipient);
void mr_backlog_wake(struct mr_delivery *delivery); // as many as may begin

// -- delivery_checkpoint.c
void mr_delivery_follow_journal(struct mr_delivery *delivery); // at the begin of a step
// Whether a batch may be begun, or sent again: after the journal has failed only what is durable.
bool mr_delivery_may_attempt(const struct mr_delivery *delivery, const struct mr_sublane *sublane);
uint32_t mr_delivery_checkpoint(struct mr_delivery *delivery, uint32_t units);

// -- delivery_door.c
struct mr_door *mr_door_take(
	struct mr_delivery *delivery, struct mr_endpoint *endpoint); // one more lane; NULL: no room
void mr_door_leave(struct mr_delivery *delivery, struct mr_door *door);
void mr_door_block(struct mr_delivery *delivery, struct mr_recipient *recipient, uint64_t retry_ns);
void mr_door_wake(struct mr_delivery *delivery, struct mr_door *door, uint32_t lanes);

// -- delivery_answer.c
// How long the events of the batch have taken to here.
void mr_attempt_record_age(
	struct mr_delivery *delivery, const struct mr_attempt *attempt, enum mr_histogram_id id);
uint32_t mr_delivery_finish(struct mr_delivery *delivery, uint32_t units);

// -- delivery_attempt.c
bool mr_attempts_init(struct mr_delivery *delivery, struct mr_arena *arena);
uint32_t mr_delivery_begin(struct mr_delivery *delivery, uint32_t units);
uint32_t mr_delivery_send_durable(struct mr_delivery *delivery, uint32_t units);
void mr_attempt_abort(
	struct mr_delivery *delivery, struct mr_attempt *attempt); // begun, and not to be sent

// The slot is free again, and who waits for one comes up.
void mr_attempt_end(struct mr_delivery *delivery, struct mr_attempt *attempt);
// A request with a body of constants is sent.
void mr_attempt_send_constant(struct mr_delivery *delivery, struct mr_attempt *attempt,
	enum mr_attempt_kind kind, const char *body, size_t length);
// A free attempt (there is one) takes the request.
struct mr_attempt *mr_attempt_take(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_request *request);

// -- delivery_try.c: an attempt with no events, because somebody wants to see how it goes
void mr_delivery_try(struct mr_delivery *delivery, uint64_t webhook, uint32_t lane);
uint32_t mr_delivery_begin_tries(struct mr_delivery *delivery);
// How a test, or a handshake that failed, has gone: the steward is told.
void mr_recipient_tried(
	struct mr_delivery *delivery, struct mr_recipient *recipient, uint16_t status);

// -- delivery_bans.c
bool mr_delivery_bans_init(struct mr_delivery *delivery, struct mr_arena *arena);
void mr_delivery_ban(struct mr_delivery *delivery, const struct mr_ban_entry *entry);
void mr_delivery_unban(struct mr_delivery *delivery, struct mr_scope scope);
// Whether the last rule is in force: no batch that falls under it will be sent for the first time.
bool mr_delivery_bans_stand(struct mr_delivery *delivery);
// The event's ids, valid until the next read.
void mr_event_record_scopes(const struct mr_record *record, struct mr_event_scopes *ret_scopes);
enum mr_read mr_delivery_read_scopes(
	struct mr_delivery *delivery, mr_position position, struct mr_event_scopes *ret_scopes);
// Whether a rule keeps the event from a first attempt.
bool mr_delivery_bars(const struct mr_delivery *delivery, const struct mr_event_scopes *scopes);
// A recorded batch that was never sent will not be. False: the stream has no room now.
bool mr_delivery_void(struct mr_delivery *delivery, struct mr_sublane *sublane);
// Attempts of the stage, or of one sub-lane, whose batch has no borders yet begin anew.
void mr_delivery_restart(struct mr_delivery *delivery, const struct mr_sublane *sublane);
// Whether a new batch may be made of the sub-lane; when not, it is looked at again.
bool mr_delivery_may_batch(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_sublane *sublane);
uint32_t mr_delivery_sift(struct mr_delivery *delivery, uint32_t units);
// Once per sweep and lane: what had no room to be held may have it, what is held may be gone.
void mr_recipient_look_held(struct mr_delivery *delivery, struct mr_recipient *recipient);
void mr_recipient_drop_held(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, enum mr_reason reason); // the oldest one

// -- delivery_survey.c
void mr_delivery_survey_begin(struct mr_delivery *delivery, struct mr_survey *survey);
uint32_t mr_delivery_survey_step(struct mr_delivery *delivery, uint32_t units);

// -- delivery_tap.c
void mr_delivery_tell_batch(struct mr_delivery *delivery, const struct mr_attempt *attempt,
	enum mr_tap_step step, uint64_t detail);
void mr_delivery_tell_dropped(struct mr_delivery *delivery, uint64_t webhook, mr_position position,
	enum mr_reason reason);

// -- delivery_log.c
void mr_delivery_log(struct mr_delivery *delivery, const struct mr_attempt *attempt);

// -- delivery_render.c
bool mr_fragments_init(struct mr_fragments *fragments, struct mr_arena *arena, uint64_t bytes);
uint32_t mr_delivery_render(struct mr_delivery *delivery, uint32_t units);

// -- delivery_progress.c
struct mr_record_progress mr_progress_of(
	const struct mr_delivery *delivery, const struct mr_recipient *recipient);
void mr_progress_append(struct mr_delivery *delivery, struct mr_record_progress progress,
	const struct mr_sublane *sublane, uint16_t flags); // enum mr_progress_flag
void mr_recipient_changed(struct mr_delivery *delivery, struct mr_recipient *recipient);
uint32_t mr_delivery_progress(struct mr_delivery *delivery, uint32_t units);
uint32_t mr_delivery_sweep(struct mr_delivery *delivery);
