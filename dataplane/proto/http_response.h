// HTTP/1.x responses from hostile peers, over llhttp in strict mode with our own guards: bounded
// header bytes and count, obs-fold refused, bounded interim responses, no body where none may be,
// nothing after the end. The state is small and embedded in its connection; it takes no memory and
// must not be moved while a response is being read.
#pragma once

#include <llhttp/llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <millrace/limits.h>

struct mr_http_response {
	llhttp_t parser; // first: the callbacks find their response by it
	// Results.
	uint16_t status; // final status; 0 until its headers are complete
	bool complete;
	bool keep_alive; // valid when complete: the connection may carry another request
	bool body_cut; // over MR_RESPONSE_BODY_READ_MAX: judged by its status
	uint64_t retry_after_s; // Retry-After in seconds; 0: not said, or said as a date
	uint16_t secret_length; // 0: no X-Hook-Secret, or one that is repeated or too long
	uint16_t excerpt_length;
	char secret[MR_SECRET_BYTES_MAX]; // X-Hook-Secret
	char excerpt[256]; // first body bytes, raw
	// Where the parser stands.
	// of all headers of this exchange: interim responses and trailers too
	uint32_t header_bytes;
	uint32_t headers;
	uint32_t body_bytes; // on the wire: with the framing of chunks
	uint8_t interim; // 1xx responses seen
	uint8_t header; // which header we are in: enum in the source file
	bool in_head; // reading a status line, headers or trailers
	bool in_trailers;
	bool at_start; // the next byte is the first of a status line
	bool line_start; // the next byte is the first of a header line
	bool framing_doubtful; // a body where none may be: never reuse the connection
	bool secret_seen;
	bool broken;
	uint8_t name_length;
	uint16_t value_length;
	char name[16]; // lower case; longer names are cut and match nothing
	char value[MR_SECRET_BYTES_MAX + 1]; // of a header we read; longer values are cut and void
};

void mr_http_response_init(struct mr_http_response *response);
// Feeds bytes as they come. >= 0: bytes used; less than `length` only when complete: the peer said
// more than it should, never reuse the connection. -EBADMSG: not a response we accept. Split
// anywhere, the result is the same.
ssize_t mr_http_response_feed(
	struct mr_http_response *response, const uint8_t *bytes, size_t length);
// The peer closed: 0 when that ends the response properly (complete is set), else -ECONNRESET.
int mr_http_response_eof(struct mr_http_response *response);
