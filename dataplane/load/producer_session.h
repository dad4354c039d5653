// One session of a producer: handshake, its flows, and the messages between them and the router.
// Pure: it makes and reads datagrams; frames and clocks are the caller's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/wire.h>

#include "producer_flow.h"

enum mr_producer_state {
	MR_PRODUCER_OPENING = 0, // HELLO is repeated until WELCOME: a new session, or resumed
	MR_PRODUCER_OPEN,
	MR_PRODUCER_CLOSING, // BYE is repeated until BYE, a few times
	MR_PRODUCER_CLOSED,
	MR_PRODUCER_LOST, // the router does not know it any more, or refuses it: `error` says why
};

struct mr_producer_session {
	enum mr_producer_state state;
	uint64_t key_id;
	uint64_t session_id;
	uint64_t due_ns; // of the next HELLO or BYE
	uint64_t reconnect_ns; // silence after which the session is resumed; 0: never
	uint64_t heard_ns; // when the router last said something, or had nothing to say
	uint32_t attempts;
	uint8_t error; // enum mr_reason
	bool is_volatile; // the router said so
	uint32_t flows_count; // F, from WELCOME; 0: never open yet
	uint64_t hash_seed;
	uint64_t boot_id;
	struct mr_producer_flow *flows; // MR_FLOWS_MAX
	// Counters.
	uint64_t resumes; // HELLOs for a session that was open before, each with its repetitions
	uint64_t restarts; // of which found another boot of the router
	uint64_t acks;
	uint64_t acks_busy;
	uint64_t bad_messages;
};

struct mr_producer_session_config {
	uint64_t key_id;
	uint64_t session_id; // random, not 0
	uint64_t buffer_events; // per flow, a power of two
	uint64_t reconnect_ns; // 0: a session that the router does not know any more is lost
	bool ignore_credits;
};

// Writes an event for a packet; bytes written, 0: no room.
struct mr_encode {
	void *context;
	uint32_t (*event)(
		void *context, const struct mr_pending *event, uint8_t *ret_bytes, uint32_t room);
};

int mr_producer_session_init(struct mr_producer_session *session,
	const struct mr_producer_session_config *config); // 0 or -ENOMEM
void mr_producer_session_fini(struct mr_producer_session *session); // accepts a zeroed one

// Call often: resumes a session whose events have waited `reconnect_ns` without a word.
void mr_producer_session_tick(struct mr_producer_session *session, uint64_t now_ns);
// HELLO or BYE when it is due: bytes written to `ret_bytes` (room for MR_WIRE_HELLO_BYTES), 0:
// nothing to say.
size_t mr_producer_session_greet(
	struct mr_producer_session *session, uint64_t now_ns, uint8_t *ret_bytes);
void mr_producer_session_close(struct mr_producer_session *session, uint64_t now_ns);
// A datagram that came from the router. 0, -EBADMSG (not sound, or not of this session), or -EPROTO
// (sound but absurd).
int mr_producer_session_receive(struct mr_producer_session *session, const uint8_t *datagram,
	size_t length, uint64_t now_ns, const struct mr_settle *settle);
// Lays out the flow's next DATA packet: at most `events_max` events and `size` bytes. Bytes
// written, and the events in it; 0: nothing to send.
size_t mr_producer_session_data(struct mr_producer_session *session, uint32_t flow,
	uint32_t events_max, uint64_t now_ns, const struct mr_encode *encode, uint8_t *ret_bytes,
	size_t size, struct mr_range *ret_range);
// Events whose fate is not known, those that wait included.
uint64_t mr_producer_session_unsettled(const struct mr_producer_session *session);
