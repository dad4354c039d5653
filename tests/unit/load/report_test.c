// The verdict: a good run passes, and each single fault makes it fail.
#include "report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "send_report.h"
#include "sink_report.h"

static struct mr_report_send good_send(void)
{
	return (struct mr_report_send){
		.finished = true, .offered = 1000, .accepted = 960, .refused = 40, .seconds = 2};
}

static struct mr_report_sink good_sink(void)
{
	return (struct mr_report_sink){
		.passed = true, .ledger = true, .accepted = 960, .events = 960, .requests = 4};
}

static void a_good_run_passes(void **state)
{
	(void)state;
	const char *why = NULL;
	struct mr_report_send send = good_send();
	struct mr_report_sink sink = good_sink();
	assert_true(mr_report_passed(&send, &sink, 0.95, &why));
	assert_false(mr_report_passed(&send, &sink, 0.97, &why));
	assert_non_null(strstr(why, "too few"));
}

static void a_refused_event_that_came_again_counts_once(void **state)
{
	(void)state;
	struct mr_report_send send = {.offered = 120, .retried = 20, .accepted = 100};
	assert_true(mr_report_achieved(&send) > 0.999);
}

static void every_single_fault_fails_the_run(void **state)
{
	(void)state;
	double *faults[10];
	struct mr_report_sink sink = good_sink();
	faults[0] = &sink.signatures_bad;
	faults[1] = &sink.lost;
	faults[2] = &sink.unclaimed;
	faults[3] = &sink.out_of_order;
	faults[4] = &sink.duplicates_different;
	faults[5] = &sink.changed_bodies;
	faults[6] = &sink.bad_bodies;
	faults[7] = &sink.unknown;
	faults[8] = &sink.phantom;
	faults[9] = &sink.misrouted;
	struct mr_report_send send = good_send();
	const char *why = NULL;
	for (int i = 0; i < 10; i++) {
		*faults[i] = 1;
		assert_false(mr_report_passed(&send, &sink, 0.95, &why));
		*faults[i] = 0;
	}
	assert_true(mr_report_passed(&send, &sink, 0.95, &why));
	sink.passed = false;
	assert_false(mr_report_passed(&send, &sink, 0.95, &why));
	sink = good_sink();
	sink.ledger = false;
	assert_false(mr_report_passed(&send, &sink, 0.95, &why));
	sink = good_sink();
	sink.accepted = 959; // the ledger of another run
	assert_false(mr_report_passed(&send, &sink, 0.95, &why));
	sink = good_sink();
	send.finished = false;
	assert_false(mr_report_passed(&send, &sink, 0.95, &why));
	send = (struct mr_report_send){.finished = true};
	sink.accepted = 0;
	assert_false(mr_report_passed(&send, &sink, 0, &why)); // nothing was offered
}

// What the two programs print is what the report reads.
static void the_reports_of_both_programs_are_read_back(void **state)
{
	(void)state;
	char *text = NULL;
	size_t length = 0;
	struct mr_sender *sender = calloc(1, sizeof(*sender));
	assert_non_null(sender);
	sender->counts =
		(struct mr_sender_counts){.offered = 10, .accepted = 7, .refused = 3, .retried = 1};
	sender->counts.by_reason[MR_REASON_OBJECT_FULL] = 3;
	struct mr_send_outcome send_outcome = {
		.seconds = 1.5, .offer_seconds = 1, .finished = true, .is_volatile = true};
	FILE *out = open_memstream(&text, &length);
	mr_send_report(sender, &send_outcome, true, out);
	fclose(out);
	struct mr_report_send send;
	assert_int_equal(mr_report_read_send(text, length, &send), 0);
	assert_true(send.finished && send.is_volatile);
	assert_int_equal(send.offered, 10);
	assert_int_equal(send.retried, 1);
	assert_int_equal(send.reasons_count, 1);
	assert_string_equal(send.reasons[0].name, "object_full");
	assert_int_equal(send.reasons[0].value, 3);
	assert_int_equal(mr_report_read_send(text, length - 3, &send), -EBADMSG);
	free(text);
	free(sender);

	struct mr_latency *latency = calloc(1, sizeof(*latency));
	assert_non_null(latency);
	mr_latency_record(latency, 1, 5000000);
	struct mr_sink_outcome sink_outcome = {
		.latency = latency, .passed = true, .has_ledger = true};
	sink_outcome.counts.events = 70;
	sink_outcome.counts.requests = 7;
	sink_outcome.audit.lost = 2;
	out = open_memstream(&text, &length);
	mr_sink_report(&sink_outcome, true, out);
	fclose(out);
	struct mr_report_sink sink;
	assert_int_equal(mr_report_read_sink(text, length, &sink), 0);
	assert_int_equal(sink.events, 70);
	assert_int_equal(sink.lost, 2);
	assert_int_equal(sink.latencies_count, 1);
	assert_string_equal(sink.latencies[0].name, "all");
	assert_in_range(sink.latencies[0].p50_us, 4700, 5300);
	assert_int_equal(mr_report_read_send(text, length, &send), -EBADMSG); // the other kind
	free(text);
	free(latency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_run_passes),
		cmocka_unit_test(a_refused_event_that_came_again_counts_once),
		cmocka_unit_test(every_single_fault_fails_the_run),
		cmocka_unit_test(the_reports_of_both_programs_are_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
