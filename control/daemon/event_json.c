#include "event_json.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"

static void read_text(
	struct mr_request *request, const char *field, struct mr_text *ret_text, size_t length_max)
{
	const json_t *value = json_object_get(request->json, field);

	if (!value || json_is_null(value))
		return;
	if (!json_is_string(value) || json_string_length(value) > length_max) {
		mr_body_mistake(request, field, "expected a short string: see docs/WIRE.md");
		return;
	}
	ret_text->data = json_string_value(value);
	ret_text->length = (uint16_t)json_string_length(value);
}

static uint8_t read_action(struct mr_request *request, const char *field, bool required)
{
	uint32_t index;

	return mr_body_choice(
		       request, field, required, "added removed changed deleted undeleted", &index)
		? (uint8_t)(index + MR_ACTION_ADDED)
		: MR_ACTION_NONE;
}

// "7", or {"gid": "7", "type": "project", "via": 0}; without `via` it is reached from the object.
static bool read_ancestor(const json_t *value, struct mr_ancestor *ret_ancestor)
{
	const json_t *gid = json_is_object(value) ? json_object_get(value, "gid") : value;
	const json_t *type = json_object_get(value, "type");
	const json_t *via = json_object_get(value, "via");

	*ret_ancestor = (struct mr_ancestor){.via = MR_VIA_OBJECT};
	if (type && json_string_length(type) <= MR_TYPE_BYTES_MAX)
		ret_ancestor->type = (struct mr_text){.data = json_string_value(type),
			.length = (uint16_t)json_string_length(type)};
	if (via
		&& (!json_is_integer(via) || json_integer_value(via) < 0
			|| json_integer_value(via) >= MR_ANCESTORS_MAX))
		return false;
	if (via)
		ret_ancestor->via = (uint8_t)json_integer_value(via);
	return json_is_string(gid)
		&& mr_parse_u64(json_string_value(gid), json_string_length(gid), &ret_ancestor->gid)
		== 0
		&& ret_ancestor->gid != 0;
}

static void read_ancestors(struct mr_request *request, struct mr_event *event)
{
	const json_t *list = json_object_get(request->json, "ancestors");
	char field[32];

	if (list && (!json_is_array(list) || json_array_size(list) > MR_ANCESTORS_MAX)) {
		mr_body_mistake(request, "ancestors", "expected a list of at most 16");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (read_ancestor(json_array_get(list, i), &event->ancestors[i]))
			continue;
		snprintf(field, sizeof(field), "ancestors/%zu", i);
		mr_body_mistake(request, field,
			"expected an id as a string, or {\"gid\": id, \"type\": text, \"via\": index}");
	}
	event->ancestors_count = (uint8_t)json_array_size(list);
}

void mr_event_json_read(struct mr_request *request, struct mr_event *ret_event)
{
	struct mr_event *event = ret_event;

	*event = (struct mr_event){.created_at_ns = mr_now_wall_ns()};
	mr_body_only(request,
		"app object workspace database user action change_action type subtype field value_gid value_type parent_gid parent_type ancestors");
	mr_body_id(request, "object", true, &event->object);
	mr_body_id(request, "workspace", false, &event->workspace);
	mr_body_id(request, "database", false, &event->database);
	mr_body_id(request, "user", false, &event->user);
	event->action = read_action(request, "action", true);
	event->change_action = read_action(request, "change_action", false);
	read_text(request, "type", &event->type, MR_TYPE_BYTES_MAX);
	read_text(request, "subtype", &event->subtype, MR_TYPE_BYTES_MAX);
	read_text(request, "field", &event->field, MR_FIELD_BYTES_MAX);
	mr_body_id(request, "value_gid", false, &event->value_gid);
	read_text(request, "value_type", &event->value_type, MR_TYPE_BYTES_MAX);
	mr_body_id(request, "parent_gid", false, &event->parent_gid);
	read_text(request, "parent_type", &event->parent_type, MR_TYPE_BYTES_MAX);
	read_ancestors(request, event);
}
