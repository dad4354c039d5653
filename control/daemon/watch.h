// Judges the alarms once per second and has their receivers told.
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "alert_settings.h"

struct mr_ban_list;
struct mr_snapshot;
struct mr_watch;

// `settings` must outlive it.
int mr_watch_start(struct mr_watch **ret_watch, const struct mr_alert_settings *settings,
	struct mr_ban_list *bans);
void mr_watch_stop(struct mr_watch *watch); // accepts NULL
void mr_watch_tick(struct mr_watch *watch, const struct mr_snapshot *snapshot);

// For other threads.
json_t *mr_watch_alarms(struct mr_watch *watch); // rows of GET /v1/alarms
void mr_watch_counts(struct mr_watch *watch, uint32_t *ret_firing, uint32_t *ret_pending);
void mr_watch_metrics(struct mr_watch *watch, FILE *out);
json_t *mr_watch_receivers(struct mr_watch *watch);

// Of a drill: the alarm is being caused on purpose, and says so; true when no other drill goes on.
bool mr_watch_drill_begin(struct mr_watch *watch, enum mr_alert_id id);
void mr_watch_drill_end(struct mr_watch *watch);
enum mr_alert_state mr_watch_state(struct mr_watch *watch, enum mr_alert_id id);
uint64_t mr_watch_reached(struct mr_watch *watch, enum mr_alert_id id);
// While it is cut, the line from the ticker to the data plane is none.
void mr_watch_cut(struct mr_watch *watch, bool cut);
bool mr_watch_is_cut(const struct mr_watch *watch);
// The daemon ends: a drill that goes on is given up.
void mr_watch_give_up(struct mr_watch *watch);
bool mr_watch_is_ending(const struct mr_watch *watch);
