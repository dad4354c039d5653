#include "webhook_acts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "control_codec.h"
#include "log.h"
#include "mr_assert.h"
#include "webhook_judge.h"

enum { PLACES_OF_OUR_OWN = 16 }; // for what endpoints bring about: nobody asks for that

// -- Answers

static void answer_with(struct mr_webhook_acts *acts, const struct mr_control_ticket *ticket,
	const struct mr_control_webhook_done *done)
{
	mr_control_reply(acts->control, ticket, done);
}

static void refuse(struct mr_webhook_acts *acts, const struct mr_control_ticket *ticket,
	uint64_t webhook, int result, const char *why)
{
	struct mr_control_webhook_done done = {.result = result, .id = webhook};
	snprintf(done.message, sizeof(done.message), "%s", why);
	answer_with(acts, ticket, &done);
}

// A new one that failed leaves nothing behind, in the list of acts neither.
static void remember(struct mr_webhook_acts *acts, struct mr_webhook_act *act)
{
	if (act->kind == MR_WEBHOOK_ACT_MAKE && act->result != 0)
		return;
	act->act.at_ns = acts->node->wall_ns;
	act->act.kind =
		act->kind == MR_WEBHOOK_ACT_REMOVE ? MR_ACT_WEBHOOK_REMOVED : MR_ACT_WEBHOOK_PUT;
	act->act.result = (uint32_t)-act->result;
	act->act.subject = act->webhook;
	(void)mr_act_log_add(acts->log, &act->act);
}

static void answer(struct mr_webhook_acts *acts, struct mr_webhook_act *act)
{
	const struct mr_posted *posted = mr_posted_find(acts->posted, act->webhook);
	struct mr_control_webhook_done done = {.result = act->result,
		.http_status = act->http_status,
		.id = act->webhook,
		.took_ns = acts->now_ns - act->begun_ns};
	snprintf(done.message, sizeof(done.message), "%s", act->why != NULL ? act->why : "");
	if (act->tells_secret && act->result == 0 && posted != NULL) {
		done.secret_length = posted->secret.length;
		memcpy(done.secret, posted->secret.bytes, posted->secret.length);
	}
	if (act->is_asked)
		answer_with(acts, &act->ticket, &done);
	if (act->is_asked && act->kind != MR_WEBHOOK_ACT_TEST)
		remember(acts, act);
	explicit_bzero(&done, sizeof(done));
	*act = (struct mr_webhook_act){0};
	acts->count--;
}

static struct mr_webhook_act *find(struct mr_webhook_acts *acts, uint64_t webhook)
{
	for (uint32_t i = 0; i < MR_WEBHOOK_ACTS_MAX && acts->count > 0; i++)
		if (acts->acts[i].kind != MR_WEBHOOK_ACT_NONE && acts->acts[i].webhook == webhook)
			return &acts->acts[i];
	return NULL;
}

// `request` NULL: nobody asked.
static struct mr_webhook_act *begin(struct mr_webhook_acts *acts,
	const struct mr_control_request *request, uint64_t webhook, enum mr_webhook_act_kind kind)
{
	uint64_t now_ns = mr_clock_mono_ns();
	for (uint32_t i = 0; i < MR_WEBHOOK_ACTS_MAX; i++) {
		struct mr_webhook_act *act = &acts->acts[i];
		if (act->kind != MR_WEBHOOK_ACT_NONE)
			continue;
		*act = (struct mr_webhook_act){.kind = kind,
			.webhook = webhook,
			.begun_ns = now_ns,
			.until_ns = now_ns + acts->patience_ns};
		if (request != NULL) { // every body begins with its author
			act->is_asked = true;
			act->ticket = request->ticket;
			mr_act_sign(&act->act, request->body, request->uid, !request->is_daemon);
		}
		acts->count++;
		return act;
	}
	return NULL;
}

// Whether something may be begun now; answers if not.
static bool may_begin(
	struct mr_webhook_acts *acts, const struct mr_control_ticket *ticket, uint64_t webhook)
{
	if (mr_node_failed(acts->node))
		refuse(acts, ticket, webhook, -EIO,
			"the journal has failed: nothing can be changed any more");
	else if (acts->count >= MR_WEBHOOK_ACTS_MAX - PLACES_OF_OUR_OWN)
		refuse(acts, ticket, webhook, -EAGAIN,
			"too many changes of webhooks are under way: try again");
	else if (webhook != 0 && find(acts, webhook) != NULL)
		refuse(acts, ticket, webhook, -EBUSY,
			"another change of this webhook is under way: try again");
	else
		return true;
	return false;
}

// -- What is asked for

static void make(struct mr_webhook_acts *acts, const struct mr_control_request *request,
	const struct mr_guard *guard)
{
	const struct mr_control_ticket *ticket = &request->ticket;
	const struct mr_control_webhook *webhook = request->body;
	struct mr_posted *posted = NULL;
	char why[MR_CONTROL_WHY_BYTES];
	int err = mr_webhook_judge_new(acts->registry, webhook, guard, why, sizeof(why));
	if (err == 0)
		err = mr_webhook_make(acts->registry, acts->posted, webhook, acts->node->wall_ns,
			&posted, why, sizeof(why));
	if (err != 0) {
		refuse(acts, ticket, 0, err, why);
		return;
	}
	uint64_t id = posted->record.webhook;
	err = mr_registry_post(acts->registry, id);
	if (err != 0) {
		mr_posted_remove(acts->posted, id);
		refuse(acts, ticket, 0, err,
			"webhooks.max are there already: remove some, or raise it and restart");
		return;
	}
	struct mr_webhook_act *act = begin(acts, request, id, MR_WEBHOOK_ACT_MAKE);
	mr_assert(act != NULL); // may_begin has seen to it
	act->tells_secret = true;
	act->is_heard = posted->state == MR_POSTED_KEPT; // its secret was given: nobody is asked
}

static void change(struct mr_webhook_acts *acts, const struct mr_control_request *request,
	const struct mr_guard *guard)
{
	const struct mr_control_ticket *ticket = &request->ticket;
	const struct mr_control_webhook *webhook = request->body;
	char why[MR_CONTROL_WHY_BYTES];
	int err = mr_webhook_change(acts->registry, acts->posted, webhook, guard, why, sizeof(why));
	bool disabled = (webhook->flags & MR_WEBHOOK_DISABLED) != 0;
	if (err == 0 && disabled)
		mr_registry_unpost(acts->registry, webhook->id);
	else if (err == 0)
		err = mr_registry_post(acts->registry, webhook->id);
	if (err != 0) {
		refuse(acts, ticket, webhook->id, err, err == -ENOSPC ? "no lane is free" : why);
		return;
	}
	struct mr_webhook_act *act = begin(acts, request, webhook->id, MR_WEBHOOK_ACT_CHANGE);
	mr_assert(act != NULL);
	act->tells_secret = (webhook->flags & MR_WEBHOOK_ROTATE) != 0;
}

void mr_webhook_acts_put(struct mr_webhook_acts *acts, const struct mr_control_request *request,
	const struct mr_guard *guard)
{
	const struct mr_control_webhook *webhook = request->body;
	if (!may_begin(acts, &request->ticket, webhook->id))
		return;
	if (webhook->id == 0)
		make(acts, request, guard);
	else
		change(acts, request, guard);
}

// A posted webhook to work with, or an answer.
static struct mr_posted *need(
	struct mr_webhook_acts *acts, const struct mr_control_ticket *ticket, uint64_t webhook)
{
	if (!may_begin(acts, ticket, webhook))
		return NULL;
	struct mr_posted *posted = mr_posted_find(acts->posted, webhook);
	if (posted != NULL)
		return posted;
	bool configured = mr_registry_is_configured(acts->registry, webhook);
	refuse(acts, ticket, webhook, configured ? -EPERM : -ENOENT,
		configured ? "it stands in the configuration file: change it there, and reload"
			   : "there is no such webhook");
	return NULL;
}

void mr_webhook_acts_remove(struct mr_webhook_acts *acts, const struct mr_control_request *request)
{
	const struct mr_control_webhook_id *named = request->body;
	const uint64_t webhook = named->id;
	if (need(acts, &request->ticket, webhook) == NULL)
		return;
	mr_registry_unpost(acts->registry, webhook);
	mr_posted_remove(acts->posted, webhook);
	struct mr_webhook_act *act = begin(acts, request, webhook, MR_WEBHOOK_ACT_REMOVE);
	mr_assert(act != NULL);
}

void mr_webhook_acts_test(struct mr_webhook_acts *acts, const struct mr_control_request *request)
{
	const struct mr_control_webhook_id *named = request->body;
	const uint64_t webhook = named->id;
	bool configured = mr_registry_is_configured(acts->registry, webhook);
	uint32_t lane;
	uint32_t delivery;
	if (!configured && need(acts, &request->ticket, webhook) == NULL)
		return;
	if (configured && !may_begin(acts, &request->ticket, webhook))
		return;
	if (!mr_registry_lane(acts->registry, webhook, &lane, &delivery)) {
		refuse(acts, &request->ticket, webhook, -ENOTCONN,
			"the webhook is disabled, or was given up: enable it first");
		return;
	}
	struct mr_webhook_act *act = begin(acts, request, webhook, MR_WEBHOOK_ACT_TEST);
	mr_assert(act != NULL);
}

// -- What endpoints bring about

static void fail(struct mr_webhook_act *act, int result, uint16_t http_status, const char *why)
{
	act->is_heard = true;
	act->result = result;
	act->http_status = http_status;
	act->why = why;
}

bool mr_webhook_acts_shaken(struct mr_webhook_acts *acts, uint64_t webhook)
{
	struct mr_posted *posted = mr_posted_find(acts->posted, webhook);
	struct mr_webhook_act *act = find(acts, webhook);
	if (posted == NULL)
		return false;
	if (act == NULL || act->kind != MR_WEBHOOK_ACT_MAKE || act->is_heard)
		return true; // too late: it is being taken back
	act->is_heard = true;
	act->http_status = 200;
	posted->state = MR_POSTED_KEPT;
	mr_registry_shaken(acts->registry, webhook);
	return true;
}

void mr_webhook_acts_tried(struct mr_webhook_acts *acts, uint64_t webhook, uint16_t http_status)
{
	struct mr_webhook_act *act = find(acts, webhook);
	if (act == NULL || act->is_heard)
		return;
	if (act->kind == MR_WEBHOOK_ACT_TEST) {
		act->is_heard = true;
		act->http_status = http_status;
	} else if (act->kind == MR_WEBHOOK_ACT_MAKE) {
		fail(act, -ECONNREFUSED, http_status,
			http_status == 0
				? "the target did not answer the handshake"
				: "the target did not answer the handshake with 200 or 204 and the X-Hook-Secret it was sent");
	}
}

// The endpoint is gone (410), has failed for webhook.expire_after, or there was no room for it.
bool mr_webhook_acts_given_up(
	struct mr_webhook_acts *acts, uint64_t webhook, const struct mr_stats_webhook *row)
{
	struct mr_posted *posted = mr_posted_find(acts->posted, webhook);
	struct mr_webhook_act *act = find(acts, webhook);
	if (posted == NULL)
		return false;
	if (posted->state == MR_POSTED_TRIAL) {
		if (act != NULL && !act->is_heard)
			fail(act, -ENOSPC, 0, "endpoints.max are there already");
		return true;
	}
	bool expired = mr_read(&row->last_status) != 410 && mr_read(&row->failing_since_ns) != 0;
	mr_registry_unpost(acts->registry, webhook);
	mr_log(MR_LOG_WARNING, "webhook %" PRIu64 ": %s", webhook,
		expired ? "its endpoint has failed for webhook.expire_after: removed"
			: "its endpoint is gone, or could not be served: disabled");
	if (expired) {
		mr_posted_remove(acts->posted, webhook);
	} else {
		posted->gone = true;
		posted->record.record.flags |= MR_WEBHOOK_RECORD_DISABLED;
	}
	if (act == NULL) // without a place the next checkpoint tells it
		(void)begin(acts, NULL, webhook,
			expired ? MR_WEBHOOK_ACT_REMOVE : MR_WEBHOOK_ACT_CHANGE);
	else
		act->kind = expired ? MR_WEBHOOK_ACT_REMOVE : MR_WEBHOOK_ACT_CHANGE;
	return true;
}

// -- The rounds

// True when its record stands behind record_end, and there was need of one.
static bool record(struct mr_webhook_acts *acts, struct mr_webhook_act *act)
{
	struct mr_posted *posted = mr_posted_find(acts->posted, act->webhook);
	if (act->is_recorded)
		return true;
	struct mr_record_webhook removed = {.webhook = act->webhook};
	size_t bytes = posted != NULL ? posted->record.record.length : sizeof(removed);
	if (!mr_node_fits(acts->node, bytes))
		return false;
	act->record_end = posted != NULL
		? mr_node_webhook(acts->node, &posted->record, posted->record.record.flags)
		: mr_node_webhook(acts->node, &removed, MR_WEBHOOK_RECORD_REMOVED);
	act->is_recorded = true;
	return true;
}

static bool is_settled(struct mr_webhook_acts *acts, const struct mr_webhook_act *act)
{
	enum mr_registry_standing standing = mr_registry_standing(acts->registry, act->webhook);
	return standing != MR_STANDING_CHANGES && standing != MR_STANDING_ASKS
		&& mr_node_durable(acts->node, act->record_end);
}

// A new one whose endpoint did not agree: nothing of it stays.
static bool take_back(struct mr_webhook_acts *acts, struct mr_webhook_act *act)
{
	mr_registry_unpost(acts->registry, act->webhook);
	if (mr_registry_standing(acts->registry, act->webhook) != MR_STANDING_NONE)
		return false;
	mr_posted_remove(acts->posted, act->webhook);
	answer(acts, act);
	return true;
}

static void send_test(struct mr_webhook_acts *acts, struct mr_webhook_act *act)
{
	struct mr_stage_set target = {0};
	uint32_t lane;
	uint32_t delivery;
	if (!mr_registry_lane(acts->registry, act->webhook, &lane, &delivery)) {
		fail(act, -ENOTCONN, 0, "the webhook was removed meanwhile");
		return;
	}
	struct mr_post *post = mr_postbox_take(acts->postbox);
	if (post == NULL)
		return;
	post->msg.kind = MR_STEWARD_WEBHOOK_TEST;
	post->msg.webhook.id = act->webhook;
	post->msg.webhook.lane = lane;
	post->msg.webhook.delivery = (uint16_t)delivery;
	mr_stage_set_add(&target, acts->registry->config.first_delivery + delivery);
	mr_postbox_send(acts->postbox, post, target, NULL, NULL, 0);
	act->is_sent = true;
}

static bool work_on(struct mr_webhook_acts *acts, struct mr_webhook_act *act)
{
	bool asks = act->kind == MR_WEBHOOK_ACT_MAKE || act->kind == MR_WEBHOOK_ACT_TEST;
	if (asks && !act->is_heard && acts->now_ns >= act->until_ns)
		fail(act, -ETIMEDOUT, 0, "the target did not answer in time");
	if (act->kind == MR_WEBHOOK_ACT_TEST) {
		if (!act->is_sent && !act->is_heard)
			send_test(acts, act);
		if (act->is_heard)
			answer(acts, act);
		return act->is_heard;
	}
	if (asks && !act->is_heard)
		return false;
	if (act->kind == MR_WEBHOOK_ACT_MAKE && act->result != 0)
		return take_back(acts, act);
	if (mr_node_failed(acts->node)) {
		act->result = -EIO;
		act->why = "the journal has failed: whether this lasts is not known";
	} else if (!record(acts, act) || !is_settled(acts, act)) {
		return false;
	}
	answer(acts, act);
	return true;
}

bool mr_webhook_acts_work(struct mr_webhook_acts *acts, uint64_t now_ns)
{
	bool moved = false;
	acts->now_ns = now_ns;
	for (uint32_t i = 0; i < MR_WEBHOOK_ACTS_MAX && acts->count > 0; i++)
		if (acts->acts[i].kind != MR_WEBHOOK_ACT_NONE)
			moved |= work_on(acts, &acts->acts[i]);
	return moved;
}
