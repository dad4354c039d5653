#include "http_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct mr_http_request *request_of(llhttp_t *parser)
{
	return parser->data;
}

static int on_begin(llhttp_t *parser)
{
	struct mr_http_request *request = request_of(parser);
	request->complete = false;
	request->name_length = 0;
	request->value = NULL;
	request->secret.length = 0;
	request->signature.length = 0;
	request->id.length = 0;
	request->content_type.length = 0;
	request->path_length = 0;
	request->body_length = 0;
	return 0;
}

// Appends and keeps a terminator. False: too long.
static bool append(char *text, size_t size, uint16_t *length, const char *at, size_t count)
{
	if (*length + count >= size)
		return false;
	memcpy(text + *length, at, count);
	*length = (uint16_t)(*length + count);
	text[*length] = '\0';
	return true;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_http_request *request = request_of(parser);
	return append(request->path, sizeof(request->path), &request->path_length, at, length) ? 0
											       : -1;
}

static int on_name(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_http_request *request = request_of(parser);
	if (!append(request->name, sizeof(request->name), &request->name_length, at, length))
		request->name_length =
			sizeof(request->name) - 1; // none of ours is so long: nothing more fits
	return 0;
}

static int on_name_complete(llhttp_t *parser)
{
	struct mr_http_request *request = request_of(parser);
	static const struct {
		const char *name;
		size_t at;
	} kept[] = {
		{"x-hook-secret", offsetof(struct mr_http_request, secret)},
		{"x-hook-signature", offsetof(struct mr_http_request, signature)},
		{"webhook-id", offsetof(struct mr_http_request, id)},
		{"content-type", offsetof(struct mr_http_request, content_type)},
	};
	request->value = NULL;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (request->name_length == strlen(kept[i].name)
			&& strncasecmp(request->name, kept[i].name, request->name_length) == 0)
			request->value =
				(struct mr_header_value *)(void *)((uint8_t *)request + kept[i].at);
	}
	request->name_length = 0;
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_header_value *value = request_of(parser)->value;
	if (value == NULL)
		return 0;
	return append(value->text, sizeof(value->text), &value->length, at, length) ? 0 : -1;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	struct mr_http_request *request = request_of(parser);
	size_t needed = request->body_length + length;
	if (needed > MR_REQUEST_BODY_MAX)
		return -1;
	if (needed > request->body_size) {
		size_t size = needed * 2 < 16384 ? 16384 : needed * 2;
		uint8_t *body = realloc(request->body, size);
		if (body == NULL)
			return -1;
		request->body = body;
		request->body_size = size;
	}
	memcpy(request->body + request->body_length, at, length);
	request->body_length = needed;
	return 0;
}

static int on_complete(llhttp_t *parser)
{
	struct mr_http_request *request = request_of(parser);
	request->complete = true;
	request->keep_alive = llhttp_should_keep_alive(parser) != 0;
	request->is_post = llhttp_get_method(parser) == HTTP_POST;
	return HPE_PAUSED;
}

void mr_http_request_init(struct mr_http_request *request)
{
	static llhttp_settings_t settings; // the same for all; written once with the same values
	*request = (struct mr_http_request){0};
	llhttp_settings_init(&settings);
	settings.on_message_begin = on_begin;
	settings.on_url = on_url;
	settings.on_header_field = on_name;
	settings.on_header_field_complete = on_name_complete;
	settings.on_header_value = on_value;
	settings.on_body = on_body;
	settings.on_message_complete = on_complete;
	llhttp_init(&request->parser, HTTP_REQUEST, &settings);
	request->parser.data = request;
}

void mr_http_request_fini(struct mr_http_request *request)
{
	free(request->body);
	*request = (struct mr_http_request){0};
}

ssize_t mr_http_request_feed(struct mr_http_request *request, const void *bytes, size_t length)
{
	if (request->complete) {
		request->complete = false;
		llhttp_resume(&request->parser);
	}
	enum llhttp_errno error = llhttp_execute(&request->parser, bytes, length);
	if (error == HPE_OK)
		return (ssize_t)length;
	if (error == HPE_PAUSED && request->complete)
		return llhttp_get_error_pos(&request->parser) - (const char *)bytes;
	return -EBADMSG;
}
