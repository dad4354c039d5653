// What operators stop: bans, purges and pauses of the router. The steward holds them; stages have
// copies by message, the journal has records. An order (a request, or the end of what had a time to
// live) is done when every stage has it and its record is durable; docs/adr/0017 says why.
// acts.c keeps orders and their turns, acts_begin.c changes what is in force, acts_survey.c counts
// and drops what waits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/control.h>

#include "act_log.h"
#include "arena.h"
#include "ban_list.h"
#include "control.h"
#include "node.h"
#include "postbox.h"
#include "recent.h"
#include "stage.h"
#include "survey.h"
#include "throttles.h"

enum { MR_ORDERS_MAX = 64 }; // under way at once

enum mr_order_state {
	MR_ORDER_WAITING, // for room in the postbox and in the node stream
	MR_ORDER_SENT, // until it is in force and durable
	MR_ORDER_SURVEY, // for the one survey
	MR_ORDER_WALKING, // its survey is under way
	MR_ORDER_DONE,
};

struct mr_order {
	struct mr_order *next;
	enum mr_order_state state;
	bool is_asked; // somebody waits for the answer
	bool is_idle; // nothing had to change: no act
	struct mr_control_ticket ticket;
	struct mr_act act; // kind, who, and what; the ban's id and times are set when it begins
	uint32_t flags; // enum mr_control_act_flag
	uint64_t ttl_ns;
	bool with_descendants;
	uint64_t began_ns; // monotonic
	uint64_t generation;
	uint64_t record_end;
	struct mr_control_effect effect;
};

struct mr_acts_config {
	struct mr_postbox *postbox;
	struct mr_node *node;
	struct mr_control *control;
	struct mr_stage_set all; // sources, shards, delivery stages
	struct mr_stage_set workers; // shards, delivery stages
	mr_counter *bans; // gauges
	mr_counter *paused;
};

struct mr_acts {
	struct mr_acts_config config;
	struct mr_ban_list bans;
	struct mr_paused paused[MR_PAUSES];
	struct mr_act_log log;
	struct mr_recent recent;
	struct mr_throttles throttles;
	struct mr_survey *survey;
	struct mr_order *surveyor; // whose survey is under way; NULL: none
	struct mr_order *first, *last, *free;
	struct mr_now now;
	int64_t swept_ns; // wall clock: when expiries were looked for last
	// After a start: bans up to this id have been sent; then the pauses.
	bool restoring;
	uint64_t restored_id;
};

// False when the arena has no room (or plans).
bool mr_acts_init(
	struct mr_acts *acts, struct mr_arena *arena, const struct mr_acts_config *config);
// A BAN or PAUSE record that the journal has of an earlier boot, before the first round, in any
// order.
void mr_acts_recover(struct mr_acts *acts, const struct mr_record *record);
// What was recovered is on its way to all stages, ahead of whatever is sent from now on.
bool mr_acts_restored(const struct mr_acts *acts);
// Sends, waits, answers, ends. True when something moved.
bool mr_acts_work(struct mr_acts *acts, struct mr_now now);
// An order to fill in, which mr_acts_work begins in its turn; NULL: too many are under way.
struct mr_order *mr_acts_order(struct mr_acts *acts, enum mr_act_kind kind);
bool mr_acts_idle(const struct mr_acts *acts); // no order is under way
// For a checkpoint: one record of what is in force behind ban `after`, which it moves on (begin
// with 0); true when it was the last one. Nothing happens without room in the node stream.
bool mr_acts_record(const struct mr_acts *acts, uint64_t *after);
uint32_t mr_acts_paused(const struct mr_acts *acts); // enum mr_pause bits

// -- acts_begin.c
// Changes what is in force, sends it, and writes it down. False: there is no room yet.
bool mr_order_begin(struct mr_acts *acts, struct mr_order *order);
bool mr_acts_send_ban(struct mr_acts *acts, const struct mr_listed_ban *ban);
bool mr_acts_send_stop(struct mr_acts *acts);
// Ends the order with a negative errno and a sentence; nothing has changed.
__attribute__((format(printf, 3, 4))) void mr_order_fail(
	struct mr_order *order, int result, const char *format, ...);
// -- acts_survey.c
bool mr_survey_work(struct mr_acts *acts);
