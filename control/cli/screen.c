#include "screen.h"

#include <stdarg.h>
#include <string.h>

void mr_screen_clear(struct mr_screen *screen, uint32_t width, uint32_t height)
{
	screen->width = width;
	screen->height = height < MR_SCREEN_LINES_MAX ? height : MR_SCREEN_LINES_MAX;
	screen->lines = 0;
}

uint32_t mr_screen_left(const struct mr_screen *screen)
{
	return screen->height - screen->lines;
}

// One column a character: what is wider than that (ideographs) makes a line too long, never wrong.
static void trim(char *text, uint32_t width)
{
	uint32_t columns = 0;

	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
		columns += ((unsigned char)*at & 0xc0) != 0x80;
		if (columns > width) {
			*at = 0;
			return;
		}
	}
}

void mr_screen_put(struct mr_screen *screen, enum mr_ink ink, const char *format, ...)
{
	va_list arguments;

	if (mr_screen_left(screen) == 0)
		return;
	char *text = screen->text[screen->lines];

	va_start(arguments, format);
	vsnprintf(text, MR_SCREEN_BYTES_MAX, format, arguments);
	va_end(arguments);
	trim(text, screen->width);
	screen->inks[screen->lines++] = ink;
}

void mr_screen_leave(struct mr_screen *screen, uint32_t count)
{
	while (mr_screen_left(screen) > count)
		mr_screen_put(screen, MR_INK_PLAIN, " ");
}

void mr_screen_draw(const struct mr_screen *screen, FILE *out, bool colour)
{
	static const char *const inks[] = {[MR_INK_PLAIN] = "",
		[MR_INK_BOLD] = "\033[1m",
		[MR_INK_DIM] = "\033[2m",
		[MR_INK_CHOSEN] = "\033[7m",
		[MR_INK_ALARM] = "\033[1;31m"};

	fputs("\033[H", out);
	for (uint32_t i = 0; i < screen->lines; i++) {
		const enum mr_ink ink = screen->inks[i];
		const bool inked = colour ? ink != MR_INK_PLAIN : ink == MR_INK_CHOSEN;

		fprintf(out, "%s%s%s\033[K%s", inked ? inks[ink] : "", screen->text[i],
			inked ? "\033[0m" : "", i + 1 < screen->lines ? "\n" : "");
	}
	fputs("\033[J", out);
	fflush(out);
}

void mr_screen_print(const struct mr_screen *screen, FILE *out)
{
	for (uint32_t i = 0; i < screen->lines; i++) {
		size_t length = strlen(screen->text[i]);

		while (length > 0 && screen->text[i][length - 1] == ' ')
			length--;
		fprintf(out, "%.*s\n", (int)length, screen->text[i]);
	}
}
