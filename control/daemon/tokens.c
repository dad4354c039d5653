#include "tokens.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "bytes.h"
#include "clock.h"

enum { SECRET_BYTES = 32 };

struct known {
	struct mr_token_row row;
	uint8_t sha256[SHA256_DIGEST_LENGTH];
};

struct mr_tokens {
	struct mr_store *store;
	pthread_mutex_t lock; // of what follows
	uint32_t count;
	struct known known[MR_TOKENS_MAX]; // ascending by id
};

static void read_row(sqlite3_stmt *statement, struct known *known)
{
	struct mr_token_row *row = &known->row;
	const char *name = (const char *)sqlite3_column_text(statement, 1);
	const char *by = (const char *)sqlite3_column_text(statement, 7);

	*known = (struct known){0};
	row->id = (uint64_t)sqlite3_column_int64(statement, 0);
	snprintf(row->name, sizeof(row->name), "%s", name ? name : "");
	row->role = (enum mr_role)sqlite3_column_int(statement, 2);
	row->app = (uint64_t)sqlite3_column_int64(statement, 3);
	row->user = (uint64_t)sqlite3_column_int64(statement, 4);
	row->workspace = (uint64_t)sqlite3_column_int64(statement, 5);
	if (sqlite3_column_bytes(statement, 6) == SHA256_DIGEST_LENGTH)
		memcpy(known->sha256, sqlite3_column_blob(statement, 6), SHA256_DIGEST_LENGTH);
	snprintf(row->created_by, sizeof(row->created_by), "%s", by ? by : "");
	row->created_at_ns = sqlite3_column_int64(statement, 8);
}

int mr_tokens_load(struct mr_tokens *tokens)
{
	mr_store_lock(tokens->store);
	sqlite3_stmt *statement = mr_store_prepare(tokens->store,
		"SELECT id, name, role, app, user, workspace, sha256, created_by, created_at_ns FROM tokens ORDER BY id");

	pthread_mutex_lock(&tokens->lock);
	tokens->count = 0;
	while (statement && tokens->count < MR_TOKENS_MAX && sqlite3_step(statement) == SQLITE_ROW)
		read_row(statement, &tokens->known[tokens->count++]);
	pthread_mutex_unlock(&tokens->lock);
	if (statement)
		sqlite3_reset(statement);
	mr_store_unlock(tokens->store);
	return statement ? 0 : -EIO;
}

int mr_tokens_new(struct mr_tokens **ret_tokens, struct mr_store *store)
{
	struct mr_tokens *tokens = calloc(1, sizeof(*tokens));

	if (!tokens)
		return -ENOMEM;
	tokens->store = store;
	pthread_mutex_init(&tokens->lock, NULL);
	*ret_tokens = tokens;
	return mr_tokens_load(tokens);
}

void mr_tokens_free(struct mr_tokens *tokens)
{
	if (!tokens)
		return;
	pthread_mutex_destroy(&tokens->lock);
	free(tokens);
}

uint32_t mr_tokens_count(struct mr_tokens *tokens)
{
	pthread_mutex_lock(&tokens->lock);
	const uint32_t count = tokens->count;

	pthread_mutex_unlock(&tokens->lock);
	return count;
}

void mr_tokens_find(struct mr_tokens *tokens, const char *text, struct mr_caller *caller)
{
	uint8_t sha256[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)text, strlen(text), sha256);
	pthread_mutex_lock(&tokens->lock);
	for (uint32_t i = 0; i < tokens->count; i++) { // all of them, found or not
		const struct mr_token_row *row = &tokens->known[i].row;

		if (CRYPTO_memcmp(sha256, tokens->known[i].sha256, sizeof(sha256)) != 0)
			continue;
		caller->role = row->role;
		caller->token = row->id;
		caller->app = row->app;
		caller->user = row->user;
		caller->workspace = row->workspace;
		snprintf(caller->name, sizeof(caller->name), "token %s", row->name);
	}
	pthread_mutex_unlock(&tokens->lock);
}

static void make_text(char ret_text[MR_TOKEN_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t secret[SECRET_BYTES];
	size_t used = (size_t)snprintf(ret_text, MR_TOKEN_BYTES, "mrt_");

	RAND_priv_bytes(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++) {
		ret_text[used++] = digits[secret[i] >> 4];
		ret_text[used++] = digits[secret[i] & 15];
	}
	ret_text[used] = 0;
	OPENSSL_cleanse(secret, sizeof(secret));
}

// Adds the row; -EEXIST when its name is taken.
static int insert(struct mr_store *store, struct mr_token_row *row, const uint8_t *sha256)
{
	sqlite3_stmt *statement = mr_store_prepare(store,
		"INSERT INTO tokens (name, role, app, user, workspace, sha256, created_at_ns, created_by)"
		" SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE name = ?1)"
		" RETURNING id");

	if (!statement)
		return -EIO;
	sqlite3_bind_text(statement, 1, row->name, -1, SQLITE_STATIC);
	sqlite3_bind_int(statement, 2, (int)row->role);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)row->app);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)row->user);
	sqlite3_bind_int64(statement, 5, (sqlite3_int64)row->workspace);
	sqlite3_bind_blob(statement, 6, sha256, SHA256_DIGEST_LENGTH, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 7, row->created_at_ns);
	sqlite3_bind_text(statement, 8, row->created_by, -1, SQLITE_STATIC);
	const int r = sqlite3_step(statement);

	row->id = r == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	if (r == SQLITE_ROW)
		return mr_store_run(store, statement);
	sqlite3_reset(statement);
	return r == SQLITE_DONE ? -EEXIST : -EIO;
}

int mr_tokens_add(struct mr_tokens *tokens, struct mr_token_row *row, char ret_text[MR_TOKEN_BYTES])
{
	uint8_t sha256[SHA256_DIGEST_LENGTH];

	if (mr_tokens_count(tokens) == MR_TOKENS_MAX)
		return -ENOSPC;
	make_text(ret_text);
	SHA256((const uint8_t *)ret_text, strlen(ret_text), sha256);
	row->created_at_ns = mr_now_wall_ns();
	mr_store_lock(tokens->store);
	const int r = insert(tokens->store, row, sha256);

	mr_store_unlock(tokens->store);
	return r < 0 ? r : mr_tokens_load(tokens);
}

int mr_tokens_remove(struct mr_tokens *tokens, uint64_t id)
{
	struct mr_token_row row;

	if (id == 0 || !mr_tokens_next(tokens, id - 1, &row) || row.id != id)
		return -ENOENT;
	mr_store_lock(tokens->store);
	sqlite3_stmt *statement =
		mr_store_prepare(tokens->store, "DELETE FROM tokens WHERE id = ?1");

	if (statement)
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	const int r = mr_store_run(tokens->store, statement);

	mr_store_unlock(tokens->store);
	return r < 0 ? r : mr_tokens_load(tokens);
}

bool mr_tokens_next(struct mr_tokens *tokens, uint64_t after, struct mr_token_row *ret_row)
{
	bool found = false;

	pthread_mutex_lock(&tokens->lock);
	for (uint32_t i = 0; i < tokens->count && !found; i++) {
		found = tokens->known[i].row.id > after;
		if (found)
			*ret_row = tokens->known[i].row;
	}
	pthread_mutex_unlock(&tokens->lock);
	return found;
}
