// What operators have done and what ended by itself, the last MR_ACTS_MAX of this boot: for who
// asks later, and a line each for people.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/control.h>

#include "arena.h"

struct mr_act_log {
	struct mr_act *acts; // number % MR_ACTS_MAX
	uint64_t last; // number of the newest; 0: none
};

bool mr_act_log_init(struct mr_act_log *log, struct mr_arena *arena);
// Who did it, through millrace-controld or not; without a name the peer's user.
void mr_act_sign(
	struct mr_act *act, const struct mr_control_author *author, uint32_t uid, bool is_direct);
// Numbers the act, keeps it, and logs it. Returns the number.
uint64_t mr_act_log_add(struct mr_act_log *log, const struct mr_act *act);
// Acts behind number `after`, as far as they are still there; `boot_id` is the caller's.
void mr_act_log_page(
	const struct mr_act_log *log, uint64_t after, struct mr_control_acts *ret_acts);
