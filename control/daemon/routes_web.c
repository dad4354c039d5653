// The dashboard: its files, open to all who reach the listener; what they show asks for its role.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "hash.h"
#include "routes.h"
#include "web.h"

static void put_headers(struct mr_request *request, const char *tag)
{
	mr_answer_header(request, "ETag", tag);
	mr_answer_header(request, "Cache-Control", "no-cache");
	mr_answer_header(request, "Content-Security-Policy",
		"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'");
}

static void get_file(struct mr_request *request)
{
	const struct mr_web_file *file = mr_web_find(request->path);
	const char *accepts = mr_request_header(request, "Accept-Encoding");
	const char *known = mr_request_header(request, "If-None-Match");
	char tag[24];

	if (file == NULL) {
		mr_problem(
			request, 404, "there is no such path; /openapi.json lists what there is");
		return;
	}
	const struct mr_web_bytes *content = file->content;

	snprintf(tag, sizeof(tag), "\"%016" PRIx64 "\"",
		mr_hash_bytes(content->bytes, content->length, 0));
	if (known != NULL && strcmp(known, tag) == 0) {
		mr_answer_text(request, 304, file->content_type, "", 0);
	} else if (accepts == NULL || strstr(accepts, "gzip") == NULL) {
		mr_problem(request, 406, "the dashboard comes compressed: Accept-Encoding: gzip");
		return;
	} else {
		mr_answer_text(request, 200, file->content_type, content->bytes, content->length);
		mr_answer_header(request, "Content-Encoding", "gzip");
	}
	put_headers(request, tag);
}

#define FILE_AT(path, operation)                                                         \
	{                                                                                \
		"GET", path, operation, NULL, get_file, MR_ROLE_NOBODY, MR_ROUTE_HERE, 0 \
	}

static const struct mr_route routes[] = {
	FILE_AT("/", "getDashboard"),
	FILE_AT("/{file}", "getDashboardFile"),
};
const struct mr_route_list mr_web_routes = MR_ROUTE_LIST(routes);
