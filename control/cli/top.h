// The live screen: what is shown, and how it fills a screen. No terminal, no socket.
#pragma once

#include <jansson.h>

#include "screen.h"

enum mr_top_mode { MR_TOP_LOOKING, MR_TOP_HELP, MR_TOP_ASKING };

struct mr_top_screen {
	json_t *status, *hot; // the last answers; NULL: none yet
	const char *kind, *by;
	uint32_t chosen; // row of the hot ones
	bool paused;
	enum mr_top_mode mode;
	char note[256]; // what the last key did
	char trouble[256]; // why there are no news; empty: there are
};

void mr_top_fill(struct mr_top_screen *top, struct mr_screen *screen);
// Kind and id of the chosen row; NULL: there is none.
const char *mr_top_chosen_id(const struct mr_top_screen *top);
