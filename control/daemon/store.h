// What the daemon keeps: one SQLite database (WAL). Lose it, and audit, tokens and remembered
// answers are gone; bans, webhooks and apps are the data plane's and are not.
#pragma once

#include <sqlite3.h>
#include <stddef.h>

struct mr_store;

enum { MR_STORE_WHY_BYTES = 512 };

// Opens or makes `directory`/control.db (mode 0600) and brings it to this program's version; NULL:
// in memory, for tests. 0, or a negative errno with the reason and what to do.
int mr_store_open(struct mr_store **ret_store, const char *directory, char *ret_why);
void mr_store_close(struct mr_store *store); // accepts NULL

// One thread at a time works with the store, from mr_store_lock to mr_store_unlock.
void mr_store_lock(struct mr_store *store);
void mr_store_unlock(struct mr_store *store);
// The prepared statement of `sql`, reset, nothing bound. `sql` is a literal: statements are kept by
// its address. NULL: the database is damaged; the reason was logged.
sqlite3_stmt *mr_store_prepare(struct mr_store *store, const char *sql);
// Steps a statement that returns no rows, and resets it. 0 or -EIO; the reason was logged.
int mr_store_run(struct mr_store *store, sqlite3_stmt *statement);
