// The store and what stands in it: migrations, tokens, settings of the daemon.
#include "store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings.h"
#include "tokens.h"

static char directory[] = "/tmp/millrace-store-XXXXXX";

static int setup(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"control.db", "control.db-wal", "control.db-shm"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	return rmdir(directory);
}

static void run_sql(const char *sql)
{
	char path[64];
	sqlite3 *database;

	snprintf(path, sizeof(path), "%s/control.db", directory);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void a_store_is_opened_again_as_it_was(void **state)
{
	char why[MR_STORE_WHY_BYTES];
	char text[MR_TOKEN_BYTES];
	struct mr_store *store;
	struct mr_tokens *tokens;
	struct mr_token_row row = {.role = MR_ROLE_OPERATE, .name = "ci"};
	struct mr_caller caller = {0};

	(void)state;
	assert_int_equal(mr_store_open(&store, directory, why), 0);
	assert_int_equal(mr_tokens_new(&tokens, store), 0);
	assert_int_equal(mr_tokens_add(tokens, &row, text), 0);
	mr_tokens_free(tokens);
	mr_store_close(store);
	assert_int_equal(mr_store_open(&store, directory, why), 0);
	assert_int_equal(mr_tokens_new(&tokens, store), 0);
	mr_tokens_find(tokens, text, &caller);
	assert_int_equal(caller.role, MR_ROLE_OPERATE);
	assert_string_equal(caller.name, "token ci");
	mr_tokens_free(tokens);
	mr_store_close(store);
}

static void a_store_of_a_newer_release_is_left_alone(void **state)
{
	char why[MR_STORE_WHY_BYTES];
	struct mr_store *store = NULL;

	(void)state;
	run_sql("PRAGMA user_version = 1000");
	assert_int_equal(mr_store_open(&store, directory, why), -EPROTO);
	assert_non_null(strstr(why, "newer release"));
}

static void a_spoiled_store_says_what_is_lost_with_it(void **state)
{
	char why[MR_STORE_WHY_BYTES];
	char path[64];
	struct mr_store *store = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%s/control.db", directory);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (int i = 0; i < 8192; i++)
		fputc('x', file);
	fclose(file);
	assert_int_equal(mr_store_open(&store, directory, why), -EIO);
	assert_non_null(strstr(why, "move the file away"));
}

static void a_state_directory_that_is_none_is_named(void **state)
{
	char why[MR_STORE_WHY_BYTES];
	struct mr_store *store = NULL;

	(void)state;
	assert_int_equal(mr_store_open(&store, "/nonexistent", why), -EIO);
	assert_non_null(strstr(why, "/nonexistent"));
	assert_non_null(strstr(why, "state_dir"));
}

static void only_the_whole_token_is_one(void **state)
{
	char why[MR_STORE_WHY_BYTES];
	char text[MR_TOKEN_BYTES];
	struct mr_store *store;
	struct mr_tokens *tokens;
	struct mr_token_row row = {.role = MR_ROLE_VIEW, .name = "a"};
	struct mr_token_row again = row;
	struct mr_caller caller = {0};

	(void)state;
	assert_int_equal(mr_store_open(&store, NULL, why), 0);
	assert_int_equal(mr_tokens_new(&tokens, store), 0);
	assert_int_equal(mr_tokens_add(tokens, &row, text), 0);
	assert_int_equal(mr_tokens_add(tokens, &again, why), -EEXIST);
	text[10] ^= 1;
	mr_tokens_find(tokens, text, &caller);
	assert_int_equal(caller.role, MR_ROLE_NOBODY);
	text[10] ^= 1;
	mr_tokens_find(tokens, "", &caller);
	assert_int_equal(caller.role, MR_ROLE_NOBODY);
	mr_tokens_find(tokens, text, &caller);
	assert_int_equal(caller.role, MR_ROLE_VIEW);
	caller.role = MR_ROLE_NOBODY;
	assert_int_equal(mr_tokens_remove(tokens, row.id + 1), -ENOENT);
	assert_int_equal(mr_tokens_remove(tokens, row.id), 0);
	mr_tokens_find(tokens, text, &caller);
	assert_int_equal(caller.role, MR_ROLE_NOBODY);
	mr_tokens_free(tokens);
	mr_store_close(store);
}

static void wrong_settings_are_all_named(void **state)
{
	static const char *const sets[] = {"control.listen=7490", "control.socket=c.sock",
		"control.hots=x", "state_dir=/var/lib/x"};
	struct mr_settings settings;
	struct mr_config_report report = {0};
	const struct mr_config_sources sources = {.sets = sets, .sets_count = 4};

	(void)state;
	assert_int_equal(mr_settings_load(&settings, &sources, &report), -EINVAL);
	assert_int_equal(report.errors, 3);
	assert_non_null(strstr(report.first, "did you mean \"control.hosts\"?"));
	assert_true(mr_settings_given(&settings, "state_dir"));
	assert_false(mr_settings_given(&settings, "alarms.file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_store_is_opened_again_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_store_of_a_newer_release_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_spoiled_store_says_what_is_lost_with_it, setup, teardown),
		cmocka_unit_test(a_state_directory_that_is_none_is_named),
		cmocka_unit_test(only_the_whole_token_is_one),
		cmocka_unit_test(wrong_settings_are_all_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
