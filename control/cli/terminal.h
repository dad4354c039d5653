// The terminal while a program draws on all of it: alternate screen, keys at once, no echo. It is
// put back however the program ends: by a key, an error, a signal.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum mr_key {
	MR_KEY_NONE = 0, // nothing within the time, or the size has changed
	MR_KEY_UP = 256,
	MR_KEY_DOWN,
	MR_KEY_END, // the terminal is gone, or a signal asks to end
};

int mr_terminal_open(void); // 0 or negative errno: stdin and stdout are no terminal
void mr_terminal_close(void); // also twice
int mr_terminal_key(int timeout_ms); // a byte, or enum mr_key
void mr_terminal_size(uint32_t *ret_width, uint32_t *ret_height); // 80 x 24 when nobody knows
