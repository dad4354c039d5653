#include "producer_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <millrace/reason.h>

#include "mr_assert.h"

enum { BYE_ATTEMPTS = 5 };
#define GREET_FIRST_NS UINT64_C(50000000)
#define GREET_LAST_NS  UINT64_C(1000000000)

static size_t ring_bytes(uint64_t buffer_events)
{
	return MR_FLOWS_MAX * buffer_events * sizeof(struct mr_pending);
}

int mr_producer_session_init(
	struct mr_producer_session *session, const struct mr_producer_session_config *config)
{
	mr_assert(config->session_id != 0);
	*session = (struct mr_producer_session){.key_id = config->key_id,
		.session_id = config->session_id,
		.reconnect_ns = config->reconnect_ns};
	session->flows = calloc(MR_FLOWS_MAX, sizeof(*session->flows));
	if (session->flows == NULL)
		return -ENOMEM;
	// Pages are taken as they are touched: flows that WELCOME does not name cost nothing.
	void *rings = mmap(NULL, ring_bytes(config->buffer_events), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (rings == MAP_FAILED) {
		mr_producer_session_fini(session);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < MR_FLOWS_MAX; i++)
		mr_producer_flow_init(&session->flows[i],
			(struct mr_pending *)rings + i * config->buffer_events,
			config->buffer_events, config->ignore_credits);
	return 0;
}

void mr_producer_session_fini(struct mr_producer_session *session)
{
	if (session->flows != NULL && session->flows[0].ring != NULL)
		munmap(session->flows[0].ring, ring_bytes(session->flows[0].mask + 1));
	free(session->flows);
	*session = (struct mr_producer_session){0};
}

static struct mr_wire_header header_of(
	const struct mr_producer_session *session, uint8_t type, uint64_t now_ns)
{
	return (struct mr_wire_header){
		.magic = MR_WIRE_MAGIC,
		.version = MR_WIRE_VERSION,
		.type = type,
		.key_id = session->key_id,
		.session_id = session->session_id,
		.send_time_ns = now_ns,
	};
}

static void resume(struct mr_producer_session *session, uint64_t now_ns)
{
	session->state = MR_PRODUCER_OPENING;
	session->attempts = 0;
	session->due_ns = now_ns;
	session->resumes++;
}

void mr_producer_session_tick(struct mr_producer_session *session, uint64_t now_ns)
{
	if (session->state != MR_PRODUCER_OPEN || mr_producer_session_unsettled(session) == 0)
		session->heard_ns = now_ns;
	else if (session->reconnect_ns > 0 && now_ns - session->heard_ns >= session->reconnect_ns)
		resume(session, now_ns);
}

// What HELLO says: nothing of a new session; of one that was open, from where on fates are unknown.
// The zeros behind are padding.
static size_t hello_body(const struct mr_producer_session *session, uint8_t *ret_body)
{
	struct mr_wire_hello hello = {.flows = (uint16_t)session->flows_count};
	size_t length = MR_WIRE_HELLO_BYTES - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES;
	memset(ret_body, 0, length);
	memcpy(ret_body, &hello, sizeof(hello));
	for (uint32_t i = 0; i < session->flows_count; i++)
		memcpy(ret_body + sizeof(hello) + i * sizeof(uint64_t), &session->flows[i].settled,
			sizeof(uint64_t));
	return length;
}

size_t mr_producer_session_greet(
	struct mr_producer_session *session, uint64_t now_ns, uint8_t *ret_bytes)
{
	bool opening = session->state == MR_PRODUCER_OPENING;
	if ((!opening && session->state != MR_PRODUCER_CLOSING) || now_ns < session->due_ns)
		return 0;
	if (!opening && session->attempts >= BYE_ATTEMPTS) {
		session->state = MR_PRODUCER_CLOSED; // it ends by its own silence, too
		return 0;
	}
	uint64_t wait = GREET_FIRST_NS << (session->attempts < 5 ? session->attempts : 5);
	session->due_ns = now_ns + (wait < GREET_LAST_NS ? wait : GREET_LAST_NS);
	session->attempts++;
	struct mr_wire_header header =
		header_of(session, opening ? MR_WIRE_HELLO : MR_WIRE_BYE, now_ns);
	size_t body = opening ? hello_body(session, ret_bytes + MR_WIRE_HEADER_BYTES) : 0;
	return mr_wire_finish(ret_bytes, &header, body);
}

void mr_producer_session_close(struct mr_producer_session *session, uint64_t now_ns)
{
	if (session->state != MR_PRODUCER_OPEN)
		return;
	session->state = MR_PRODUCER_CLOSING;
	session->attempts = 0;
	session->due_ns = now_ns;
}

static int open_new(struct mr_producer_session *session, const struct mr_wire_welcome *welcome,
	const struct mr_wire_grant *grants)
{
	for (uint32_t i = 0; i < welcome->flows; i++) {
		if (grants[i].next != 1)
			return -EPROTO; // a new session starts at 1
	}
	for (uint32_t i = 0; i < welcome->flows; i++)
		mr_producer_flow_grant(&session->flows[i], &grants[i]);
	session->flows_count = welcome->flows;
	session->hash_seed = welcome->hash_seed;
	session->boot_id = welcome->boot_id;
	session->state = MR_PRODUCER_OPEN;
	return 0;
}

// Flows and seed are constant for the life of an installation: with others the events would be in
// wrong flows.
static int open_again(struct mr_producer_session *session, const struct mr_wire_welcome *welcome,
	const struct mr_wire_grant *grants, uint64_t now_ns)
{
	if (welcome->flows != session->flows_count || welcome->hash_seed != session->hash_seed)
		return -EPROTO;
	for (uint32_t i = 0; i < welcome->flows; i++) {
		if (!mr_producer_flow_fits(&session->flows[i], &grants[i]))
			return -EPROTO;
	}
	bool restarted = welcome->boot_id != session->boot_id;
	for (uint32_t i = 0; i < welcome->flows; i++)
		mr_producer_flow_resume(&session->flows[i], &grants[i], restarted, now_ns);
	session->restarts += restarted;
	session->boot_id = welcome->boot_id;
	session->state = MR_PRODUCER_OPEN;
	return 0;
}

static int receive_welcome(
	struct mr_producer_session *session, const uint8_t *body, size_t length, uint64_t now_ns)
{
	struct mr_wire_welcome welcome;
	struct mr_wire_grant grants[MR_FLOWS_MAX];
	if (mr_wire_parse_welcome(body, length, &welcome, grants) < 0)
		return -EBADMSG;
	if (session->state != MR_PRODUCER_OPENING)
		return 0; // said twice
	if (welcome.reconnect_after_ms > 0) {
		session->due_ns = now_ns + welcome.reconnect_after_ms * UINT64_C(1000000);
		return 0;
	}
	bool power_of_two = welcome.flows > 0 && (welcome.flows & (welcome.flows - 1)) == 0;
	if (!power_of_two || welcome.flows > MR_FLOWS_MAX)
		return -EPROTO;
	return session->flows_count == 0 ? open_new(session, &welcome, grants)
					 : open_again(session, &welcome, grants, now_ns);
}

// Whether the session stood and HELLO can mend it, now or later.
static bool can_resume(const struct mr_producer_session *session)
{
	return session->reconnect_ns > 0 && session->flows_count > 0
		&& mr_reason_info(session->error)->retry != MR_RETRY_NO;
}

static int receive_error(
	struct mr_producer_session *session, const uint8_t *body, size_t length, uint64_t now_ns)
{
	struct mr_wire_error error;
	if (length < sizeof(error))
		return -EBADMSG;
	memcpy(&error, body, sizeof(error));
	session->error = (uint8_t)error.reason;
	bool closing = session->state == MR_PRODUCER_CLOSING;
	if (session->state == MR_PRODUCER_CLOSED
		|| (closing && error.reason == MR_REASON_UNKNOWN_SESSION))
		session->state = MR_PRODUCER_CLOSED;
	else if (closing || !can_resume(session))
		session->state = MR_PRODUCER_LOST;
	else if (session->state == MR_PRODUCER_OPEN)
		resume(session, now_ns); // while HELLO is on its way, it says nothing new
	return 0;
}

static int receive_ack(struct mr_producer_session *session, const struct mr_wire_header *header,
	const uint8_t *body, size_t length, uint64_t now_ns, const struct mr_settle *settle)
{
	struct mr_wire_ack_view view;
	if (header->flow >= session->flows_count || mr_wire_parse_ack(body, length, &view) < 0)
		return -EBADMSG;
	bool busy = (header->flags & MR_WIRE_FLAG_BUSY) != 0;
	session->acks++;
	session->acks_busy += busy;
	return mr_producer_flow_ack(&session->flows[header->flow], &view, busy, now_ns, settle);
}

static int dispatch(struct mr_producer_session *session, const struct mr_wire_header *header,
	const uint8_t *body, size_t length, uint64_t now_ns, const struct mr_settle *settle)
{
	switch (header->type) {
	case MR_WIRE_WELCOME:
		return receive_welcome(session, body, length, now_ns);
	case MR_WIRE_ACK:
		return receive_ack(session, header, body, length, now_ns, settle);
	case MR_WIRE_BYE:
		if (session->state == MR_PRODUCER_CLOSING)
			session->state = MR_PRODUCER_CLOSED;
		return 0;
	case MR_WIRE_ERROR:
		return receive_error(session, body, length, now_ns);
	default:
		return -EPROTO;
	}
}

int mr_producer_session_receive(struct mr_producer_session *session, const uint8_t *datagram,
	size_t length, uint64_t now_ns, const struct mr_settle *settle)
{
	struct mr_wire_header header;
	const uint8_t *body;
	size_t body_length;
	int r = -EBADMSG;
	if (mr_wire_parse(datagram, length, &header, &body, &body_length) == MR_DISCARD_COUNT
		&& header.session_id == session->session_id)
		r = dispatch(session, &header, body, body_length, now_ns, settle);
	if (r < 0) {
		session->bad_messages++;
		return r;
	}
	session->heard_ns = now_ns;
	session->is_volatile |= (header.flags & MR_WIRE_FLAG_VOLATILE) != 0;
	return r;
}

size_t mr_producer_session_data(struct mr_producer_session *session, uint32_t flow_index,
	uint32_t events_max, uint64_t now_ns, const struct mr_encode *encode, uint8_t *ret_bytes,
	size_t size, struct mr_range *ret_range)
{
	mr_assert(flow_index < session->flows_count);
	struct mr_producer_flow *flow = &session->flows[flow_index];
	struct mr_range range;
	if (session->state != MR_PRODUCER_OPEN || !mr_producer_flow_next(flow, events_max, &range))
		return 0;
	uint8_t *at = ret_bytes + MR_WIRE_HEADER_BYTES;
	uint32_t room = (uint32_t)(size - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES);
	uint32_t count = 0;
	while (count < range.count) {
		struct mr_pending event = *mr_producer_flow_event(flow, range.first + count);
		event.number = mr_producer_flow_number(&event);
		uint32_t length = encode->event(encode->context, &event, at, room);
		if (length == 0)
			break;
		at += length;
		room -= length;
		count++;
	}
	mr_assert(count > 0); // every event fits a packet of its own
	struct mr_wire_header header = header_of(session, MR_WIRE_DATA, now_ns);
	header.flow = (uint16_t)flow_index;
	header.count = (uint16_t)count;
	header.first_sequence = range.first;
	header.known = flow->settled;
	mr_producer_flow_sent(flow, &range, count, now_ns);
	*ret_range = (struct mr_range){.first = range.first, .count = count, .again = range.again};
	return mr_wire_finish(ret_bytes, &header, (size_t)(at - ret_bytes) - MR_WIRE_HEADER_BYTES);
}

uint64_t mr_producer_session_unsettled(const struct mr_producer_session *session)
{
	uint64_t unsettled = 0;
	for (uint32_t i = 0; i < session->flows_count; i++)
		unsettled += session->flows[i].end - session->flows[i].settled;
	return unsettled;
}
