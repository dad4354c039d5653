// The table of event shapes: the one of ordinary traffic, and those that break naive receivers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mr_shape_text {
	uint8_t action; // enum mr_action
	uint8_t change_action; // enum mr_action; only with changed
	bool null_user; // only where the user does not carry the event number
	const char *type;
	const char *subtype;
	const char *field;
	const char *number_type; // type of the value or parent that carries the event number
};

// Row 0 is ordinary traffic.
extern const struct mr_shape_text mr_shape_texts[];
extern const uint32_t mr_shape_texts_count;
