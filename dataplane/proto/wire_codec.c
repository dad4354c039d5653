#include "wire_codec.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mr_assert.h"

enum mr_discard mr_wire_parse(const uint8_t *datagram, size_t length,
	struct mr_wire_header *ret_header, const uint8_t **ret_body, size_t *ret_body_length)
{
	if (length < MR_WIRE_HEADER_BYTES + MR_WIRE_TAG_BYTES)
		return MR_DISCARD_SHORT;
	memcpy(ret_header, datagram, sizeof(*ret_header));
	if (ret_header->magic != MR_WIRE_MAGIC)
		return MR_DISCARD_MAGIC;
	if (ret_header->version != MR_WIRE_VERSION)
		return MR_DISCARD_VERSION;
	if (ret_header->type < MR_WIRE_HELLO || ret_header->type > MR_WIRE_STALE)
		return MR_DISCARD_TYPE;
	if (ret_header->length != length || length % 8 != 0)
		return MR_DISCARD_LENGTH;
	*ret_body = datagram + MR_WIRE_HEADER_BYTES;
	*ret_body_length = length - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES;
	return MR_DISCARD_COUNT;
}

size_t mr_wire_finish(uint8_t *datagram, struct mr_wire_header *header, size_t body_length)
{
	mr_assert(body_length % 8 == 0);
	mr_assert(body_length <= MR_MTU_JUMBO);
	size_t length = MR_WIRE_HEADER_BYTES + body_length + MR_WIRE_TAG_BYTES;
	header->magic = MR_WIRE_MAGIC;
	header->version = MR_WIRE_VERSION;
	header->length = (uint32_t)length;
	header->reserved = 0;
	memcpy(datagram, header, sizeof(*header));
	memset(datagram + MR_WIRE_HEADER_BYTES + body_length, 0, MR_WIRE_TAG_BYTES);
	return length;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

int mr_wire_parse_hello(
	const uint8_t *body, size_t length, struct mr_wire_hello *ret_hello, uint64_t *ret_known)
{
	if (length < sizeof(*ret_hello))
		return -EBADMSG;
	memcpy(ret_hello, body, sizeof(*ret_hello));
	size_t known_bytes = ret_hello->flows * sizeof(uint64_t);
	if (ret_hello->flows > MR_FLOWS_MAX || known_bytes > length - sizeof(*ret_hello))
		return -EBADMSG;
	size_t used = sizeof(*ret_hello) + known_bytes;
	if (!all_zero(body + offsetof(struct mr_wire_hello, reserved), sizeof(ret_hello->reserved))
		|| !all_zero(body + used, length - used))
		return -EBADMSG;
	memcpy(ret_known, body + sizeof(*ret_hello), known_bytes);
	return 0;
}

int mr_wire_parse_welcome(const uint8_t *body, size_t length, struct mr_wire_welcome *ret_welcome,
	struct mr_wire_grant *ret_grants)
{
	if (length < sizeof(*ret_welcome))
		return -EBADMSG;
	memcpy(ret_welcome, body, sizeof(*ret_welcome));
	uint32_t flows = ret_welcome->flows;
	bool served = ret_welcome->reconnect_after_ms == 0;
	if (flows > MR_FLOWS_MAX || (flows & (flows - 1)) != 0 || (served && flows == 0))
		return -EBADMSG;
	size_t grants_bytes = flows * sizeof(*ret_grants);
	if (length != sizeof(*ret_welcome) + grants_bytes)
		return -EBADMSG;
	memcpy(ret_grants, body + sizeof(*ret_welcome), grants_bytes);
	return 0;
}

int mr_wire_parse_ack(const uint8_t *body, size_t length, struct mr_wire_ack_view *ret_view)
{
	if (length < sizeof(ret_view->ack))
		return -EBADMSG;
	memcpy(&ret_view->ack, body, sizeof(ret_view->ack));
	uint32_t words = ret_view->ack.bitmap_words;
	uint32_t runs = ret_view->ack.refused_runs;
	if (words > MR_ACK_BITMAP_WORDS_MAX || runs > MR_ACK_REFUSED_RUNS_MAX)
		return -EBADMSG;
	size_t refused_at = sizeof(ret_view->ack) + words * sizeof(uint64_t);
	if (length != refused_at + runs * sizeof(struct mr_wire_refused))
		return -EBADMSG;
	ret_view->bitmap = body + sizeof(ret_view->ack);
	ret_view->refused = body + refused_at;
	return 0;
}

struct mr_wire_refused mr_wire_ack_refused(const struct mr_wire_ack_view *view, uint32_t index)
{
	mr_assert(index < view->ack.refused_runs);
	struct mr_wire_refused refused;
	memcpy(&refused, view->refused + index * sizeof(refused), sizeof(refused));
	return refused;
}
