// The Asana-compatible delivery body (W1, W2): minified JSON whose bytes survive
// JSON.stringify(JSON.parse(body)) in JavaScript: fixed key order, no numeric keys, raw UTF-8,
// minimal escapes, gids as strings.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <millrace/event.h>

// One event object, no surrounding comma. Bytes written, or -ENOSPC. Never more than
// MR_FRAGMENT_BYTES_MAX.
ssize_t mr_asana_render_event(const struct mr_event *event, uint8_t *ret_bytes, size_t size);
// {"events":[ and ]} around fragments separated by commas.
#define MR_ASANA_PREFIX "{\"events\":["
#define MR_ASANA_SUFFIX "]}"
