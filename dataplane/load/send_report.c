#include "send_report.h"

#include <inttypes.h>

struct totals {
	uint64_t acks;
	uint64_t acks_busy;
	uint64_t bad_messages;
	uint64_t packets_resent;
	uint64_t timeouts;
	uint64_t bursts_by_gap;
	uint64_t resumes;
	uint64_t restarts;
};

static struct totals totals_of(const struct mr_sender *sender)
{
	struct totals totals = {0};
	for (uint32_t i = 0; i < sender->sessions_count; i++) {
		const struct mr_producer_session *session = &sender->sessions[i];
		totals.acks += session->acks;
		totals.acks_busy += session->acks_busy;
		totals.bad_messages += session->bad_messages;
		totals.resumes += session->resumes;
		totals.restarts += session->restarts;
		for (uint32_t flow = 0; flow < session->flows_count; flow++) {
			totals.packets_resent += session->flows[flow].packets_resent;
			totals.timeouts += session->flows[flow].timeouts;
			totals.bursts_by_gap += session->flows[flow].bursts_by_gap;
		}
	}
	return totals;
}

void mr_send_progress(const struct mr_sender *sender, uint64_t second,
	const struct mr_sender_counts *last, FILE *out)
{
	const struct mr_sender_counts *counts = &sender->counts;
	fprintf(out,
		"send %3" PRIu64 " s: offered %" PRIu64 " accepted %" PRIu64 " refused %" PRIu64
		" unsent %" PRIu64 " unsettled %" PRIu64 "; %" PRIu64 " offered/s %" PRIu64
		" accepted/s\n",
		second, counts->offered, counts->accepted, counts->refused, counts->unsent,
		mr_sender_unsettled(sender), counts->offered - last->offered,
		counts->accepted - last->accepted);
	fflush(out);
}

static void report_json(
	const struct mr_sender *sender, const struct mr_send_outcome *outcome, FILE *out)
{
	const struct mr_sender_counts *counts = &sender->counts;
	struct totals totals = totals_of(sender);
	fprintf(out,
		"{\"kind\":\"send\",\"version\":1,\"finished\":%s,\"volatile\":%s,\"offered\":%" PRIu64
		",\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"unsent\":%" PRIu64
		",\"unsettled\":%" PRIu64 ",\"retried\":%" PRIu64,
		outcome->finished ? "true" : "false", outcome->is_volatile ? "true" : "false",
		counts->offered, counts->accepted, counts->refused, counts->unsent,
		outcome->unsettled, counts->retried);
	fprintf(out, ",\"refused_by_reason\":{");
	const char *comma = "";
	for (unsigned reason = 1; reason < MR_REASON_LIMIT; reason++) {
		if (counts->by_reason[reason] == 0)
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, comma, mr_reason_info(reason)->label,
			counts->by_reason[reason]);
		comma = ",";
	}
	fprintf(out,
		"},\"seconds\":%.3f,\"offer_seconds\":%.3f,\"offered_per_second\":%.1f,\"accepted_per_second\":%.1f",
		outcome->seconds, outcome->offer_seconds,
		outcome->offer_seconds > 0 ? (double)counts->offered / outcome->offer_seconds : 0.0,
		outcome->seconds > 0 ? (double)counts->accepted / outcome->seconds : 0.0);
	fprintf(out,
		",\"packets\":%" PRIu64 ",\"packet_events\":%" PRIu64 ",\"packets_resent\":%" PRIu64
		",\"timeouts\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"frames_held\":%" PRIu64
		",\"acks\":%" PRIu64 ",\"acks_busy\":%" PRIu64 ",\"bad_messages\":%" PRIu64
		",\"links_lost\":%" PRIu64 ",\"resumes\":%" PRIu64 ",\"restarts\":%" PRIu64
		",\"sessions\":%u,\"flows\":%u,\"cpu_share\":%.3f}\n",
		counts->packets, counts->packet_events, totals.packets_resent, totals.timeouts,
		totals.bursts_by_gap, counts->frames_held, totals.acks, totals.acks_busy,
		totals.bad_messages, counts->links_lost, totals.resumes, totals.restarts,
		sender->sessions_count, sender->flows, outcome->cpu_share);
}

static void report_text(
	const struct mr_sender *sender, const struct mr_send_outcome *outcome, FILE *out)
{
	const struct mr_sender_counts *counts = &sender->counts;
	struct totals totals = totals_of(sender);
	fprintf(out, "offered    %12" PRIu64 "  (%.0f/s for %.1f s)\n", counts->offered,
		outcome->offer_seconds > 0 ? (double)counts->offered / outcome->offer_seconds : 0.0,
		outcome->offer_seconds);
	fprintf(out, "accepted   %12" PRIu64 "\n", counts->accepted);
	fprintf(out, "refused    %12" PRIu64 "\n", counts->refused);
	for (unsigned reason = 1; reason < MR_REASON_LIMIT; reason++) {
		if (counts->by_reason[reason] > 0)
			fprintf(out, "  %-20s %" PRIu64 "\n", mr_reason_info(reason)->label,
				counts->by_reason[reason]);
	}
	fprintf(out, "unsent     %12" PRIu64 "  (our own buffer was full)\n", counts->unsent);
	fprintf(out, "unsettled  %12" PRIu64 "\n", outcome->unsettled);
	fprintf(out,
		"packets    %12" PRIu64 "  (%.1f events each; %" PRIu64 " sent again: %" PRIu64
		" time-outs, %" PRIu64 " gaps)\n",
		counts->packets,
		counts->packets > 0 ? (double)counts->packet_events / (double)counts->packets : 0.0,
		totals.packets_resent, totals.timeouts, totals.bursts_by_gap);
	fprintf(out, "acks       %12" PRIu64 "  (%" PRIu64 " busy)\n", totals.acks,
		totals.acks_busy);
	if (totals.resumes + counts->links_lost > 0)
		fprintf(out,
			"resumed    %12" PRIu64 "  (%" PRIu64 " links lost, %" PRIu64
			" other boots of the router, %" PRIu64 " events submitted again)\n",
			totals.resumes, counts->links_lost, totals.restarts, counts->retried);
	if (outcome->is_volatile)
		fprintf(out,
			"VOLATILE: the router keeps accepted events in memory only; a crash forgets them\n");
	if (!outcome->finished)
		fprintf(out, "NOT FINISHED: some fates are unknown\n");
}

void mr_send_report(
	const struct mr_sender *sender, const struct mr_send_outcome *outcome, bool json, FILE *out)
{
	if (json)
		report_json(sender, outcome, out);
	else
		report_text(sender, outcome, out);
}
