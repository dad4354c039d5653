#include "golden.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

size_t golden_read(const char *name, uint8_t ret_bytes[GOLDEN_BYTES_MAX])
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s.hex", MR_GOLDEN_DIR, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s: cannot be read", path);
	size_t length = 0;
	char line[256];
	while (fgets(line, sizeof(line), file) != NULL) {
		for (char *at = line; *at != '\0' && *at != '#';) {
			if (isspace((unsigned char)*at)) {
				at++;
				continue;
			}
			char pair[3] = {at[0], at[1], '\0'};
			char *end = NULL;
			unsigned long byte = strtoul(pair, &end, 16);
			if (end != pair + 2 || length == GOLDEN_BYTES_MAX)
				fail_msg("%s: not a byte: %s", path, pair);
			ret_bytes[length++] = (uint8_t)byte;
			at += 2;
		}
	}
	(void)fclose(file);
	return length;
}

void golden_expect(const char *name, const void *bytes, size_t length)
{
	alignas(8) static uint8_t golden[GOLDEN_BYTES_MAX];
	size_t golden_length = golden_read(name, golden);
	for (size_t i = 0; i < length && i < golden_length; i++) {
		if (((const uint8_t *)bytes)[i] != golden[i])
			fail_msg("%s: byte %zu is %02x, should be %02x", name, i,
				((const uint8_t *)bytes)[i], golden[i]);
	}
	assert_int_equal(length, golden_length);
}
