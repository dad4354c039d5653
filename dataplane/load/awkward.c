#include "awkward.h"

#include <millrace/event.h>

const struct mr_shape_text mr_shape_texts[] = {
	{MR_ACTION_CHANGED, MR_ACTION_CHANGED, false, "task", "default_task", "assignee", "user"},
	{MR_ACTION_CHANGED, MR_ACTION_ADDED, true, "task", "", "followers", "user"},
	{MR_ACTION_CHANGED, MR_ACTION_REMOVED, false, "aufgabe", "größe",
		"müß \"quoted\" \\ / slash", "nutzer"},
	{MR_ACTION_CHANGED, MR_ACTION_CHANGED, false, "任务", "\xf0\x9f\x98\x80 emoji",
		"line\xe2\x80\xa8separator\xe2\x80\xa9"
		"paragraph",
		"用户"},
	{MR_ACTION_CHANGED, MR_ACTION_CHANGED, true, "task", "\x01\x02\x1f\x7f", "\b\f\n\r\t\v",
		"user"},
	{MR_ACTION_CHANGED, MR_ACTION_CHANGED, false, "0123456789abcdef0123456789abcdef",
		"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"\x01\x01\x01\x01\x01\x01\x01\x01"},
	{MR_ACTION_ADDED, 0, false, "task", "milestone", "", "project"},
	{MR_ACTION_ADDED, 0, true, "story", "\xe2\x80\xae right to left", "",
		"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"},
	{MR_ACTION_REMOVED, 0, false, "task", "e\xcc\x81 combining", "", "section"},
	{MR_ACTION_REMOVED, 0, true, "</script>", "<!-- & '", "", "__proto__"},
	{MR_ACTION_DELETED, 0, false, "task", "", "", ""},
	{MR_ACTION_DELETED, 0, false, "tâche", "constructor", "", ""},
	{MR_ACTION_UNDELETED, 0, false, "task", "\xef\xbb\xbf byte order mark", "", ""},
	{MR_ACTION_UNDELETED, 0, false, "task", "\xef\xbf\xbd\xef\xbf\xbe", "", ""},
};
const uint32_t mr_shape_texts_count = sizeof(mr_shape_texts) / sizeof(mr_shape_texts[0]);
