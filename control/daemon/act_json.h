// Bans, pauses and what acts have done, as the API writes them.
#pragma once

#include <jansson.h>

#include <millrace/ban.h>
#include <millrace/control.h>

enum { MR_SCOPE_TEXT_BYTES = 40 };

json_t *mr_json_ban(const struct mr_ban *ban);
json_t *mr_json_paused(const struct mr_paused *paused);
json_t *mr_json_effect(const struct mr_control_effect *effect);
// "object 42"
void mr_scope_text(const struct mr_scope *scope, char ret_text[MR_SCOPE_TEXT_BYTES]);
