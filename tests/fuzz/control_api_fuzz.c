// Requests to the control daemon: whatever comes is answered, with a body that is what it says, and
// only what needs no data plane succeeds. The input is a method's number, a path, a line feed, a
// body.
#include <string.h>

#include "daemon_rig.h"
#include "fuzz.h"
#include "mr_assert.h"

static bool needs_other_parts(const char *path)
{
	// alarms and drills have threads of their own, and webhooks their book: not in this rig
	return strstr(path, "alarm") || strstr(path, "receivers") || strstr(path, "drills")
		|| strstr(path, "metrics") || strstr(path, "webhooks");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"};
	static struct rig rig;
	static bool is_open;
	char path[MR_REQUEST_PATH_MAX];

	if (!is_open)
		rig_open(&rig);
	is_open = true;
	if (size < 2)
		return 0;
	const uint8_t *end = memchr(data + 1, '\n', size - 1);
	const size_t length = end ? (size_t)(end - data - 1) : size - 1;

	if (length >= sizeof(path) || memchr(data + 1, 0, length))
		return 0;
	memcpy(path, data + 1, length);
	path[length] = 0;
	if (needs_other_parts(path))
		return 0;
	const uint8_t *body = end ? end + 1 : NULL;
	const size_t body_length = end ? size - length - 2 : 0;
	const unsigned status = rig_ask_as(&rig, MR_ROLE_ADMIN,
		methods[data[0] % (sizeof(methods) / sizeof(methods[0]))], path, body, body_length);
	const struct mr_answer *answer = &rig.request.answer;

	mr_assert(status >= 200 && status < 600);
	mr_assert(answer->length == 0 || answer->body || answer->text);
	if (status >= 400 && strncmp(path, "/api/1.0/", 9) != 0 && strcmp(path, "/readyz") != 0)
		mr_assert(strcmp(answer->content_type, "application/problem+json") == 0);
	return 0;
}
