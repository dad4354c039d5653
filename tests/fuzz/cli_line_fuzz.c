// Command lines of pages and alarms: refused with a reason or understood, and never run.
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "fuzz.h"
#include "mr_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[MR_LINE_WHY_BYTES] = "";
	char *text = malloc(size + 1);

	mr_assert(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	const int r = mr_line_check(text, why);

	mr_assert(r == 0 || why[0] != 0);
	free(text);
	return 0;
}
