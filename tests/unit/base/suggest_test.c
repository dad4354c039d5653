// Did you mean: near words are found, far ones are not, long ones do no harm.
#include "suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *suggest(const char *word)
{
	static const char *const known[] = {"status", "stats", "ban", "unban", "webhooks"};
	struct mr_suggest found = mr_suggest_begin(word, strlen(word));

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		mr_suggest_offer(&found, known[i]);
	return found.best;
}

static void nearest_word_is_suggested(void **state)
{
	static const struct {
		const char *word, *best;
	} table[] = {
		{"sttus", "status"},
		{"stat", "stats"},
		{"bann", "ban"},
		{"unbn", "unban"},
		{"webhook", "webhooks"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_non_null(suggest(table[i].word));
		assert_string_equal(suggest(table[i].word), table[i].best);
	}
}

static void far_and_endless_words_get_no_suggestion(void **state)
{
	char endless[4096];

	(void)state;
	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = 0;
	assert_null(suggest(endless));
	assert_null(suggest("xyzzyplugh"));
	assert_null(suggest("hot"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_word_is_suggested),
		cmocka_unit_test(far_and_endless_words_get_no_suggestion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
