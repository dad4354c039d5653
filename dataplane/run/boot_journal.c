#include "boot_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <millrace/exit_code.h>

#include "clock.h"
#include "log.h"
#include "paths.h"

enum { LOCK_POLL_NS = 100 * 1000 * 1000, LOCK_POLLS_MAX = 50 }; // five seconds

static int say(struct mr_boot_journal *journal, int code, const char *directory, const char *text)
{
	snprintf(journal->why, sizeof(journal->why), "journal in %.180s: %.250s%s", directory, text,
		code == MR_EXIT_JOURNAL_CORRUPT ? ". Restore it, or see millrace journal salvage"
						: "");
	return code;
}

// A router that was killed holds its lock until the kernel has taken its memory back.
static int take_lock(struct mr_boot_journal *journal, char *ret_owner, size_t owner_size)
{
	const struct timespec nap = {.tv_nsec = LOCK_POLL_NS};
	int err = journal->disk.lock(journal->disk.state, ret_owner, owner_size);
	for (uint32_t i = 0; err == -EBUSY && i < LOCK_POLLS_MAX; i++) {
		if (i == 0)
			mr_log(MR_LOG_NOTICE, "another process has the journal (%s): waiting",
				ret_owner);
		(void)nanosleep(&nap, NULL);
		err = journal->disk.lock(journal->disk.state, ret_owner, owner_size);
	}
	return err;
}

int mr_boot_journal_open(struct mr_boot_journal *journal, const struct mr_config *config,
	const struct mr_journal_plan *plan)
{
	const char *directory = config->journal_dir;
	char owner[64] = "";
	char text[128];
	mr_make_parent(directory);
	journal->now_ns = mr_clock_mono_ns;
	journal->wall_ns = mr_clock_wall_ns;
	journal->wiring.plan = *plan;
	journal->wiring.disk = &journal->disk;
	int err = mr_disk_posix_open(directory, &journal->disk);
	if (err != 0)
		return say(journal, MR_EXIT_IO, directory, strerror(-err));
	err = take_lock(journal, owner, sizeof(owner));
	if (err == -EBUSY) {
		snprintf(text, sizeof(text), "another process has it%s%s",
			owner[0] != '\0' ? ": " : "", owner);
		return say(journal, MR_EXIT_CONFIG, directory, text);
	}
	if (err != 0)
		return say(journal, MR_EXIT_IO, directory, strerror(-err));
	return 0;
}

// -- Recovery

static void progress(void *owner, const char *what, uint64_t done_bytes, uint64_t all_bytes)
{
	mr_steward_recovering(owner, what, done_bytes, all_bytes);
}

static bool find_home(const void *owner, uint64_t webhook, uint64_t expired_print,
	uint32_t *ret_delivery, uint16_t *ret_in_flight)
{
	return mr_registry_home(owner, webhook, expired_print, ret_delivery, ret_in_flight);
}

static void keep(void *owner, const struct mr_record *record)
{
	mr_steward_keep(owner, record);
}

static int exit_code_of(int err)
{
	if (err == -EBADMSG)
		return MR_EXIT_JOURNAL_CORRUPT;
	return err == -EINVAL || err == -EPROTONOSUPPORT ? MR_EXIT_CONFIG : MR_EXIT_IO;
}

static void tell(const struct mr_recovered *recovered, const char *directory)
{
	mr_log(MR_LOG_NOTICE,
		"journal in %s: %" PRIu64 " records (%" PRIu64 " MiB) replayed in %" PRIu64
		" ms: %u sessions, %" PRIu64
		" events to distribute, %u webhooks that are owed something",
		directory, recovered->records, recovered->bytes >> 20, recovered->took_ns / 1000000,
		recovered->sessions_count, recovered->events_count, recovered->lanes_count);
	if (recovered->entries_dropped > 0)
		mr_log(MR_LOG_WARNING,
			"journal in %s: %" PRIu64
			" deliveries were dropped: their webhooks are in the configuration no more",
			directory, recovered->entries_dropped);
}

int mr_boot_journal_recover(
	struct mr_boot_journal *journal, const struct mr_wiring *wiring, struct mr_steward *steward)
{
	const struct mr_config *config = wiring->config;
	struct mr_scan_error error = {0};
	struct mr_recovery_config recovery = {.disk = &journal->disk,
		.flows = (uint32_t)config->flows,
		.hash_seed = config->hash_seed,
		.segment_bytes = config->segment_bytes,
		.shards = wiring->topology->shards,
		.deliveries = wiring->topology->deliveries,
		.homes = {.owner = &steward->registry, .find = find_home},
		.keep = keep,
		.keep_owner = steward,
		.progress = progress,
		.progress_owner = steward,
		.now_ns = journal->now_ns,
		.wall_ns = journal->wall_ns};
	int err = mr_recover(
		&recovery, wiring->needs, &journal->wiring.map, &journal->recovered, &error);
	if (err != 0)
		return say(journal, exit_code_of(err), config->journal_dir,
			error.text[0] != '\0' ? error.text : strerror(-err));
	journal->wiring.place = journal->recovered->place;
	memcpy(journal->wiring.ends, journal->recovered->ends, sizeof(journal->wiring.ends));
	tell(journal->recovered, config->journal_dir);
	return 0;
}

void mr_boot_journal_judge_disk(
	const struct mr_boot_journal *journal, const struct mr_config *config)
{
	if (!mr_disk_posix_is_direct(&journal->disk))
		mr_log(MR_LOG_WARNING,
			"journal in %s: its file system has no O_DIRECT; writes go through the page cache, and last as long as it promises",
			config->journal_dir);
}

int mr_boot_journal_hand_over(
	struct mr_boot_journal *journal, const struct mr_wiring *wiring, struct mr_steward *steward)
{
	const struct mr_recovered *recovered = journal->recovered;
	char text[256];
	if (mr_wire_recovered(wiring, recovered, text, sizeof(text)) != 0)
		return say(journal, MR_EXIT_CONFIG, wiring->config->journal_dir, text);
	mr_steward_recover(steward, recovered);
	return 0;
}

void mr_boot_journal_close(struct mr_boot_journal *journal)
{
	mr_maker_thread_stop(&journal->maker);
	mr_recovered_free(journal->recovered);
	mr_segment_map_free(journal->wiring.map);
	mr_disk_posix_close(&journal->disk);
}
