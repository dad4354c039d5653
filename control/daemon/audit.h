// Who changed what, when, and how it was before and after. Rows are added, never changed.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "request.h"
#include "store.h"

struct mr_audit_row {
	uint64_t number; // given by the store
	int64_t at_ns; // wall clock
	const char *who;
	const char *via; // "socket", "tcp", "direct", "router"
	const char *act; // "ban", "unban", ...
	const char *scope; // "object 42", "webhook 7", "token ci"
	json_t *before, *after; // NULL: nothing; borrowed
	const char *result; // "ok", or what went wrong
};

// What cannot be stored is logged as a whole: it is never lost without a word. 0 or -EIO.
int mr_audit_add(struct mr_store *store, const struct mr_audit_row *row);
// Of a request: who and via are its caller's. Takes `before` and `after`.
void mr_audit_request(struct mr_request *request, const char *act, const char *scope,
	json_t *before, json_t *after, const char *result);
