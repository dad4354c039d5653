#include "suggest.h"

#include <string.h>

enum { WORD_BYTES_MAX = 63 };

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t least = a < b ? a : b;
	return least < c ? least : c;
}

// Levenshtein distance of two short words.
static uint32_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	uint32_t row[WORD_BYTES_MAX + 1];
	if (a_length > WORD_BYTES_MAX || b_length > WORD_BYTES_MAX)
		return UINT32_MAX;
	for (uint32_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= a_length; i++) {
		uint32_t diagonal = row[0];
		row[0] = i;
		for (uint32_t j = 1; j <= b_length; j++) {
			uint32_t above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_length];
}

struct mr_suggest mr_suggest_begin(const char *word, size_t length)
{
	return (struct mr_suggest){
		.word = word, .length = length, .distance = (uint32_t)length / 3 + 1};
}

void mr_suggest_offer(struct mr_suggest *suggest, const char *known)
{
	uint32_t distance = edit_distance(known, strlen(known), suggest->word, suggest->length);
	if (distance > suggest->distance
		|| (distance == suggest->distance && suggest->best != NULL))
		return;
	suggest->distance = distance;
	suggest->best = known;
}
