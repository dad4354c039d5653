// HTTP/1.1 responses from hostile peers, over llhttp in strict mode with our own guards: bounded header bytes and count,
// obs-fold refused, bounded interim responses, no body where none may be, nothing after the end. The state is small and embedded; no memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <llhttp/llhttp.h>

#include <millrace/limits.h>

struct mr_http_response {
	llhttp_t parser;
	uint32_t header_bytes; // seen in this response
	uint32_t headers;
	uint32_t body_bytes; // seen; the body itself is discarded but for the excerpt
	uint16_t status; // final status; 0 until known
	uint8_t interim; // 1xx seen
	bool complete;
	bool keep_alive; // valid when complete
	bool body_cut; // over MR_RESPONSE_BODY_READ_MAX: judged by its status, the connection must go
	uint64_t retry_after_s; // 0: not said
	uint8_t header_name; // which header we are in: internal
	uint16_t value_length;
	uint16_t secret_length;
	uint16_t excerpt_length;
	char value[64];
	char secret[MR_SECRET_BYTES_MAX]; // X-Hook-Secret
	char excerpt[256]; // first body bytes, raw
};

void mr_http_response_init(struct mr_http_response *response);
// Feeds bytes as they come. >= 0: bytes used (less than length only when complete); -EBADMSG: never reuse this
// connection. Split anywhere, the result is the same.
ssize_t mr_http_response_feed(struct mr_http_response *response, const uint8_t *bytes, size_t length);
// The peer closed: 0 when that ends the response properly (complete is set), else -ECONNRESET.
int mr_http_response_eof(struct mr_http_response *response);
