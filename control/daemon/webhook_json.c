#include "webhook_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/event.h>

#include "answer.h"
#include "bytes.h"
#include "filter.h"
#include "snapshot.h"

enum { FLAG_GONE = 256 }; // struct mr_control_webhook_row.flags
enum { ROW_ACTIVE = 1, ROW_BEHIND = 2, ROW_GONE = 4 }; // struct mr_stats_webhook.flags

// -- Filters

static json_t *json_of_filter(const struct mr_filter *filter, const char *action)
{
	json_t *json = json_object();

	if (filter->type[0])
		json_object_set_new(
			json, "resource_type", mr_json_text(filter->type, sizeof(filter->type)));
	if (filter->subtype[0])
		json_object_set_new(json, "resource_subtype",
			mr_json_text(filter->subtype, sizeof(filter->subtype)));
	if (action)
		json_object_set_new(json, "action", json_string(action));
	if (filter->fields_count == 0)
		return json;
	json_t *fields = json_array();

	for (uint32_t i = 0; i < filter->fields_count; i++)
		json_array_append_new(
			fields, mr_json_text(filter->fields[i], sizeof(filter->fields[i])));
	json_object_set_new(json, "fields", fields);
	return json;
}

json_t *mr_json_filters(const char *text)
{
	json_t *json = json_array();
	struct mr_filter *filters = calloc(MR_FILTERS_MAX, sizeof(*filters));
	const char *why;
	uint8_t count = 0;

	// A text that was cut ends in a line that is none: those before it are shown.
	if (filters && mr_filters_parse(text, strlen(text), filters, &count, &why) != 0)
		count = count > 0 ? (uint8_t)(count - 1) : 0;
	for (uint32_t i = 0; filters && i < count; i++) {
		for (unsigned action = MR_ACTION_ADDED; action < MR_ACTION_COUNT; action++)
			if (filters[i].actions & 1u << action)
				json_array_append_new(
					json, json_of_filter(&filters[i], mr_action_name(action)));
		if (filters[i].actions == 0)
			json_array_append_new(json, json_of_filter(&filters[i], NULL));
	}
	free(filters);
	return json;
}

static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == ','
			|| text[i] == '=')
			return false;
	return length > 0;
}

// A word of a line: " key=name". Absent and null: nothing. NULL, or what is wrong.
static const char *put_name(
	struct mr_out *out, const char *separator, const char *key, const json_t *value)
{
	if (!value || json_is_null(value))
		return NULL;
	if (!json_is_string(value) || !is_name(json_string_value(value), json_string_length(value)))
		return "expected names without blanks, commas and equals signs";
	mr_out_text(out, separator);
	mr_out_text(out, key);
	mr_out_bytes(out, json_string_value(value), json_string_length(value));
	return NULL;
}

static const char *put_fields(struct mr_out *out, const char *separator, const json_t *fields)
{
	const char *why = NULL;
	size_t index;
	json_t *field;

	if (!fields || json_is_null(fields))
		return NULL;
	if (!json_is_array(fields))
		return "fields: expected a list of names";
	json_array_foreach(fields, index, field)
	{
		if (!json_is_string(field))
			return "fields: expected a list of names";
		why = index == 0 ? put_name(out, separator, "fields=", field)
				 : put_name(out, ",", "", field);
		if (why)
			return why;
	}
	return NULL;
}

static const char *put_filter(struct mr_out *out, const json_t *filter)
{
	static const char *const known[] = {
		"resource_type", "resource_subtype", "action", "fields"};
	static const char *const keys[] = {"type=", "subtype=", "action="};
	const uint8_t *line = out->at;
	const char *name;
	json_t *value;

	if (!json_is_object(filter))
		return "expected an object";
	json_object_foreach((json_t *)(uintptr_t)filter, name, value)
	{
		size_t i = 0;

		while (i < 4 && strcmp(known[i], name) != 0)
			i++;
		if (i == 4)
			return "known are resource_type, resource_subtype, action and fields";
	}
	for (size_t i = 0; i < 3; i++) {
		const char *why = put_name(
			out, out->at > line ? " " : "", keys[i], json_object_get(filter, known[i]));

		if (why)
			return why;
	}
	const char *why =
		put_fields(out, out->at > line ? " " : "", json_object_get(filter, "fields"));

	if (!why && out->at == line)
		mr_out_text(out, "*");
	return why;
}

int mr_filters_of_json(
	const json_t *filters, char *ret_text, size_t size, char *ret_why, size_t why_size)
{
	struct mr_out out = mr_out_make(ret_text, size - 1);
	const char *why = NULL;
	size_t index;
	json_t *filter;

	ret_text[0] = '\0';
	if (!filters || json_is_null(filters))
		return 0;
	if (!json_is_array(filters)) {
		snprintf(ret_why, why_size, "filters: expected a list");
		return -EINVAL;
	}
	json_array_foreach(filters, index, filter)
	{
		if (index > 0)
			mr_out_text(&out, "\n");
		why = put_filter(&out, filter);
		if (!why && out.overflow)
			why = "all filters together are too long";
		if (!why)
			continue;
		snprintf(ret_why, why_size, "filters[%zu]: %s", index, why);
		return -EINVAL;
	}
	*out.at = '\0';
	return 0;
}

// -- Webhooks

const struct mr_stats_webhook *mr_webhook_stats(
	const struct mr_request *request, const struct mr_control_webhook_row *row)
{
	const struct mr_stats *stats = request->snapshot->stats;

	if (!stats || row->lane >= stats->webhooks_max)
		return NULL;
	const struct mr_stats_webhook *found = &mr_stats_webhooks(stats)[row->lane];

	return mr_read(&found->webhook) == row->id ? found : NULL;
}

static const char *state_of(
	const struct mr_control_webhook_row *row, const struct mr_stats_webhook *stats)
{
	if (row->flags & FLAG_GONE)
		return "gone";
	if (row->flags & MR_WEBHOOK_DISABLED)
		return "disabled";
	if (!stats)
		return "starting";
	const uint64_t flags = mr_read(&stats->flags);

	if (flags & ROW_GONE)
		return "gone";
	if (mr_read(&stats->failing_since_ns))
		return "failing";
	if (flags & ROW_BEHIND)
		return "behind";
	return flags & ROW_ACTIVE ? "active" : "handshake";
}

// Scheme, host and port; the rest of a target may be a secret.
static json_t *origin_of(const char *target)
{
	const char *host = strstr(target, "://");
	const size_t length = host ? (size_t)(host - target) + 3 + strcspn(host + 3, "/?#") : 0;

	return mr_json_text(target, length);
}

static void set_count(json_t *json, const char *name, const mr_counter *counter)
{
	json_object_set_new(
		json, name, counter ? json_integer((json_int_t)mr_read(counter)) : json_null());
}

json_t *mr_json_webhook(const struct mr_request *request, const struct mr_control_webhook_row *row)
{
	const struct mr_stats_webhook *stats = mr_webhook_stats(request, row);
	const bool is_file = row->created_at_ns == 0;
	const uint64_t eta_s = stats ? mr_read(&stats->eta_s) : UINT64_MAX;
	json_t *json = json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}",
		"id", mr_json_id(row->id), "name",
		stats && is_file ? mr_json_text(stats->name, sizeof(stats->name)) : json_null(),
		"source", is_file ? "file" : "api", "resource", mr_json_id(row->resource),
		"resource_type",
		row->resource_type[0] ? mr_json_text(row->resource_type, sizeof(row->resource_type))
				      : json_null(),
		"origin", origin_of(row->target), "state", state_of(row, stats), "owner",
		row->owner ? mr_json_id(row->owner) : json_null(), "user",
		row->user ? mr_json_id(row->user) : json_null(), "workspace",
		row->workspace ? mr_json_id(row->workspace) : json_null(), "created_at",
		mr_json_time(row->created_at_ns), "filters", mr_json_filters(row->filters));

	set_count(json, "matched", stats ? &stats->matched : NULL);
	set_count(json, "delivered", stats ? &stats->delivered : NULL);
	set_count(json, "pending", stats ? &stats->pending : NULL);
	set_count(json, "dropped", stats ? &stats->dropped : NULL);
	set_count(json, "requests", stats ? &stats->requests : NULL);
	set_count(json, "requests_failed", stats ? &stats->requests_failed : NULL);
	set_count(json, "last_status", stats ? &stats->last_status : NULL);
	set_count(json, "lag_events", stats ? &stats->pending : NULL);
	json_object_set_new(
		json, "lag_s", stats ? mr_json_seconds(mr_read(&stats->oldest_ns)) : json_null());
	json_object_set_new(
		json, "eta_s", eta_s == UINT64_MAX ? json_null() : json_integer((json_int_t)eta_s));
	json_object_set_new(json, "failing_since",
		mr_json_time(stats ? (int64_t)mr_read(&stats->failing_since_ns) : 0));
	return json;
}

// -- Attempts

json_t *mr_json_hostile(const char *bytes, size_t length)
{
	char text[MR_ATTEMPT_BODY_BYTES];
	const size_t shown = length < sizeof(text) ? length : sizeof(text);

	for (size_t i = 0; i < shown; i++)
		text[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.';
	return json_stringn(text, shown);
}

json_t *mr_json_attempt(const struct mr_attempt_seen *attempt)
{
	return json_pack("{s:o, s:o, s:s, s:f, s:I, s:o, s:s, s:o}", "at",
		mr_json_time((int64_t)attempt->at_ns), "status",
		attempt->status ? json_integer(attempt->status) : json_null(), "outcome",
		mr_outcome_name(attempt->outcome), "took_ms",
		(double)(attempt->took_ns / 1000) / 1000, "events", (json_int_t)attempt->events,
		"batch", attempt->batch ? mr_json_id(attempt->batch) : json_null(), "kind",
		mr_attempt_kind_name(attempt->kind), "body",
		mr_json_hostile(attempt->body, attempt->body_bytes));
}
