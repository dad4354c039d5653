// Keys of apps that came over the control socket, beside those of the configuration file; and what
// is being done about them, until it is answered.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "act_log.h"
#include "config.h"
#include "control.h"
#include "node.h"
#include "postbox.h"

enum { MR_APP_ACTS_MAX = 16 };

struct mr_app_act {
	bool is_used;
	bool is_recorded; // up to record_end
	struct mr_control_ticket ticket;
	struct mr_act act; // who asked
	struct mr_record_app record;
	uint16_t record_flags;
	uint64_t version; // of the keys that has it
	uint64_t record_end;
	uint64_t begun_ns;
};

struct mr_apps {
	struct mr_node *node;
	struct mr_control *control;
	struct mr_act_log *log;
	const struct mr_postbox *postbox;
	uint32_t count;
	struct mr_record_app rows[MR_KEYS_MAX];
	uint64_t version; // of the keys; rises with every change
	uint64_t version_sent; // to the sources, with generation_sent
	uint64_t generation_sent;
	uint32_t acts_count;
	struct mr_app_act acts[MR_APP_ACTS_MAX];
};

// Of both sources: what the sources of events are told. Returns how many.
uint32_t mr_apps_keys(const struct mr_apps *apps, const struct mr_config *config,
	struct mr_key ret_keys[MR_KEYS_MAX]);
// They were sent, with this generation.
void mr_apps_sent(struct mr_apps *apps, uint64_t generation);
void mr_apps_recover(struct mr_apps *apps, const struct mr_record_app *record);
// What was asked for; true: the keys are to be sent again.
bool mr_apps_put(struct mr_apps *apps, const struct mr_config *config,
	const struct mr_control_request *request);
bool mr_apps_remove(struct mr_apps *apps, const struct mr_config *config,
	const struct mr_control_request *request);
bool mr_apps_work(struct mr_apps *apps, uint64_t now_ns); // true when something moved
// For a checkpoint, in MR_KEYS_MAX steps from 0: writes a row, if there is one; false: there is no
// room now.
bool mr_apps_record(struct mr_apps *apps, uint32_t step);
void mr_apps_list(const struct mr_apps *apps, const struct mr_config *config, uint64_t after,
	struct mr_control_apps *ret_list); // ascending by key id
