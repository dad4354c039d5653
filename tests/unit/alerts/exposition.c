// Prints the exposition of a small router that has counted something, for programs that check it.
#include <stdio.h>
#include <string.h>

#include "../cli/fake_stats.h"
#include "alerts_metrics.h"
#include "histogram.h"

static void fill(struct fake_stats *fake)
{
	mr_gauge(&fake->webhooks[0].webhook, 5001);
	memcpy(fake->webhooks[0].name, "hook \"one\"", sizeof("hook \"one\""));
	for (uint32_t i = 0; i < FAKE_STAGES; i++) {
		mr_histogram_record(&fake->stages[i].step_ns, 1000 * i);
		for (uint32_t slot = 0; slot < MR_STAGE_HISTOGRAMS; slot++)
			mr_histogram_record(&fake->stages[i].histograms[slot], 1000000 * i);
	}
}

int main(void)
{
	static struct mr_alerts alerts;
	static const struct mr_notifier_settings settings = {
		.receivers_count = 1, .receivers = {{.kind = MR_RECEIVER_SYSLOG, .name = "log"}}};
	struct mr_notifier *notifier;
	struct fake_stats fake;
	struct mr_ledgers ledgers;

	fake_stats_open(&fake);
	fill(&fake);
	mr_alerts_init(&alerts);
	if (mr_notifier_start(&notifier, &settings) < 0)
		return 1;
	mr_ledgers_read(fake.stats, &ledgers);
	mr_metrics_releases(stdout, "0.0.0");
	mr_metrics_stats(stdout, fake.stats, &ledgers, 0, 0);
	mr_alerts_metrics(stdout, &alerts);
	mr_notifier_metrics(stdout, notifier);
	mr_notifier_stop(notifier);
	fake_stats_close(&fake);
	return 0;
}
