#include "apps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "mr_assert.h"

static const struct mr_config_app *find_configured(const struct mr_config *config, uint64_t key_id)
{
	for (uint32_t i = 0; i < config->apps_count; i++)
		if (config->apps[i].key_id == key_id)
			return &config->apps[i];
	return NULL;
}

static struct mr_record_app *find(struct mr_apps *apps, uint64_t key_id)
{
	for (uint32_t i = 0; i < apps->count; i++)
		if (apps->rows[i].key_id == key_id)
			return &apps->rows[i];
	return NULL;
}

uint32_t mr_apps_keys(const struct mr_apps *apps, const struct mr_config *config,
	struct mr_key ret_keys[MR_KEYS_MAX])
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < config->apps_count; i++)
		ret_keys[count++] = (struct mr_key){
			.key_id = config->apps[i].key_id, .app = config->apps[i].app};
	for (uint32_t i = 0; i < apps->count && count < MR_KEYS_MAX; i++) {
		const struct mr_record_app *row = &apps->rows[i];
		if (find_configured(config, row->key_id) == NULL) // the file wins
			ret_keys[count++] = (struct mr_key){.key_id = row->key_id, .app = row->app};
	}
	return count;
}

void mr_apps_sent(struct mr_apps *apps, uint64_t generation)
{
	apps->version_sent = apps->version;
	apps->generation_sent = generation;
}

void mr_apps_recover(struct mr_apps *apps, const struct mr_record_app *record)
{
	if (apps->count < MR_KEYS_MAX)
		apps->rows[apps->count++] = *record;
}

// -- Changes

static void refuse(
	struct mr_apps *apps, const struct mr_control_request *request, int result, const char *why)
{
	const struct mr_control_app *app = request->body;
	struct mr_control_effect effect = {.result = result, .id = app->key_id};
	snprintf(effect.message, sizeof(effect.message), "%s", why);
	mr_control_reply(apps->control, &request->ticket, &effect);
}

// What stands in the way of any change; NULL: nothing.
static const char *obstacle(const struct mr_apps *apps, const struct mr_config *config,
	const struct mr_control_app *app, int *ret_result)
{
	*ret_result = -EINVAL;
	if (app->key_id == 0)
		return "key_id: 0 is no key";
	*ret_result = -EIO;
	if (mr_node_failed(apps->node))
		return "the journal has failed: nothing can be changed any more";
	*ret_result = -EPERM;
	if (find_configured(config, app->key_id) != NULL)
		return "the key stands in the configuration file: change it there, and reload";
	*ret_result = -EAGAIN;
	return apps->acts_count == MR_APP_ACTS_MAX
		? "too many changes of keys are under way: try again"
		: NULL;
}

static void begin(struct mr_apps *apps, const struct mr_control_request *request,
	const struct mr_record_app *record, uint16_t flags)
{
	struct mr_app_act *act = apps->acts;
	while (act->is_used)
		act++;
	mr_assert(act < apps->acts + MR_APP_ACTS_MAX);
	*act = (struct mr_app_act){.is_used = true,
		.ticket = request->ticket,
		.record = *record,
		.record_flags = flags,
		.version = ++apps->version,
		.begun_ns = mr_clock_mono_ns()};
	act->act.kind = flags != 0 ? MR_ACT_APP_REMOVED : MR_ACT_APP_PUT;
	act->act.subject = record->key_id;
	mr_act_sign(&act->act, request->body, request->uid,
		!request->is_daemon); // every body begins with its author
	apps->acts_count++;
}

bool mr_apps_put(struct mr_apps *apps, const struct mr_config *config,
	const struct mr_control_request *request)
{
	const struct mr_control_app *app = request->body;
	int result;
	const char *why = obstacle(apps, config, app, &result);
	struct mr_record_app *row = find(apps, app->key_id);
	if (why == NULL && app->app == 0) {
		result = -EINVAL;
		why = "app: 0 is no app";
	} else if (why == NULL && row != NULL && row->app != app->app) {
		result = -EEXIST;
		why = "the key is another app's: remove it first";
	} else if (why == NULL && row == NULL && apps->count + config->apps_count >= MR_KEYS_MAX) {
		result = -ENOSPC;
		why = "256 keys are there already: remove some";
	}
	if (why != NULL) {
		refuse(apps, request, result, why);
		return false;
	}
	if (row == NULL)
		row = &apps->rows[apps->count++];
	*row = (struct mr_record_app){.app = app->app, .key_id = app->key_id};
	memcpy(row->name, app->name, sizeof(row->name));
	begin(apps, request, row, 0);
	return true;
}

bool mr_apps_remove(struct mr_apps *apps, const struct mr_config *config,
	const struct mr_control_request *request)
{
	const struct mr_control_app *app = request->body;
	int result;
	const char *why = obstacle(apps, config, app, &result);
	struct mr_record_app *row = find(apps, app->key_id);
	if (why == NULL && row == NULL) {
		result = -ENOENT;
		why = "there is no such key";
	}
	if (why != NULL) {
		refuse(apps, request, result, why);
		return false;
	}
	begin(apps, request, row, MR_APP_RECORD_REMOVED);
	*row = apps->rows[--apps->count];
	return true;
}

static bool work_on(struct mr_apps *apps, struct mr_app_act *act, uint64_t now_ns)
{
	struct mr_control_effect effect = {.id = act->record.key_id};
	bool failed = mr_node_failed(apps->node);
	if (!act->is_recorded && !failed) {
		if (!mr_node_fits(apps->node, sizeof(act->record)))
			return false;
		act->record_end = mr_node_app(apps->node, &act->record, act->record_flags);
		act->is_recorded = true;
	}
	effect.generation = mr_postbox_in_force(apps->postbox);
	if (failed) {
		effect.result = -EIO;
		snprintf(effect.message, sizeof(effect.message),
			"the journal has failed: whether this lasts is not known");
	} else if (apps->version_sent < act->version || effect.generation < apps->generation_sent
		|| !mr_node_durable(apps->node, act->record_end)) {
		return false;
	}
	effect.took_ns = now_ns - act->begun_ns;
	mr_control_reply(apps->control, &act->ticket, &effect);
	act->act.at_ns = apps->node->wall_ns;
	act->act.result = (uint32_t)-effect.result;
	(void)mr_act_log_add(apps->log, &act->act);
	*act = (struct mr_app_act){0};
	apps->acts_count--;
	return true;
}

bool mr_apps_work(struct mr_apps *apps, uint64_t now_ns)
{
	bool moved = false;
	for (uint32_t i = 0; i < MR_APP_ACTS_MAX && apps->acts_count > 0; i++)
		if (apps->acts[i].is_used)
			moved |= work_on(apps, &apps->acts[i], now_ns);
	return moved;
}

// From the last row on: a row that takes the place of one that is removed comes from behind.
bool mr_apps_record(struct mr_apps *apps, uint32_t step)
{
	mr_assert(step < MR_KEYS_MAX);
	const uint32_t index = MR_KEYS_MAX - 1 - step;
	if (index >= apps->count)
		return true;
	if (!mr_node_fits(apps->node, sizeof(apps->rows[0])))
		return false;
	(void)mr_node_app(apps->node, &apps->rows[index], 0);
	return true;
}

// -- The list

// The one with the lowest key above `after`; false: there is none.
static bool next(const struct mr_apps *apps, const struct mr_config *config, uint64_t after,
	struct mr_control_app *ret_app)
{
	uint64_t lowest = UINT64_MAX;
	const char *name = NULL;
	for (uint32_t i = 0; i < apps->count; i++) {
		const struct mr_record_app *row = &apps->rows[i];
		if (row->key_id <= after || row->key_id > lowest)
			continue;
		lowest = row->key_id;
		name = row->name;
		*ret_app = (struct mr_control_app){.app = row->app, .key_id = row->key_id};
		snprintf(ret_app->author.name, sizeof(ret_app->author.name), "api");
	}
	for (uint32_t i = 0; i < config->apps_count; i++) {
		const struct mr_config_app *app = &config->apps[i];
		if (app->key_id <= after || app->key_id > lowest)
			continue;
		lowest = app->key_id;
		name = app->name;
		*ret_app = (struct mr_control_app){.app = app->app, .key_id = app->key_id};
	}
	if (name != NULL)
		snprintf(ret_app->name, sizeof(ret_app->name), "%s", name);
	return name != NULL;
}

void mr_apps_list(const struct mr_apps *apps, const struct mr_config *config, uint64_t after,
	struct mr_control_apps *ret_list)
{
	struct mr_control_app beyond;
	*ret_list = (struct mr_control_apps){0};
	while (ret_list->count < MR_CONTROL_APPS_MAX
		&& next(apps, config, after, &ret_list->rows[ret_list->count])) {
		after = ret_list->rows[ret_list->count].key_id;
		ret_list->count++;
	}
	ret_list->more = next(apps, config, after, &beyond);
}
