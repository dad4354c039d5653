#include "notice.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"

enum { TIME_BYTES = 40 };
#define NEVER "0001-01-01T00:00:00Z" // Alertmanager's "has not ended"

static void write_time(int64_t wall_ns, char *ret_text)
{
	const time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm parts;
	char whole[24];

	gmtime_r(&seconds, &parts);
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(ret_text, TIME_BYTES, "%s.%03dZ", whole, (int)(wall_ns / 1000000 % 1000));
}

// Text may hold a webhook's name or address, which are their owner's.
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : json_string("(not UTF-8)");
}

static json_t *labels_json(
	const struct mr_notice_place *place, const char *name, const char *severity, bool drill)
{
	json_t *labels = json_pack("{s:s, s:s, s:o, s:s}", "alertname", name, "severity", severity,
		"instance", text_json(place->instance), "service", "millrace");

	if (drill)
		json_object_set_new(labels, "drill", json_string("true"));
	return labels;
}

static json_t *annotations_json(const struct mr_notice_place *place,
	const struct mr_alert_info *info, const struct mr_alert *alert)
{
	char runbook[sizeof(place->runbook) + 80], key[48];
	json_t *annotations = json_object();

	snprintf(runbook, sizeof(runbook), "%s/%s.md", place->runbook, info->name);
	json_object_set_new(annotations, "summary", text_json(alert->summary));
	json_object_set_new(annotations, "description", json_string(info->title));
	json_object_set_new(annotations, "command", text_json(alert->command));
	json_object_set_new(annotations, "runbook_url", text_json(runbook));
	for (uint32_t i = 0; i < alert->evidence.count; i++) {
		snprintf(key, sizeof(key), "evidence_%s", alert->evidence.items[i].name);
		json_object_set_new(annotations, key, text_json(alert->evidence.items[i].text));
	}
	return annotations;
}

// Takes labels and annotations.
static json_t *message_json(json_t *labels, json_t *annotations, const char *status,
	const char *starts, const char *ends)
{
	const char *name = json_string_value(json_object_get(labels, "alertname"));
	char *all = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
	char fingerprint[17], group[128];

	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64,
		all ? mr_hash_bytes(all, strlen(all), 0) : 0);
	snprintf(group, sizeof(group), "{}:{alertname=\"%s\"}", name);
	free(all);
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:s, s:{s:s}, s:O, s:O, s:s, s:[{s:s, s:o, s:o, s:s, s:s, s:s, s:s}]}",
		"version", "4", "groupKey", group, "truncatedAlerts", 0, "status", status,
		"receiver", "millrace", "groupLabels", "alertname", name, "commonLabels", labels,
		"commonAnnotations", annotations, "externalURL", "", "alerts", "status", status,
		"labels", labels, "annotations", annotations, "startsAt", starts, "endsAt", ends,
		"generatorURL", "", "fingerprint", fingerprint);
}

static int finish(json_t *message, struct mr_notice *notice)
{
	notice->body = message ? json_dumps(message, JSON_COMPACT) : NULL;
	json_decref(message);
	for (char *at = notice->line; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	}
	return notice->body ? 0 : -ENOMEM;
}

int mr_notice_new(const struct mr_notice_place *place, enum mr_alert_id id,
	const struct mr_alert *alert, bool drill, int64_t wall_ns, struct mr_notice *ret_notice)
{
	const struct mr_alert_info *info = mr_alert_info(id);
	const char *severity = mr_severity_name(info->severity);
	const bool firing = alert->state == MR_ALERT_FIRING;
	const char *status = firing ? "firing" : "resolved";
	char starts[TIME_BYTES], ends[TIME_BYTES] = NEVER;

	write_time(alert->fired_wall_ns, starts);
	if (!firing)
		write_time(wall_ns, ends);
	*ret_notice = (struct mr_notice){
		.firing = firing,
		.critical = info->severity == MR_SEVERITY_CRITICAL,
	};
	snprintf(ret_notice->line, sizeof(ret_notice->line), "alarm %s %s%s (%s): %s; type: %s",
		info->name, status, drill ? " in a drill" : "", severity, alert->summary,
		alert->command);
	return finish(message_json(labels_json(place, info->name, severity, drill),
			      annotations_json(place, info, alert), status, starts, ends),
		ret_notice);
}

int mr_notice_watchdog(
	const struct mr_notice_place *place, int64_t wall_ns, struct mr_notice *ret_notice)
{
	char now[TIME_BYTES];
	json_t *annotations = json_pack("{s:s, s:s}", "summary", "alarms of Millrace are alive",
		"description", "comes for ever: when it stops, nobody is told of alarms");

	write_time(wall_ns, now);
	*ret_notice = (struct mr_notice){.firing = true};
	snprintf(ret_notice->line, sizeof(ret_notice->line),
		"alarm " MR_WATCHDOG_NAME " firing (none): alarms are alive");
	return finish(message_json(labels_json(place, MR_WATCHDOG_NAME, "none", false), annotations,
			      "firing", now, NEVER),
		ret_notice);
}

int mr_notice_copy(const struct mr_notice *notice, struct mr_notice *ret_copy)
{
	char *body = strdup(notice->body);

	if (!body)
		return -ENOMEM;
	*ret_copy = *notice;
	ret_copy->body = body;
	return 0;
}

void mr_notice_free(struct mr_notice *notice)
{
	free(notice->body);
	notice->body = NULL;
}
