// Messages of the control socket (<millrace/control.h>): the size of every type, and what is wrong
// with a request before anybody looks at what it means.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <millrace/control.h>

struct mr_control_form { // of one type
	uint32_t type; // enum mr_control_type
	uint32_t request_bytes; // of the body
	uint32_t reply_bytes;
	// NULL when the body is sound, else a sentence that says what is not. NULL: any body is.
	const char *(*fault)(const void *body);
};

enum { MR_CONTROL_WHY_BYTES = 248 };

const struct mr_control_form *mr_control_form(uint32_t type); // NULL: unknown, or no request
// A whole request, aligned to 8 bytes: header, size, body. Fills the header as far as there is one
// (else zeros), so that an error can be answered. 0; -EBADMSG: not a message, or of another size;
// -EPROTONOSUPPORT: of another version; -EOPNOTSUPP: of an unknown type; -EINVAL: its body is not
// sound. All with a sentence of at most MR_CONTROL_WHY_BYTES.
int mr_control_parse(
	const void *message, size_t length, struct mr_control_header *ret_header, char *ret_why);

// -- control_check.c: faults of bodies
const char *mr_control_ban_fault(const void *body);
const char *mr_control_unban_fault(const void *body);
const char *mr_control_purge_fault(const void *body);
const char *mr_control_pause_fault(const void *body);
const char *mr_control_webhook_fault(const void *body);
const char *mr_control_webhook_id_fault(const void *body);
const char *mr_control_app_fault(const void *body);
const char *mr_control_explain_fault(const void *body);
const char *mr_control_tap_fault(const void *body);
