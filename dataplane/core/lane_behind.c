// Which lanes hold streams back, and which the writers may pass.
#include "lane.h"
#include "mr_assert.h"

void mr_lanes_attend(struct mr_lanes *lanes, uint64_t now_ns, bool paused)
{
	mr_assert(now_ns >= lanes->stepped_ns);
	uint64_t gap_ns = lanes->stepped_ns != 0 ? now_ns - lanes->stepped_ns : 0;
	if (paused)
		lanes->absent_ns += gap_ns;
	else if (gap_ns > MR_LANE_STEP_GAP_NS)
		lanes->absent_ns += gap_ns - MR_LANE_STEP_GAP_NS;
	lanes->stepped_ns = now_ns;
}

bool mr_lane_is_behind(const struct mr_lanes *lanes, const struct mr_lane *lane)
{
	if (!lane->counting)
		return true;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(lanes, lane, i);
		for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
			if (sublane->sides[side].loose > 0)
				return true;
	}
	return false;
}

static uint8_t lag_of(const struct mr_lanes *lanes, mr_position position)
{
	uint32_t shard = mr_lane_shard_of(lanes, position);
	if (shard == UINT32_MAX)
		return MR_LAG_STEPS; // of an earlier boot
	const struct mr_stream *stream =
		lanes->streams[mr_position_stream(position) - lanes->first_stream];
	uint64_t tail = atomic_load_explicit(&stream->tail, memory_order_acquire);
	return mr_lag_of(tail, mr_position_offset(position), stream->size);
}

// The lag of the oldest front. Fronts stand for what is behind them: the order of a side is that of
// distribution, which follows the stream closely for all objects but the penalised ones.
static uint8_t lag_of_fronts(const struct mr_lanes *lanes, const struct mr_lane *lane)
{
	uint8_t lag = 0;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(lanes, lane, i);
		for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
			const struct mr_fifo *fifo = &sublane->sides[side].fifo;
			if (fifo->count == 0)
				continue;
			mr_position front = mr_fifo_front(fifo, &lanes->pool);
			uint8_t now = front != 0 ? lag_of(lanes, front) : 0;
			if (now > lag)
				lag = now;
		}
	}
	return lag;
}

void mr_lane_release_holds(struct mr_lanes *lanes, struct mr_lane *lane)
{
	uint32_t listed = 0;
	for (uint32_t slot = lane->penalised; slot != 0; slot = lanes->penalised.slots[slot].next) {
		mr_penalised_want(&lanes->penalised, slot, false);
		mr_assert(++listed <= MR_LANE_PENALISED_MAX);
	}
}

static void stop_counting(struct mr_lanes *lanes, struct mr_lane *lane)
{
	mr_assert(lane->counting && !lane->loosening);
	lane->counting = false;
	mr_lane_release_holds(lanes, lane);
	if (lanes->is_durable)
		return; // holds nothing back
	lane->loosening = true;
	lane->next_loosen = 0;
	if (lanes->loosen_head == 0)
		lanes->loosen_head = lane->slot;
	else
		lanes->slots[lanes->loosen_tail].next_loosen = lane->slot;
	lanes->loosen_tail = lane->slot;
}

bool mr_lane_judge(struct mr_lanes *lanes, struct mr_lane *lane, uint64_t now_ns)
{
	mr_assert(lane->open);
	bool traffic = lane->pending > 0 || lane->took;
	lane->took = false;
	uint8_t lag = lag_of_fronts(lanes, lane);
	mr_lag_move(&lanes->lags, &lane->lag, traffic ? lag : MR_LAG_NONE);
	uint64_t attended_ns = mr_lanes_attended_ns(lanes, now_ns);
	bool waits = lane->pending > lane->held; // for its endpoint, not for an operator
	bool stalled = waits && attended_ns >= lane->progress_ns + MR_LANE_STALL_NS;

	if (lane->counting) {
		if (lane->loosening || !(stalled || mr_lag_is_behind(&lanes->lags, lane->lag)))
			return false;
		stop_counting(lanes, lane);
		return true;
	}
	if (!lane->loosening && !stalled && lag <= MR_LAG_HEALTHY && lane->spilled == 0)
		lane->counting = true; // and no longer behind when what it has now is gone
	return false;
}

// One entry of the walk; false at the end of its side.
static bool loosen_one(struct mr_lanes *lanes, struct mr_sublane *sublane, enum mr_lane_side side)
{
	struct mr_lane_queue *queue = &sublane->sides[side];
	mr_position position;
	if (queue->counted == 0 || !mr_fifo_next(&lanes->walk.iter, &lanes->pool, &position))
		return false;
	uint64_t second;
	if (side != MR_LANE_NORMAL) {
		bool paired = mr_fifo_next(&lanes->walk.iter, &lanes->pool, &second);
		mr_assert(paired);
	}
	if (lanes->walk.passed++ < queue->loose)
		return true;
	if (position != 0) {
		uint32_t shard = mr_lane_shard_of(lanes, position);
		mr_assert(shard < lanes->shards);
		mr_lane_floor_remove(&lanes->floors[shard], mr_position_offset(position));
	}
	queue->loose++;
	if (--queue->counted == 0) // what came since holds nothing back either
		queue->loose = mr_lane_places(sublane, side);
	return true;
}

// The next side of the lane that is being loosened; false when it was the last one.
static bool next_side(struct mr_lanes *lanes, const struct mr_lane *lane)
{
	lanes->walk.started = false;
	if (++lanes->walk.side < MR_LANE_SIDES)
		return true;
	lanes->walk.side = 0;
	return ++lanes->walk.sublane < lane->in_flight;
}

uint32_t mr_lanes_loosen(struct mr_lanes *lanes, uint32_t units)
{
	uint32_t work = 0;
	while (lanes->loosen_head != 0 && work < units) {
		struct mr_lane *lane = &lanes->slots[lanes->loosen_head];
		enum mr_lane_side side = lanes->walk.side;
		struct mr_sublane *sublane = mr_lane_sublane(lanes, lane, lanes->walk.sublane);
		const struct mr_lane_queue *queue = &sublane->sides[side];
		mr_assert(lane->loosening && !lane->counting);
		work++;
		if (!lanes->walk.started) {
			lanes->walk.started = true;
			lanes->walk.passed = 0;
			lanes->walk.iter = mr_fifo_begin(&queue->fifo);
		}
		if (loosen_one(lanes, sublane, side))
			continue;
		mr_assert(queue->counted == 0 && queue->loose == mr_lane_places(sublane, side));
		if (next_side(lanes, lane))
			continue;
		lane->loosening = false;
		lanes->loosen_head = lane->next_loosen;
		lanes->walk.sublane = 0;
	}
	return work;
}
