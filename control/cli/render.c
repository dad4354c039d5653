#include <inttypes.h>
#include <string.h>

#include "cli_render.h"

const struct mr_render *mr_render_find(const char *name)
{
	const struct mr_render *const all[] = {&mr_render_text, &mr_render_json};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}

void mr_duration_text(uint64_t duration_ns, char *ret_text, size_t size)
{
	const uint64_t seconds = duration_ns / 1000000000;

	if (duration_ns < 1000)
		snprintf(ret_text, size, "%" PRIu64 " ns", duration_ns);
	else if (duration_ns < 1000000)
		snprintf(ret_text, size, "%.1f us", (double)duration_ns / 1e3);
	else if (seconds < 1)
		snprintf(ret_text, size, "%.2f ms", (double)duration_ns / 1e6);
	else if (seconds < 60)
		snprintf(ret_text, size, "%.2f s", (double)duration_ns / 1e9);
	else if (seconds < 3600)
		snprintf(ret_text, size, "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
			seconds % 60);
	else if (seconds < 86400)
		snprintf(ret_text, size, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			seconds / 60 % 60);
	else
		snprintf(ret_text, size, "%" PRIu64 " d %" PRIu64 " h", seconds / 86400,
			seconds / 3600 % 24);
}

void mr_count_text(uint64_t count, char *ret_text, size_t size)
{
	char digits[24];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
	size_t at = 0;

	for (size_t i = 0; i < length && at + 2 < size; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			ret_text[at++] = ',';
		ret_text[at++] = digits[i];
	}
	ret_text[at] = 0;
}

void mr_text_tame(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		const bool is_c1 = *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

		if (*at < ' ' || *at == 0x7f || is_c1)
			*at = '?';
		if (is_c1)
			*++at = '?';
	}
}

void mr_text_cut(char *text, size_t width)
{
	size_t length = strlen(text);

	if (length <= width || width < 4)
		return;
	for (length = width - 2; length > 0 && (text[length] & 0xc0) == 0x80; length--)
		;
	memcpy(text + length, "..", 3);
}
