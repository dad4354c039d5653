// The open-loop schedule: when each event is meant to be sent, whatever the router does. Pure.
#pragma once

#include <stdint.h>

struct mr_pace {
	double rate; // events per second after the ramp; 0: as fast as the window allows
	double ramp_ns; // the rate rises linearly from 0 during this time
};

// Time since the start at which event `index` (from 0) is meant to be sent. Not for rate 0.
uint64_t mr_pace_intended_ns(const struct mr_pace *pace, uint64_t index);
// How many events are meant to have been sent when `elapsed_ns` have passed. Not for rate 0.
uint64_t mr_pace_due(const struct mr_pace *pace, uint64_t elapsed_ns);
