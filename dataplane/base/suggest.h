// Did you mean: the known word that looks most like an unknown one.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Ask with mr_suggest_begin, offer every known word, read `best`.
struct mr_suggest {
	const char *word;
	size_t length;
	const char *best; // NULL: none is near
	uint32_t distance; // private
};

struct mr_suggest mr_suggest_begin(const char *word, size_t length);
void mr_suggest_offer(struct mr_suggest *suggest, const char *known); // terminated; kept
