// Records: what is sane is sane again after sealing, sealing is a fixed point, and only a sealed
// record passes the check.
#include <stdbool.h>
#include <string.h>

#include "event_codec.h"
#include "fuzz.h"
#include "mr_assert.h"
#include "record_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mr_record *record = (const void *)data;
	bool sane = mr_record_sane(record, size);
	bool sound = mr_record_check(data, size) == 0;
	mr_assert(sane || !sound);
	mr_assert(mr_record_sane(record, size) == sane);
	if (!sane)
		return 0;

	uint32_t length = record->length;
	mr_assert(length >= sizeof(*record) && length <= size && length <= MR_RECORD_BYTES_MAX);
	if (record->kind == MR_RECORD_EVENT)
		(void)mr_event_check(data + sizeof(struct mr_record_event),
			length - sizeof(struct mr_record_event), NULL);
	static uint64_t sealed[MR_RECORD_BYTES_MAX / 8];
	memcpy(sealed, data, length);
	mr_record_seal(sealed, length, NULL, 0, (enum mr_record_kind)record->kind, record->flags);
	mr_assert(mr_record_check(sealed, length) == 0);
	mr_assert(!sound || memcmp(sealed, data, length) == 0);
	((uint8_t *)sealed)[length - 1] ^= 1;
	mr_assert(mr_record_check(sealed, length) != 0);
	return 0;
}
