#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

enum { BUFFER_EVENTS = 1 << 14, LEDGER_EVENTS = 1 << 22, RETRIES_MAX = 4096, FRAME_BYTES = 1600 };
#define SECOND_NS    UINT64_C(1000000000)
#define RECONNECT_NS UINT64_C(100000000)

const struct mr_port_address sim_router_address = {
	.mac = {2, 0, 0, 0, 0, 1},
	.ipv4 = {10, 74, 0, 1},
	.has_ipv4 = true,
	.port_base = SIM_ROUTER_PORT,
	.ports = 1,
};
const struct mr_port_address sim_producer_address = {
	.mac = {2, 0, 0, 0, 0, 2},
	.ipv4 = {10, 74, 0, 2},
	.has_ipv4 = true,
	.port_base = SIM_FROM_PORT,
	.ports = SIM_SESSIONS_MAX,
};

// A ledger without a file.
static void ledger_init(struct mr_ledger *ledger, const struct sim_options *options)
{
	ledger->header = calloc(1, MR_LEDGER_HEADER_BYTES);
	ledger->entries = calloc(LEDGER_EVENTS, sizeof(*ledger->entries));
	mr_assert(ledger->header != NULL && ledger->entries != NULL);
	ledger->header->capacity = LEDGER_EVENTS;
	ledger->header->workload = options->workload;
	ledger->header->workload.hot_share =
		1; // so that latency is told apart by nearness to the hot object
	ledger->header->flows = options->flows;
}

void sim_traffic_init(struct sim_traffic *traffic, const struct sim_options *options,
	struct sim_network *network, uint64_t now_ns)
{
	const char *why;
	*traffic = (struct sim_traffic){.options = options, .network = network, .now_ns = now_ns};
	int err = mr_workload_init(&traffic->workload, &options->workload, &why);
	mr_assert(err == 0);
	ledger_init(&traffic->ledger, options);
	err = mr_retry_queue_init(&traffic->retries, RETRIES_MAX);
	mr_assert(err == 0);
	traffic->sessions_count = mr_workload_sessions(&options->workload);
	mr_assert(traffic->sessions_count <= SIM_SESSIONS_MAX);
	for (uint32_t i = 0; i < traffic->sessions_count; i++) {
		const struct mr_producer_session_config config = {.key_id = SIM_KEY,
			.session_id = mr_hash_u64(i, options->seed) | 1,
			.buffer_events = BUFFER_EVENTS,
			.reconnect_ns = options->journal.on ? RECONNECT_NS : 0,
			.ignore_credits = options->ignore_credits};
		err = mr_producer_session_init(&traffic->sessions[i], &config);
		mr_assert(err == 0);
	}
}

void sim_traffic_fini(struct sim_traffic *traffic)
{
	for (uint32_t i = 0; i < traffic->sessions_count; i++)
		mr_producer_session_fini(&traffic->sessions[i]);
	mr_retry_queue_fini(&traffic->retries);
	mr_workload_fini(&traffic->workload);
	free(traffic->ledger.entries);
	free(traffic->ledger.header);
}

void sim_traffic_start(struct sim_traffic *traffic, uint64_t now_ns)
{
	const struct sim_options *options = traffic->options;
	traffic->ledger.header->hash_seed = traffic->sessions[0].hash_seed;
	traffic->cold = (struct sim_stream){.rate = options->cold_rate, .start_ns = now_ns};
	traffic->hot = (struct sim_stream){
		.rate = options->hot_rate, .start_ns = now_ns + options->warm_ns};
	traffic->offering = true;
}

bool sim_traffic_open(const struct sim_traffic *traffic)
{
	for (uint32_t i = 0; i < traffic->sessions_count; i++)
		if (traffic->sessions[i].state != MR_PRODUCER_OPEN)
			return false;
	return true;
}

// -- Events

static void offer(struct sim_traffic *traffic, uint64_t object, uint64_t intended_ns)
{
	const struct mr_pending event = {
		.number = ++traffic->number, .object = object, .intended_ns = intended_ns};
	uint32_t index = mr_workload_session(&traffic->workload, object);
	struct mr_producer_session *session = &traffic->sessions[index];
	uint32_t flow =
		mr_flow_of_slot(mr_slot_of(object, session->hash_seed), session->flows_count);
	int err = mr_ledger_offer(&traffic->ledger, event.number, object, intended_ns);
	mr_assert(err == 0);
	traffic->offered++;
	if (mr_producer_flow_push(&session->flows[flow], &event))
		return;
	traffic->unsent++;
	mr_ledger_settle(&traffic->ledger, event.number, MR_LEDGER_UNSENT, 0);
}

// Whether what operators have stopped agrees with the answer.
static bool agrees(
	const struct sim_traffic *traffic, const struct mr_pending *event, uint8_t reason)
{
	const uint64_t number = mr_producer_flow_number(event);
	if (traffic->op == NULL)
		return true;
	return reason == MR_REASON_OK
		? sim_operator_may_accept(traffic->op, number, event->object, event->intended_ns)
		: sim_operator_may_refuse(
			traffic->op, number, event->object, event->intended_ns, reason);
}

static void settle(
	void *context, const struct mr_pending *event, uint8_t reason, uint32_t retry_after_ms)
{
	struct sim_traffic *traffic = context;
	bool accepted = reason == MR_REASON_OK;
	mr_assert(reason < MR_REASON_LIMIT);
	traffic->accepted += accepted;
	traffic->refused += !accepted;
	traffic->by_reason[reason]++;
	traffic->against_bans += !agrees(traffic, event, reason);
	traffic->cold_refused +=
		!accepted && event->object != traffic->options->workload.hot_object;
	mr_ledger_settle(&traffic->ledger, mr_producer_flow_number(event),
		accepted ? MR_LEDGER_ACCEPTED : MR_LEDGER_REFUSED, reason);
	if (accepted || !traffic->options->retry_refused)
		return;
	(void)mr_retry_queue_push(&traffic->retries,
		(struct mr_retry_event){traffic->now_ns + retry_after_ms * UINT64_C(1000000),
			event->object}); // full: it stays refused
}

static uint32_t encode(
	void *context, const struct mr_pending *event, uint8_t *ret_bytes, uint32_t room)
{
	const struct sim_traffic *traffic = context;
	return mr_workload_encode(&traffic->workload, mr_producer_flow_number(event), event->object,
		(int64_t)event->intended_ns, ret_bytes, room);
}

static void generate(struct sim_traffic *traffic, struct sim_stream *stream, bool hot)
{
	if (stream->rate == 0 || traffic->now_ns < stream->start_ns)
		return;
	uint64_t due = (traffic->now_ns - stream->start_ns) * stream->rate / SECOND_NS;
	for (; stream->made < due; stream->made++) {
		uint64_t object = hot ? traffic->options->workload.hot_object
				      : mr_workload_draw(&traffic->workload);
		offer(traffic, object, stream->start_ns + stream->made * SECOND_NS / stream->rate);
	}
}

static void generate_retries(struct sim_traffic *traffic)
{
	struct mr_retry_event event;
	while (mr_retry_queue_pop(&traffic->retries, traffic->now_ns, &event)) {
		offer(traffic, event.object, event.due_ns);
		traffic->retried++;
	}
}

// -- Packets

static void send(struct sim_traffic *traffic, uint32_t session, uint32_t flow, uint8_t *frame,
	uint32_t header_bytes, size_t length)
{
	struct mr_path path = {.ip = {10, 74, 0, 1}};
	memcpy(path.mac, sim_router_address.mac, sizeof(path.mac));
	mr_store_be16(path.port, SIM_ROUTER_PORT);
	mr_store_be16(path.local_port, SIM_FROM_PORT + session);
	mr_assert(header_bytes == mr_path_header_bytes(&path));
	uint32_t bytes = mr_frame_build(frame, &sim_producer_address, &path, (uint32_t)length);
	uint16_t queue = (uint16_t)((session + flow) % traffic->options->sources);
	sim_network_send(traffic->network, traffic->now_ns, true, queue, frame, bytes);
	traffic->packets++;
}

static uint32_t header_bytes_of_path(void)
{
	const struct mr_path path = {0};
	return mr_path_header_bytes(&path);
}

// Whether the flow's next packet should go now: it is full, or its first event has waited long
// enough, or it goes again.
static bool may_go(const struct sim_traffic *traffic, const struct mr_producer_flow *flow)
{
	if (flow->burst_at < flow->burst_end || !traffic->offering
		|| flow->end - flow->next >= traffic->options->events_per_packet)
		return true;
	return mr_producer_flow_event(flow, flow->next)->intended_ns + traffic->options->linger_ns
		<= traffic->now_ns;
}

static void push_session(struct sim_traffic *traffic, uint32_t index)
{
	struct mr_producer_session *session = &traffic->sessions[index];
	const struct mr_encode encoder = {.context = traffic, .event = encode};
	uint32_t header_bytes = header_bytes_of_path();
	uint8_t frame[FRAME_BYTES];
	struct mr_range range;
	for (uint32_t i = 0; i < session->flows_count; i++) {
		struct mr_producer_flow *flow = &session->flows[i];
		if (flow->due_ns <= traffic->now_ns)
			mr_producer_flow_tick(flow, traffic->now_ns);
		while (mr_producer_flow_ready(flow) && may_go(traffic, flow)) {
			size_t length = mr_producer_session_data(session, i,
				traffic->options->events_per_packet, traffic->now_ns, &encoder,
				frame + header_bytes, MR_WIRE_BYTES_MAX, &range);
			if (length == 0)
				break;
			send(traffic, index, i, frame, header_bytes, length);
		}
	}
}

void sim_traffic_step(struct sim_traffic *traffic, uint64_t now_ns)
{
	uint8_t frame[FRAME_BYTES];
	uint32_t header_bytes = header_bytes_of_path();
	traffic->now_ns = now_ns;
	if (traffic->offering) {
		generate_retries(traffic);
		generate(traffic, &traffic->cold, false);
		generate(traffic, &traffic->hot, true);
	}
	for (uint32_t i = 0; i < traffic->sessions_count; i++) {
		struct mr_producer_session *session = &traffic->sessions[i];
		mr_producer_session_tick(session, now_ns);
		size_t length = mr_producer_session_greet(session, now_ns, frame + header_bytes);
		if (length > 0)
			send(traffic, i, 0, frame, header_bytes, length);
		mr_assert(session->state != MR_PRODUCER_LOST);
		if (session->state == MR_PRODUCER_OPEN)
			push_session(traffic, i);
	}
}

void sim_traffic_receive(
	struct sim_traffic *traffic, uint64_t now_ns, uint8_t *frame, uint32_t length)
{
	struct mr_view view;
	const struct mr_settle settler = {.context = traffic, .event = settle};
	traffic->now_ns = now_ns;
	if (mr_frame_parse(&sim_producer_address, frame, length, 0, &view) != MR_DISCARD_COUNT
		|| view.kind != MR_FRAME_UDP)
		return; // damaged
	uint32_t session = mr_load_be16(view.l4 + 2) - (uint32_t)SIM_FROM_PORT;
	mr_assert(session < traffic->sessions_count);
	int err = mr_producer_session_receive(&traffic->sessions[session], view.l4 + MR_UDP_BYTES,
		view.l4_length - MR_UDP_BYTES, now_ns, &settler);
	traffic->absurd += err < 0;
}

uint64_t sim_traffic_unsettled(const struct sim_traffic *traffic)
{
	uint64_t unsettled = 0;
	for (uint32_t i = 0; i < traffic->sessions_count; i++)
		unsettled += mr_producer_session_unsettled(&traffic->sessions[i]);
	return unsettled;
}

uint64_t sim_traffic_next_due(const struct sim_traffic *traffic)
{
	uint64_t due_ns = traffic->offering ? 0 : UINT64_MAX;
	for (uint32_t i = 0; i < traffic->sessions_count; i++) {
		const struct mr_producer_session *session = &traffic->sessions[i];
		if (session->state != MR_PRODUCER_OPEN && session->due_ns < due_ns)
			due_ns = session->due_ns;
		if (session->state == MR_PRODUCER_OPEN && session->reconnect_ns > 0
			&& mr_producer_session_unsettled(session) > 0
			&& session->heard_ns + session->reconnect_ns < due_ns)
			due_ns = session->heard_ns + session->reconnect_ns;
		for (uint32_t flow = 0; flow < session->flows_count; flow++)
			if (session->flows[flow].due_ns < due_ns)
				due_ns = session->flows[flow].due_ns;
	}
	return due_ns;
}
