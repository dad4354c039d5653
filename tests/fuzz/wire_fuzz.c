// Messages: bodies are parsed within their bounds, and laying out what was parsed gives the same
// message again.
#include <string.h>

#include "fuzz.h"
#include "mr_assert.h"
#include "wire_codec.h"

static void parse_body(const struct mr_wire_header *header, const uint8_t *body, size_t length)
{
	struct mr_wire_hello hello;
	struct mr_wire_welcome welcome;
	struct mr_wire_ack_view ack;
	uint64_t known[MR_FLOWS_MAX];
	struct mr_wire_grant grants[MR_FLOWS_MAX];
	if (header->type == MR_WIRE_HELLO && mr_wire_parse_hello(body, length, &hello, known) == 0)
		mr_assert(hello.flows <= MR_FLOWS_MAX);
	if (header->type == MR_WIRE_WELCOME
		&& mr_wire_parse_welcome(body, length, &welcome, grants) == 0)
		mr_assert(length == sizeof(welcome) + welcome.flows * sizeof(grants[0]));
	if (header->type == MR_WIRE_ACK && mr_wire_parse_ack(body, length, &ack) == 0) {
		mr_assert(ack.bitmap + ack.ack.bitmap_words * 8 == ack.refused);
		for (uint32_t i = 0; i < ack.ack.refused_runs; i++) {
			struct mr_wire_refused refused = mr_wire_ack_refused(&ack, i);
			mr_assert(
				memcmp(&refused, ack.refused + i * sizeof(refused), sizeof(refused))
				== 0);
		}
		mr_assert(ack.refused + ack.ack.refused_runs * sizeof(struct mr_wire_refused)
			== body + length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mr_wire_header header;
	const uint8_t *body = NULL;
	size_t body_length = 0;
	enum mr_discard verdict = mr_wire_parse(data, size, &header, &body, &body_length);
	if (verdict != MR_DISCARD_COUNT) {
		mr_assert(verdict < MR_DISCARD_COUNT);
		return 0;
	}
	mr_assert(body == data + MR_WIRE_HEADER_BYTES);
	mr_assert(MR_WIRE_HEADER_BYTES + body_length + MR_WIRE_TAG_BYTES == size);
	parse_body(&header, body, body_length);

	static uint8_t again[MR_MTU_JUMBO];
	if (size > sizeof(again))
		return 0;
	memcpy(again + MR_WIRE_HEADER_BYTES, body, body_length);
	mr_assert(mr_wire_finish(again, &header, body_length) == size);
	// The same but for the reserved word and the tag, which are written as zeros.
	mr_assert(memcmp(again, data, offsetof(struct mr_wire_header, reserved)) == 0);
	struct mr_wire_header second;
	mr_assert(mr_wire_parse(again, size, &second, &body, &body_length) == MR_DISCARD_COUNT);
	mr_assert(memcmp(&second, &header, sizeof(header)) == 0);
	return 0;
}
