// A daemon without listeners, ticker or data plane: requests go straight to their handlers.
#pragma once

#include <stddef.h>

#include "daemon.h"
#include "request.h"

struct rig {
	struct mr_daemon daemon;
	struct mr_request request; // the last one
	uint64_t app; // of the token that asks; 0: of nobody
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
// One more header or parameter of the next request.
void rig_header(struct rig *rig, const char *name, const char *value);
void rig_query(struct rig *rig, const char *name, const char *value);
// Asks as an administrator on the socket; the HTTP status of the answer, which stays in
// rig->request until the next one. `body` NULL: none; else JSON.
unsigned rig_ask(struct rig *rig, const char *method, const char *path, const char *body);
unsigned rig_ask_as(struct rig *rig, enum mr_role role, const char *method, const char *path,
	const void *body, size_t length);
json_t *rig_answer(const struct rig *rig); // the caller drops it; NULL: no JSON
// "/mode /rate": pointers of the answer's mistakes; the caller frees it.
char *rig_pointers(const struct rig *rig);
