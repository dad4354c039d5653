#include "shard_door.h"

#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "record_codec.h"
#include "shard_state.h"

enum { RETRY_AFTER_MS = 1000 };

// The ids stand in an event in the order of their kinds, after the app, which is not in it.
static_assert(offsetof(struct mr_event_fixed, user) - offsetof(struct mr_event_fixed, object)
		== (MR_SCOPE_USER - MR_SCOPE_OBJECT) * sizeof(uint64_t),
	"wire format");

struct mr_refusal mr_door_refusal(uint8_t reason, uint64_t object)
{
	const bool by_object = reason == MR_REASON_OBJECT_FULL && object != 0;
	return (struct mr_refusal){
		.reason = reason,
		.scope_kind = by_object ? MR_SCOPE_OBJECT : MR_SCOPE_NONE,
		.scope_id = by_object ? object : 0,
		.retry_after_ms =
			mr_reason_info(reason)->retry == MR_RETRY_AFTER ? RETRY_AFTER_MS : 0,
	};
}

bool mr_door_refuse(struct mr_shard *shard, struct mr_flow *flow, const struct mr_offer *offer,
	uint32_t count, const struct mr_refusal *refusal)
{
	if (!mr_flow_refuse(flow, &shard->refused, count, refusal))
		return false;
	mr_credit_changed(&shard->credit, flow, mr_credit_of(flow) + count);
	mr_ledger_refused(&shard->ledger, offer->rows, count, refusal->reason);
	mr_activity_offered(&shard->activity, offer->ids, offer->rows, count, true);
	if (mr_tap_any(&shard->tap))
		mr_shard_tap_offer(shard, offer->ids, flow->next - count, 0,
			&(struct mr_tap_said){.step = MR_TAP_REFUSED,
				.reason = refusal->reason,
				.detail = count});
	return true;
}

// Tells every source that the object is over its bound, or not any more. A ring that is half full
// stays free for packets and ACKs: the next refusal tells again.
static void tell_all(struct mr_shard *shard, uint64_t object, uint8_t slot, uint32_t until_ms)
{
	const struct mr_shard_msg message = {
		.data = object,
		.until_ms = until_ms,
		.slot = slot,
		.kind = MR_SHARD_SHED,
	};
	for (uint32_t source = 0; source < shard->config.sources; source++) {
		if (mr_ring_free(shard->config.to_source[source])
			> shard->source_ring_sizes[source] / 2)
			mr_shard_tell_source(shard, source, message);
	}
}

static void shed(struct mr_shard *shard, struct mr_object *object, const struct mr_offer *offer)
{
	bool has_slot = object->flags & MR_OBJECT_SHED;
	const bool tell = mr_shed_tell(&shard->shed, offer->ids, offer->rows, shard->now.mono_ns,
		&has_slot, &object->shed_slot);
	if (has_slot)
		object->flags |= MR_OBJECT_SHED;
	else
		object->flags &= (uint16_t)~MR_OBJECT_SHED;
	if (tell)
		tell_all(shard, object->id, object->shed_slot, MR_SHED_MS);
}

void mr_door_lift_shed(struct mr_shard *shard, struct mr_object *object)
{
	mr_assert(object->flags & MR_OBJECT_SHED);
	if (mr_object_events(object) >= shard->limits.object_queue_events / 4 * 3 + 1
		|| object->bytes >= shard->limits.object_queue_bytes / 4 * 3 + 1)
		return;
	object->flags &= (uint16_t)~MR_OBJECT_SHED;
	if (mr_shed_lift(&shard->shed, object->id, object->shed_slot, shard->now.mono_ns))
		tell_all(shard, object->id, object->shed_slot, 0);
}

// What the shard itself has against one more event of the object; MR_REASON_OK: nothing, and the
// state is there.
static uint8_t decide(
	struct mr_shard *shard, const struct mr_offer *offer, uint32_t bytes, uint32_t *ret_index)
{
	const uint64_t object = offer->ids[MR_SCOPE_OBJECT - 1];
	const uint8_t reason = mr_shard_judge(shard, object, bytes, ret_index);
	if (reason == MR_REASON_OBJECT_FULL)
		shed(shard, &shard->objects.states[*ret_index], offer);
	if (reason != MR_REASON_OK)
		return reason;
	if (*ret_index == 0 || !(shard->objects.states[*ret_index].flags & MR_OBJECT_CHARGED))
		*ret_index = mr_objects_make(&shard->objects, object);
	mr_assert(*ret_index != 0);
	return MR_REASON_OK;
}

static void accept(struct mr_shard *shard, const struct mr_shard_session *session,
	struct mr_flow *flow, const struct mr_packet *packet, const uint8_t *event,
	uint32_t event_bytes, const struct mr_offer *offer, uint32_t object)
{
	struct mr_record_event head = {
		.app = session->app,
		.session_id = session->session_id,
		.sequence = flow->next,
		.received_at_ns = packet->received_at_ns,
		.session_epoch = session->epoch,
		.flow = packet->flow,
	};
	const uint32_t bytes = (uint32_t)sizeof(head) + event_bytes;
	mr_record_seal(&head, sizeof(head), event, event_bytes, MR_RECORD_EVENT, 0);
	const uint64_t offset =
		mr_stream_append(shard->config.stream, &head, sizeof(head), event, event_bytes);
	mr_pin_event(&shard->pin, offset);
	if (mr_object_events(&shard->objects.states[object]) == 0
		&& !(shard->objects.states[object].flags & MR_OBJECT_RUNNABLE))
		mr_scheduler_bind(&shard->scheduler, object, offer->ids[MR_SCOPE_WORKSPACE - 1]);
	mr_objects_append(&shard->objects, object, bytes);
	mr_credit_event(&shard->credit, bytes);
	mr_flow_accept(flow);
	mr_credit_changed(&shard->credit, flow, mr_credit_of(flow) + 1);
	if (mr_tap_any(&shard->tap))
		mr_shard_tap_offer(shard, offer->ids, head.sequence,
			mr_position_make(shard->config.stream->id, offset),
			&(struct mr_tap_said){.step = MR_TAP_ACCEPTED});
}

// Whether the disk is so far behind that the event is left unsettled.
static bool waits_for_disk(const struct mr_shard *shard, uint32_t bytes)
{
	return shard->journal_state == MR_JOURNAL_OK && mr_shard_undurable_room(shard) < bytes;
}

bool mr_door_settle(struct mr_shard *shard, const struct mr_shard_session *session,
	struct mr_flow *flow, const struct mr_packet *packet, const uint8_t *event,
	uint32_t event_bytes, uint8_t verdict)
{
	struct mr_offer offer;
	uint64_t *ids = offer.ids;
	ids[0] = session->app;
	memcpy(&ids[1], event + offsetof(struct mr_event_fixed, object), sizeof(offer.ids) - 8);
	mr_assert(ids[MR_SCOPE_OBJECT - 1] != 0);
	offer.rows = mr_ledger_find(&shard->ledger, session->app, ids[MR_SCOPE_WORKSPACE - 1],
		ids[MR_SCOPE_DATABASE - 1]);
	const uint32_t bytes = (uint32_t)sizeof(struct mr_record_event) + event_bytes;
	uint32_t object = 0;
	struct mr_refusal refusal;
	struct mr_tolls tolls;
	tolls.count = 0;
	if (verdict == MR_REASON_OK && waits_for_disk(shard, bytes))
		return false;
	if (verdict == MR_REASON_OK && mr_shard_is_restricted(shard)
		&& mr_shard_restrict(shard, session->app, event, true, &refusal, &tolls)
			!= MR_REASON_OK)
		return mr_door_refuse(shard, flow, &offer, 1, &refusal);
	if (verdict == MR_REASON_OK)
		verdict = decide(shard, &offer, bytes, &object);
	if (verdict != MR_REASON_OK) {
		refusal = verdict == MR_REASON_BANNED
			? mr_shard_banned(shard, session->app, event)
			: mr_door_refusal(verdict, ids[MR_SCOPE_OBJECT - 1]);
		return mr_door_refuse(shard, flow, &offer, 1, &refusal);
	}
	accept(shard, session, flow, packet, event, event_bytes, &offer, object);
	mr_ledger_accepted(&shard->ledger, offer.rows);
	mr_activity_offered(&shard->activity, offer.ids, offer.rows, 1, false);
	if (tolls.count > 0)
		mr_shard_pay(shard, &tolls);
	return true;
}
