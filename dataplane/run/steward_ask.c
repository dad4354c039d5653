// The steward's control socket: what it answers, from before the recovery until after the drain.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "control_acts.h"
#include "control_seeing.h"
#include "control_webhooks.h"
#include "log.h"
#include "notify.h"
#include "steward.h"

#define SAY_EVERY_NS UINT64_C(5000000000) // how often a long recovery is told in the log

static void say_welcome(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_welcome welcome = {
		.segment_bytes = steward->config.segment->stats->bytes,
		.boot_id = steward->config.boot_id,
		.stats_version = MR_STATS_VERSION,
		.pid = (uint32_t)getpid(),
		.release = MR_VERSION};
	mr_control_reply_with(
		&steward->control, &request->ticket, &welcome, steward->config.segment->fd);
}

static void say_status(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const char *path = steward->config.sources->path;
	struct mr_nic_info nic = {0};
	if (steward->config.nic != NULL)
		mr_nic_info(steward->config.nic, &nic);
	struct mr_control_status status = {.state = steward->state,
		.is_volatile = steward->current->is_volatile,
		.recovery_done_bytes = steward->recovery_done_bytes,
		.recovery_all_bytes = steward->recovery_all_bytes,
		.retention_bytes = steward->config.wiring->disk != NULL
			? steward->config.wiring->disk->plan.retention_bytes
			: 0,
		.uptime_ns = mr_clock_mono_ns() - steward->config.exec_ns,
		.generation_wanted = steward->postbox.generation,
		.generation_in_force = mr_postbox_in_force(&steward->postbox),
		.start_ns = steward->start_ns,
		.links_up = nic.link_up,
		.links = 1};
	snprintf(status.port, sizeof(status.port), "%.40s (%.20s)", nic.name, nic.driver);
	snprintf(status.config, sizeof(status.config), "%s", path != NULL ? path : "");
	if (!steward->current->is_volatile)
		snprintf(status.journal, sizeof(status.journal), "%s",
			steward->current->journal_dir);
	mr_control_reply(&steward->control, &request->ticket, &status);
}

static void reload(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	struct mr_control_reload result;
	mr_steward_reload(steward, request->uid, !request->is_daemon, &result);
	mr_control_reply(&steward->control, &request->ticket, &result);
}

// What is answered; the functions stand in files of their own.
static const struct mr_control_handler handlers[] = {
	{MR_CONTROL_HELLO, say_welcome},
	{MR_CONTROL_STATUS, say_status},
	{MR_CONTROL_RELOAD, reload},
	{MR_CONTROL_EXPLAIN, mr_handle_explain},
	{MR_CONTROL_TAP, mr_handle_tap},
	{MR_CONTROL_WEBHOOK_PUT, mr_handle_webhook_put},
	{MR_CONTROL_WEBHOOK_REMOVE, mr_handle_webhook_remove},
	{MR_CONTROL_WEBHOOK_TEST, mr_handle_webhook_test},
	{MR_CONTROL_WEBHOOKS, mr_handle_webhooks},
	{MR_CONTROL_APP_PUT, mr_handle_app_put},
	{MR_CONTROL_APP_REMOVE, mr_handle_app_remove},
	{MR_CONTROL_APPS, mr_handle_apps},
	{MR_CONTROL_BAN, mr_handle_ban},
	{MR_CONTROL_UNBAN, mr_handle_unban},
	{MR_CONTROL_PURGE, mr_handle_purge},
	{MR_CONTROL_PAUSE, mr_handle_pause},
	{MR_CONTROL_BANS, mr_handle_bans},
	{MR_CONTROL_ACTS, mr_handle_acts},
};

int mr_steward_start(
	struct mr_steward *steward, struct mr_config *current, char *ret_why, size_t why_size)
{
	struct mr_control_host host = {.owner = steward,
		.handlers = handlers,
		.handlers_count = sizeof(handlers) / sizeof(handlers[0]),
		.group = current->direct_group,
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

void mr_steward_recovering(
	struct mr_steward *steward, const char *what, uint64_t done_bytes, uint64_t all_bytes)
{
	char text[128];
	unsigned percent = (unsigned)(all_bytes > 0 ? done_bytes * 100 / all_bytes : 100);
	steward->state = MR_ROUTER_RECOVERING;
	steward->recovery_done_bytes = done_bytes;
	steward->recovery_all_bytes = all_bytes;
	(void)mr_control_serve(&steward->control);
	snprintf(text, sizeof(text), "STATUS=recovering: %s, %u %%", what, percent);
	mr_notify(text);
	uint64_t now_ns = mr_clock_mono_ns();
	if (now_ns - steward->recovery_said_ns < SAY_EVERY_NS)
		return;
	steward->recovery_said_ns = now_ns;
	mr_log(MR_LOG_NOTICE, "%s", text + strlen("STATUS="));
}

void mr_steward_stop(struct mr_steward *steward)
{
	mr_control_close(&steward->control);
	mr_posted_free(&steward->posted);
	mr_config_free(steward->current);
	steward->current = NULL;
}
