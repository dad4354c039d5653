// A reload: the same sources are read again; what may change at run time becomes messages, what may
// not is named.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config_table.h"
#include "log.h"
#include "steward.h"

static bool is_text(enum mr_value_type type)
{
	return type == MR_VALUE_TEXT || type == MR_VALUE_WORDS || type == MR_VALUE_IPV4
		|| type == MR_VALUE_IPV6;
}

static bool same_value(
	const struct mr_config_key *key, const struct mr_config *a, const struct mr_config *b)
{
	const char *left = (const char *)a + key->offset;
	const char *right = (const char *)b + key->offset;
	return is_text(key->type) ? strcmp(left, right) == 0 : memcmp(left, right, key->size) == 0;
}

static bool same_lcores(const struct mr_config *a, const struct mr_config *b)
{
	if (a->lcores_count != b->lcores_count)
		return false;
	for (uint32_t i = 0; i < a->lcores_count; i++)
		if (a->lcores[i].cpu != b->lcores[i].cpu
			|| strcmp(a->lcores[i].stages, b->lcores[i].stages) != 0)
			return false;
	return true;
}

// Puts back what runs where the new configuration would need a restart, and says so.
static void keep_running_values(const struct mr_config *running, struct mr_config *fresh)
{
	for (uint32_t i = 0; i < mr_config_keys_count; i++) {
		const struct mr_config_key *key = &mr_config_keys[i];
		if (key->live || same_value(key, running, fresh))
			continue;
		mr_log(MR_LOG_WARNING, "reload: %s has changed; it needs a restart", key->key);
		memcpy((char *)fresh + key->offset, (const char *)running + key->offset, key->size);
	}
	if (same_lcores(running, fresh))
		return;
	mr_log(MR_LOG_WARNING, "reload: topology.lcores has changed; it needs a restart");
	memcpy(fresh->lcores, running->lcores, sizeof(fresh->lcores));
	fresh->lcores_count = running->lcores_count;
}

static void apply(struct mr_steward *steward, struct mr_config *fresh)
{
	keep_running_values(steward->current, fresh);
	mr_registry_want(&steward->registry, fresh);
	mr_config_free(steward->current);
	steward->current = fresh;
	const struct mr_guard guard = mr_steward_guard(steward);
	mr_webhook_acts_judge_all(&steward->webhook_acts, &guard);
	steward->wants_keys = true;
	steward->wants_tune = true;
	mr_count(&steward->stats->counters[MR_STEWARD_CONFIG_RELOADS], 1);
	mr_log(MR_LOG_NOTICE, "reload: %u apps, %u webhooks", fresh->apps_count,
		fresh->webhooks_count);
}

static void remember(struct mr_steward *steward, uint32_t uid, bool is_direct)
{
	const struct mr_control_author nobody = {0};
	struct mr_act act = {.at_ns = mr_clock_wall_ns(), .kind = MR_ACT_RELOADED};
	mr_act_sign(&act, &nobody, uid, is_direct);
	(void)mr_act_log_add(&steward->acts.log, &act);
}

void mr_steward_reload(struct mr_steward *steward, uint32_t uid, bool is_direct,
	struct mr_control_reload *ret_reload)
{
	struct mr_config_report report = {.err = stderr};
	struct mr_config *fresh = mr_config_new();
	int err = fresh != NULL ? mr_config_load(fresh, steward->config.sources, &report) : -ENOMEM;
	if (err == 0
		&& fresh->webhooks_count + mr_posted_count(&steward->posted)
			> steward->registry.config.webhooks_max) {
		mr_config_error(&report, fresh->webhooks[0].at,
			"webhooks: with those of the API more than the webhooks.max that runs; it needs a restart");
		err = -EINVAL;
	}
	*ret_reload = (struct mr_control_reload){.result = err, .errors = report.errors};
	snprintf(ret_reload->message, sizeof(ret_reload->message), "%s", report.first);
	if (err == 0) {
		apply(steward, fresh);
		remember(steward, uid, is_direct);
		return;
	}
	mr_config_free(fresh);
	mr_count(&steward->stats->counters[MR_STEWARD_CONFIG_RELOADS_FAILED], 1);
	mr_log(MR_LOG_ERROR, "reload refused, the old configuration stays: %u mistake%s, first: %s",
		report.errors, report.errors == 1 ? "" : "s", report.first);
}
