#include "journal_disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "mr_assert.h"

enum { FULL_ROOM_SEGMENTS = 2 };
#define SLOW_NS       UINT64_C(5000000000)
#define SLOW_SPELL_NS UINT64_C(100000000)
#define FULL_SPELL_NS UINT64_C(200000000)

static uint64_t clock_ns;

void sim_journal_clock(uint64_t now_ns)
{
	clock_ns = now_ns;
}

static uint64_t mono_ns(void)
{
	return clock_ns;
}

static int64_t wall_ns(void)
{
	return SIM_WALL_START_NS + (int64_t)clock_ns;
}

static void set_delays(struct sim_journal *journal, uint64_t write_ns)
{
	disk_fake_delay(journal->disk,
		(struct disk_fake_delays){.write_ns = write_ns,
			.read_ns = journal->options->read_ns,
			.shuffled = journal->options->shuffled});
	uint64_t most_ns = journal->options->shuffled ? 2 * write_ns : write_ns;
	if (most_ns > journal->slowest_ns)
		journal->slowest_ns = most_ns;
}

void sim_journal_init(struct sim_journal *journal, const struct sim_options *options)
{
	*journal = (struct sim_journal){
		.options = &options->journal, .disk = disk_fake_new(options->seed ^ 0xd15c)};
	mr_rng_seed(&journal->rng, options->seed ^ 0xfa17);
	set_delays(journal, options->journal.write_ns);
}

void sim_journal_fini(struct sim_journal *journal)
{
	disk_fake_free(journal->disk);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void sim_journal_open(struct sim_journal *journal, struct mr_config *config)
{
	const struct sim_journal_options *options = journal->options;
	struct mr_boot_journal *boot = &journal->boot;
	char owner[64];
	config->is_volatile = false;
	config->segment_bytes = options->segment_bytes;
	config->commit_delay_ns = options->commit_delay_ns;
	config->progress_interval_ns = options->progress_ns;
	snprintf(config->journal_dir, sizeof(config->journal_dir), "memory");
	*boot = (struct mr_boot_journal){
		.disk = disk_fake_disk(journal->disk), .now_ns = mono_ns, .wall_ns = wall_ns};
	boot->wiring.disk = &boot->disk;
	boot->wiring.plan = (struct mr_journal_plan){.segment_bytes = options->segment_bytes,
		.commit_bytes_max = smaller(options->commit_bytes, options->segment_bytes / 4),
		.checkpoint_bytes =
			smaller(options->checkpoint_bytes, options->retention_bytes / 4),
		.retention_bytes = options->retention_bytes,
		.segments_max = (uint32_t)(options->retention_bytes / options->segment_bytes)
			+ MR_SEGMENT_SPARES};
	int err = boot->disk.lock(boot->disk.state, owner, sizeof(owner));
	mr_assert(err == 0);
}

void sim_journal_close(struct sim_journal *journal)
{
	mr_recovered_free(journal->boot.recovered);
	mr_segment_map_free(journal->boot.wiring.map);
	journal->boot = (struct mr_boot_journal){0};
}

void sim_journal_crash(struct sim_journal *journal, bool killed)
{
	if (killed && !journal->is_cut)
		disk_fake_exit(journal->disk);
	else
		disk_fake_crash(journal->disk, mr_rng_next(&journal->rng));
	journal->is_cut = false;
	disk_fake_capacity(journal->disk, 0);
	set_delays(journal, journal->options->write_ns);
	journal->slow_until_ns = journal->full_until_ns = 0;
}

void sim_journal_cut_at(struct sim_journal *journal, uint64_t nth)
{
	disk_fake_cut_at(journal->disk, nth);
	journal->is_cut = true;
}

static bool strikes(struct sim_journal *journal, uint32_t chance)
{
	return chance > 0 && mr_rng_chance(&journal->rng, chance, SIM_CHANCE_ONE);
}

// Room for what is there and a little more.
static void fill(struct sim_journal *journal, uint64_t now_ns)
{
	struct mr_disk disk = disk_fake_disk(journal->disk);
	uint64_t free_bytes;
	uint64_t total_bytes;
	disk_fake_capacity(journal->disk, UINT64_C(1) << 40);
	int err = disk.space(disk.state, &free_bytes, &total_bytes);
	mr_assert(err == 0);
	uint64_t more = mr_rng_below(&journal->rng, FULL_ROOM_SEGMENTS + 1);
	disk_fake_capacity(journal->disk,
		total_bytes - free_bytes + more * journal->options->segment_bytes + 1);
	journal->full_until_ns = now_ns + mr_rng_below(&journal->rng, FULL_SPELL_NS);
	journal->fulls++;
}

static void end_spells(struct sim_journal *journal, uint64_t now_ns)
{
	if (journal->slow_until_ns != 0 && now_ns >= journal->slow_until_ns) {
		set_delays(journal, journal->options->write_ns);
		journal->slow_until_ns = 0;
	}
	if (journal->full_until_ns != 0 && now_ns >= journal->full_until_ns) {
		disk_fake_capacity(journal->disk, 0);
		journal->full_until_ns = 0;
	}
}

void sim_journal_step(struct sim_journal *journal, uint64_t now_ns)
{
	const struct sim_journal_options *options = journal->options;
	end_spells(journal, now_ns);
	if (strikes(journal, options->shorten)) {
		disk_fake_shorten(journal->disk, 1 + mr_rng_below(&journal->rng, 4),
			4096 * (1 + mr_rng_below(&journal->rng, 3)));
		journal->shortened++;
	}
	if (journal->slow_until_ns == 0 && strikes(journal, options->slow)) {
		set_delays(journal, mr_rng_below(&journal->rng, SLOW_NS));
		journal->slow_until_ns = now_ns + mr_rng_below(&journal->rng, SLOW_SPELL_NS);
		journal->slows++;
	}
	if (journal->full_until_ns == 0 && strikes(journal, options->full))
		fill(journal, now_ns);
	if (strikes(journal, options->fail)) {
		disk_fake_fail(journal->disk, 1 + mr_rng_below(&journal->rng, 4), -EIO);
		journal->fails++;
	}
}

struct dump {
	const struct disk_fake *disk;
	char dir[256];
};

static void dump_file(void *owner, const char *name)
{
	const struct dump *dump = owner;
	char path[512];
	uint64_t bytes;
	const uint8_t *at = disk_fake_look(dump->disk, name, &bytes);
	snprintf(path, sizeof(path), "%s/%s", dump->dir, name);
	FILE *file = fopen(path, "w");
	mr_assert(file != NULL);
	(void)fwrite(at, 1, bytes, file);
	fclose(file);
}

void sim_journal_dump(const struct sim_journal *journal, const char *dir, uint64_t boot)
{
	struct mr_disk disk = disk_fake_disk(journal->disk);
	struct dump dump = {.disk = journal->disk};
	snprintf(dump.dir, sizeof(dump.dir), "%.200s/%" PRIu64, dir, boot);
	int err = mkdir(dump.dir, 0700);
	mr_assert(err == 0);
	err = disk.list(disk.state, dump_file, &dump);
	mr_assert(err == 0);
}

void sim_journal_calm(struct sim_journal *journal)
{
	end_spells(journal, UINT64_MAX);
	set_delays(journal, 0);
	disk_fake_cut_at(journal->disk, 0);
}
