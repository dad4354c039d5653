#include "postbox.h"

#include <string.h>

#include "mr_assert.h"

enum { WORDS = sizeof(((struct mr_stage_set *)0)->bits) / sizeof(uint64_t) };

bool mr_postbox_init(struct mr_postbox *postbox, struct mr_arena *arena)
{
	struct mr_post *posts =
		mr_arena_array(arena, "steward: messages", struct mr_post, MR_POSTS_MAX);
	*postbox = (struct mr_postbox){0};
	if (posts == NULL)
		return false;
	for (uint32_t i = 0; i < MR_POSTS_MAX; i++) {
		posts[i].next = postbox->free;
		postbox->free = &posts[i];
	}
	return true;
}

void mr_postbox_stage(struct mr_postbox *postbox, uint32_t stage, struct mr_ring *ring,
	const mr_counter *generation)
{
	mr_assert(stage < MR_STAGES_MAX);
	postbox->rings[stage] = ring;
	postbox->generations[stage] = generation;
	if (stage >= postbox->stages_count)
		postbox->stages_count = stage + 1;
}

struct mr_post *mr_postbox_take(struct mr_postbox *postbox)
{
	struct mr_post *post = postbox->free;
	if (post == NULL)
		return NULL;
	postbox->free = post->next;
	*post = (struct mr_post){0};
	return post;
}

void mr_postbox_give_back(struct mr_postbox *postbox, struct mr_post *post)
{
	post->next = postbox->free;
	postbox->free = post;
}

void mr_postbox_send(struct mr_postbox *postbox, struct mr_post *post, struct mr_stage_set targets,
	void (*applied)(void *owner, const struct mr_post *post), void *owner, uint64_t tag)
{
	uint64_t any = 0;
	for (uint32_t word = 0; word < WORDS; word++)
		any |= targets.bits[word];
	mr_assert(any != 0); // a message to nobody would never be applied
	post->msg.generation = ++postbox->generation;
	post->targets = targets;
	post->unsent = targets;
	post->applied = applied;
	post->owner = owner;
	post->tag = tag;
	post->next = NULL;
	if (postbox->last != NULL)
		postbox->last->next = post;
	else
		postbox->first = post;
	postbox->last = post;
}

// Pushes a post to its stages, but for those whose ring was full for an older one: a stage gets
// them in order.
static bool push(struct mr_postbox *postbox, struct mr_post *post, struct mr_stage_set *blocked)
{
	bool moved = false;
	for (uint32_t word = 0; word < WORDS; word++) {
		uint64_t open = post->unsent.bits[word] & ~blocked->bits[word];
		for (; open != 0; open &= open - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(open);
			struct mr_ring *ring = postbox->rings[word * 64 + bit];
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
static bool settle(const struct mr_postbox *postbox, struct mr_post *post)
{
	uint64_t left = 0;
	for (uint32_t word = 0; word < WORDS; word++) {
		uint64_t waiting = post->targets.bits[word] & ~post->unsent.bits[word];
		for (; waiting != 0; waiting &= waiting - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(waiting);
			// acquire: what the stage wrote into the message (grants) is there
			uint64_t generation = atomic_load_explicit(
				postbox->generations[word * 64 + bit], memory_order_acquire);
			if (generation >= post->msg.generation)
				post->targets.bits[word] &= ~(UINT64_C(1) << bit);
		}
		left |= post->targets.bits[word];
	}
	return left == 0;
}

static void end(struct mr_postbox *postbox, struct mr_post *post)
{
	if (post->applied != NULL)
		post->applied(post->owner, post);
	explicit_bzero(&post->msg, sizeof(post->msg)); // it may have held a secret
	mr_postbox_give_back(postbox, post);
}

bool mr_postbox_work(struct mr_postbox *postbox)
{
	struct mr_stage_set blocked = {0};
	struct mr_post *previous = NULL;
	struct mr_post *next;
	bool moved = false;
	for (struct mr_post *post = postbox->first; post != NULL; post = next) {
		moved |= push(postbox, post, &blocked);
		bool applied = settle(postbox, post);
		if (applied) {
			if (previous != NULL)
				previous->next = post->next;
			else
				postbox->first = post->next;
			if (postbox->last == post)
				postbox->last = previous;
			next = post->next;
			end(postbox, post); // may send another one: it goes to the end of the list
			if (next == NULL)
				next = previous != NULL ? previous->next : postbox->first;
			moved = true;
		} else {
			previous = post;
			next = post->next;
		}
	}
	return moved;
}

bool mr_postbox_idle(const struct mr_postbox *postbox)
{
	return postbox->first == NULL;
}

uint64_t mr_postbox_in_force(const struct mr_postbox *postbox)
{
	return postbox->first != NULL ? postbox->first->msg.generation - 1 : postbox->generation;
}
