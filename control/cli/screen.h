// A screen of text: lines that are as wide as the terminal at most. No terminal is needed to fill
// one.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MR_SCREEN_LINES_MAX = 200, MR_SCREEN_BYTES_MAX = 512 };

enum mr_ink { MR_INK_PLAIN, MR_INK_BOLD, MR_INK_DIM, MR_INK_CHOSEN, MR_INK_ALARM };

struct mr_screen {
	uint32_t width, height;
	uint32_t lines;
	enum mr_ink inks[MR_SCREEN_LINES_MAX];
	char text[MR_SCREEN_LINES_MAX][MR_SCREEN_BYTES_MAX];
};

void mr_screen_clear(struct mr_screen *screen, uint32_t width, uint32_t height);
// The next line: cut at the width, control characters shown as '?'; beyond the height left out.
void mr_screen_put(struct mr_screen *screen, enum mr_ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Blank lines until only `count` are left.
void mr_screen_leave(struct mr_screen *screen, uint32_t count);
uint32_t mr_screen_left(const struct mr_screen *screen);
// Over what stood there, without flicker.
void mr_screen_draw(const struct mr_screen *screen, FILE *out, bool colour);
void mr_screen_print(const struct mr_screen *screen, FILE *out); // once, as plain text
