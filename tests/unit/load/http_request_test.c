// Requests, split anywhere: the result is the same.
#include "http_request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct mr_http_request request;

static const char two[] =
	"POST /project/5001?a=b HTTP/1.1\r\nHost: x\r\nX-Hook-Signature: 0123abcd\r\nWebhook-Id: msg_1\r\n"
	"Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"events\":[]}"
	"POST / HTTP/1.1\r\nHost: x\r\nx-hook-SECRET: s3cret\r\nContent-Length: 0\r\n\r\n";

static void expect_first(void)
{
	assert_true(request.complete);
	assert_true(request.is_post);
	assert_true(request.keep_alive);
	assert_string_equal(request.path, "/project/5001?a=b");
	assert_string_equal(request.signature.text, "0123abcd");
	assert_string_equal(request.id.text, "msg_1");
	assert_string_equal(request.content_type.text, "application/json");
	assert_int_equal(request.secret.length, 0);
	assert_int_equal(request.body_length, 13);
	assert_memory_equal(request.body, "{\"events\":[]}", 13);
}

static void expect_second(void)
{
	assert_true(request.complete);
	assert_string_equal(request.path, "/");
	assert_string_equal(request.secret.text, "s3cret");
	assert_int_equal(request.signature.length, 0);
	assert_int_equal(request.id.length, 0);
	assert_int_equal(request.body_length, 0);
}

static void requests_follow_each_other_on_one_connection(void **state)
{
	(void)state;
	mr_http_request_init(&request);
	ssize_t used = mr_http_request_feed(&request, two, sizeof(two) - 1);
	assert_true(used > 0 && (size_t)used < sizeof(two) - 1);
	expect_first();
	assert_int_equal(mr_http_request_feed(&request, two + used, sizeof(two) - 1 - (size_t)used),
		sizeof(two) - 1 - (size_t)used);
	expect_second();
	mr_http_request_fini(&request);
}

static void it_may_be_split_anywhere(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		mr_http_request_init(&request);
		size_t at = 0;
		int seen = 0;
		while (at < sizeof(two) - 1) {
			size_t length = sizeof(two) - 1 - at < piece ? sizeof(two) - 1 - at : piece;
			ssize_t used = mr_http_request_feed(&request, two + at, length);
			assert_true(used >= 0);
			at += (size_t)used;
			if (!request.complete)
				continue;
			if (seen++ == 0)
				expect_first();
			else
				expect_second();
		}
		assert_int_equal(seen, 2);
		mr_http_request_fini(&request);
	}
}

static void nonsense_ends_the_connection(void **state)
{
	(void)state;
	static char long_path[2048] = "POST /";
	static char long_secret[1024] = "POST / HTTP/1.1\r\nX-Hook-Secret: ";
	memset(long_path + 6, 'a', sizeof(long_path) - 7);
	memset(long_secret + strlen(long_secret), 'a',
		sizeof(long_secret) - strlen(long_secret) - 1);
	const char *const bad[] = {
		"HTTP/1.1 200 OK\r\n\r\n",
		"POST\r\n\r\n",
		"POST / HTTP/9.9\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nBad Header: 1\r\n\r\n",
		long_path,
		long_secret,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mr_http_request_init(&request);
		ssize_t used = mr_http_request_feed(&request, bad[i], strlen(bad[i]));
		if (used >= 0)
			fail_msg("case %zu was taken", i);
		mr_http_request_fini(&request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_follow_each_other_on_one_connection),
		cmocka_unit_test(it_may_be_split_anywhere),
		cmocka_unit_test(nonsense_ends_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
