// Messages of the steward on their way to the stages. Each has a generation and a set of stages
// that must apply it; its memory is used again only when all of them have published that
// generation. One owner: the steward.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "arena.h"
#include "ring.h"
#include "steward_msg.h"

enum { MR_POSTS_MAX = 256 }; // under way at once

struct mr_stage_set {
	uint64_t bits[(MR_STAGES_MAX + 63) / 64];
};

static inline void mr_stage_set_add(struct mr_stage_set *set, uint32_t stage)
{
	set->bits[stage / 64] |= UINT64_C(1) << stage % 64;
}

struct mr_post {
	struct mr_steward_msg msg;
	struct mr_stage_set targets; // that have not applied it yet
	struct mr_stage_set unsent; // that have not got it yet
	struct mr_post *next;
	// Called once when all targets have applied it; then the post is gone.
	void (*applied)(void *owner, const struct mr_post *post);
	void *owner;
	uint64_t tag; // the owner's
};

struct mr_postbox {
	struct mr_ring *rings[MR_STAGES_MAX]; // to each stage; NULL: takes no messages
	const mr_counter *generations[MR_STAGES_MAX]; // applied by each stage
	uint32_t stages_count;
	uint64_t generation; // of the newest message
	struct mr_post *first; // oldest under way
	struct mr_post *last;
	struct mr_post *free;
};

// False when the arena has no room (or plans).
bool mr_postbox_init(struct mr_postbox *postbox, struct mr_arena *arena);
// Stages are numbered as in the statistics segment.
void mr_postbox_stage(struct mr_postbox *postbox, uint32_t stage, struct mr_ring *ring,
	const mr_counter *generation);
// A message to fill, or NULL: too many are under way, try again after mr_postbox_work.
struct mr_post *mr_postbox_take(struct mr_postbox *postbox);
void mr_postbox_give_back(struct mr_postbox *postbox, struct mr_post *post); // taken and not needed
// Sends a message of mr_postbox_take to at least one stage. `applied` may be NULL.
void mr_postbox_send(struct mr_postbox *postbox, struct mr_post *post, struct mr_stage_set targets,
	void (*applied)(void *owner, const struct mr_post *post), void *owner, uint64_t tag);
// Pushes what rings have room for and ends what is applied. True when something moved.
bool mr_postbox_work(struct mr_postbox *postbox);
bool mr_postbox_idle(const struct mr_postbox *postbox);
// Newest generation that is in force everywhere.
uint64_t mr_postbox_in_force(const struct mr_postbox *postbox);
