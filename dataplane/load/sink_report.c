#include "sink_report.h"

#include <inttypes.h>

struct quantile {
	const char *key;
	double q;
};

static const struct quantile quantiles[] = {{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}};

static double micros(uint64_t ns)
{
	return (double)ns / 1e3;
}

static void latency_json(const struct mr_latency *latency, FILE *out)
{
	const char *comma = "";
	fprintf(out, ",\"latency\":{");
	for (unsigned i = 0; i < MR_LATENCY_CLASS_COUNT; i++) {
		const struct mr_stats_histogram *histogram = &latency->classes[i];
		if (mr_read(&histogram->count) == 0)
			continue;
		fprintf(out, "%s\"%s\":{\"count\":%" PRIu64, comma, mr_latency_class_key(i),
			mr_read(&histogram->count));
		for (size_t q = 0; q < sizeof(quantiles) / sizeof(quantiles[0]); q++)
			fprintf(out, ",\"%s\":%.1f", quantiles[q].key,
				micros(mr_histogram_quantile(histogram, quantiles[q].q)));
		fprintf(out, ",\"max_us\":%.1f}", micros(mr_read(&histogram->max)));
		comma = ",";
	}
	fprintf(out, "}");
}

static void report_json(const struct mr_sink_outcome *outcome, FILE *out)
{
	const struct mr_checker_counts *counts = &outcome->counts;
	const struct mr_checker_audit *audit = &outcome->audit;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"requests", counts->requests},
		{"events", counts->events},
		{"heartbeats", counts->heartbeats},
		{"handshakes", outcome->handshakes},
		{"webhooks", outcome->webhooks},
		{"signatures_verified", outcome->signatures_verified},
		{"signatures_bad", outcome->signatures_bad},
		{"refused_on_purpose", outcome->refused_on_purpose},
		{"redelivered", counts->redelivered},
		{"bad_bodies", counts->bad_bodies},
		{"changed_bodies", counts->changed_bodies},
		{"duplicates_same", counts->duplicates_same},
		{"duplicates_different", counts->duplicates_different},
		{"out_of_order", counts->out_of_order},
		{"unknown", counts->unknown},
		{"misrouted", counts->misrouted},
		{"offered", audit->offered},
		{"accepted", audit->accepted},
		{"lost", audit->lost},
		{"first_lost", audit->first_lost},
		{"unclaimed", audit->unclaimed},
		{"phantom", audit->phantom},
		{"unsettled", audit->unsettled},
	};
	fprintf(out, "{\"kind\":\"sink\",\"version\":1,\"passed\":%s,\"ledger\":%s",
		outcome->passed ? "true" : "false", outcome->has_ledger ? "true" : "false");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		fprintf(out, ",\"%s\":%" PRIu64, numbers[i].key, numbers[i].value);
	fprintf(out, ",\"events_per_request\":%.2f,\"seconds\":%.3f,\"cpu_share\":%.3f",
		counts->requests > 0 ? (double)counts->events / (double)counts->requests : 0.0,
		outcome->seconds, outcome->cpu_share);
	latency_json(outcome->latency, out);
	fprintf(out, "}\n");
}

static void latency_text(const struct mr_latency *latency, FILE *out)
{
	for (unsigned i = 0; i < MR_LATENCY_CLASS_COUNT; i++) {
		const struct mr_stats_histogram *histogram = &latency->classes[i];
		if (mr_read(&histogram->count) == 0)
			continue;
		fprintf(out,
			"latency    p50 %9.2f ms  p99 %9.2f ms  p99.9 %9.2f ms  %s (%" PRIu64 ")\n",
			micros(mr_histogram_quantile(histogram, 0.5)) / 1e3,
			micros(mr_histogram_quantile(histogram, 0.99)) / 1e3,
			micros(mr_histogram_quantile(histogram, 0.999)) / 1e3,
			mr_latency_class_text(i), mr_read(&histogram->count));
	}
}

static void report_text(const struct mr_sink_outcome *outcome, FILE *out)
{
	const struct mr_checker_counts *counts = &outcome->counts;
	const struct mr_checker_audit *audit = &outcome->audit;
	fprintf(out,
		"requests   %12" PRIu64 "  (%.1f events each, %u webhooks, %" PRIu64
		" handshakes)\n",
		counts->requests,
		counts->requests > 0 ? (double)counts->events / (double)counts->requests : 0.0,
		outcome->webhooks, outcome->handshakes);
	fprintf(out, "events     %12" PRIu64 "  in %.1f s\n", counts->events, outcome->seconds);
	fprintf(out, "signatures %12" PRIu64 "  verified, %" PRIu64 " bad\n",
		outcome->signatures_verified, outcome->signatures_bad);
	fprintf(out,
		"again      %12" PRIu64 "  same id, same bytes (%" PRIu64 " events); %" PRIu64
		" changed bodies; %" PRIu64 " refused on purpose\n",
		counts->redelivered, counts->duplicates_same, counts->changed_bodies,
		outcome->refused_on_purpose);
	fprintf(out,
		"faults     duplicates %" PRIu64 ", out of order %" PRIu64 ", bad bodies %" PRIu64
		", unknown %" PRIu64 ", misrouted %" PRIu64 "\n",
		counts->duplicates_different, counts->out_of_order, counts->bad_bodies,
		counts->unknown, counts->misrouted);
	if (outcome->has_ledger)
		fprintf(out,
			"ledger     accepted %" PRIu64 ", lost %" PRIu64 " (first %" PRIu64
			"), unclaimed %" PRIu64 ", phantom %" PRIu64 ", fate unknown %" PRIu64 "\n",
			audit->accepted, audit->lost, audit->first_lost, audit->unclaimed,
			audit->phantom, audit->unsettled);
	else
		fprintf(out, "no ledger: loss and latency are not judged\n");
	latency_text(outcome->latency, out);
	fprintf(out, "%s\n", outcome->passed ? "PASSED" : "FAILED");
}

void mr_sink_report(const struct mr_sink_outcome *outcome, bool json, FILE *out)
{
	if (json)
		report_json(outcome, out);
	else
		report_text(outcome, out);
}
