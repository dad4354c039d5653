// HTTP/1.1 requests as the receiver reads them: llhttp, and the few headers a webhook receiver
// needs. The body is kept whole.
#pragma once

#include <llhttp/llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <millrace/limits.h>

enum { MR_REQUEST_BODY_MAX = 1 << 20 };

struct mr_header_value {
	uint16_t length;
	char text[MR_SECRET_BYTES_MAX + 64];
};

struct mr_http_request {
	llhttp_t parser;
	bool complete;
	bool keep_alive; // valid when complete
	bool is_post;
	uint16_t name_length;
	char name[32]; // of the header being read, lower case
	struct mr_header_value *value; // where its value goes, NULL: not kept
	struct mr_header_value secret; // X-Hook-Secret
	struct mr_header_value signature; // X-Hook-Signature
	struct mr_header_value id; // webhook-id
	struct mr_header_value content_type;
	uint16_t path_length;
	char path[MR_URL_BYTES_MAX];
	uint8_t *body;
	size_t body_length;
	size_t body_size;
};

void mr_http_request_init(struct mr_http_request *request);
void mr_http_request_fini(struct mr_http_request *request); // accepts a zeroed one
// Bytes used: all of them, or fewer when a request is complete; the next call then begins a new
// one. -EBADMSG: close the connection.
ssize_t mr_http_request_feed(struct mr_http_request *request, const void *bytes, size_t length);
