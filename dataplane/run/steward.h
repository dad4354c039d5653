// The steward: control socket, signals, configuration, sessions, webhooks. It sleeps, and speaks to
// the stages in messages only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acts.h"
#include "alarms.h"
#include "apps.h"
#include "arena.h"
#include "config.h"
#include "control.h"
#include "directory.h"
#include "nic.h"
#include "node.h"
#include "postbox.h"
#include "registry.h"
#include "runner.h"
#include "seeing.h"
#include "segment.h"
#include "webhook_acts.h"
#include "wiring.h"

struct mr_steward_config {
	const struct mr_config_sources *sources; // read again at a reload
	const struct mr_wiring *wiring;
	const struct mr_segment *segment;
	const struct mr_nic *nic; // NULL in tests
	struct mr_runner *const *runners;
	uint32_t runners_count;
	uint64_t boot_id;
	uint64_t exec_ns; // monotonic time at which the program began
};

struct mr_steward {
	struct mr_steward_config config;
	struct mr_config *current; // owned
	struct mr_stats_stage *stats;
	struct mr_postbox postbox;
	struct mr_node node;
	struct mr_directory directory;
	struct mr_posted_set posted;
	struct mr_registry registry;
	struct mr_webhook_acts webhook_acts;
	struct mr_apps apps;
	struct mr_acts acts;
	struct mr_control control;
	struct mr_seeing seeing;
	enum mr_router_state state;
	bool wants_keys, wants_tune, wants_pause, wants_go; // messages that wait for room
	bool resumed; // the stages go on with what was recovered
	uint64_t checkpoint; // under way; 0: none
	uint32_t checkpoint_at; // its next session, then lane, posted webhook, key; then
	uint64_t checkpoint_ban; // the last ban written
	uint64_t recovery_done_bytes, recovery_all_bytes, recovery_said_ns;
	struct mr_alarms alarms;
	bool link_up;
	int signals; // signalfd, -1: none
	uint64_t start_ns; // exec until ready
	uint64_t drain_until_ns;
	uint64_t link_seen_ns;
};

// Takes its memory. False when the arena has no room (or plans).
bool mr_steward_init(
	struct mr_steward *steward, struct mr_arena *arena, const struct mr_steward_config *config);
// Takes over `current`, opens the control socket and sends the whole configuration to the stages.
// 0, or negative errno with a sentence.
int mr_steward_start(
	struct mr_steward *steward, struct mr_config *current, char *ret_why, size_t why_size);
// Called while the journal is replayed: answers the control socket, tells systemd and the log.
void mr_steward_recovering(
	struct mr_steward *steward, const char *what, uint64_t done_bytes, uint64_t all_bytes);
// The stages stand: takes what they bring.
void mr_steward_wired(struct mr_steward *steward);
// Sessions and expiries of the journal, before the first step.
void mr_steward_recover(struct mr_steward *steward, const struct mr_recovered *recovered);
// A webhook, a key, a ban or the pauses that a start has found in the journal, before the stages
// are built.
void mr_steward_keep(struct mr_steward *steward, const struct mr_record *record);
// Where deliveries may go, as it is configured now.
struct mr_guard mr_steward_guard(const struct mr_steward *steward);
// One round without waiting: messages, handshakes, records. True when something moved.
bool mr_steward_step(struct mr_steward *steward, struct mr_now now);
// After a round: goes on from one state to the next, until the router is ready.
void mr_steward_advance(struct mr_steward *steward, uint64_t now_ns);
// The journal has failed, and what was durable before has had its time: the router is to end.
bool mr_steward_has_failed(const struct mr_steward *steward, uint64_t now_ns);
// Rounds and naps until the router is told to stop, has drained, or a core has failed. 0 or
// negative errno.
int mr_steward_run(struct mr_steward *steward);
void mr_steward_stop(struct mr_steward *steward); // closes the socket, frees the configuration
// Blocks the steward's signals in this thread and those it starts; before any is started. The
// signalfd or negative errno.
int mr_steward_signals(void);
// -- reload.c Reads the configuration's sources again, for the user `uid`, through
// millrace-controld or not: what is wrong changes nothing. Fills the reply for the control socket.
void mr_steward_reload(struct mr_steward *steward, uint32_t uid, bool is_direct,
	struct mr_control_reload *ret_reload);
