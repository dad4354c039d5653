#include "steward.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "mr_assert.h"
#include "notify.h"
#include "secrets.h"

#define DRAIN_NS      UINT64_C(10000000000)
#define LINK_EVERY_NS UINT64_C(500000000)

enum {
	NAP_ACTIVE_NS = 500000, // while stages have messages of ours
	NAP_NS = 5000000,
	TO_STEWARD_BURST = 32,
};

bool mr_steward_init(
	struct mr_steward *steward, struct mr_arena *arena, const struct mr_steward_config *config)
{
	const struct mr_wiring *wiring = config->wiring;
	const struct mr_stage_numbers *numbers = &wiring->numbers;
	*steward = (struct mr_steward){.config = *config,
		.stats = &config->segment->stages[numbers->steward],
		.signals = -1,
		.control.listener = -1};
	struct mr_directory_config directory = {.hash_seed = wiring->config->hash_seed,
		.boot_id = config->boot_id,
		.flows = (uint32_t)wiring->config->flows,
		.sessions_max = (uint32_t)wiring->config->sessions_max,
		.is_volatile = wiring->config->is_volatile,
		.first_source = numbers->source};
	struct mr_registry_config registry = {.hash_seed = wiring->config->hash_seed,
		.flows = (uint32_t)wiring->config->flows,
		.shards = wiring->topology->shards,
		.deliveries = wiring->topology->deliveries,
		.webhooks_max = (uint32_t)wiring->config->webhooks_max,
		.first_shard = numbers->shard,
		.first_delivery = numbers->delivery,
		.rows = config->segment->webhooks};
	for (uint32_t i = numbers->source; i < numbers->shard; i++)
		mr_stage_set_add(&directory.sources, i);
	for (uint32_t i = numbers->shard; i < numbers->journal; i++)
		mr_stage_set_add(&directory.shards, i);
	bool done = mr_postbox_init(&steward->postbox, arena);
	done = mr_directory_init(&steward->directory, arena, &steward->postbox, &directory) && done;
	done = mr_registry_init(&steward->registry, arena, &steward->postbox, &registry) && done;
	for (uint32_t i = 0; i < numbers->steward; i++)
		if (wiring->from_steward[i] != NULL)
			mr_postbox_stage(&steward->postbox, i, wiring->from_steward[i],
				&config->segment->stages[i].generation);
	return done;
}

// -- What the stages say

static void keep_secret(struct mr_steward *steward, const struct mr_made_secret *secret)
{
	const char *name = mr_registry_name(&steward->registry, secret->lane, secret->webhook);
	if (name == NULL || secret->secret_length == 0)
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
	const char *name = mr_registry_name(&steward->registry, lane, webhook);
	if (name == NULL)
		return;
	mr_log(MR_LOG_WARNING,
		"webhook %s was given up: its endpoint is gone, refused for too long, or could not be served. Change its entry to try again",
		name);
	mr_registry_gone(&steward->registry, lane, webhook);
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
		keep_secret(steward, (const struct mr_made_secret *)(uintptr_t)desc->word[0]);
		break;
	case MR_TO_STEWARD_WEBHOOK_GONE:
		take_gone(steward, index, desc->word[0]);
		break;
	}
}

static bool take_all(struct mr_steward *steward)
{
	const struct mr_wiring *wiring = steward->config.wiring;
	struct mr_desc descs[TO_STEWARD_BURST];
	bool moved = false;
	for (uint32_t stage = 0; stage < wiring->numbers.steward; stage++) {
		struct mr_ring *ring = wiring->to_steward[stage];
		bool is_source = stage < wiring->numbers.shard;
		// No event is admitted before the whole configuration is in force.
		if (ring == NULL || (is_source && steward->state == MR_ROUTER_STARTING))
			continue;
		if (is_source && !mr_directory_ready(&steward->directory))
			continue;
		uint32_t count = mr_ring_pop_burst(ring, descs, TO_STEWARD_BURST);
		for (uint32_t i = 0; i < count; i++)
			take(steward, &descs[i]);
		moved |= count > 0;
	}
	return moved;
}

// -- What the stages are told

static struct mr_stage_set stages_from(uint32_t first, uint32_t end, struct mr_stage_set set)
{
	for (uint32_t i = first; i < end; i++)
		mr_stage_set_add(&set, i);
	return set;
}

static bool send_keys(struct mr_steward *steward)
{
	const struct mr_stage_numbers *numbers = &steward->config.wiring->numbers;
	struct mr_post *post = mr_postbox_take(&steward->postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_KEYS;
	post->msg.keys.count = steward->current->apps_count;
	for (uint32_t i = 0; i < steward->current->apps_count; i++)
		post->msg.keys.keys[i] = (struct mr_key){.key_id = steward->current->apps[i].key_id,
			.app = steward->current->apps[i].app};
	mr_postbox_send(&steward->postbox, post,
		stages_from(numbers->source, numbers->shard, (struct mr_stage_set){0}), NULL, NULL,
		0);
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

static void send_wanted(struct mr_steward *steward)
{
	steward->wants_keys = steward->wants_keys && !send_keys(steward);
	steward->wants_tune = steward->wants_tune && !send_tune(steward);
	steward->wants_pause = steward->wants_pause && !send_pause(steward);
}

static void wake_stages(const struct mr_steward *steward)
{
	for (uint32_t i = 0; i < steward->config.runners_count; i++)
		mr_runner_wake(steward->config.runners[i]);
}

bool mr_steward_step(struct mr_steward *steward, uint64_t now_ns)
{
	bool moved = take_all(steward);
	send_wanted(steward);
	moved |= mr_registry_work(&steward->registry);
	moved |= mr_directory_work(&steward->directory);
	moved |= mr_postbox_work(&steward->postbox);
	mr_gauge(&steward->stats->counters[MR_STEWARD_SESSIONS], steward->directory.open);
	mr_gauge(&steward->stats->counters[MR_STEWARD_CONFIG_GENERATION],
		mr_postbox_in_force(&steward->postbox));
	mr_gauge(&steward->stats->generation, mr_postbox_in_force(&steward->postbox));
	mr_gauge(&steward->stats->heartbeat_ns, now_ns);
	mr_count(&steward->stats->steps, 1);
	if (moved)
		wake_stages(steward);
	return moved;
}

// -- The control socket's questions

static void say_welcome(void *owner, struct mr_control_welcome *ret_welcome, int *ret_fd)
{
	const struct mr_steward *steward = owner;
	*ret_welcome =
		(struct mr_control_welcome){.segment_bytes = steward->config.segment->stats->bytes,
			.boot_id = steward->config.boot_id,
			.stats_version = MR_STATS_VERSION,
			.pid = (uint32_t)getpid(),
			.release = MR_VERSION};
	*ret_fd = steward->config.segment->fd;
}

static void say_status(void *owner, struct mr_control_status *ret_status)
{
	const struct mr_steward *steward = owner;
	const char *path = steward->config.sources->path;
	struct mr_nic_info nic = {0};
	if (steward->config.nic != NULL)
		mr_nic_info(steward->config.nic, &nic);
	*ret_status = (struct mr_control_status){.state = steward->state,
		.is_volatile = steward->current->is_volatile,
		.uptime_ns = mr_clock_mono_ns() - steward->config.exec_ns,
		.generation_wanted = steward->postbox.generation,
		.generation_in_force = mr_postbox_in_force(&steward->postbox),
		.start_ns = steward->start_ns,
		.links_up = nic.link_up,
		.links = 1};
	snprintf(ret_status->port, sizeof(ret_status->port), "%.40s (%.20s)", nic.name, nic.driver);
	snprintf(ret_status->config, sizeof(ret_status->config), "%s", path != NULL ? path : "");
}

static void reload(void *owner, struct mr_control_reload *ret_reload)
{
	mr_steward_reload(owner, ret_reload);
}

int mr_steward_start(
	struct mr_steward *steward, struct mr_config *current, char *ret_why, size_t why_size)
{
	struct mr_control_host host = {.owner = steward,
		.welcome = say_welcome,
		.status = say_status,
		.reload = reload,
		.requests = &steward->stats->counters[MR_STEWARD_CONTROL_REQUESTS],
		.rejected = &steward->stats->counters[MR_STEWARD_CONTROL_REJECTED]};
	int err = mr_control_open(
		&steward->control, current->direct_socket, &host, ret_why, why_size);
	if (err != 0)
		return err;
	steward->current = current;
	steward->wants_keys = true;
	steward->wants_tune = true;
	mr_registry_want(&steward->registry, current);
	return 0;
}

void mr_steward_stop(struct mr_steward *steward)
{
	mr_control_close(&steward->control);
	mr_config_free(steward->current);
	steward->current = NULL;
}

// -- Running

int mr_steward_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : -errno;
}

static bool configured(const struct mr_steward *steward)
{
	return steward->registry.todo.count == 0 && !steward->registry.waiting
		&& !steward->wants_keys && !steward->wants_tune
		&& mr_postbox_idle(&steward->postbox);
}

static void become_ready(struct mr_steward *steward, uint64_t now_ns)
{
	steward->state = MR_ROUTER_RUNNING;
	steward->start_ns = now_ns - steward->config.exec_ns;
	mr_log(MR_LOG_NOTICE, "ready after %" PRIu64 " ms", steward->start_ns / 1000000);
	mr_notify("READY=1");
}

// True when every accepted event has been distributed and delivered.
static bool drained(const struct mr_steward *steward)
{
	const struct mr_stats *stats = steward->config.segment->stats;
	return !steward->wants_pause && mr_postbox_idle(&steward->postbox)
		&& mr_segment_sum(stats, MR_SHARD_QUEUED) == 0
		&& mr_segment_sum(stats, MR_DELIVERY_PENDING) == 0
		&& mr_segment_sum(stats, MR_SHARD_MATCHED)
		== mr_segment_sum(stats, MR_DELIVERY_MATCHED);
}

static void begin_drain(struct mr_steward *steward, uint64_t now_ns)
{
	mr_log(MR_LOG_NOTICE,
		"draining: no new events; deliveries have 10 s to finish. A second signal stops at once");
	mr_notify("STOPPING=1");
	steward->state = MR_ROUTER_DRAINING;
	steward->directory.draining = true;
	steward->wants_pause = true;
	steward->drain_until_ns = now_ns + DRAIN_NS;
}

// False: stop at once.
static bool take_signals(struct mr_steward *steward, uint64_t now_ns)
{
	struct signalfd_siginfo info;
	struct mr_control_reload reply;
	while (steward->signals >= 0
		&& read(steward->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			mr_steward_reload(steward, &reply);
		else if (steward->state == MR_ROUTER_DRAINING)
			return false;
		else
			begin_drain(steward, now_ns);
	}
	return true;
}

static int failed_core(const struct mr_steward *steward)
{
	for (uint32_t i = 0; i < steward->config.runners_count; i++) {
		int err = atomic_load_explicit(
			&steward->config.runners[i]->failure, memory_order_acquire);
		if (err == 0)
			continue;
		mr_log(MR_LOG_ERROR, "the core on CPU %u cannot open its io_uring: %s. %s",
			steward->config.runners[i]->cpu, strerror(-err),
			err == -EMFILE ? "Raise RLIMIT_NOFILE (ulimit -n)"
				       : "Raise RLIMIT_MEMLOCK or allow io_uring");
		return err;
	}
	return 0;
}

static void watch_link(struct mr_steward *steward, uint64_t now_ns)
{
	struct mr_nic_info info;
	if (steward->config.nic == NULL || now_ns - steward->link_seen_ns < LINK_EVERY_NS)
		return;
	steward->link_seen_ns = now_ns;
	mr_nic_info(steward->config.nic, &info);
	if (info.link_up != steward->link_up)
		mr_log(MR_LOG_NOTICE, "port %s: link %s", info.name, info.link_up ? "up" : "down");
	steward->link_up = info.link_up;
}

static void sleep_until_asked(const struct mr_steward *steward, bool active)
{
	struct pollfd fds[2 + MR_CONTROL_CLIENTS_MAX];
	struct timespec timeout = {.tv_nsec = active ? NAP_ACTIVE_NS : NAP_NS};
	uint32_t count = mr_control_poll_fds(&steward->control, fds);
	fds[count++] = (struct pollfd){.fd = steward->signals, .events = POLLIN};
	ppoll(fds, count, &timeout, NULL);
}

int mr_steward_run(struct mr_steward *steward)
{
	for (;;) {
		uint64_t now_ns = mr_clock_mono_ns();
		bool moved = mr_steward_step(steward, now_ns);
		mr_control_serve(&steward->control);
		if (!take_signals(steward, now_ns))
			return 0;
		if (steward->state == MR_ROUTER_STARTING && configured(steward))
			become_ready(steward, now_ns);
		if (steward->state == MR_ROUTER_DRAINING
			&& (drained(steward) || now_ns >= steward->drain_until_ns)) {
			mr_log(MR_LOG_NOTICE, "%s",
				drained(steward)
					? "drained"
					: "not drained in 10 s: what waits is lost (VOLATILE)");
			return 0;
		}
		int err = failed_core(steward);
		if (err != 0)
			return err;
		watch_link(steward, now_ns);
		sleep_until_asked(steward, moved || !mr_postbox_idle(&steward->postbox));
	}
}
