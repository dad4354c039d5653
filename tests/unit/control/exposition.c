// Prints the exposition of a small router that has counted something, for programs that check it.
#include <stdio.h>
#include <string.h>

#include "../cli/fake_stats.h"
#include "histogram.h"
#include "metrics.h"

int main(void)
{
	struct fake_stats fake;
	struct mr_ledgers ledgers;

	fake_stats_open(&fake);
	mr_gauge(&fake.webhooks[0].webhook, 5001);
	memcpy(fake.webhooks[0].name, "hook \"one\"", sizeof("hook \"one\""));
	for (uint32_t i = 0; i < FAKE_STAGES; i++) {
		mr_histogram_record(&fake.stages[i].step_ns, 1000 * i);
		for (uint32_t slot = 0; slot < MR_STAGE_HISTOGRAMS; slot++)
			mr_histogram_record(&fake.stages[i].histograms[slot], 1000000 * i);
	}
	mr_ledgers_read(fake.stats, &ledgers);
	mr_metrics_releases(stdout, "0.0.0");
	mr_metrics_stats(stdout, fake.stats, &ledgers, 0, 0);
	fake_stats_close(&fake);
	return 0;
}
