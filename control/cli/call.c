#include "call.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "answer.h"
#include "api_client.h"

int mr_call_fail(struct mr_call *call, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(call->why, sizeof(call->why), format, arguments);
	va_end(arguments);
	return error;
}

bool mr_call_is_direct(const struct mr_call *call)
{
	return mr_line_has(call->line, MR_OPTION_DIRECT);
}

int mr_call_request(struct mr_call *call)
{
	const struct mr_command *command = call->line->command;
	const struct mr_api *api = &command->api;
	char path[MR_API_PATH_BYTES];
	json_t *answer = NULL;
	int r;

	if (!mr_api_fill(call->line, api->path, true, path, sizeof(path)))
		return mr_call_fail(call, -EINVAL, "an argument is too long");
	if (strcmp(api->method, "GET") == 0) {
		r = mr_api_list(call, path, call->line->numbers[MR_OPTION_LIMIT], &answer);
	} else {
		json_t *body = mr_api_body(call->line);

		r = mr_api_ask(call, api->method, path, body, &answer, NULL);
		json_decref(body);
	}
	if (r < 0)
		return r;
	return command->done ? mr_answer_change(call, answer, api->shape)
			     : mr_answer_print(call, answer, api->shape);
}
