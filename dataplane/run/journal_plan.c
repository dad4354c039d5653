#include "journal_plan.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <millrace/limits.h>

#include "config_value.h"

enum {
	DEFAULT_PERCENT = 80, // of what is free for the journal
	PART = 4, // a commit of a segment, a checkpoint of the retention
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// Bytes free on the file system of `path`, or of the nearest directory above it that exists.
static int free_space(const char *path, uint64_t *ret_bytes)
{
	char at[MR_PATH_BYTES_MAX];
	struct statvfs status;
	snprintf(at, sizeof(at), "%s", path);
	while (statvfs(at, &status) != 0) {
		char *slash = strrchr(at, '/');
		if (errno != ENOENT || slash == NULL || at[1] == '\0')
			return -errno;
		slash[slash == at ? 1 : 0] = '\0';
	}
	*ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	return 0;
}

static uint64_t present(const char *path)
{
	DIR *directory = opendir(path);
	uint64_t bytes = 0;
	struct dirent *entry;
	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL) {
		struct stat status;
		if (strncmp(entry->d_name, "segment-", 8) == 0
			&& fstatat(dirfd(directory), entry->d_name, &status, 0) == 0)
			bytes += (uint64_t)status.st_size;
	}
	closedir(directory);
	return bytes;
}

int mr_journal_plan_make(const struct mr_config *config, struct mr_journal_plan *ret_plan,
	char *ret_why, size_t why_size)
{
	struct mr_journal_plan plan = {.segment_bytes = config->segment_bytes,
		.commit_bytes_max = smaller(config->commit_max, config->segment_bytes / PART),
		.present_bytes = present(config->journal_dir)};
	int err = free_space(config->journal_dir, &plan.free_bytes);
	if (err != 0) {
		snprintf(ret_why, why_size, "journal.dir %s: %s", config->journal_dir,
			strerror(-err));
		return err;
	}
	uint64_t wanted = config->retention_bytes != 0
		? config->retention_bytes
		: (plan.free_bytes + plan.present_bytes) / 100 * DEFAULT_PERCENT;
	uint64_t segments =
		smaller(wanted / config->segment_bytes, MR_SEGMENTS_MAX - MR_SEGMENT_SPARES);
	if (segments < MR_RETENTION_SEGMENTS_MIN) {
		snprintf(ret_why, why_size,
			"journal.dir %s: %" PRIu64
			" MiB are free there, which is no room for %d segments: "
			"lower journal.segment_bytes, or take a larger file system",
			config->journal_dir, plan.free_bytes >> 20, MR_RETENTION_SEGMENTS_MIN);
		return -ENOSPC;
	}
	plan.retention_bytes = segments * config->segment_bytes;
	plan.segments_max = (uint32_t)segments + MR_SEGMENT_SPARES;
	plan.checkpoint_bytes = smaller(config->checkpoint_bytes, plan.retention_bytes / PART);
	*ret_plan = plan;
	return 0;
}

static void print_bytes(FILE *out, const char *name, uint64_t bytes)
{
	fprintf(out, "  %-32s %9.1f MiB\n", name, (double)bytes / (1 << 20));
}

void mr_journal_plan_print(
	const struct mr_config *config, const struct mr_journal_plan *plan, FILE *out)
{
	char age[32];
	mr_value_format(MR_VALUE_DURATION, config->retention_age_ns, age, sizeof(age));
	fprintf(out, "journal in %s:\n", config->journal_dir);
	print_bytes(out, "segment", plan->segment_bytes);
	print_bytes(out, "largest write", plan->commit_bytes_max);
	print_bytes(out, "between checkpoints", plan->checkpoint_bytes);
	print_bytes(out, "retention", plan->retention_bytes);
	fprintf(out, "  %-32s %9s\n", "retention", age);
	print_bytes(out, "there already", plan->present_bytes);
	print_bytes(out, "free", plan->free_bytes);
}
