#include "asana_answer.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "attempt_log.h"
#include "daemon.h"
#include "webhook_json.h"

// Asana gives a webhook up after so long; so does webhook.expire_after when nobody changes it.
#define EXPIRE_AFTER_NS (24 * 3600 * INT64_C(1000000000))

void mr_asana_answer(struct mr_request *request, unsigned status, json_t *data, json_t *more)
{
	const char *pretty = mr_request_query(request, "opt_pretty");
	const bool is_pretty = pretty && strcmp(pretty, "false") != 0 && strcmp(pretty, "0") != 0;
	json_t *answer = json_pack("{s:o}", "data", data);

	if (more)
		json_object_update(answer, more);
	json_decref(more);
	if (!is_pretty) {
		mr_answer_json(request, status, answer);
		return;
	}
	char *text = json_dumps(answer, JSON_INDENT(2));

	json_decref(answer);
	mr_answer_heap(request, status, "application/json", text, text ? strlen(text) : 0);
}

// Whether opt_fields (names, separated by commas, with paths below them) has the field.
static bool has_field(const char *fields, const char *name)
{
	const size_t length = strlen(name);

	while (*fields) {
		const size_t word = strcspn(fields, ",");

		if (word >= length && memcmp(fields, name, length) == 0
			&& (word == length || fields[length] == '.'))
			return true;
		fields += word + (fields[word] == ',');
	}
	return false;
}

static void select_fields(json_t *webhook, const char *fields)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(webhook, next, name, value) if (strcmp(name, "gid") != 0
		&& !has_field(fields, name)) json_object_del(webhook, name);
}

static json_t *resource_of(const struct mr_control_webhook_row *row)
{
	json_t *resource = json_pack("{s:o}", "gid", mr_json_id(row->resource));

	if (row->resource_type[0])
		json_object_set_new(resource, "resource_type",
			mr_json_text(row->resource_type, sizeof(row->resource_type)));
	return resource;
}

static json_t *failure_of(const struct mr_attempt_summary *summary)
{
	char status[24];

	if (summary->last_failure_at_ns == 0)
		return json_string("");
	if (summary->last_failure_bytes > 0)
		return mr_json_hostile(summary->last_failure, summary->last_failure_bytes);
	snprintf(status, sizeof(status), "%u", summary->last_failure_status);
	return json_string(summary->last_failure_status ? status : "no answer");
}

static void set_health(
	const struct mr_request *request, const struct mr_control_webhook_row *row, json_t *webhook)
{
	struct mr_attempt_summary summary;
	const struct mr_stats_webhook *stats = mr_webhook_stats(request, row);
	const int64_t failing_ns = stats ? (int64_t)mr_read(&stats->failing_since_ns) : 0;

	mr_attempt_log_sum(request->daemon->attempts, row->id, &summary);
	json_object_set_new(webhook, "created_at", mr_json_time(row->created_at_ns));
	json_object_set_new(webhook, "last_success_at", mr_json_time(summary.last_success_at_ns));
	json_object_set_new(webhook, "last_failure_at", mr_json_time(summary.last_failure_at_ns));
	json_object_set_new(webhook, "last_failure_content", failure_of(&summary));
	json_object_set_new(
		webhook, "delivery_retry_count", json_integer(failing_ns ? summary.retries : 0));
	json_object_set_new(webhook, "next_attempt_after", json_null());
	json_object_set_new(webhook, "failure_deletion_timestamp",
		mr_json_time(failing_ns ? failing_ns + EXPIRE_AFTER_NS : 0));
	json_object_set_new(webhook, "filters", mr_json_filters(row->filters));
}

json_t *mr_asana_webhook(
	const struct mr_request *request, const struct mr_control_webhook_row *row, bool compact)
{
	const char *fields = mr_request_query(request, "opt_fields");
	json_t *webhook =
		json_pack("{s:o, s:s, s:b, s:o, s:o}", "gid", mr_json_id(row->id), "resource_type",
			"webhook", "active", (row->flags & MR_WEBHOOK_DISABLED) == 0, "resource",
			resource_of(row), "target", mr_json_text(row->target, sizeof(row->target)));

	if (fields || !compact)
		set_health(request, row, webhook);
	if (fields)
		select_fields(webhook, fields);
	return webhook;
}
