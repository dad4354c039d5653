// Frames of the control socket: whatever comes is judged within its bounds, what is refused has a
// sentence, and what is taken is of its type's size and holds texts that end.
#include <string.h>

#include "control_codec.h"
#include "fuzz.h"
#include "mr_assert.h"

static void check_ban(const struct mr_control_ban *ban)
{
	mr_assert(strnlen(ban->author.name, sizeof(ban->author.name)) < sizeof(ban->author.name));
	mr_assert(strnlen(ban->reason, sizeof(ban->reason)) < sizeof(ban->reason));
	mr_assert(strpbrk(ban->reason, "\n\r\033") == NULL);
	mr_assert(ban->rule.scope.kind >= MR_SCOPE_APP && ban->rule.scope.kind <= MR_SCOPE_USER);
	mr_assert(ban->rule.scope.id != 0);
	mr_assert((ban->rule.mode == MR_BAN_THROTTLE) == (ban->rule.rate > 0));
}

// The body of every type in turn, so that a fuzzer need not find header and size first.
static void check_as(uint32_t type, const uint8_t *data, size_t size)
{
	_Alignas(8) static uint8_t message[MR_CONTROL_MESSAGE_BYTES_MAX];
	char why[MR_CONTROL_WHY_BYTES] = "";
	const struct mr_control_form *form = mr_control_form(type);
	struct mr_control_header header;
	if (form == NULL)
		return;
	const size_t length = sizeof(header) + form->request_bytes;
	mr_assert(length <= sizeof(message));
	memset(message, 0, length);
	header = (struct mr_control_header){.magic = MR_CONTROL_MAGIC,
		.length = (uint32_t)length,
		.type = type,
		.version = MR_CONTROL_VERSION};
	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), data,
		size < form->request_bytes ? size : form->request_bytes);
	const int err = mr_control_parse(message, length, &header, why);
	mr_assert((err == 0) == (why[0] == '\0'));
	mr_assert(strnlen(why, sizeof(why)) < sizeof(why));
	if (err == 0 && type == MR_CONTROL_BAN)
		check_ban((const void *)(message + sizeof(header)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[MR_CONTROL_WHY_BYTES] = "";
	struct mr_control_header header;
	if (mr_control_parse(data, size, &header, why) == 0)
		mr_assert(size == header.length
			&& size == sizeof(header) + mr_control_form(header.type)->request_bytes);
	else
		mr_assert(why[0] != '\0');
	for (uint32_t type = 0; type <= MR_CONTROL_ERROR; type++)
		check_as(type, data, size);
	return 0;
}
