// Questions that the stages answer: what would happen to an event, asked of one shard after the
// other, and which objects are followed.
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "ban_list.h"
#include "control.h"
#include "postbox.h"

enum { MR_EXPLAINS_MAX = 4 }; // under way at once

struct mr_seeing_config {
	uint64_t hash_seed;
	uint32_t flows;
	uint32_t shards;
	uint32_t first_shard; // stage number
	struct mr_stage_set followers; // shards and delivery stages
};

struct mr_explaining {
	bool is_busy;
	struct mr_control_ticket ticket;
	uint32_t shards; // bit: that is still to be asked
	struct mr_explain explain;
	alignas(8) uint8_t event[sizeof(((struct mr_control_explain *)0)->event)];
};

struct mr_followed {
	uint64_t object;
	uint64_t until_ns; // monotonic
};

struct mr_seeing {
	struct mr_seeing_config config;
	struct mr_postbox *postbox;
	struct mr_control *control;
	const struct mr_ban_list *bans; // in force
	struct mr_explaining explains[MR_EXPLAINS_MAX];
	uint32_t followed_count;
	struct mr_followed followed[MR_TAPS_MAX];
	bool wants_tap; // the list of the stages is not up to date
	bool is_asked; // by `ticket`, who waits for an answer
	struct mr_control_ticket ticket;
	uint64_t asked_ns;
	uint64_t now_ns;
};

void mr_seeing_init(struct mr_seeing *seeing, const struct mr_seeing_config *config,
	struct mr_postbox *postbox, struct mr_control *control, const struct mr_ban_list *bans);
void mr_seeing_explain(struct mr_seeing *seeing, const struct mr_control_ticket *ticket,
	const struct mr_control_explain *question);
void mr_seeing_tap(struct mr_seeing *seeing, const struct mr_control_ticket *ticket,
	const struct mr_control_tap *tap, uint64_t now_ns);
// Sends what could not be sent, ends what has been followed for long enough. True when something
// moved.
bool mr_seeing_work(struct mr_seeing *seeing, uint64_t now_ns);
