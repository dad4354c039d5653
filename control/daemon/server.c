#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "answer.h"
#include "bytes.h"
#include "dispatch.h"
#include "settings.h"
#include "workers.h"

enum {
	CONNECTIONS_MAX = 1200,
	CONNECTIONS_PER_ADDRESS_MAX = 1100,
	CONNECTION_MEMORY_BYTES = 32 << 10, // the head of a request, and what is read of it at once
	IDLE_TIMEOUT_SECONDS = 30,
};

struct mr_server {
	struct mr_daemon *daemon;
	struct MHD_Daemon *http;
	const char *via;
};

struct exchange {
	struct mr_job job; // first: a job is its exchange
	struct mr_request request;
	struct MHD_Connection *connection;
	struct mr_server *server;
	bool answered;
	char path[MR_REQUEST_PATH_MAX];
};

static enum MHD_Result add_pair(struct mr_request *request, struct mr_pair *pairs, uint32_t *count,
	uint32_t max, const char *name, const char *value)
{
	if (*count == max) {
		request->too_many = true;
		return MHD_NO;
	}
	pairs[(*count)++] = (struct mr_pair){.name = name, .value = value};
	return MHD_YES;
}

static enum MHD_Result add_header(
	void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct mr_request *request = closure;

	(void)kind;
	return add_pair(request, request->headers, &request->headers_count, MR_REQUEST_HEADERS_MAX,
		name, value);
}

static enum MHD_Result add_query(
	void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct mr_request *request = closure;

	(void)kind;
	return add_pair(
		request, request->query, &request->query_count, MR_REQUEST_QUERY_MAX, name, value);
}

// What every answer says of itself, unless its handler says otherwise.
static void add_default(struct MHD_Response *response, const struct mr_answer *answer,
	const char *name, const char *value)
{
	for (uint32_t i = 0; i < answer->headers_count; i++)
		if (strcmp(answer->headers[i].name, name) == 0)
			return;
	MHD_add_response_header(response, name, value);
}

static enum MHD_Result queue_answer(struct exchange *exchange)
{
	struct mr_answer *answer = &exchange->request.answer;
	struct MHD_Response *response = answer->body
		? MHD_create_response_from_buffer(
			answer->length, answer->body, MHD_RESPMEM_MUST_COPY)
		: MHD_create_response_from_buffer(
			answer->length, (void *)(uintptr_t)answer->text, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	if (answer->content_type)
		MHD_add_response_header(response, "Content-Type", answer->content_type);
	for (uint32_t i = 0; i < answer->headers_count; i++)
		MHD_add_response_header(
			response, answer->headers[i].name, answer->headers[i].value);
	add_default(response, answer, "Cache-Control", "no-store");
	add_default(response, answer, "X-Content-Type-Options", "nosniff");
	add_default(response, answer, "Referrer-Policy", "no-referrer");
	const enum MHD_Result r =
		MHD_queue_response(exchange->connection, answer->status, response);

	MHD_destroy_response(response);
	return r;
}

static void run_job(struct mr_job *job, struct mr_line *line)
{
	struct exchange *exchange = (struct exchange *)job;

	exchange->request.line = line;
	mr_dispatch_run(&exchange->request);
	exchange->answered = true;
	MHD_resume_connection(exchange->connection);
}

// The request is complete: answers it, or has a worker do so.
static enum MHD_Result handle(struct exchange *exchange)
{
	struct mr_request *request = &exchange->request;
	const enum mr_route_place place =
		mr_dispatch_check(request) ? request->match.route->place : MR_ROUTE_HERE;

	if (request->answer.status == 0 && place == MR_ROUTE_HERE) {
		mr_dispatch_run(request);
	} else if (request->answer.status == 0) {
		exchange->job.run = run_job;
		MHD_suspend_connection(exchange->connection);
		if (mr_workers_give(exchange->server->daemon->workers, place, &exchange->job) == 0)
			return MHD_YES;
		mr_problem(request, 503, "too many requests wait for the data plane: try again");
		exchange->answered = true;
		MHD_resume_connection(exchange->connection);
		return MHD_YES;
	}
	return queue_answer(exchange);
}

static struct exchange *exchange_new(struct mr_server *server, struct MHD_Connection *connection,
	const char *path, const char *method)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->connection = connection;
	exchange->server = server;
	if (!mr_copy_text(exchange->path, sizeof(exchange->path), path, strlen(path)))
		exchange->path[0] = 0;
	exchange->request.daemon = server->daemon;
	exchange->request.path = exchange->path;
	exchange->request.method = method;
	exchange->request.caller.via = server->via;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &exchange->request);
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, &exchange->request);
	if (strcmp(server->via, "socket") == 0)
		mr_access_peer(
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				->connect_fd,
			server->daemon->settings->control_operate_group, &exchange->request.caller);
	return exchange;
}

// False: the body is longer than any that is taken.
static bool add_body(struct mr_request *request, const char *bytes, size_t length)
{
	if (request->body_length + length > MR_REQUEST_BODY_MAX)
		return false;
	char *body = realloc(request->body, request->body_length + length + 1);

	if (!body)
		return false;
	memcpy(body + request->body_length, bytes, length);
	request->body = body;
	request->body_length += length;
	body[request->body_length] = 0;
	return true;
}

static bool announces_too_much(const struct mr_request *request)
{
	const char *text = mr_request_header(request, "Content-Length");
	uint64_t length;

	return text && mr_parse_u64(text, strlen(text), &length) == 0
		&& length > MR_REQUEST_BODY_MAX;
}

// A NUL would end a text early, and name something else than what was checked: it stays as it came.
static size_t unescape(void *closure, struct MHD_Connection *connection, char *text)
{
	(void)closure;
	(void)connection;
	return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

static enum MHD_Result on_request(void *closure, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_bytes,
	void **state)
{
	struct exchange *exchange = *state;

	(void)version;
	if (!exchange) {
		exchange = exchange_new(closure, connection, url, method);
		*state = exchange;
		if (!exchange)
			return MHD_NO;
		if (!announces_too_much(&exchange->request))
			return MHD_YES;
		mr_problem(&exchange->request, 413, "a body has at most %d bytes",
			MR_REQUEST_BODY_MAX);
		return queue_answer(exchange);
	}
	if (*upload_bytes > 0) {
		const bool fits = add_body(&exchange->request, upload, *upload_bytes);

		*upload_bytes = 0;
		return fits ? MHD_YES : MHD_NO;
	}
	return exchange->answered ? queue_answer(exchange) : handle(exchange);
}

static void on_completed(void *closure, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	struct exchange *exchange = *state;

	(void)closure;
	(void)connection;
	(void)code;
	if (!exchange)
		return;
	mr_request_clear(&exchange->request);
	free(exchange);
	*state = NULL;
}

int mr_server_start(
	struct mr_server **ret_server, struct mr_daemon *daemon, int fd, const char *via)
{
	struct mr_server *server = calloc(1, sizeof(*server));

	if (!server) {
		close(fd);
		return -ENOMEM;
	}
	server->daemon = daemon;
	server->via = via;
	server->http = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
		NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		strcmp(via, "tcp") == 0 ? (unsigned)CONNECTIONS_PER_ADDRESS_MAX : 0u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_SECONDS,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
		MHD_OPTION_END);
	if (!server->http) {
		close(fd);
		free(server);
		return -EIO;
	}
	*ret_server = server;
	return 0;
}

void mr_server_stop(struct mr_server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->http);
	free(server);
}
