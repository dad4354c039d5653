// Prints rendered bodies, one per line: the golden cases, then every byte and every two-byte
// character in every string. Read by json_roundtrip.mjs.
#include <stdio.h>
#include <string.h>

#include "asana_json.h"
#include "json_cases.h"

static void print_body(const struct mr_event *event)
{
	static uint8_t bytes[MR_FRAGMENT_BYTES_MAX];

	ssize_t length = mr_asana_render_event(event, bytes, sizeof(bytes));
	fputs(MR_ASANA_PREFIX, stdout);
	fwrite(bytes, 1, (size_t)length, stdout);
	fputs(",", stdout);
	fwrite(bytes, 1, (size_t)length, stdout);
	fputs(MR_ASANA_SUFFIX "\n", stdout);
}

static size_t encode(uint32_t code_point, char *ret_bytes)
{
	if (code_point < 0x80) {
		ret_bytes[0] = (char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		ret_bytes[0] = (char)(0xc0 | code_point >> 6);
		ret_bytes[1] = (char)(0x80 | (code_point & 0x3f));
		return 2;
	}
	ret_bytes[0] = (char)(0xe0 | code_point >> 12);
	ret_bytes[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
	ret_bytes[2] = (char)(0x80 | (code_point & 0x3f));
	return 3;
}

int main(void)
{
	for (size_t i = 0; i < JSON_CASES; i++)
		print_body(&json_cases[i].event);
	for (uint32_t code_point = 1; code_point < 0x10000;
		code_point += code_point < 0x2100 ? 1 : 61) {
		char bytes[3];
		if (code_point >= 0xd800 && code_point < 0xe000)
			continue; // surrogates are no characters; events with them do not decode
		struct mr_text text = {
			.data = bytes, .length = (uint16_t)encode(code_point, bytes)};
		struct mr_event event = {
			.action = MR_ACTION_CHANGED,
			.change_action = MR_ACTION_ADDED,
			.object = code_point,
			.user = 3,
			.created_at_ns = code_point * INT64_C(100000000000007),
			.type = text,
			.subtype = text,
			.field = text,
			.value_gid = 2,
			.value_type = text,
		};
		print_body(&event);
	}
	return 0;
}
