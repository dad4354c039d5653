// HTTP responses: bounded whatever comes, and the same however the bytes are split. The first byte
// of the input says where.
#include "http_response.h"

#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "mr_assert.h"

// Feeds pieces of `first`, then `piece` bytes. Returns the bytes used, or the error.
static ssize_t feed(struct mr_http_response *response, const uint8_t *data, size_t size,
	size_t first, size_t piece)
{
	size_t used = 0;

	mr_http_response_init(response);
	for (size_t now = first; used < size && !response->complete; now = piece) {
		if (now > size - used)
			now = size - used;
		ssize_t r = mr_http_response_feed(response, data + used, now);
		if (r < 0) {
			mr_assert(r == -EBADMSG && !response->complete);
			mr_assert(mr_http_response_feed(response, data, size) == -EBADMSG);
			return r;
		}
		mr_assert((size_t)r == now || response->complete);
		used += (size_t)r;
	}
	return (ssize_t)used;
}

static void check_bounds(const struct mr_http_response *response)
{
	mr_assert(response->header_bytes <= MR_RESPONSE_HEADER_BYTES_MAX);
	mr_assert(response->body_bytes <= MR_RESPONSE_BODY_READ_MAX);
	mr_assert(response->secret_length <= sizeof(response->secret));
	mr_assert(response->excerpt_length <= sizeof(response->excerpt));
	mr_assert(!response->keep_alive || (response->complete && !response->body_cut));
	if (response->complete) {
		mr_assert(response->headers <= MR_RESPONSE_HEADERS_MAX);
		mr_assert(response->interim <= MR_RESPONSE_INTERIM_MAX);
		mr_assert(response->status >= 200 && response->status <= 599);
	}
}

static void check_same(const struct mr_http_response *a, const struct mr_http_response *b)
{
	mr_assert(a->status == b->status && a->complete == b->complete);
	mr_assert(a->keep_alive == b->keep_alive && a->body_cut == b->body_cut);
	mr_assert(a->retry_after_s == b->retry_after_s && a->interim == b->interim);
	mr_assert(a->secret_length == b->secret_length);
	mr_assert(memcmp(a->secret, b->secret, a->secret_length) == 0);
	mr_assert(a->excerpt_length == b->excerpt_length);
	mr_assert(memcmp(a->excerpt, b->excerpt, a->excerpt_length) == 0);
	mr_assert(a->header_bytes == b->header_bytes && a->body_bytes == b->body_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mr_http_response whole, split;

	if (size < 2)
		return 0;
	size_t first = data[0] > 0 ? data[0] : 1;
	data++;
	size--;
	ssize_t used = feed(&whole, data, size, size, size);
	check_bounds(&whole);
	for (int way = 0; way < 2; way++) {
		ssize_t again = way == 0 ? feed(&split, data, size, first, size)
					 : feed(&split, data, size, 1, 1);
		mr_assert(again == used);
		if (used >= 0)
			check_same(&whole, &split);
	}
	mr_assert(mr_http_response_eof(&whole) == mr_http_response_eof(&split));
	check_bounds(&whole);
	return 0;
}
