// The running sender: one thread, one port, some sessions. sender_wire.c speaks to the port,
// sender_link.c keeps the link, sender_traffic.c makes and settles events, send.c is the order of
// things.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/reason.h>

#include "ledger.h"
#include "load_frames.h"
#include "nic.h"
#include "pace.h"
#include "producer_session.h"
#include "retry_queue.h"
#include "send_options.h"
#include "workload.h"

enum { MR_SENDER_SESSIONS_MAX = 64, MR_SENDER_QUEUES_MAX = 32, MR_SENDER_TX_BURST = 32 };

struct mr_sender_counts {
	uint64_t offered; // events meant to be sent, refused ones that came again included
	uint64_t accepted;
	uint64_t refused;
	uint64_t unsent; // our own buffer was full
	uint64_t retried; // of offered: refused before
	uint64_t links_lost;
	uint64_t by_reason[MR_REASON_LIMIT];
	uint64_t packets; // DATA
	uint64_t packet_events; // in them
	uint64_t frames_held; // the port's transmit queue was full: sent later
	uint64_t frames_received;
};

struct mr_sender_origin { // of a DATA frame
	uint32_t session; // MR_SENDER_SESSIONS_MAX: another kind of frame
	uint32_t flow;
	struct mr_range range;
};

struct mr_sender_batch { // frames of one queue on their way
	struct mr_frame *frames[MR_SENDER_TX_BURST];
	struct mr_sender_origin origins[MR_SENDER_TX_BURST];
	uint16_t count;
};

struct mr_sender {
	const struct mr_send_options *options;
	struct mr_workload workload;
	struct mr_pace pace;
	struct mr_retry_queue retries;
	struct mr_ledger ledger; // not open: none
	// The wire.
	struct mr_nic *nic;
	uint16_t queues;
	struct mr_station self;
	struct mr_station router;
	uint16_t router_port;
	bool linked; // otherwise the port must be left alone
	bool resolved; // the router's address is known on this link
	uint64_t look_ns; // when to look after the link,
	uint64_t reconnect_ns; // to ask for it,
	uint64_t ask_ns; // and to ask for the router's address
	struct mr_route route;
	bool tx_full; // in this turn
	struct mr_sender_batch batches[MR_SENDER_QUEUES_MAX];
	// Sessions.
	struct mr_producer_session sessions[MR_SENDER_SESSIONS_MAX];
	uint64_t ready[MR_SENDER_SESSIONS_MAX]; // bit per flow: has, or may have, something to send
	uint32_t sessions_count;
	uint32_t flows;
	uint64_t hash_seed;
	// The run.
	uint64_t now_ns; // of this turn of the loop
	uint64_t start_ns; // of the schedule
	int64_t start_wall_ns;
	uint64_t scheduled; // events of the schedule made so far
	uint64_t number; // newest event number
	uint64_t held_object; // as fast as possible: drawn, waits for room; 0: none
	bool offering;
	uint64_t next_tick_ns;
	struct mr_sender_counts counts;
};

// -- sender_wire.c
// Addresses, EAL and port; 0 or negative errno after saying why on stderr.
int mr_sender_open(struct mr_sender *sender);
void mr_sender_close(struct mr_sender *sender);
void mr_sender_ask_router(struct mr_sender *sender); // ARP or neighbour discovery
// Takes what came: ACKs settle events, questions for our address are answered. Frames taken.
uint32_t mr_sender_receive(struct mr_sender *sender, uint64_t now_ns);
// Sends HELLOs and BYEs that are due.
void mr_sender_greet(struct mr_sender *sender, uint64_t now_ns);
// Sends one DATA packet of the flow. False: nothing to send, or no frame to be had.
bool mr_sender_data(struct mr_sender *sender, uint32_t session, uint32_t flow, uint64_t now_ns);
void mr_sender_flush(struct mr_sender *sender);

// -- sender_link.c
// Call often: looks after the link and brings it back. Never while frames wait to be flushed.
void mr_sender_keep_link(struct mr_sender *sender, uint64_t now_ns);

// -- sender_traffic.c
// Makes the events that are due. How many.
uint32_t mr_sender_generate(struct mr_sender *sender, uint64_t now_ns);
// Sends what may go: full packets, and those whose first event has waited long enough. Packets.
uint32_t mr_sender_push(struct mr_sender *sender, uint64_t now_ns);
// Timers of all flows.
void mr_sender_tick(struct mr_sender *sender, uint64_t now_ns);
struct mr_settle mr_sender_settle(struct mr_sender *sender);
struct mr_encode mr_sender_encode(struct mr_sender *sender);
uint64_t mr_sender_unsettled(const struct mr_sender *sender);
// How long the loop may sleep.
uint64_t mr_sender_nap_ns(const struct mr_sender *sender, uint64_t now_ns);
