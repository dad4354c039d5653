#include "throttles.h"

#include <millrace/limits.h>

#include "mr_assert.h"

enum {
	SECOND_NS = 1000000000,
	BUCKET_PER_SECOND = 8, // a bucket holds an eighth of a second, and one event at least
	WEIGHT_SHIFT = 3, // demand is remembered for about eight rounds
};

#define WEIGHT_MAX (UINT64_C(1) << 31)

enum state { STATE_FREE = 0, STATE_TAKEN, STATE_LEAVING };

struct mr_throttle {
	enum state state;
	uint32_t rate;
	uint64_t leaves; // LEAVING: generation
	uint64_t bucket_ns; // tokens nobody holds, times SECOND_NS
	struct {
		uint64_t wanted; // when it was looked at last
		uint64_t weight; // remembered demand
	} shards[MR_SHARDS_MAX];
};

bool mr_throttles_init(struct mr_throttles *throttles, struct mr_arena *arena,
	struct mr_throttle_board *const *boards, uint32_t shards)
{
	mr_assert(shards > 0 && shards <= MR_SHARDS_MAX);
	*throttles = (struct mr_throttles){.boards = boards, .shards = shards};
	throttles->slots =
		mr_arena_array(arena, "steward: throttles", struct mr_throttle, MR_THROTTLES_MAX);
	return throttles->slots != NULL;
}

// What an earlier scope left unused on the boards is void.
static void clear(struct mr_throttles *throttles, uint16_t slot)
{
	for (uint32_t i = 0; i < throttles->shards; i++) {
		struct mr_throttle_board *board = throttles->boards[i];
		mr_gauge(&board->granted[slot], mr_read(&board->used[slot]));
		throttles->slots[slot].shards[i].wanted = mr_read(&board->wanted[slot]);
	}
}

uint16_t mr_throttles_take(struct mr_throttles *throttles, uint32_t rate)
{
	mr_assert(rate > 0);
	for (uint16_t slot = 0; slot < MR_THROTTLES_MAX; slot++) {
		if (throttles->slots[slot].state != STATE_FREE)
			continue;
		throttles->slots[slot] = (struct mr_throttle){.state = STATE_TAKEN, .rate = rate};
		clear(throttles, slot);
		return slot;
	}
	return MR_NO_THROTTLE;
}

void mr_throttles_change(struct mr_throttles *throttles, uint16_t slot, uint32_t rate)
{
	mr_assert(slot < MR_THROTTLES_MAX && throttles->slots[slot].state == STATE_TAKEN);
	throttles->slots[slot].rate = rate;
}

void mr_throttles_give_back(struct mr_throttles *throttles, uint16_t slot, uint64_t generation)
{
	mr_assert(slot < MR_THROTTLES_MAX && throttles->slots[slot].state == STATE_TAKEN);
	throttles->slots[slot].state = STATE_LEAVING;
	throttles->slots[slot].leaves = generation;
}

static uint64_t bucket_size(const struct mr_throttle *throttle)
{
	return throttle->rate > BUCKET_PER_SECOND ? throttle->rate / BUCKET_PER_SECOND : 1;
}

// Events a shard may still accept.
static uint64_t held(const struct mr_throttle_board *board, uint16_t slot)
{
	const uint64_t used = mr_read(&board->used[slot]);
	const uint64_t granted = mr_read(&board->granted[slot]);
	return granted > used ? granted - used : 0;
}

// Looks at what was wanted since the last round; returns the sum of the weights.
static uint64_t weigh(const struct mr_throttles *throttles, uint16_t slot)
{
	struct mr_throttle *throttle = &throttles->slots[slot];
	uint64_t sum = 0;
	for (uint32_t i = 0; i < throttles->shards; i++) {
		const uint64_t wanted = mr_read(&throttles->boards[i]->wanted[slot]);
		const uint64_t fresh = wanted - throttle->shards[i].wanted;
		uint64_t *weight = &throttle->shards[i].weight;
		throttle->shards[i].wanted = wanted;
		*weight += (fresh << 2 * WEIGHT_SHIFT) - (*weight >> WEIGHT_SHIFT);
		*weight = *weight < WEIGHT_MAX ? *weight : WEIGHT_MAX;
		sum += *weight + 1; // who was silent may begin
	}
	return sum;
}

// Its share of `tokens`: so much that the shares of all add up to no more than there are.
static uint64_t share_of(uint64_t tokens, uint64_t weight, uint64_t sum)
{
	return tokens * (weight + 1) / sum; // below 2^29 times 2^32
}

// Fills the bucket up to its size; what the shards hold is in it. Returns what they hold. A shard
// that was using what was taken back from it in the last round is charged for it.
static uint64_t fill(struct mr_throttles *throttles, uint16_t slot, uint64_t elapsed_ns)
{
	struct mr_throttle *throttle = &throttles->slots[slot];
	uint64_t outside = 0, over = 0;
	for (uint32_t i = 0; i < throttles->shards; i++) {
		struct mr_throttle_board *board = throttles->boards[i];
		const uint64_t used = mr_read(&board->used[slot]);
		outside += held(board, slot);
		if (used <= mr_read(&board->granted[slot]))
			continue;
		over += used - mr_read(&board->granted[slot]);
		mr_gauge(&board->granted[slot], used);
	}
	const uint64_t size = bucket_size(throttle);
	const uint64_t room_ns = size > outside ? (size - outside) * SECOND_NS : 0;
	const uint64_t over_ns = over * SECOND_NS;
	throttle->bucket_ns += elapsed_ns * throttle->rate;
	throttle->bucket_ns -= over_ns < throttle->bucket_ns ? over_ns : throttle->bucket_ns;
	if (throttle->bucket_ns > room_ns)
		throttle->bucket_ns = room_ns;
	return outside;
}

static uint32_t heaviest_of(const struct mr_throttles *throttles, uint16_t slot)
{
	const struct mr_throttle *throttle = &throttles->slots[slot];
	uint32_t heaviest = 0;
	for (uint32_t i = 1; i < throttles->shards; i++)
		if (throttle->shards[i].weight > throttle->shards[heaviest].weight)
			heaviest = i;
	return heaviest;
}

// What a shard holds beyond its share comes back, and counts from the next round on: the shard may
// be using it right now.
static void deal(struct mr_throttles *throttles, uint16_t slot, uint64_t elapsed_ns)
{
	struct mr_throttle *throttle = &throttles->slots[slot];
	const uint64_t outside = fill(throttles, slot, elapsed_ns);
	const uint64_t sum = weigh(throttles, slot);
	const uint32_t heaviest = heaviest_of(throttles, slot);
	uint64_t free = throttle->bucket_ns / SECOND_NS;
	const uint64_t tokens = free + outside;
	uint64_t rest = tokens, back = 0; // rest: lost in rounding
	for (uint32_t i = 0; i < throttles->shards; i++)
		rest -= share_of(tokens, throttle->shards[i].weight, sum);
	for (uint32_t i = 0; i < throttles->shards; i++) {
		mr_counter *granted = &throttles->boards[i]->granted[slot];
		const uint64_t has = held(throttles->boards[i], slot);
		const uint64_t share = share_of(tokens, throttle->shards[i].weight, sum)
			+ (i == heaviest ? rest : 0);
		if (share < has) {
			mr_gauge(granted, mr_read(granted) - (has - share));
			back += has - share;
		} else {
			const uint64_t more = share - has < free ? share - has : free;
			mr_count(granted, more);
			free -= more;
			throttle->bucket_ns -= more * SECOND_NS;
		}
	}
	throttle->bucket_ns += back * SECOND_NS;
}

void mr_throttles_work(struct mr_throttles *throttles, uint64_t now_ns, uint64_t in_force)
{
	const uint64_t elapsed_ns = now_ns - throttles->dealt_ns;
	if (elapsed_ns < MR_THROTTLE_DEAL_NS)
		return;
	throttles->dealt_ns = now_ns;
	for (uint16_t slot = 0; slot < MR_THROTTLES_MAX; slot++) {
		struct mr_throttle *throttle = &throttles->slots[slot];
		if (throttle->state == STATE_LEAVING && throttle->leaves <= in_force)
			throttle->state = STATE_FREE;
		else if (throttle->state == STATE_TAKEN)
			deal(throttles, slot, elapsed_ns < SECOND_NS ? elapsed_ns : SECOND_NS);
	}
}
