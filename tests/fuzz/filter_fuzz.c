// Filters as text: what is read is written again as a text that reads the same.
#include "filter.h"

#include <string.h>

#include "fuzz.h"
#include "mr_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mr_filter filters[MR_FILTERS_MAX];
	static struct mr_filter again[MR_FILTERS_MAX];
	static char text[1 << 16];
	const char *why = NULL;
	uint8_t count = 0;
	uint8_t count_again = 0;
	if (mr_filters_parse((const char *)data, size, filters, &count, &why) != 0) {
		mr_assert(why != NULL && count > 0);
		return 0;
	}
	mr_assert(count <= MR_FILTERS_MAX);
	size_t length = mr_filters_format(filters, count, text, sizeof(text));
	mr_assert(mr_filters_parse(text, length, again, &count_again, &why) == 0);
	mr_assert(count == count_again && memcmp(filters, again, sizeof(filters)) == 0);
	return 0;
}
