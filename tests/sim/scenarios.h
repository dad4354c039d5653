// Scenarios: one exact claim each, in virtual time, with the cost model where capacity matters.
#pragma once

#include <stdbool.h>

// Runs the scenario of that name, or all of them (NULL). Prints what was measured. False: a claim
// does not hold, or there is no such scenario.
bool sim_scenarios(const char *name);
void sim_scenarios_list(void);
