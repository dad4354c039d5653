// Answers of the control API, and documents of the same form made out of the data plane, as people
// and programs read them.
#pragma once

#include "call.h"
#include "shapes.h"

// Takes `json`. JSON as it came, on one line; text by the shape. 0, or -EIO.
int mr_answer_print(struct mr_call *call, json_t *json, const struct mr_shape *shape);
enum { MR_ANSWER_FORM = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12) };

// Of a change: also what is in force now, and how to undo it. Takes `json`.
int mr_answer_change(struct mr_call *call, json_t *json, const struct mr_shape *shape);
const json_t *mr_answer_get(const json_t *json, const char *path); // "effect.webhooks"; NULL
// One value on a line of its own making: its title, the value, a blank; nothing when there is none.
void mr_answer_put(struct mr_call *call, const json_t *json, const struct mr_column *column);
