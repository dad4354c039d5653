#include "http_response.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "mr_assert.h"

enum header { HEADER_OTHER, HEADER_RETRY_AFTER, HEADER_SECRET };

static_assert(offsetof(struct mr_http_response, parser) == 0, "callbacks get the parser");

static struct mr_http_response *response_of(llhttp_t *parser)
{
	return (struct mr_http_response *)parser;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_http_response *response = response_of(parser);

	for (size_t i = 0; i < length && response->name_length < sizeof(response->name); i++) {
		char c = at[i];
		response->name[response->name_length++] =
			c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return 0;
}

static bool name_is(const struct mr_http_response *response, const char *name, size_t length)
{
	return response->name_length == length && memcmp(response->name, name, length) == 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
	struct mr_http_response *response = response_of(parser);

	if (response->name_length == 0 || ++response->headers > MR_RESPONSE_HEADERS_MAX)
		return -1;
	response->header = HEADER_OTHER;
	// What an interim response or a trailer says is nobody's business.
	if (parser->status_code >= 200 && !response->in_trailers) {
		if (name_is(response, "retry-after", 11))
			response->header = HEADER_RETRY_AFTER;
		else if (name_is(response, "x-hook-secret", 13))
			response->header = HEADER_SECRET;
	}
	response->name_length = 0;
	response->value_length = 0;
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_http_response *response = response_of(parser);

	if (response->header == HEADER_OTHER)
		return 0;
	size_t room = sizeof(response->value) - response->value_length;
	if (length > room)
		length = room;
	memcpy(response->value + response->value_length, at, length);
	response->value_length = (uint16_t)(response->value_length + length);
	return 0;
}

static void take_retry_after(struct mr_http_response *response)
{
	uint64_t seconds = 0;

	int r = mr_parse_u64(response->value, response->value_length, &seconds);
	if (r == 0)
		response->retry_after_s = seconds;
	else if (r == -ERANGE)
		response->retry_after_s = UINT64_MAX;
}

static void take_secret(struct mr_http_response *response)
{
	bool fits = response->value_length <= sizeof(response->secret);

	if (response->secret_seen || !fits) {
		response->secret_length = 0;
	} else {
		memcpy(response->secret, response->value, response->value_length);
		response->secret_length = response->value_length;
	}
	response->secret_seen = true;
}

static int on_header_value_complete(llhttp_t *parser)
{
	struct mr_http_response *response = response_of(parser);

	if (response->header == HEADER_OTHER)
		return 0;
	while (response->value_length > 0) {
		char last = response->value[response->value_length - 1];
		if (last != ' ' && last != '\t')
			break;
		response->value_length--;
	}
	if (response->header == HEADER_RETRY_AFTER)
		take_retry_after(response);
	else
		take_secret(response);
	return 0;
}

// 1: there is no body, whatever the headers say.
static int on_headers_complete(llhttp_t *parser)
{
	struct mr_http_response *response = response_of(parser);
	bool has_body = (parser->flags & (F_TRANSFER_ENCODING | F_CHUNKED)) != 0
		|| parser->content_length > 0;

	mr_expect(response->in_head);
	if (parser->http_major != 1 || parser->status_code < 100 || parser->status_code > 599)
		return -1;
	if (parser->status_code < 200) {
		response->interim++;
		// We never ask to switch protocols.
		if (has_body || parser->status_code == 101
			|| response->interim > MR_RESPONSE_INTERIM_MAX)
			return -1;
		return 1;
	}
	response->status = parser->status_code;
	response->in_head = false;
	if (parser->status_code == 204 || parser->status_code == 304) {
		response->framing_doubtful = has_body;
		return 1;
	}
	if (parser->http_minor == 0 && (parser->flags & F_TRANSFER_ENCODING) != 0)
		response->framing_doubtful = true;
	return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_http_response *response = response_of(parser);

	size_t room = sizeof(response->excerpt) - response->excerpt_length;
	if (length > room)
		length = room;
	memcpy(response->excerpt + response->excerpt_length, at, length);
	response->excerpt_length = (uint16_t)(response->excerpt_length + length);
	return 0;
}

// Trailers follow the chunk of length zero: they are read line by line, like headers.
static int on_chunk_header(llhttp_t *parser)
{
	struct mr_http_response *response = response_of(parser);

	if (parser->content_length > 0)
		return 0;
	response->in_head = true;
	response->in_trailers = true;
	response->line_start = true;
	return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *parser)
{
	struct mr_http_response *response = response_of(parser);

	if (response->status == 0) { // an interim response: the real one follows
		response->at_start = true;
		return 0;
	}
	response->complete = true;
	response->keep_alive = llhttp_should_keep_alive(parser) && !response->framing_doubtful;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_header = on_chunk_header,
	.on_message_complete = on_message_complete,
};

void mr_http_response_init(struct mr_http_response *response)
{
	llhttp_init(&response->parser, HTTP_RESPONSE, &settings);
	memset((uint8_t *)response + sizeof(response->parser), 0,
		offsetof(struct mr_http_response, secret) - sizeof(response->parser));
	memset((uint8_t *)response + offsetof(struct mr_http_response, header_bytes), 0,
		offsetof(struct mr_http_response, name)
			- offsetof(struct mr_http_response, header_bytes));
	response->in_head = true;
	response->at_start = true;
}

// How much the parser may see at once: one line of a head, so that a folded line and the bounds are
// noticed before it is parsed; of a body all that may still be read. 0: a guard says no.
static size_t next_piece(struct mr_http_response *response, const uint8_t *bytes, size_t length)
{
	if (!response->in_head) {
		size_t room = MR_RESPONSE_BODY_READ_MAX - response->body_bytes;
		return length < room ? length : room;
	}
	if (response->at_start && bytes[0] != 'H')
		return 0;
	if (response->line_start && (bytes[0] == ' ' || bytes[0] == '\t'))
		return 0;
	response->at_start = false;
	const uint8_t *newline = memchr(bytes, '\n', length);
	size_t piece = newline != NULL ? (size_t)(newline - bytes) + 1 : length;
	if (piece > MR_RESPONSE_HEADER_BYTES_MAX - response->header_bytes)
		return 0;
	response->header_bytes += (uint32_t)piece;
	response->line_start = newline != NULL;
	return piece;
}

// Bytes that were used, or -EBADMSG.
static ssize_t parse_piece(struct mr_http_response *response, const uint8_t *bytes, size_t piece)
{
	bool body = !response->in_head;

	llhttp_errno_t error = llhttp_execute(&response->parser, (const char *)bytes, piece);
	if (error == HPE_PAUSED) {
		piece = (size_t)(llhttp_get_error_pos(&response->parser) - (const char *)bytes);
		llhttp_resume(&response->parser);
	} else if (error != HPE_OK) {
		return -EBADMSG;
	}
	if (body)
		response->body_bytes += (uint32_t)piece;
	if (!response->complete && response->body_bytes >= MR_RESPONSE_BODY_READ_MAX) {
		response->complete = true;
		response->body_cut = true;
		response->keep_alive = false;
	}
	return (ssize_t)piece;
}

ssize_t mr_http_response_feed(
	struct mr_http_response *response, const uint8_t *bytes, size_t length)
{
	size_t used = 0;

	while (used < length && !response->complete) {
		size_t piece =
			response->broken ? 0 : next_piece(response, bytes + used, length - used);
		ssize_t parsed = piece == 0 ? -EBADMSG : parse_piece(response, bytes + used, piece);
		if (parsed < 0) {
			response->broken = true;
			return parsed;
		}
		mr_expect((size_t)parsed <= piece);
		used += (size_t)parsed;
	}
	return (ssize_t)used;
}

int mr_http_response_eof(struct mr_http_response *response)
{
	if (!response->complete && !response->broken)
		(void)llhttp_finish(&response->parser);
	return response->complete ? 0 : -ECONNRESET;
}
