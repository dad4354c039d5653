// Events between bytes and struct mr_event (layout: <millrace/event.h>). Bounded, without I/O, time
// or memory of its own.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <millrace/event.h>

// Checks one event completely: lengths (the whole one is the used bytes rounded up to 8), enums,
// object and ancestor gids not 0, created_at not negative, field and value only with a change and
// that only with changed, parent only with added and removed, types of value and parent only with
// their gid, `via` indices in range, texts valid UTF-8 without NUL (payload excepted), padding
// zero. Returns the bytes consumed, or -EBADMSG with *ret_offset (may be NULL) at the byte that is
// wrong. Never reads beyond `length`.
ssize_t mr_event_check(const uint8_t *bytes, size_t length, uint32_t *ret_offset);
// Decodes an event that mr_event_check has passed (asserts the cheap part again). Texts point into
// `bytes`.
void mr_event_decode(const uint8_t *bytes, struct mr_event *ret_event);
// Encodes; bytes written (a multiple of 8), or -EINVAL when the event breaks a rule of
// mr_event_check, -ENOSPC.
ssize_t mr_event_encode(const struct mr_event *event, uint8_t *ret_bytes, size_t size);
