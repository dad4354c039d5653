#include "store.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store_schema.h"

// Acts wait for what they note down: whoever holds the file for long is not waited for.
enum { STATEMENTS_MAX = 64, BUSY_TIMEOUT_MS = 200 };

struct mr_store {
	pthread_mutex_t lock;
	sqlite3 *database;
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} statements[STATEMENTS_MAX];
	int statements_count;
};

static int read_version(sqlite3 *database)
{
	sqlite3_stmt *statement;
	int version = -1;

	if (sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK
		&& sqlite3_step(statement) == SQLITE_ROW)
		version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return version;
}

// Each step and its number in one transaction: a kill leaves the version before or the one after.
static int migrate(sqlite3 *database)
{
	char done[64];

	for (int version = read_version(database); version < mr_store_steps_count; version++) {
		snprintf(done, sizeof(done), "PRAGMA user_version = %d; COMMIT", version + 1);
		if (version < 0 || sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL)
			|| sqlite3_exec(database, mr_store_steps[version], NULL, NULL, NULL)
			|| sqlite3_exec(database, done, NULL, NULL, NULL))
			return -EIO;
	}
	return 0;
}

static int open_database(struct mr_store *store, const char *path, char *ret_why)
{
	int r = sqlite3_open_v2(path, &store->database,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS);
	if (r == SQLITE_OK)
		r = sqlite3_exec(store->database,
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON",
			NULL, NULL, NULL);
	if (r != SQLITE_OK) {
		const bool is_spoiled = r == SQLITE_NOTADB || r == SQLITE_CORRUPT;

		snprintf(ret_why, MR_STORE_WHY_BYTES, "%.200s: %.100s; %s", path,
			store->database ? sqlite3_errmsg(store->database) : "no memory",
			is_spoiled
				? "put a copy back, or move the file away (audit and tokens are in it; bans are not)"
				: "state_dir must be a directory of the daemon's own user");
		return -EIO;
	}
	if (read_version(store->database) > mr_store_steps_count) {
		snprintf(ret_why, MR_STORE_WHY_BYTES,
			"%.256s was written by a newer release: go back to that, or move the file away (audit and tokens are in it)",
			path);
		return -EPROTO;
	}
	if (migrate(store->database) < 0) {
		snprintf(ret_why, MR_STORE_WHY_BYTES,
			"%.256s: cannot be brought to this release: %s", path,
			sqlite3_errmsg(store->database));
		return -EIO;
	}
	return 0;
}

int mr_store_open(struct mr_store **ret_store, const char *directory, char *ret_why)
{
	char path[512] = ":memory:";
	struct mr_store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	if (directory)
		snprintf(path, sizeof(path), "%s/control.db", directory);
	pthread_mutex_init(&store->lock, NULL);
	const int r = open_database(store, path, ret_why);

	if (r < 0) {
		mr_store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

void mr_store_close(struct mr_store *store)
{
	if (!store)
		return;
	for (int i = 0; i < store->statements_count; i++)
		sqlite3_finalize(store->statements[i].statement);
	sqlite3_close(store->database);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

void mr_store_lock(struct mr_store *store)
{
	pthread_mutex_lock(&store->lock);
}

void mr_store_unlock(struct mr_store *store)
{
	pthread_mutex_unlock(&store->lock);
}

sqlite3_stmt *mr_store_prepare(struct mr_store *store, const char *sql)
{
	int i = 0;

	while (i < store->statements_count && store->statements[i].sql != sql)
		i++;
	if (i == store->statements_count) {
		if (i == STATEMENTS_MAX
			|| sqlite3_prepare_v3(store->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
				   &store->statements[i].statement, NULL)
				!= SQLITE_OK) {
			mr_log(MR_LOG_ERROR, "store: %s: %s", sql, sqlite3_errmsg(store->database));
			return NULL;
		}
		store->statements[i].sql = sql;
		store->statements_count++;
	}
	sqlite3_reset(store->statements[i].statement);
	sqlite3_clear_bindings(store->statements[i].statement);
	return store->statements[i].statement;
}

int mr_store_run(struct mr_store *store, sqlite3_stmt *statement)
{
	const int r = statement ? sqlite3_step(statement) : SQLITE_ERROR;

	if (r != SQLITE_DONE && r != SQLITE_ROW)
		mr_log(MR_LOG_ERROR, "store: %s", sqlite3_errmsg(store->database));
	if (statement)
		sqlite3_reset(statement);
	return r == SQLITE_DONE || r == SQLITE_ROW ? 0 : -EIO;
}
