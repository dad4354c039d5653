// Stages on cores, decided and configured; secrets at rest; the command line; the statistics
// segment.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "options.h"
#include "secrets.h"
#include "segment.h"
#include "topology.h"

static char text[8192];

static const char *decide(
	uint32_t cpus_count, uint64_t queues, uint64_t shards, uint64_t deliveries)
{
	uint32_t cpus[64];
	struct mr_config_report report = {0};
	struct mr_config *config = mr_config_new();
	struct mr_topology *topology = calloc(1, sizeof(*topology));
	for (uint32_t i = 0; i < cpus_count; i++)
		cpus[i] = i;
	config->port_queues = queues;
	config->shards = shards;
	config->deliveries = deliveries;
	assert_int_equal(mr_topology_make(config, cpus, cpus_count, &report, topology), 0);
	mr_topology_format(topology, text, sizeof(text));
	free(topology);
	mr_config_free(config);
	return text;
}

static void small_machine_runs_all_on_its_last_cpu(void **state)
{
	(void)state;
	assert_string_equal(decide(1, 0, 0, 0), "cpu 0: ingest0 shard0 journal delivery0");
	assert_string_equal(decide(2, 0, 0, 0), "cpu 1: ingest0 shard0 journal delivery0");
	assert_string_equal(decide(2, 2, 2, 2),
		"cpu 1: ingest0 ingest1 shard0 shard1 journal delivery0 delivery1");
}

static void larger_machine_separates_the_sets(void **state)
{
	(void)state;
	assert_string_equal(
		decide(3, 0, 0, 0), "cpu 0: ingest0; cpu 1: shard0; cpu 2: journal delivery0");
	assert_string_equal(decide(8, 0, 0, 0),
		"cpu 0: ingest0; cpu 1: shard0; cpu 2: shard1; cpu 3: shard2; cpu 4: shard3; cpu 5: shard4; "
		"cpu 6: journal delivery0; cpu 7: delivery1");
	assert_string_equal(decide(4, 2, 1, 1),
		"cpu 1: ingest0 ingest1; cpu 2: shard0; cpu 3: journal delivery0");
	assert_non_null(strstr(decide(64, 0, 0, 0), "shard15"));
	assert_null(strstr(decide(64, 0, 0, 0), "shard16")); // a shard owns whole flows: 16 of them
}

static void configured_cpu_must_be_there(void **state)
{
	(void)state;
	const uint32_t cpus[] = {0, 1};
	struct mr_config_report report = {0};
	struct mr_config *config = mr_config_new();
	struct mr_topology *topology = calloc(1, sizeof(*topology));
	config->lcores_count = 1;
	config->lcores[0].cpu = 7;
	config->lcores[0].at.line = 3;
	snprintf(config->lcores[0].stages, sizeof(config->lcores[0].stages),
		"ingest0 shard0 journal delivery0");
	assert_int_equal(mr_topology_make(config, cpus, 2, &report, topology), -EINVAL);
	assert_non_null(strstr(report.first, "may not run on CPU 7"));
	config->lcores[0].cpu = 1;
	report = (struct mr_config_report){0};
	assert_int_equal(mr_topology_make(config, cpus, 2, &report, topology), 0);
	assert_int_equal(topology->shards, 1);
	assert_int_equal(topology->main_cpu, 0);
	free(topology);
	mr_config_free(config);
}

// -- Secrets

static char directory[] = "/tmp/millrace-secrets-XXXXXX";

// A reload is judged on a thread that has a CPU of its own by then.
static void the_cpus_of_the_start_stay_allowed(void **state)
{
	static uint32_t before[CPU_SETSIZE], after[CPU_SETSIZE];
	const uint32_t count = mr_cpus_allowed(before, CPU_SETSIZE);
	cpu_set_t was, one;

	(void)state;
	assert_true(count > 0);
	assert_int_equal(sched_getaffinity(0, sizeof(was), &was), 0);
	CPU_ZERO(&one);
	CPU_SET(before[count - 1], &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(mr_cpus_allowed(after, CPU_SETSIZE), count);
	assert_memory_equal(before, after, count * sizeof(before[0]));
	assert_int_equal(sched_setaffinity(0, sizeof(was), &was), 0);
}

static void kept_secret_comes_back_and_nobody_else_can_read_it(void **state)
{
	(void)state;
	struct mr_secret secret;
	struct stat status;
	char why[320];
	char path[128];
	assert_non_null(mkdtemp(directory));
	assert_int_equal(mr_secret_prepare(directory), 0);
	assert_int_equal(mr_secret_read_kept(directory, "one", &secret, why, sizeof(why)), -ENOENT);
	assert_int_equal(mr_secret_keep(directory, "one", "s3cret", 6), 0);
	assert_int_equal(mr_secret_keep(directory, "one", "s3cret2", 7), 0);
	assert_int_equal(mr_secret_read_kept(directory, "one", &secret, why, sizeof(why)), 0);
	assert_int_equal(secret.length, 7);
	assert_memory_equal(secret.bytes, "s3cret2", 7);
	snprintf(path, sizeof(path), "%s/secrets/one", directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	unlink(path);
}

static void secret_file_that_is_not_safe_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		mode_t mode;
		const char *words; // NULL: accepted
	} files[] = {
		{"good\n", 0600, NULL},
		{"good", 0400, NULL},
		{"good", 0640, "chmod 600"},
		{"good", 0604, "chmod 600"},
		{"", 0600, "1 to 128 characters"},
		{"\n", 0600, "1 to 128 characters"},
		{"two words", 0600, "printable ASCII"},
		{"two\nlines", 0600, "printable ASCII"},
		{"\xc3\xa9", 0600, "printable ASCII"},
		{"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
		 "01234567890123456789012345678",
			0600, "1 to 128 characters"},
	};
	struct mr_secret secret;
	char why[320];
	char path[128];
	snprintf(path, sizeof(path), "%s/file", directory);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		size_t length = strlen(files[i].bytes);
		assert_int_equal(write(fd, files[i].bytes, length), (ssize_t)length);
		assert_int_equal(fchmod(fd, files[i].mode), 0);
		close(fd);
		int err = mr_secret_read(path, &secret, why, sizeof(why));
		assert_int_equal(err == 0, files[i].words == NULL);
		if (files[i].words != NULL)
			assert_non_null(strstr(why, files[i].words));
		unlink(path);
	}
	assert_int_equal(mr_secret_read(directory, &secret, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "no regular file"));
	snprintf(path, sizeof(path), "%s/secrets", directory);
	rmdir(path);
	rmdir(directory);
}

// -- Options

static int parse(const char *const *words, struct mr_options *ret_options, char *ret_why)
{
	static char storage[8][32]; // the options point into it
	char *argv[9] = {storage[0]};
	int argc = 1;
	for (; words[argc - 1] != NULL; argc++) {
		snprintf(storage[argc], sizeof(storage[argc]), "%s", words[argc - 1]);
		argv[argc] = storage[argc];
	}
	return mr_options_parse(argc, argv, ret_options, ret_why, 256);
}

static void command_line_is_taken_apart(void **state)
{
	(void)state;
	struct mr_options options;
	char why[256];
	const char *const words[] = {"--config", "/etc/x.yaml", "--set", "flows=2",
		"-sport.mtu=9000", "--check-config", NULL};
	assert_int_equal(parse(words, &options, why), 0);
	assert_string_equal(options.config, "/etc/x.yaml");
	assert_int_equal(options.sets_count, 2);
	assert_string_equal(options.sets[1], "port.mtu=9000");
	assert_int_equal(options.task, MR_TASK_CHECK_CONFIG);
}

static void wrong_command_lines_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[][3] = {{"--nonsense", NULL}, {"--config", NULL},
		{"-x", NULL}, {"file.yaml", NULL}, {"--check-config", "now", NULL},
		{"--version=3", NULL}};
	struct mr_options options;
	char why[256];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why[0] = '\0';
		assert_int_equal(parse(wrong[i], &options, why), -EINVAL);
		assert_true(strlen(why) > 0);
	}
}

// -- Segment

static void segment_can_be_mapped_for_reading_only(void **state)
{
	(void)state;
	struct mr_segment segment;
	struct mr_segment_layout layout = {.boot_id = 5,
		.flows = 16,
		.shards = 2,
		.deliveries = 1,
		.stages_count = 6,
		.webhooks_max = 10,
		.is_volatile = true};
	assert_int_equal(mr_segment_open(&segment, &layout), 0);
	size_t bytes = mr_segment_bytes(&layout);
	assert_ptr_equal(
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, segment.fd, 0), MAP_FAILED);
	assert_int_not_equal(ftruncate(segment.fd, 0), 0);
	const struct mr_stats *seen = mmap(NULL, bytes, PROT_READ, MAP_SHARED, segment.fd, 0);
	assert_ptr_not_equal(seen, MAP_FAILED);
	segment.stages[1].kind = MR_STAGE_SHARD;
	segment.stages[2].kind = MR_STAGE_SHARD;
	mr_count(&segment.stages[1].counters[MR_SHARD_ACCEPTED], 3);
	mr_count(&segment.stages[2].counters[MR_SHARD_ACCEPTED], 4);
	assert_int_equal(mr_segment_sum(seen, MR_SHARD_ACCEPTED), 7);
	assert_int_equal(seen->bytes, bytes);
	assert_int_equal(seen->boot_id, 5);
	assert_true((const uint8_t *)(mr_segment_scopes(&segment, 1)
			    + MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX)
		<= (const uint8_t *)segment.webhooks);
	assert_true(
		(const uint8_t *)(segment.webhooks + 10) <= (const uint8_t *)segment.stats + bytes);
	mr_segment_close(&segment);
	mr_segment_close(&segment); // once more is no mistake
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_machine_runs_all_on_its_last_cpu),
		cmocka_unit_test(larger_machine_separates_the_sets),
		cmocka_unit_test(configured_cpu_must_be_there),
		cmocka_unit_test(the_cpus_of_the_start_stay_allowed),
		cmocka_unit_test(kept_secret_comes_back_and_nobody_else_can_read_it),
		cmocka_unit_test(secret_file_that_is_not_safe_is_refused),
		cmocka_unit_test(command_line_is_taken_apart),
		cmocka_unit_test(wrong_command_lines_are_refused),
		cmocka_unit_test(segment_can_be_mapped_for_reading_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
