// Tokens for those who come over TCP. Only their SHA-256 is kept; the token itself is told once.
#pragma once

#include "request.h"
#include "store.h"

struct mr_tokens;

enum { MR_TOKEN_BYTES = 80, MR_TOKENS_MAX = 1024, MR_TOKEN_NAME_BYTES_MAX = 48 };

struct mr_token_row {
	uint64_t id;
	enum mr_role role;
	uint64_t app, user, workspace; // 0: none
	int64_t created_at_ns;
	char name[MR_TOKEN_NAME_BYTES_MAX];
	char created_by[MR_AUTHOR_BYTES_MAX];
};

int mr_tokens_new(struct mr_tokens **ret_tokens, struct mr_store *store);
void mr_tokens_free(struct mr_tokens *tokens); // accepts NULL
// Reads them from the store again: another process may have added one.
int mr_tokens_load(struct mr_tokens *tokens);
uint32_t mr_tokens_count(struct mr_tokens *tokens);
// Role, name and owner of a token; leaves `caller` as it is when it is unknown. Takes as long for
// every token.
void mr_tokens_find(struct mr_tokens *tokens, const char *text, struct mr_caller *caller);
// Makes one; `row` says what for and gets its id. 0; -EEXIST: the name is taken; -ENOSPC.
int mr_tokens_add(
	struct mr_tokens *tokens, struct mr_token_row *row, char ret_text[MR_TOKEN_BYTES]);
int mr_tokens_remove(struct mr_tokens *tokens, uint64_t id); // 0 or -ENOENT
// The first row with an id above `after`; false: there is none.
bool mr_tokens_next(struct mr_tokens *tokens, uint64_t after, struct mr_token_row *ret_row);
