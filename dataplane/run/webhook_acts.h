// What is being done about posted webhooks, from the request until its answer: new ones, changes,
// removals, tests. The answer comes when the stages have what was asked for and its record is
// durable. One at a time of each webhook.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "act_log.h"
#include "control.h"
#include "node.h"
#include "posted.h"
#include "registry.h"

enum { MR_WEBHOOK_ACTS_MAX = 64 };

enum mr_webhook_act_kind {
	MR_WEBHOOK_ACT_NONE = 0, // a free place
	MR_WEBHOOK_ACT_MAKE, // asks the endpoint first
	MR_WEBHOOK_ACT_CHANGE,
	MR_WEBHOOK_ACT_REMOVE,
	MR_WEBHOOK_ACT_TEST,
};

struct mr_webhook_act {
	enum mr_webhook_act_kind kind;
	bool is_asked; // somebody waits for the answer
	bool is_sent; // TEST: the message
	bool is_heard; // MAKE, TEST: what the endpoint said
	bool is_recorded; // up to record_end
	bool tells_secret;
	struct mr_control_ticket ticket;
	struct mr_act act; // who asked
	uint64_t webhook;
	uint64_t begun_ns;
	uint64_t until_ns; // MAKE, TEST: the endpoint has so long
	uint64_t record_end;
	int result;
	uint16_t http_status;
	const char *why; // static; NULL: nothing to say
};

struct mr_webhook_acts {
	struct mr_posted_set *posted;
	struct mr_registry *registry;
	struct mr_postbox *postbox;
	struct mr_node *node;
	struct mr_control *control;
	struct mr_act_log *log;
	uint64_t now_ns; // monotonic: of the last round
	uint64_t patience_ns; // with endpoints
	uint32_t count;
	struct mr_webhook_act acts[MR_WEBHOOK_ACTS_MAX];
};

// What was asked for. `guard`: where deliveries may go.
void mr_webhook_acts_put(struct mr_webhook_acts *acts, const struct mr_control_request *request,
	const struct mr_guard *guard);
void mr_webhook_acts_remove(struct mr_webhook_acts *acts, const struct mr_control_request *request);
void mr_webhook_acts_test(struct mr_webhook_acts *acts, const struct mr_control_request *request);
// What the delivery stages say. Of a webhook of the configuration: false, and nothing happens.
bool mr_webhook_acts_shaken(struct mr_webhook_acts *acts, uint64_t webhook);
bool mr_webhook_acts_given_up(
	struct mr_webhook_acts *acts, uint64_t webhook, const struct mr_stats_webhook *row);
void mr_webhook_acts_tried(struct mr_webhook_acts *acts, uint64_t webhook, uint16_t http_status);
// Takes a record of a start: the webhook is wanted when it can be. A sentence in the log if not.
void mr_webhook_acts_recover(struct mr_webhook_acts *acts, const struct mr_record_webhook *record,
	const struct mr_guard *guard);
// Where deliveries may go has changed: what may not go there any more is out of force, what may
// again is back.
void mr_webhook_acts_judge_all(struct mr_webhook_acts *acts, const struct mr_guard *guard);
// Writes what has room, answers what is done. True when something moved.
bool mr_webhook_acts_work(struct mr_webhook_acts *acts, uint64_t now_ns);
// For a checkpoint: writes the webhook of this place of the set; false: there is no room now.
bool mr_webhook_acts_record(struct mr_webhook_acts *acts, uint32_t slot);
// Webhooks of both sources, ascending by id.
void mr_webhook_acts_list(
	const struct mr_webhook_acts *acts, uint64_t after, struct mr_control_webhooks *ret_list);
