#include "steward.h"

#include <string.h>

#include "log.h"
#include "mr_assert.h"
#include "secrets.h"

enum { TO_STEWARD_BURST = 32 };

static struct mr_stage_set stages_from(uint32_t first, uint32_t end, struct mr_stage_set set)
{
	for (uint32_t i = first; i < end; i++)
		mr_stage_set_add(&set, i);
	return set;
}

static bool init_acts(struct mr_steward *steward, struct mr_arena *arena)
{
	const struct mr_wiring *wiring = steward->config.wiring;
	const struct mr_stage_numbers *numbers = &wiring->numbers;
	struct mr_acts_config acts = {.postbox = &steward->postbox,
		.node = &steward->node,
		.control = &steward->control,
		.bans = &steward->stats->counters[MR_STEWARD_BANS],
		.paused = &steward->stats->counters[MR_STEWARD_PAUSED]};
	acts.workers = stages_from(numbers->shard, numbers->journal, acts.workers);
	acts.workers = stages_from(numbers->delivery, numbers->steward, acts.workers);
	acts.all = stages_from(numbers->source, numbers->shard, acts.workers);
	bool done = mr_acts_init(&steward->acts, arena, &acts);
	done = mr_recent_init(&steward->acts.recent, arena, steward->config.segment,
		       wiring->topology->shards)
		&& done;
	return mr_throttles_init(
		       &steward->acts.throttles, arena, wiring->throttles, wiring->topology->shards)
		&& done;
}

static void init_seeing(struct mr_steward *steward)
{
	const struct mr_wiring *wiring = steward->config.wiring;
	const struct mr_stage_numbers *numbers = &wiring->numbers;
	struct mr_seeing_config seeing = {
		.hash_seed = wiring->config->hash_seed,
		.flows = (uint32_t)wiring->config->flows,
		.shards = wiring->topology->shards,
		.first_shard = numbers->shard,
	};
	seeing.followers = stages_from(numbers->shard, numbers->journal, seeing.followers);
	seeing.followers = stages_from(numbers->delivery, numbers->steward, seeing.followers);
	mr_seeing_init(&steward->seeing, &seeing, &steward->postbox, &steward->control,
		&steward->acts.bans);
}

bool mr_steward_init(
	struct mr_steward *steward, struct mr_arena *arena, const struct mr_steward_config *config)
{
	const struct mr_wiring *wiring = config->wiring;
	const struct mr_stage_numbers *numbers = &wiring->numbers;
	memset(steward, 0, sizeof(*steward));
	steward->config = *config;
	steward->stats = &config->segment->stages[numbers->steward];
	steward->signals = -1;
	steward->control.listener = -1;
	struct mr_directory_config directory = {.replies = {.hash_seed = wiring->config->hash_seed,
							.boot_id = config->boot_id,
							.flows = (uint32_t)wiring->config->flows,
							.first_source = numbers->source,
							.is_volatile = wiring->config->is_volatile},
		.sessions_max = (uint32_t)wiring->config->sessions_max,
		.expired = &steward->stats->counters[MR_STEWARD_SESSIONS_EXPIRED]};
	struct mr_registry_config registry = {.hash_seed = wiring->config->hash_seed,
		.flows = (uint32_t)wiring->config->flows,
		.shards = wiring->topology->shards,
		.deliveries = wiring->topology->deliveries,
		.webhooks_max = (uint32_t)wiring->config->webhooks_max,
		.first_shard = numbers->shard,
		.first_delivery = numbers->delivery,
		.rows = config->segment->webhooks,
		.posted = &steward->posted};
	for (uint32_t i = numbers->source; i < numbers->shard; i++)
		mr_stage_set_add(&directory.sources, i);
	for (uint32_t i = numbers->shard; i < numbers->journal; i++)
		mr_stage_set_add(&directory.shards, i);
	init_seeing(steward);
	bool done = mr_postbox_init(&steward->postbox, arena);
	done = init_acts(steward, arena) && done;
	done = mr_directory_init(
		       &steward->directory, arena, &steward->postbox, &steward->node, &directory)
		&& done;
	done = mr_posted_init(&steward->posted, arena, registry.webhooks_max,
		       wiring->config->state_dir, registry.hash_seed)
		&& done;
	steward->posted.is_volatile = wiring->config->is_volatile;
	steward->posted.in_flight = (uint16_t)wiring->config->in_flight;
	steward->webhook_acts = (struct mr_webhook_acts){.posted = &steward->posted,
		.registry = &steward->registry,
		.postbox = &steward->postbox,
		.node = &steward->node,
		.control = &steward->control,
		.log = &steward->acts.log,
		.patience_ns = 2 * wiring->config->request_timeout_ns};
	steward->apps = (struct mr_apps){.node = &steward->node,
		.control = &steward->control,
		.log = &steward->acts.log,
		.postbox = &steward->postbox};
	done = mr_registry_init(&steward->registry, arena, &steward->postbox, &registry) && done;
	for (uint32_t i = 0; i < numbers->steward; i++)
		if (wiring->from_steward[i] != NULL)
			mr_postbox_stage(&steward->postbox, i, wiring->from_steward[i],
				&config->segment->stages[i].generation);
	return done;
}

void mr_steward_wired(struct mr_steward *steward)
{
	const struct mr_wiring *wiring = steward->config.wiring;
	memcpy(steward->directory.config.seen, wiring->seen, sizeof(wiring->seen));
	if (wiring->node != NULL)
		steward->node = (struct mr_node){.stream = wiring->node,
			.journal = wiring->journal_board,
			.owner = wiring->owners[wiring->streams_count - 1]};
}

void mr_steward_recover(struct mr_steward *steward, const struct mr_recovered *recovered)
{
	for (uint32_t i = 0; i < recovered->sessions_count; i++) {
		const struct mr_recovered_session *session = &recovered->sessions[i];
		mr_directory_recover(&steward->directory,
			&(struct mr_directory_known){.index = i,
				.session = {.app = session->app,
					.session_id = session->session_id,
					.key_id = session->key_id,
					.epoch = session->epoch}});
	}
	for (uint32_t i = 0; i < recovered->expiries_count; i++)
		(void)mr_registry_stays_out(&steward->registry, recovered->expiries[i].webhook,
			recovered->expiries[i].entry_hash);
	steward->state = MR_ROUTER_STARTING;
}

struct mr_guard mr_steward_guard(const struct mr_steward *steward)
{
	struct mr_guard guard = {0};
	const char *why;
	int err = mr_guard_allow(&guard, steward->current->allow_targets, &why);
	mr_expect(err == 0); // checked when it was loaded
	return guard;
}

void mr_steward_keep(struct mr_steward *steward, const struct mr_record *record)
{
	const void *bytes = record;
	struct mr_guard guard = mr_steward_guard(steward);
	if (record->kind == MR_RECORD_BAN || record->kind == MR_RECORD_PAUSE)
		mr_acts_recover(&steward->acts, record);
	else if (record->kind == MR_RECORD_APP)
		mr_apps_recover(&steward->apps, bytes);
	else
		mr_webhook_acts_recover(&steward->webhook_acts, bytes, &guard);
}

// -- What the stages say

// The secret stands in the delivery stage's memory: nobody looks at it once the webhook may be
// gone.
static void keep_secret(
	struct mr_steward *steward, uint32_t lane, const struct mr_made_secret *secret)
{
	if (!mr_registry_lends(&steward->registry, lane) || secret->secret_length == 0
		|| mr_webhook_acts_shaken(&steward->webhook_acts, secret->webhook))
		return;
	const char *name = mr_registry_name(&steward->registry, lane, secret->webhook);
	if (name == NULL)
		return;
	int err = mr_secret_keep(
		steward->current->state_dir, name, secret->secret, secret->secret_length);
	if (err == 0)
		mr_log(MR_LOG_NOTICE,
			"webhook %s: its endpoint shook hands; the secret is kept in %s/secrets",
			name, steward->current->state_dir);
	else
		mr_log(MR_LOG_ERROR,
			"webhook %s: the secret of its handshake cannot be kept in %s: %s. The next start shakes hands again",
			name, steward->current->state_dir, strerror(-err));
}

static void take_gone(struct mr_steward *steward, uint32_t lane, uint64_t webhook)
{
	uint64_t print;
	const char *name = mr_registry_name(&steward->registry, lane, webhook);
	if (name == NULL
		|| mr_webhook_acts_given_up(
			&steward->webhook_acts, webhook, &steward->registry.config.rows[lane]))
		return;
	mr_log(MR_LOG_WARNING,
		"webhook %s was given up: its endpoint is gone, refused for too long, or could not be served. Change its entry to try again",
		name);
	mr_registry_gone(&steward->registry, lane, webhook);
	if (mr_registry_given_up(&steward->registry, lane, &webhook, &print))
		(void)mr_node_expired(&steward->node, webhook, print);
}

static void take(struct mr_steward *steward, const struct mr_desc *desc)
{
	uint32_t index = (uint32_t)(desc->word[1] >> 32);
	switch ((enum mr_to_steward_kind)(uint32_t)desc->word[1]) {
	case MR_TO_STEWARD_HELLO:
		mr_directory_hello(
			&steward->directory, (struct mr_handshake *)(uintptr_t)desc->word[0]);
		break;
	case MR_TO_STEWARD_BYE:
		mr_directory_bye(
			&steward->directory, (struct mr_handshake *)(uintptr_t)desc->word[0]);
		break;
	case MR_TO_STEWARD_SECRET:
		keep_secret(
			steward, index, (const struct mr_made_secret *)(uintptr_t)desc->word[0]);
		break;
	case MR_TO_STEWARD_WEBHOOK_GONE:
		take_gone(steward, index, desc->word[0]);
		break;
	case MR_TO_STEWARD_WEBHOOK_TRIED:
		mr_webhook_acts_tried(&steward->webhook_acts,
			mr_registry_webhook(&steward->registry, index), (uint16_t)desc->word[0]);
		break;
	}
}

// Whether messages of this stage may be taken now.
static bool listens_to(const struct mr_steward *steward, uint32_t stage)
{
	bool is_source = stage < steward->config.wiring->numbers.shard;
	// No event is admitted before the whole configuration is in force.
	if (is_source)
		return steward->state != MR_ROUTER_STARTING
			&& mr_directory_ready(&steward->directory);
	return mr_node_has_room(&steward->node); // they may have to be written down
}

static bool take_all(struct mr_steward *steward)
{
	const struct mr_wiring *wiring = steward->config.wiring;
	bool moved = false;
	for (uint32_t stage = 0; stage < wiring->numbers.steward; stage++) {
		struct mr_ring *ring = wiring->to_steward[stage];
		struct mr_desc desc;
		uint32_t count = 0;
		while (ring != NULL && count < TO_STEWARD_BURST && listens_to(steward, stage)
			&& mr_ring_pop_burst(ring, &desc, 1) == 1) {
			take(steward, &desc);
			count++;
		}
		moved |= count > 0;
	}
	return moved;
}

// -- What the stages are told

static uint32_t count_apps(const struct mr_key *keys, uint32_t keys_count)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < keys_count; i++) {
		uint32_t first = 0; // key of the same app
		while (keys[first].app != keys[i].app)
			first++;
		count += first == i;
	}
	return count;
}

static bool send_keys(struct mr_steward *steward)
{
	const struct mr_stage_numbers *numbers = &steward->config.wiring->numbers;
	struct mr_post *post = mr_postbox_take(&steward->postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_KEYS;
	post->msg.keys.count = mr_apps_keys(&steward->apps, steward->current, post->msg.keys.keys);
	steward->directory.apps = count_apps(post->msg.keys.keys, post->msg.keys.count);
	mr_postbox_send(&steward->postbox, post,
		stages_from(numbers->source, numbers->shard, (struct mr_stage_set){0}), NULL, NULL,
		0);
	mr_apps_sent(&steward->apps, steward->postbox.generation);
	return true;
}

static bool send_tune(struct mr_steward *steward)
{
	const struct mr_stage_numbers *numbers = &steward->config.wiring->numbers;
	struct mr_stage_set targets =
		stages_from(numbers->shard, numbers->journal, (struct mr_stage_set){0});
	struct mr_post *post = mr_postbox_take(&steward->postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_TUNE;
	post->msg.tune = mr_tune_of(steward->current);
	targets = stages_from(numbers->delivery, numbers->steward, targets);
	mr_postbox_send(&steward->postbox, post, targets, NULL, NULL, 0);
	return true;
}

static bool send_pause(struct mr_steward *steward)
{
	const struct mr_stage_numbers *numbers = &steward->config.wiring->numbers;
	struct mr_post *post = mr_postbox_take(&steward->postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_PAUSE;
	post->msg.reason = MR_REASON_DRAINING;
	mr_postbox_send(&steward->postbox, post,
		stages_from(numbers->source, numbers->shard, (struct mr_stage_set){0}), NULL, NULL,
		0);
	return true;
}

static bool send_go(struct mr_steward *steward)
{
	const struct mr_stage_numbers *numbers = &steward->config.wiring->numbers;
	struct mr_post *post = mr_postbox_take(&steward->postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_GO;
	mr_postbox_send(&steward->postbox, post,
		stages_from(numbers->shard, numbers->journal, (struct mr_stage_set){0}), NULL, NULL,
		0);
	return true;
}

static void send_wanted(struct mr_steward *steward)
{
	steward->wants_go = steward->wants_go && !send_go(steward);
	steward->wants_keys = steward->wants_keys && !send_keys(steward);
	steward->wants_tune = steward->wants_tune && !send_tune(steward);
	steward->wants_pause = steward->wants_pause && !send_pause(steward);
}

static void wake_stages(const struct mr_steward *steward)
{
	for (uint32_t i = 0; i < steward->config.runners_count; i++)
		mr_runner_wake(steward->config.runners[i]);
}

// -- Checkpoints

static bool record_given_up(struct mr_steward *steward, uint32_t lane)
{
	uint64_t webhook;
	uint64_t print;
	if (!mr_registry_given_up(&steward->registry, lane, &webhook, &print))
		return true;
	if (!mr_node_has_room(&steward->node))
		return false;
	(void)mr_node_expired(&steward->node, webhook, print);
	return true;
}

// Writes again what a start needs of sessions, of webhooks that were given up, of what did not come
// from the configuration file, and of bans and pauses, as far as there is room.
static void work_on_checkpoint(struct mr_steward *steward)
{
	const struct mr_wiring *wiring = steward->config.wiring;
	if (steward->checkpoint == 0) {
		steward->checkpoint = mr_node_wanted(&steward->node);
		steward->checkpoint_at = 0;
		steward->checkpoint_ban = 0;
	}
	if (steward->checkpoint == 0)
		return;
	uint32_t sessions = (uint32_t)wiring->config->sessions_max;
	uint32_t webhooks = (uint32_t)wiring->config->webhooks_max;
	uint32_t all = sessions + 2 * webhooks + MR_KEYS_MAX;
	for (; steward->checkpoint_at < all; steward->checkpoint_at++) {
		uint32_t at = steward->checkpoint_at;
		if (at < sessions) {
			if (!mr_directory_record(&steward->directory, at))
				return;
		} else if ((at -= sessions) < webhooks) {
			if (!record_given_up(steward, at))
				return;
		} else if ((at -= webhooks) < webhooks) {
			if (!mr_webhook_acts_record(&steward->webhook_acts, at))
				return;
		} else if (!mr_apps_record(&steward->apps, at - webhooks)) {
			return;
		}
	}
	while (!mr_acts_record(&steward->acts, &steward->checkpoint_ban))
		if (!mr_node_has_room(&steward->node))
			return;
	mr_node_checkpointed(&steward->node, steward->checkpoint);
	steward->checkpoint = 0;
}

bool mr_steward_step(struct mr_steward *steward, struct mr_now now)
{
	steward->node.wall_ns = now.wall_ns;
	mr_node_retire(&steward->node);
	bool moved = mr_acts_work(&steward->acts, now); // first: what is stopped, is stopped now
	moved |= take_all(steward);
	if (mr_acts_restored(&steward->acts)) {
		send_wanted(steward);
		moved |= mr_webhook_acts_work(&steward->webhook_acts, now.mono_ns);
		moved |= mr_apps_work(&steward->apps, now.mono_ns);
		moved |= mr_registry_work(&steward->registry);
		moved |= mr_directory_work(&steward->directory, now.mono_ns);
	}
	moved |= mr_seeing_work(&steward->seeing, now.mono_ns);
	moved |= mr_postbox_work(&steward->postbox);
	work_on_checkpoint(steward);
	mr_gauge(&steward->stats->counters[MR_STEWARD_SESSIONS], steward->directory.open);
	mr_gauge(&steward->stats->counters[MR_STEWARD_SESSIONS_MAX],
		steward->directory.config.sessions_max);
	mr_gauge(&steward->stats->counters[MR_STEWARD_CONFIG_GENERATION],
		mr_postbox_in_force(&steward->postbox));
	mr_gauge(&steward->stats->generation, mr_postbox_in_force(&steward->postbox));
	mr_gauge(&steward->stats->heartbeat_ns, now.mono_ns);
	mr_count(&steward->stats->steps, 1);
	if (moved)
		wake_stages(steward);
	return moved;
}
