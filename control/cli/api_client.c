#include "api_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 3000, ANSWER_MS = 15000, SLOW_ANSWER_MS = 150000, TOKEN_BYTES_MAX = 512 };
enum { BODY_BYTES_MAX = 64 << 20, ROWS_MAX = 1000, PAGE_ROWS_MAX = 1000 };

struct reply {
	char *bytes;
	size_t length;
	long status;
};

static size_t take(char *bytes, size_t size, size_t count, void *owner)
{
	struct reply *reply = owner;
	const size_t length = size * count;

	if (length > BODY_BYTES_MAX - reply->length)
		return 0;
	char *grown = realloc(reply->bytes, reply->length + length + 1);
	if (grown == NULL)
		return 0;
	memcpy(grown + reply->length, bytes, length);
	reply->bytes = grown;
	reply->length += length;
	grown[reply->length] = 0;
	return length;
}

// The first line of the file; never an argument, which every user of the machine could read.
static int read_token(struct mr_call *call, char *ret_header, size_t size)
{
	char token[TOKEN_BYTES_MAX];

	if (call->token_file == NULL)
		return mr_call_fail(call, -EINVAL,
			"--url wants the token of --token-file or MILLRACE_TOKEN_FILE");
	FILE *file = fopen(call->token_file, "re");
	if (file == NULL)
		return mr_call_fail(call, -errno, "%s: %s", call->token_file, strerror(errno));
	const bool read = fgets(token, sizeof(token), file) != NULL;

	fclose(file);
	token[read ? strcspn(token, " \r\n") : 0] = 0;
	if (token[0] == 0)
		return mr_call_fail(call, -ENOKEY, "%s holds no token", call->token_file);
	snprintf(ret_header, size, "Authorization: Bearer %s", token);
	explicit_bzero(token, sizeof(token));
	return 0;
}

static int fail_connect(struct mr_call *call, CURL *curl, CURLcode code)
{
	const struct mr_command *command = call->line->command;
	const char *whom = call->url ? call->url : call->control;
	char direct[128] = "";
	long error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (error == EACCES || error == EPERM)
		return mr_call_fail(call, -EACCES,
			"%s: not permitted: run as root, or as a member of the daemon's group",
			whom);
	if (command->direct)
		snprintf(direct, sizeof(direct), ", or go past it: sudo millrace --direct %s ...",
			command->name);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return mr_call_fail(call, -ETIMEDOUT,
			"millrace-controld does not answer at %s: is it stopped? Restart it%s",
			whom, direct);
	return mr_call_fail(call, -ENOTCONN, "millrace-controld is not there (%s: %s): start it%s",
		whom, error ? strerror((int)error) : curl_easy_strerror(code), direct);
}

// Whoever is on call must not wait for a daemon that hangs.
static long patience_ms(const struct mr_call *call)
{
	if (call->answer_ms)
		return call->answer_ms;
	return call->line->command->api.slow || mr_line_has(call->line, MR_OPTION_DRY_RUN)
		? SLOW_ANSWER_MS
		: ANSWER_MS;
}

static int perform(struct mr_call *call, const char *method, const char *path, const char *body,
	struct reply *ret_reply)
{
	char url[MR_API_PATH_BYTES + 256], header[TOKEN_BYTES_MAX + 32];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	int r = curl && headers ? 0 : mr_call_fail(call, -ENOMEM, "no memory");

	snprintf(url, sizeof(url), "%s%s", call->url ? call->url : "http://localhost", path);
	if (r == 0 && call->url) {
		r = read_token(call, header, sizeof(header));
		if (r == 0)
			headers = curl_slist_append(headers, header);
		explicit_bzero(header, sizeof(header));
	}
	if (r == 0) {
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->url ? NULL : call->control);
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, patience_ms(call));
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "millrace/" MR_VERSION);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_reply);
		if (body)
			curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		const CURLcode code = curl_easy_perform(curl);

		if (code != CURLE_OK)
			r = fail_connect(call, curl, code);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_reply->status);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return r;
}

// Of a health check that fails: what is not well.
static const char *failing_check(const json_t *answer)
{
	const json_t *check;
	size_t index;

	json_array_foreach(json_object_get(answer, "checks"), index, check)
	{
		if (json_is_false(json_object_get(check, "ok")))
			return json_string_value(json_object_get(check, "detail"));
	}
	return NULL;
}

// What the daemon says of a refusal: RFC 9457, with the places of a body that are wrong.
static int fail_refused(struct mr_call *call, const struct reply *reply)
{
	json_t *problem = json_loadb(reply->bytes ? reply->bytes : "", reply->length, 0, NULL);
	const char *title = json_string_value(json_object_get(problem, "title"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
	const char *pointer = json_string_value(json_object_get(first, "pointer"));
	const char *about = json_string_value(json_object_get(first, "detail"));
	const char *failing = failing_check(problem);
	const bool denied = reply->status == 401 || reply->status == 403;
	const int r = mr_call_fail(call, denied ? -EPERM : -EREMOTEIO, "%s%s%s%s%s%s%s (%ld)",
		title             ? title
			: failing ? failing
				  : "millrace-controld refused",
		detail ? ": " : "", detail ? detail : "", pointer ? "; " : "",
		pointer ? pointer : "", about ? ": " : "", about ? about : "", reply->status);

	json_decref(problem);
	return r;
}

static int understand(struct mr_call *call, struct reply *reply, json_t **ret_json, char **ret_text)
{
	json_error_t error;

	if (reply->status < 200 || reply->status >= 300)
		return fail_refused(call, reply);
	*ret_json = reply->length == 0 ? json_object()
				       : json_loadb(reply->bytes, reply->length, 0, &error);
	if (*ret_json)
		return 0;
	if (ret_text) {
		*ret_text = reply->bytes;
		reply->bytes = NULL;
		return 0;
	}
	return mr_call_fail(
		call, -EPROTO, "what answers there is not millrace-controld: %s", error.text);
}

int mr_api_ask(struct mr_call *call, const char *method, const char *path, const json_t *body,
	json_t **ret_json, char **ret_text)
{
	struct reply reply = {0};
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	int r = perform(call, method, path, text, &reply);

	if (r == 0)
		r = understand(call, &reply, ret_json, ret_text);
	free(text);
	free(reply.bytes);
	return r;
}

// The page behind the iterator of the one before; NULL: the first one.
static int ask_page(struct mr_call *call, const char *path, uint64_t rows, const char *iterator,
	json_t **ret_json)
{
	char next[MR_API_PATH_BYTES + 256];
	char *escaped = iterator ? curl_easy_escape(NULL, iterator, 0) : NULL;
	size_t length = (size_t)snprintf(next, sizeof(next), "%s", path);
	char separator = strchr(path, '?') ? '&' : '?';

	if (rows > 0 && length < sizeof(next)) {
		length += (size_t)snprintf(next + length, sizeof(next) - length, "%climit=%llu",
			separator,
			(unsigned long long)(rows < PAGE_ROWS_MAX ? rows : PAGE_ROWS_MAX));
		separator = '&';
	}
	if (escaped && length < sizeof(next))
		snprintf(next + length, sizeof(next) - length, "%citerator=%s", separator, escaped);
	curl_free(escaped);
	return mr_api_ask(call, "GET", next, NULL, ret_json, NULL);
}

int mr_api_list(struct mr_call *call, const char *path, uint64_t limit, json_t **ret_json)
{
	const uint64_t rows_max = limit ? limit : ROWS_MAX;
	int r = ask_page(call, path, limit, NULL, ret_json);
	json_t *all = r == 0 ? json_object_get(*ret_json, "data") : NULL;

	while (r == 0 && json_is_false(json_object_get(*ret_json, "done"))
		&& json_array_size(all) < rows_max) {
		const char *iterator = json_string_value(json_object_get(*ret_json, "iterator"));
		json_t *page = NULL;

		if (iterator == NULL)
			break;
		r = ask_page(call, path, limit ? limit - json_array_size(all) : 0, iterator, &page);
		if (r < 0)
			break;
		json_array_extend(all, json_object_get(page, "data"));
		json_object_set(*ret_json, "iterator", json_object_get(page, "iterator"));
		json_object_set(*ret_json, "done", json_object_get(page, "done"));
		json_decref(page);
	}
	if (r < 0) {
		json_decref(*ret_json);
		*ret_json = NULL;
	}
	return r;
}
