// Writes a small journal into a directory, for the tests of the tools: two segments, two streams.
// Webhook 900 gets object 1201's events after a minute, and loses one; webhook 901 is on time.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <millrace/reason.h>

#include "journal_build.h"
#include "record_codec.h"

enum { SHARD = 8, DELIVERY = 9, EVENTS = 6 };

static struct journal_build build;

static void add_match(mr_position event, uint64_t webhook)
{
	struct {
		struct mr_record_match match;
		uint64_t webhook;
	} record = {
		.match = {.origin = event, .resource = 1201, .count = 1, .ancestor = MR_VIA_OBJECT},
		.webhook = webhook};

	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_MATCH, 0);
	journal_build_add(&build, SHARD, &record);
}

static void add_batch(uint64_t webhook, uint64_t number, const mr_position *events, uint16_t count)
{
	struct {
		struct mr_record_batch batch;
		mr_position events[EVENTS];
	} record = {.batch = {.webhook = webhook, .number = number, .count = count}};

	assert(count <= EVENTS);
	memcpy(record.events, events, count * sizeof(*events));
	mr_record_seal(&record, sizeof(record.batch) + count * sizeof(*events), NULL, 0,
		MR_RECORD_BATCH, 0);
	journal_build_add(&build, DELIVERY, &record);
}

static void add_progress(uint64_t webhook, uint64_t settled, uint16_t status, int64_t failing_ns)
{
	struct mr_record_progress record = {.webhook = webhook,
		.settled_number = settled,
		.failing_since_ns = failing_ns,
		.attempts = failing_ns ? 1 : 0,
		.status = status};

	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_PROGRESS, 0);
	journal_build_add(&build, DELIVERY, &record);
}

static void add_dropped(uint64_t webhook, mr_position event)
{
	struct mr_record_dropped record = {
		.webhook = webhook, .origin = event, .reason = MR_REASON_EXPIRED};

	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_DROPPED, 0);
	journal_build_add(&build, DELIVERY, &record);
}

int main(int argc, char **argv)
{
	mr_position events[EVENTS];
	struct mr_disk disk;

	if (argc != 2 || mr_disk_posix_open(argv[1], &disk) < 0) {
		fprintf(stderr, "usage: journal_sample DIR\n");
		return 2;
	}
	journal_build_open(&build, disk, 0xfeed, 256 << 10);
	journal_build_boot(&build, SHARD, 2);
	for (uint64_t i = 0; i < EVENTS; i++) {
		events[i] = journal_build_event(&build, SHARD, i < 3 ? 1201 : 1300 + i, 200);
		add_match(events[i], i < 3 ? 900 : 901);
		journal_build_frame(&build);
	}
	add_batch(900, 1, events, 2);
	add_batch(901, 2, events + 3, 3);
	journal_build_frame(&build);
	add_progress(901, 2, 200, 0);
	add_progress(900, 0, 503, journal_build_time(&build));
	journal_build_frame(&build);
	journal_build_turn(&build); // a minute later
	add_progress(900, 1, 200, 0);
	add_dropped(900, events[2]);
	journal_build_frame(&build);
	journal_build_event(&build, SHARD, 1400, 100);
	journal_build_frame(&build);
	printf("%llu\n", (unsigned long long)build.offset);
	journal_build_close(&build);
	mr_disk_posix_close(&disk);
	return 0;
}
