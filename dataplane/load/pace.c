#include "pace.h"

#include <math.h>

#include "mr_assert.h"

// During the ramp n(t) = rate * t^2 / (2 * ramp); afterwards the line continues from there.
static double ramp_events(const struct mr_pace *pace)
{
	return pace->rate * pace->ramp_ns / 2e9;
}

uint64_t mr_pace_intended_ns(const struct mr_pace *pace, uint64_t index)
{
	mr_assert(pace->rate > 0);
	double n = (double)index;
	double in_ramp = ramp_events(pace);
	if (n < in_ramp)
		return (uint64_t)ceil(sqrt(2e9 * n * pace->ramp_ns / pace->rate));
	return (uint64_t)ceil(pace->ramp_ns + (n - in_ramp) * 1e9 / pace->rate);
}

uint64_t mr_pace_due(const struct mr_pace *pace, uint64_t elapsed_ns)
{
	mr_assert(pace->rate > 0);
	double t = (double)elapsed_ns;
	double n = t < pace->ramp_ns ? pace->rate * t * t / (2e9 * pace->ramp_ns)
				     : ramp_events(pace) + pace->rate * (t - pace->ramp_ns) / 1e9;
	// Floating point decides to within one event; the exact answer follows from the intended
	// times.
	uint64_t due = (uint64_t)n;
	while (due > 0 && mr_pace_intended_ns(pace, due - 1) > elapsed_ns)
		due--;
	while (mr_pace_intended_ns(pace, due) <= elapsed_ns)
		due++;
	return due;
}
