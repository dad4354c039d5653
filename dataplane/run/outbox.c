#include "outbox.h"

#include <string.h>

#include "mr_assert.h"

enum { WORDS = sizeof(((struct mr_stage_set *)0)->bits) / sizeof(uint64_t) };

bool mr_outbox_init(struct mr_outbox *outbox, struct mr_arena *arena)
{
	struct mr_post *posts =
		mr_arena_array(arena, "steward: messages", struct mr_post, MR_POSTS_MAX);
	*outbox = (struct mr_outbox){0};
	if (posts == NULL)
		return false;
	for (uint32_t i = 0; i < MR_POSTS_MAX; i++) {
		posts[i].next = outbox->free;
		outbox->free = &posts[i];
	}
	return true;
}

void mr_outbox_stage(struct mr_outbox *outbox, uint32_t stage, struct mr_ring *ring,
	const mr_counter *generation)
{
	mr_assert(stage < MR_STAGES_MAX);
	outbox->rings[stage] = ring;
	outbox->generations[stage] = generation;
	if (stage >= outbox->stages_count)
		outbox->stages_count = stage + 1;
}

struct mr_post *mr_outbox_take(struct mr_outbox *outbox)
{
	struct mr_post *post = outbox->free;
	if (post == NULL)
		return NULL;
	outbox->free = post->next;
	*post = (struct mr_post){0};
	return post;
}

void mr_outbox_give_back(struct mr_outbox *outbox, struct mr_post *post)
{
	post->next = outbox->free;
	outbox->free = post;
}

void mr_outbox_send(struct mr_outbox *outbox, struct mr_post *post, struct mr_stage_set targets,
	void (*applied)(void *owner, const struct mr_post *post), void *owner, uint64_t tag)
{
	uint64_t any = 0;
	for (uint32_t word = 0; word < WORDS; word++)
		any |= targets.bits[word];
	mr_assert(any != 0); // a message to nobody would never be applied
	post->msg.generation = ++outbox->generation;
	post->targets = targets;
	post->unsent = targets;
	post->applied = applied;
	post->owner = owner;
	post->tag = tag;
	post->next = NULL;
	if (outbox->last != NULL)
		outbox->last->next = post;
	else
		outbox->first = post;
	outbox->last = post;
}

// Pushes a post to its stages, but for those whose ring was full for an older one: a stage gets them in order.
static bool push(struct mr_outbox *outbox, struct mr_post *post, struct mr_stage_set *blocked)
{
	bool moved = false;
	for (uint32_t word = 0; word < WORDS; word++) {
		uint64_t open = post->unsent.bits[word] & ~blocked->bits[word];
		for (; open != 0; open &= open - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(open);
			struct mr_ring *ring = outbox->rings[word * 64 + bit];
			mr_assert(ring != NULL);
			if (mr_ring_push(
				    ring, (struct mr_desc){.word = {(uintptr_t)&post->msg, 0}})) {
				post->unsent.bits[word] &= ~(UINT64_C(1) << bit);
				moved = true;
			} else {
				blocked->bits[word] |= UINT64_C(1) << bit;
			}
		}
	}
	return moved;
}

// Takes the stages that have applied the post off its targets; true when none is left.
static bool settle(const struct mr_outbox *outbox, struct mr_post *post)
{
	uint64_t left = 0;
	for (uint32_t word = 0; word < WORDS; word++) {
		uint64_t waiting = post->targets.bits[word] & ~post->unsent.bits[word];
		for (; waiting != 0; waiting &= waiting - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(waiting);
			// acquire: what the stage wrote into the message (grants) is there
			uint64_t generation = atomic_load_explicit(
				outbox->generations[word * 64 + bit], memory_order_acquire);
			if (generation >= post->msg.generation)
				post->targets.bits[word] &= ~(UINT64_C(1) << bit);
		}
		left |= post->targets.bits[word];
	}
	return left == 0;
}

static void end(struct mr_outbox *outbox, struct mr_post *post)
{
	if (post->applied != NULL)
		post->applied(post->owner, post);
	explicit_bzero(&post->msg, sizeof(post->msg)); // it may have held a secret
	mr_outbox_give_back(outbox, post);
}

bool mr_outbox_work(struct mr_outbox *outbox)
{
	struct mr_stage_set blocked = {0};
	struct mr_post *previous = NULL;
	struct mr_post *next;
	bool moved = false;
	for (struct mr_post *post = outbox->first; post != NULL; post = next) {
		moved |= push(outbox, post, &blocked);
		bool applied = settle(outbox, post);
		if (applied) {
			if (previous != NULL)
				previous->next = post->next;
			else
				outbox->first = post->next;
			if (outbox->last == post)
				outbox->last = previous;
			next = post->next;
			end(outbox, post); // may send another one: it goes to the end of the list
			if (next == NULL)
				next = previous != NULL ? previous->next : outbox->first;
			moved = true;
		} else {
			previous = post;
			next = post->next;
		}
	}
	return moved;
}

bool mr_outbox_idle(const struct mr_outbox *outbox)
{
	return outbox->first == NULL;
}

uint64_t mr_outbox_in_force(const struct mr_outbox *outbox)
{
	return outbox->first != NULL ? outbox->first->msg.generation - 1 : outbox->generation;
}
