#include "seeing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"

void mr_seeing_init(struct mr_seeing *seeing, const struct mr_seeing_config *config,
	struct mr_postbox *postbox, struct mr_control *control, const struct mr_ban_list *bans)
{
	mr_assert(config->shards > 0 && config->shards <= MR_SHARDS_MAX);
	*seeing = (struct mr_seeing){
		.config = *config, .postbox = postbox, .control = control, .bans = bans};
}

// -- Explain

static uint32_t shard_of(const struct mr_seeing *seeing, uint64_t resource)
{
	const uint32_t slot = mr_slot_of(resource, seeing->config.hash_seed);
	return mr_shard_of_flow(mr_flow_of_slot(slot, seeing->config.flows), seeing->config.shards);
}

// In the order of the event's way: the object, then its ancestors.
static int compare_hops(const void *left, const void *right)
{
	const struct mr_explain_webhook *a = left;
	const struct mr_explain_webhook *b = right;
	return (uint8_t)(a->ancestor + 1) - (uint8_t)(b->ancestor + 1);
}

static void answer(struct mr_seeing *seeing, struct mr_explaining *explaining)
{
	struct mr_control_explained *explained = &explaining->explain.answer;
	qsort(explained->webhooks, explained->webhooks_count, sizeof(explained->webhooks[0]),
		compare_hops);
	const struct mr_listed_ban *ban = mr_ban_list_find(seeing->bans, explained->scope);
	explained->ban = ban != NULL ? ban->ban.id : 0;
	mr_control_reply(seeing->control, &explaining->ticket, explained);
	explaining->is_busy = false;
}

static void ask_next(struct mr_seeing *seeing, struct mr_explaining *explaining);

static void shard_has_answered(void *owner, const struct mr_post *post)
{
	struct mr_seeing *seeing = owner;
	struct mr_explaining *explaining = &seeing->explains[post->tag];
	mr_assert(explaining->is_busy);
	if (explaining->shards != 0)
		ask_next(seeing, explaining);
	else
		answer(seeing, explaining);
}

static void ask_next(struct mr_seeing *seeing, struct mr_explaining *explaining)
{
	struct mr_post *post = mr_postbox_take(seeing->postbox);
	const uint32_t shard = (uint32_t)__builtin_ctz(explaining->shards);
	struct mr_stage_set target = {0};
	if (post == NULL) {
		mr_control_refuse(seeing->control, &explaining->ticket, -EBUSY,
			"too many messages to the stages are under way: ask again");
		explaining->is_busy = false;
		return;
	}
	explaining->shards &= explaining->shards - 1;
	explaining->explain.shard = shard;
	post->msg.kind = MR_STEWARD_EXPLAIN;
	post->msg.explain = &explaining->explain;
	mr_stage_set_add(&target, seeing->config.first_shard + shard);
	mr_postbox_send(seeing->postbox, post, target, shard_has_answered, seeing,
		(uint64_t)(explaining - seeing->explains));
}

static struct mr_explaining *take_explaining(struct mr_seeing *seeing)
{
	for (uint32_t i = 0; i < MR_EXPLAINS_MAX; i++)
		if (!seeing->explains[i].is_busy)
			return &seeing->explains[i];
	return NULL;
}

// NULL, or what is wrong with the event.
static const char *event_fault(
	const struct mr_control_explain *question, char *ret_text, size_t size)
{
	uint32_t offset = 0;
	const ssize_t length = mr_event_check(question->event, question->event_bytes, &offset);
	if (length < 0)
		snprintf(ret_text, size,
			"the event does not decode: byte %" PRIu32 " is wrong (docs/WIRE.md)",
			offset);
	else if ((size_t)length != question->event_bytes)
		snprintf(ret_text, size,
			"the event ends at byte %zd, and %" PRIu32 " bytes came: send one event",
			length, question->event_bytes);
	else
		return NULL;
	return ret_text;
}

void mr_seeing_explain(struct mr_seeing *seeing, const struct mr_control_ticket *ticket,
	const struct mr_control_explain *question)
{
	struct mr_explaining *explaining = take_explaining(seeing);
	struct mr_event event;
	if (explaining == NULL) {
		mr_control_refuse(seeing->control, ticket, -EBUSY,
			"%d events are being explained already: ask again", MR_EXPLAINS_MAX);
		return;
	}
	struct mr_control_explained *explained = &explaining->explain.answer;
	*explained = (struct mr_control_explained){0};
	if (event_fault(question, explained->message, sizeof(explained->message)) != NULL) {
		explained->result = -EBADMSG;
		explained->reason = MR_REASON_MALFORMED;
		mr_control_reply(seeing->control, ticket, explained);
		return;
	}
	memcpy(explaining->event, question->event, question->event_bytes);
	mr_event_decode(explaining->event, &event);
	explaining->explain.event = explaining->event;
	explaining->explain.event_bytes = question->event_bytes;
	explaining->explain.app = question->app;
	explaining->ticket = *ticket;
	explaining->is_busy = true;
	explaining->shards = UINT32_C(1) << shard_of(seeing, event.object);
	for (uint32_t i = 0; i < event.ancestors_count; i++)
		explaining->shards |= UINT32_C(1) << shard_of(seeing, event.ancestors[i].gid);
	ask_next(seeing, explaining);
}

// -- Tap

static void stages_follow(void *owner, const struct mr_post *post)
{
	struct mr_seeing *seeing = owner;
	const struct mr_control_effect effect = {
		.generation = post->msg.generation,
		.took_ns = seeing->now_ns - seeing->asked_ns,
	};
	if (post->tag != 0 && seeing->is_asked) {
		mr_control_reply(seeing->control, &seeing->ticket, &effect);
		seeing->is_asked = false;
	}
}

static bool send_tap(struct mr_seeing *seeing)
{
	struct mr_post *post = mr_postbox_take(seeing->postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_TAP;
	post->msg.tap.count = seeing->followed_count;
	for (uint32_t i = 0; i < seeing->followed_count; i++)
		post->msg.tap.objects[i] = seeing->followed[i].object;
	mr_postbox_send(seeing->postbox, post, seeing->config.followers, stages_follow, seeing,
		seeing->is_asked);
	seeing->wants_tap = false;
	return true;
}

static struct mr_followed *find_followed(struct mr_seeing *seeing, uint64_t object)
{
	for (uint32_t i = 0; i < seeing->followed_count; i++)
		if (seeing->followed[i].object == object)
			return &seeing->followed[i];
	return NULL;
}

static void forget(struct mr_seeing *seeing, struct mr_followed *followed)
{
	mr_assert(seeing->followed_count > 0);
	*followed = seeing->followed[--seeing->followed_count];
	seeing->wants_tap = true;
}

void mr_seeing_tap(struct mr_seeing *seeing, const struct mr_control_ticket *ticket,
	const struct mr_control_tap *tap, uint64_t now_ns)
{
	struct mr_followed *followed = find_followed(seeing, tap->object);
	if (seeing->is_asked) {
		mr_control_refuse(seeing->control, ticket, -EBUSY,
			"another object is being followed or let go just now: ask again");
		return;
	}
	if (followed == NULL && tap->ttl_ns != 0 && seeing->followed_count == MR_TAPS_MAX) {
		mr_control_refuse(seeing->control, ticket, -ENOSPC,
			"%d objects are followed already: end one of them, or wait for its end",
			MR_TAPS_MAX);
		return;
	}
	if (tap->ttl_ns == 0) {
		if (followed != NULL)
			forget(seeing, followed);
	} else {
		if (followed == NULL)
			followed = &seeing->followed[seeing->followed_count++];
		*followed = (struct mr_followed){tap->object, now_ns + tap->ttl_ns};
	}
	seeing->is_asked = true;
	seeing->ticket = *ticket;
	seeing->asked_ns = now_ns;
	seeing->wants_tap = true;
}

bool mr_seeing_work(struct mr_seeing *seeing, uint64_t now_ns)
{
	seeing->now_ns = now_ns;
	for (uint32_t i = 0; i < seeing->followed_count;) {
		if (now_ns >= seeing->followed[i].until_ns)
			forget(seeing, &seeing->followed[i]);
		else
			i++;
	}
	return seeing->wants_tap && send_tap(seeing);
}
