#include "idempotency.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "answer.h"
#include "clock.h"
#include "daemon.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

enum { ANSWERS_MAX = 10000 };

static const char header[] = "Idempotency-Key";

// What makes a request another one: path, parameters, body.
static void digest_of(const struct mr_request *request, uint8_t ret_sha256[SHA256_DIGEST_LENGTH])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	memset(ret_sha256, 0, SHA256_DIGEST_LENGTH);
	if (!context)
		return;
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	EVP_DigestUpdate(context, request->path, strlen(request->path) + 1);
	for (uint32_t i = 0; i < request->query_count; i++) {
		const struct mr_pair *pair = &request->query[i];

		EVP_DigestUpdate(context, pair->name, strlen(pair->name) + 1);
		if (pair->value)
			EVP_DigestUpdate(context, pair->value, strlen(pair->value) + 1);
	}
	EVP_DigestUpdate(context, "", 1);
	if (request->body)
		EVP_DigestUpdate(context, request->body, request->body_length);
	EVP_DigestFinal_ex(context, ret_sha256, NULL);
	EVP_MD_CTX_free(context);
}

static void bind_key(sqlite3_stmt *statement, const struct mr_request *request, const char *key)
{
	sqlite3_bind_text(statement, 1, request->caller.name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, key, -1, SQLITE_STATIC);
}

// Answers from the row that a SELECT stands at.
static void answer_again(struct mr_request *request, sqlite3_stmt *statement, const uint8_t *sha256)
{
	const int status = sqlite3_column_int(statement, 1);
	const size_t length = (size_t)sqlite3_column_bytes(statement, 2);
	const void *body = sqlite3_column_blob(statement, 2);

	if (sqlite3_column_bytes(statement, 0) != SHA256_DIGEST_LENGTH
		|| memcmp(sqlite3_column_blob(statement, 0), sha256, SHA256_DIGEST_LENGTH) != 0) {
		mr_problem(request, 422,
			"this Idempotency-Key was used for another request: take a new one");
	} else if (status == 0) {
		mr_problem(request, 409,
			"the first request with this Idempotency-Key is under way, or was cut off: look into /v1/audit");
	} else if (!body) {
		mr_problem(request, 409,
			"the first request with this Idempotency-Key was answered %d; a secret is told once and not kept",
			status);
	} else {
		char *copy = malloc(length);

		if (copy)
			memcpy(copy, body, length);
		mr_answer_header(request, "Idempotency-Replayed", "true");
		mr_answer_heap(request, (unsigned)status,
			status < 400 ? "application/json" : "application/problem+json", copy,
			length);
	}
}

bool mr_idempotency_begin(struct mr_request *request)
{
	struct mr_store *store = request->daemon->store;
	const char *key = mr_request_header(request, header);
	uint8_t sha256[SHA256_DIGEST_LENGTH];

	if (!key)
		return true;
	if (!key[0] || strlen(key) > MR_IDEMPOTENCY_KEY_BYTES_MAX) {
		mr_problem(request, 400, "an Idempotency-Key has 1 to %d characters",
			MR_IDEMPOTENCY_KEY_BYTES_MAX);
		return false;
	}
	digest_of(request, sha256);
	mr_store_lock(store);
	sqlite3_stmt *statement = mr_store_prepare(
		store, "SELECT request, status, body FROM answers WHERE who = ?1 AND key = ?2");
	bool is_new = true;

	if (statement) {
		bind_key(statement, request, key);
		is_new = sqlite3_step(statement) != SQLITE_ROW;
		if (!is_new)
			answer_again(request, statement, sha256);
		sqlite3_reset(statement);
	}
	if (is_new) {
		statement = mr_store_prepare(store,
			"INSERT INTO answers (who, key, at_ns, request, status) VALUES (?1, ?2, ?3, ?4, 0)");
		if (statement) {
			bind_key(statement, request, key);
			sqlite3_bind_int64(statement, 3, mr_now_wall_ns());
			sqlite3_bind_blob(statement, 4, sha256, sizeof(sha256), SQLITE_STATIC);
		}
		mr_store_run(store, statement);
	}
	mr_store_unlock(store);
	return is_new;
}

void mr_idempotency_end(struct mr_request *request)
{
	struct mr_store *store = request->daemon->store;
	const char *key = mr_request_header(request, header);
	const struct mr_answer *answer = &request->answer;

	if (!key)
		return;
	mr_store_lock(store);
	// What failed on our side may be tried again.
	sqlite3_stmt *statement = mr_store_prepare(store,
		answer->status >= 500
			? "DELETE FROM answers WHERE who = ?1 AND key = ?2"
			: "UPDATE answers SET status = ?3, body = ?4 WHERE who = ?1 AND key = ?2");

	if (statement)
		bind_key(statement, request, key);
	if (statement && answer->status < 500) {
		sqlite3_bind_int(statement, 3, (int)answer->status);
		const bool is_secret =
			answer->status < 400 && (request->match.route->flags & MR_ROUTE_SECRET);

		if (!is_secret && answer->body)
			sqlite3_bind_blob(
				statement, 4, answer->body, (int)answer->length, SQLITE_STATIC);
	}
	mr_store_run(store, statement);
	mr_store_unlock(store);
}

void mr_idempotency_tick(struct mr_store *store)
{
	mr_store_lock(store);
	sqlite3_stmt *statement = mr_store_prepare(store,
		"DELETE FROM answers WHERE at_ns < max(?1,"
		" coalesce((SELECT at_ns FROM answers ORDER BY at_ns DESC LIMIT 1 OFFSET ?2), 0))");

	if (statement) {
		sqlite3_bind_int64(statement, 1, mr_now_wall_ns() - DAY_NS);
		sqlite3_bind_int(statement, 2, ANSWERS_MAX);
	}
	mr_store_run(store, statement);
	mr_store_unlock(store);
}
