// Events: the check is deterministic and points into its input; what it passes decodes and encodes
// to the same bytes.
#include <errno.h>
#include <string.h>

#include <millrace/event.h>

#include "event_codec.h"
#include "fuzz.h"
#include "mr_assert.h"

static void check_text(struct mr_text text, const uint8_t *data, size_t length)
{
	const uint8_t *at = (const uint8_t *)text.data;
	mr_assert(
		at >= data && text.length <= length && (size_t)(at - data) <= length - text.length);
}

static void check_decoded(const uint8_t *data, size_t length)
{
	struct mr_event event;
	mr_event_decode(data, &event);
	mr_assert(event.length == length && event.object != 0);
	mr_assert(event.ancestors_count <= MR_ANCESTORS_MAX);
	check_text(event.type, data, length);
	check_text(event.subtype, data, length);
	check_text(event.field, data, length);
	check_text(event.value_type, data, length);
	check_text(event.parent_type, data, length);
	check_text(event.payload, data, length);
	for (uint32_t i = 0; i < event.ancestors_count; i++) {
		mr_assert(event.ancestors[i].gid != 0);
		check_text(event.ancestors[i].type, data, length);
	}
	static uint8_t encoded[MR_EVENT_BYTES_MAX];
	mr_assert(mr_event_encode(&event, encoded, sizeof(encoded)) == (ssize_t)length);
	mr_assert(memcmp(encoded, data, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t offset = 0;
	uint32_t again = 0;
	ssize_t result = mr_event_check(data, size, &offset);
	mr_assert(mr_event_check(data, size, &again) == result && again == offset);
	if (result < 0) {
		mr_assert(result == -EBADMSG);
		mr_assert(offset == 0 || offset < size);
		return 0;
	}
	mr_assert(result % 8 == 0 && (size_t)result <= size);
	check_decoded(data, (size_t)result);
	return 0;
}
