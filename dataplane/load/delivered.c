#include "delivered.h"

#include <errno.h>

#include "bytes.h"
#include "json_scan.h"

// A gid is a string of decimal digits. A null where one may be reads as 0.
static bool read_gid(struct mr_json *json, uint64_t *ret_gid)
{
	struct mr_text text;
	return mr_json_string(json, &text) && mr_parse_u64(text.data, text.length, ret_gid) == 0;
}

// {"gid":"..",...} or null.
static bool read_reference(struct mr_json *json, uint64_t *ret_gid)
{
	*ret_gid = 0;
	if (mr_json_null(json))
		return true;
	struct mr_text key;
	bool first = true;
	if (!mr_json_open(json, '{'))
		return false;
	for (; mr_json_next_key(json, first, &key); first = false) {
		if (mr_json_is(&key, "gid") ? !read_gid(json, ret_gid) : !mr_json_skip(json))
			return false;
	}
	return !json->bad && *ret_gid != 0;
}

// {"field":..,"action":..,"new_value"|"added_value"|"removed_value":{..}}
static bool read_change(struct mr_json *json, uint64_t *ret_value)
{
	struct mr_text key;
	bool first = true;
	if (!mr_json_open(json, '{'))
		return false;
	for (; mr_json_next_key(json, first, &key); first = false) {
		bool value = mr_json_is(&key, "new_value") || mr_json_is(&key, "added_value")
			|| mr_json_is(&key, "removed_value");
		if (value ? !read_reference(json, ret_value) : !mr_json_skip(json))
			return false;
	}
	return !json->bad;
}

static bool read_event(struct mr_json *json, struct mr_delivered *ret_event)
{
	uint64_t user = 0;
	uint64_t parent = 0;
	uint64_t value = 0;
	struct mr_text action = {0};
	struct mr_text key;
	bool first = true;
	*ret_event = (struct mr_delivered){0};
	if (!mr_json_open(json, '{'))
		return false;
	for (; mr_json_next_key(json, first, &key); first = false) {
		bool ok;
		if (mr_json_is(&key, "user"))
			ok = read_reference(json, &user);
		else if (mr_json_is(&key, "resource"))
			ok = read_reference(json, &ret_event->object);
		else if (mr_json_is(&key, "parent"))
			ok = read_reference(json, &parent);
		else if (mr_json_is(&key, "change"))
			ok = read_change(json, &value);
		else if (mr_json_is(&key, "action"))
			ok = mr_json_string(json, &action);
		else
			ok = mr_json_skip(json);
		if (!ok)
			return false;
	}
	if (mr_json_is(&action, "changed"))
		ret_event->number = value;
	else if (mr_json_is(&action, "added") || mr_json_is(&action, "removed"))
		ret_event->number = parent;
	else if (mr_json_is(&action, "deleted") || mr_json_is(&action, "undeleted"))
		ret_event->number = user;
	return !json->bad && ret_event->object != 0 && ret_event->number != 0;
}

int mr_delivered_scan(const void *body, size_t length, const struct mr_delivered_sink *sink)
{
	struct mr_json json = mr_json_make(body, length);
	struct mr_text key;
	int count = 0;
	if (!mr_json_open(&json, '{') || !mr_json_next_key(&json, true, &key)
		|| !mr_json_is(&key, "events") || !mr_json_open(&json, '['))
		return -EBADMSG;
	for (bool first = true; mr_json_next_item(&json, first); first = false) {
		struct mr_delivered event;
		if (!read_event(&json, &event))
			return -EBADMSG;
		if (sink != NULL)
			sink->event(sink->context, &event);
		count++;
	}
	if (mr_json_next_key(&json, false, &key) || !mr_json_done(&json))
		return -EBADMSG;
	return count;
}
