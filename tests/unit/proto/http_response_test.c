#include "http_response.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\n"

struct outcome {
	ssize_t used; // of all bytes, or the error
	int eof; // 0 when the end of the connection ends the response
};

// Feeds `length` bytes in pieces of at most `piece` bytes, the first one of `first` bytes.
static struct outcome feed(struct mr_http_response *response, const char *bytes, size_t length,
	size_t first, size_t piece)
{
	struct outcome outcome = {0};
	size_t at = 0;

	mr_http_response_init(response);
	while (at < length && !response->complete) {
		size_t want = at == 0 && first > 0 ? first : piece;
		size_t now = length - at < want ? length - at : want;
		// A copy of its own: reading a byte too far is seen by the sanitizer.
		uint8_t *copy = malloc(now);
		assert_non_null(copy);
		memcpy(copy, bytes + at, now);
		ssize_t used = mr_http_response_feed(response, copy, now);
		free(copy);
		if (used < 0) {
			outcome.used = used;
			outcome.eof = mr_http_response_eof(response);
			return outcome;
		}
		at += (size_t)used;
		if ((size_t)used < now)
			assert_true(response->complete);
	}
	outcome.used = (ssize_t)at;
	outcome.eof = mr_http_response_eof(response);
	return outcome;
}

static void assert_same(const struct mr_http_response *a, const struct mr_http_response *b)
{
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->complete, b->complete);
	assert_int_equal(a->keep_alive, b->keep_alive);
	assert_int_equal(a->body_cut, b->body_cut);
	assert_int_equal(a->retry_after_s, b->retry_after_s);
	assert_int_equal(a->secret_length, b->secret_length);
	assert_memory_equal(a->secret, b->secret, a->secret_length);
	assert_int_equal(a->excerpt_length, b->excerpt_length);
	assert_memory_equal(a->excerpt, b->excerpt, a->excerpt_length);
	assert_int_equal(a->interim, b->interim);
	assert_int_equal(a->headers, b->headers);
}

// Whole, byte by byte, and split in two at every byte: always the same.
static struct outcome feed_all_ways(struct mr_http_response *response, const char *bytes)
{
	size_t length = strlen(bytes);
	struct mr_http_response other;

	struct outcome whole = feed(response, bytes, length, 0, length);
	for (size_t first = 0; first < length; first++) {
		struct outcome split = feed(&other, bytes, length, first, first == 0 ? 1 : length);
		assert_int_equal(split.used, whole.used);
		assert_int_equal(split.eof, whole.eof);
		if (whole.used >= 0)
			assert_same(&other, response);
	}
	return whole;
}

struct good {
	const char *name;
	const char *bytes;
	uint16_t status;
	bool keep_alive;
	bool by_eof; // complete only when the peer closes
	size_t surplus; // bytes that must not be used
	const char *excerpt;
	uint64_t retry_after_s;
	const char *secret;
};

static const struct good goods[] = {
	{.name = "length",
		.bytes = OK "Content-Length: 5\r\n\r\nhello",
		.status = 200,
		.keep_alive = true,
		.excerpt = "hello"},
	{.name = "no reason phrase",
		.bytes = "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
		.status = 200,
		.keep_alive = true},
	{.name = "chunked",
		.bytes = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
		.status = 200,
		.keep_alive = true,
		.excerpt = "hello!"},
	{.name = "chunk extension",
		.bytes = OK "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
		.status = 200,
		.keep_alive = true,
		.excerpt = "hello"},
	{.name = "trailers say nothing",
		.bytes = OK
		"Transfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 7\r\nX-Hook-Secret: t\r\n\r\n",
		.status = 200,
		.keep_alive = true},
	{.name = "204",
		.bytes = "HTTP/1.1 204 No Content\r\n\r\n",
		.status = 204,
		.keep_alive = true},
	{.name = "304",
		.bytes = "HTTP/1.1 304 Not Modified\r\n\r\n",
		.status = 304,
		.keep_alive = true},
	{.name = "204 with a length",
		.bytes = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
		.status = 204,
		.surplus = 5},
	{.name = "204 with chunks",
		.bytes = "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		.status = 204,
		.surplus = 5},
	{.name = "304 with a length",
		.bytes = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
		.status = 304},
	{.name = "close",
		.bytes = OK "Connection: close\r\nContent-Length: 2\r\n\r\nok",
		.status = 200,
		.excerpt = "ok"},
	{.name = "until the end",
		.bytes = OK "\r\nall of it",
		.status = 200,
		.by_eof = true,
		.excerpt = "all of it"},
	{.name = "HTTP/1.0",
		.bytes = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		.status = 200,
		.excerpt = "ok"},
	{.name = "HTTP/1.0 keep-alive",
		.bytes = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
		.status = 200,
		.keep_alive = true,
		.excerpt = "ok"},
	{.name = "HTTP/1.0 with chunks",
		.bytes =
			"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		.status = 200},
	{.name = "interim",
		.bytes =
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
		.status = 201,
		.keep_alive = true},
	{.name = "redirect is only a status",
		.bytes =
			"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
		.status = 302,
		.keep_alive = true},
	{.name = "retry after",
		.bytes = "HTTP/1.1 429 Slow\r\nretry-AFTER:  120 \r\nContent-Length: 0\r\n\r\n",
		.status = 429,
		.keep_alive = true,
		.retry_after_s = 120},
	{.name = "retry after a date",
		.bytes =
			"HTTP/1.1 503 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
		.status = 503,
		.keep_alive = true},
	{.name = "retry after is negative",
		.bytes = "HTTP/1.1 503 No\r\nRetry-After: -5\r\nContent-Length: 0\r\n\r\n",
		.status = 503,
		.keep_alive = true},
	{.name = "retry after overflows",
		.bytes =
			"HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999999\r\nContent-Length: 0\r\n\r\n",
		.status = 503,
		.keep_alive = true,
		.retry_after_s = UINT64_MAX},
	{.name = "secret",
		.bytes = OK "x-hook-secret: s3cret\r\nContent-Length: 0\r\n\r\n",
		.status = 200,
		.keep_alive = true,
		.secret = "s3cret"},
	{.name = "secret twice is none",
		.bytes = OK "X-Hook-Secret: a\r\nX-Hook-Secret: a\r\nContent-Length: 0\r\n\r\n",
		.status = 200,
		.keep_alive = true},
	{.name = "a longer name is another header",
		.bytes =
			OK "X-Hook-Secret-Of-Somebody: a\r\nX-Hook: b\r\nContent-Length: 0\r\n\r\n",
		.status = 200,
		.keep_alive = true},
	{.name = "empty value",
		.bytes = OK "X-Hook-Secret:\r\nRetry-After:\r\nContent-Length: 0\r\n\r\n",
		.status = 200,
		.keep_alive = true},
	{.name = "bytes after the end",
		.bytes = OK "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
		.status = 200,
		.keep_alive = true,
		.surplus = 19,
		.excerpt = "ok"},
	{.name = "bytes after the last chunk",
		.bytes = OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx",
		.status = 200,
		.keep_alive = true,
		.surplus = 1},
};

static void response_is_understood_however_it_is_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		const struct good *good = &goods[i];
		const char *excerpt = good->excerpt != NULL ? good->excerpt : "";
		const char *secret = good->secret != NULL ? good->secret : "";
		struct mr_http_response response;

		print_message("# %s\n", good->name);
		struct outcome outcome = feed_all_ways(&response, good->bytes);
		assert_int_equal(outcome.used, strlen(good->bytes) - good->surplus);
		assert_int_equal(outcome.eof, 0);
		assert_true(response.complete);
		assert_int_equal(response.status, good->status);
		assert_int_equal(response.keep_alive, good->keep_alive);
		assert_int_equal(response.retry_after_s, good->retry_after_s);
		assert_int_equal(response.excerpt_length, strlen(excerpt));
		assert_memory_equal(response.excerpt, excerpt, strlen(excerpt));
		assert_int_equal(response.secret_length, strlen(secret));
		assert_memory_equal(response.secret, secret, strlen(secret));
		if (!good->by_eof) { // complete without the end
			struct mr_http_response again;
			mr_http_response_init(&again);
			assert_true(mr_http_response_feed(&again, (const uint8_t *)good->bytes,
					    strlen(good->bytes))
				> 0);
			assert_true(again.complete);
		}
	}
}

static const struct {
	const char *name;
	const char *bytes;
} bads[] = {
	{"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"},
	{"blank line first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"space first", " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"a request", "POST / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"HTTP/0.9", "HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
	{"status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
	{"status 099", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"},
	{"status 600", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"},
	{"status in letters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"},
	{"length and chunks",
		OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunks and length",
		OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
	{"two lengths", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
	{"the same length twice", OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
	{"list of lengths", OK "Content-Length: 5, 5\r\n\r\nhello"},
	{"length with a plus", OK "Content-Length: +5\r\n\r\nhello"},
	{"length with a minus", OK "Content-Length: -5\r\n\r\nhello"},
	{"length in hex", OK "Content-Length: 0x5\r\n\r\nhello"},
	{"length overflows", OK "Content-Length: 18446744073709551617\r\n\r\nhello"},
	{"chunk size overflows", OK "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nhello"},
	{"chunk size is no number", OK "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello"},
	{"chunk size in 0x form", OK "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"},
	{"chunk is longer than its size",
		OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n"},
	{"chunk line with a bare LF", OK "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
	{"folded header", OK "X-A: b\r\n Content-Length: 1\r\nContent-Length: 0\r\n\r\n"},
	{"folded by a tab", OK "X-A: b\r\n\tc\r\nContent-Length: 0\r\n\r\n"},
	{"folded after an empty value", OK "X-A:\r\n b\r\nContent-Length: 0\r\n\r\n"},
	{"folded first header", OK " X-A: b\r\nContent-Length: 0\r\n\r\n"},
	{"folded trailer", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n c\r\n\r\n"},
	{"folded first trailer", OK "Transfer-Encoding: chunked\r\n\r\n0\r\n X-A: b\r\n\r\n"},
	{"bare CR hides a header", OK "X-Abc: \rxTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"bare CR in a value", OK "X-A: b\rc\r\nContent-Length: 0\r\n\r\n"},
	{"bare LF lines", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
	{"bare LF after a value", OK "X-A: b\nContent-Length: 0\r\n\r\n"},
	{"space before the colon", OK "Content-Length : 5\r\n\r\nhello"},
	{"no colon", OK "Content-Length\r\n\r\n"},
	{"empty name", OK ": 5\r\n\r\n"},
	{"control character in a value", OK "X-A: \x01\r\nContent-Length: 0\r\n\r\n"},
	{"control character in a name", OK "X\x01-A: b\r\nContent-Length: 0\r\n\r\n"},
	{"switching protocols",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"},
	{"interim with a length",
		"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"},
	{"interim with chunks",
		"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"interim and then noise", "HTTP/1.1 100 Continue\r\n\r\nnoise"},
	{"interim, blank line, response",
		"HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
};

static void smuggling_and_nonsense_is_refused_however_it_is_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct mr_http_response response;

		print_message("# %s\n", bads[i].name);
		struct outcome outcome = feed_all_ways(&response, bads[i].bytes);
		assert_int_equal(outcome.used, -EBADMSG);
		assert_int_equal(outcome.eof, -ECONNRESET);
		assert_false(response.complete);
		assert_int_equal(
			mr_http_response_feed(&response, (const uint8_t *)"x", 1), -EBADMSG);
	}
}

static void end_in_the_middle_is_no_response(void **state)
{
	static const char *const cut[] = {
		"",
		"HTTP/1.1 2",
		"HTTP/1.1 200 OK\r\n",
		OK "Content-Length: 5\r\n\r\nhell",
		OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		struct mr_http_response response;
		mr_http_response_init(&response);
		assert_int_equal(
			mr_http_response_feed(&response, (const uint8_t *)cut[i], strlen(cut[i])),
			strlen(cut[i]));
		assert_int_equal(mr_http_response_eof(&response), -ECONNRESET);
		assert_false(response.complete);
	}
}

// How many of `repeat` times `part` are taken after `head` before it is an error; -1: no error.
static int refused_after(const char *head, const char *part, int repeat)
{
	struct mr_http_response response;

	mr_http_response_init(&response);
	assert_int_equal(mr_http_response_feed(&response, (const uint8_t *)head, strlen(head)),
		strlen(head));
	for (int i = 0; i < repeat; i++) {
		ssize_t used =
			mr_http_response_feed(&response, (const uint8_t *)part, strlen(part));
		if (used == -EBADMSG)
			return i;
		assert_int_equal(used, strlen(part));
	}
	return -1;
}

static void heads_are_bounded_in_bytes_and_count(void **state)
{
	(void)state;
	assert_int_equal(refused_after(OK, "X-A: b\r\n", 10000), MR_RESPONSE_HEADERS_MAX);
	assert_int_equal(refused_after(OK "X-A: ", "b", 1000000),
		MR_RESPONSE_HEADER_BYTES_MAX - (int)strlen(OK "X-A: "));
	assert_int_equal(refused_after("HTTP/1.1 200 ", "b", 1000000),
		MR_RESPONSE_HEADER_BYTES_MAX - (int)strlen("HTTP/1.1 200 "));
	// Trailers count with the headers.
	assert_int_equal(
		refused_after(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n", 10000),
		MR_RESPONSE_HEADERS_MAX - 1);
}

static void interim_flood_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
		refused_after("", "HTTP/1.1 100 Continue\r\n\r\n", 1000), MR_RESPONSE_INTERIM_MAX);
	assert_int_equal(refused_after("", "HTTP/1.1 102 Processing\r\n\r\n", 1000),
		MR_RESPONSE_INTERIM_MAX);
}

// Bytes of body that are read of an endless one, however it is framed.
static void assert_body_is_cut(const char *head, const char *part)
{
	struct mr_http_response response;
	size_t used_sum =
		strlen(strstr(head, "\r\n\r\n") + 4); // body bytes that come with the head

	mr_http_response_init(&response);
	assert_int_equal(mr_http_response_feed(&response, (const uint8_t *)head, strlen(head)),
		strlen(head));
	for (int i = 0; i < 100000 && !response.complete; i++) {
		ssize_t used =
			mr_http_response_feed(&response, (const uint8_t *)part, strlen(part));
		assert_true(used > 0);
		used_sum += (size_t)used;
	}
	assert_true(response.complete);
	assert_true(response.body_cut);
	assert_false(response.keep_alive);
	assert_int_equal(response.status, 503);
	assert_int_equal(used_sum, MR_RESPONSE_BODY_READ_MAX);
	assert_int_equal(response.excerpt[0], 'y');
	assert_int_equal(mr_http_response_eof(&response), 0);
}

static void endless_body_is_cut_and_judged_by_its_status(void **state)
{
	(void)state;
	assert_body_is_cut("HTTP/1.1 503 No\r\n\r\n", "yyyyyyy");
	assert_body_is_cut("HTTP/1.1 503 No\r\nContent-Length: 10737418240\r\n\r\n", "yyyyyyy");
	assert_body_is_cut("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\ny\r\n");
	assert_body_is_cut(
		"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n1;", "extension");
}

static void body_of_exactly_the_bound_is_whole(void **state)
{
	static uint8_t body[MR_RESPONSE_BODY_READ_MAX];
	static const char head[] = OK "Content-Length: 65536\r\n\r\n";
	struct mr_http_response response;

	(void)state;
	mr_http_response_init(&response);
	mr_http_response_feed(&response, (const uint8_t *)head, strlen(head));
	assert_int_equal(mr_http_response_feed(&response, body, sizeof(body)), sizeof(body));
	assert_true(response.complete);
	assert_true(response.keep_alive);
	assert_false(response.body_cut);
}

static void secret_that_is_too_long_is_none(void **state)
{
	char bytes[400] = OK "X-Hook-Secret: ";
	struct mr_http_response response;

	(void)state;
	for (size_t length = MR_SECRET_BYTES_MAX - 1; length <= MR_SECRET_BYTES_MAX + 2; length++) {
		char *at = bytes + strlen(OK "X-Hook-Secret: ");
		memset(at, 's', length);
		memcpy(at + length, "\r\nContent-Length: 0\r\n\r\n", 24);
		feed_all_ways(&response, bytes);
		assert_true(response.complete);
		assert_int_equal(
			response.secret_length, length <= MR_SECRET_BYTES_MAX ? length : 0);
	}
}

static void parser_is_ready_again_after_init(void **state)
{
	struct mr_http_response response;

	(void)state;
	feed_all_ways(&response,
		"HTTP/1.1 503 No\r\nRetry-After: 5\r\nX-Hook-Secret: s\r\nContent-Length: 1\r\n\r\nx");
	feed_all_ways(&response, "nonsense");
	feed_all_ways(&response, OK "Content-Length: 0\r\n\r\n");
	assert_true(response.complete);
	assert_int_equal(response.status, 200);
	assert_int_equal(response.retry_after_s, 0);
	assert_int_equal(response.secret_length, 0);
	assert_int_equal(response.excerpt_length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(response_is_understood_however_it_is_split),
		cmocka_unit_test(smuggling_and_nonsense_is_refused_however_it_is_split),
		cmocka_unit_test(end_in_the_middle_is_no_response),
		cmocka_unit_test(heads_are_bounded_in_bytes_and_count),
		cmocka_unit_test(interim_flood_is_refused),
		cmocka_unit_test(endless_body_is_cut_and_judged_by_its_status),
		cmocka_unit_test(body_of_exactly_the_bound_is_whole),
		cmocka_unit_test(secret_that_is_too_long_is_none),
		cmocka_unit_test(parser_is_ready_again_after_init),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
