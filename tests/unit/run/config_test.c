// The configuration: what is accepted, and every kind of mistake with its place and words.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <millrace/event.h>

#include "config_print.h"
#include "config_table.h"
#include "config_value.h"

struct loaded {
	struct mr_config *config;
	char *errors; // as printed
	uint32_t count;
	char first[512];
};

static void write_file(char *path, const char *text)
{
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static struct loaded load_from(
	const char *text, char *const *environment, const char *const *sets, uint32_t sets_count)
{
	char path[] = "/tmp/millrace-config-XXXXXX";
	struct loaded loaded = {.config = mr_config_new()};
	size_t size;
	FILE *err = open_memstream(&loaded.errors, &size);
	struct mr_config_report report = {.err = err};
	if (text != NULL)
		write_file(path, text);
	struct mr_config_sources sources = {.path = text != NULL ? path : NULL,
		.environment = environment,
		.sets = sets,
		.sets_count = sets_count};
	int result = mr_config_load(loaded.config, &sources, &report);
	fclose(err);
	assert_int_equal(result == 0, report.errors == 0);
	loaded.count = report.errors;
	memcpy(loaded.first, report.first, sizeof(loaded.first));
	unlink(path);
	return loaded;
}

static struct loaded load(const char *text)
{
	return load_from(text, NULL, NULL, 0);
}

static void unload(struct loaded *loaded)
{
	mr_config_free(loaded->config);
	free(loaded->errors);
}

static const struct {
	const char *text;
	const char *place; // ":line:col: error:"
	const char *words;
} mistakes[] = {
	{"flws: 16\n", ":1:1: error:", "unknown key \"flws\"; did you mean \"flows\"?"},
	{"object:\n  queue_event: 5\n", ":2:3: error:", "did you mean \"object.queue_events\"?"},
	{"zzzzzzzz: 5\n", ":1:1: error:", "unknown key \"zzzzzzzz\"\n"},
	{"app: []\n", ":1:1: error:", "did you mean \"apps\"?"},
	{"flows: 12\n", ":1:8: error:", "12 is no power of two"},
	{"flows: 128\n", ":1:8: error:", "128 is out of range: 1 .. 64"},
	{"flows: many\n",
		":1:8: error:", "expected a number such as 4096, 64k or 4M, got \"many\""},
	{"flows: -1\n", ":1:8: error:", "got \"-1\""},
	{"flows: 1.5\n", ":1:8: error:", "got \"1.5\""},
	{"flows: 16 \nflows: 8\n", ":2:1: error:", "flows is given twice, first in line 1"},
	{"port:\n  mtu: 1500\nport.mtu: 9000\n",
		":3:1: error:", "port.mtu is given twice, first in line 2"},
	{"flows:\n", ":1:1: error:", "flows has no value"},
	{"flows: [16]\n", ":1:1: error:", "flows takes one value, not a list"},
	{"flows: {a: 1}\n", ":1:1: error:", "flows takes one value, not a map"},
	{"flows: &a 16\nsessions.max: *a\n", ":2:1: error:", "not a reference"},
	{"port: 5\n", ":1:1: error:", "port is a group of keys"},
	{"- flows\n", ":1:3: error:", "expected a map of keys"},
	{"flows: 16\n  bad: [\n", ":1:8: error:", "invalid multiline plain key"},
	{"object:\n  queue_bytes: 64 KB\n", ":2:16: error:", "expected a number of bytes"},
	{"object:\n  queue_bytes: 99999999TiB\n", ":2:16: error:", "expected a number of bytes"},
	{"object:\n  queue_bytes: 1\n", ":2:16: error:", "1 is out of range: 16 KiB .. 1 GiB"},
	{"connections.max: 1\n", ":1:18: error:", "1 is out of range: 2 .. 65536"},
	{"batch.age_max: 50\n", ":1:16: error:", "expected a duration with its unit"},
	{"batch.age_max: 5 fortnights\n", ":1:16: error:", "expected a duration with its unit"},
	{"retry:\n  base: 1h\n  cap: 1s\n", ":2:9: error:", "retry.base is longer than retry.cap"},
	{"delivery.connect_timeout: 20s\n",
		":1:27: error:", "longer than delivery.request_timeout"},
	{"eal.hugepages: perhaps\n", ":1:16: error:", "expected one of: yes no, got \"perhaps\""},
	{"durability: tape\n", ":1:13: error:", "expected one of: disk memory"},
	{"journal.dir: here\n", ":1:14: error:", "expected a path from /"},
	{"journal.segment_bytes: 1048577\n", ":1:24: error:", "no multiple of 4 KiB"},
	{"retention.bytes: 1TiB\n",
		":1:18: error:", "16384 segments, more than 4094: raise journal.segment_bytes"},
	{"retention.bytes: 64MiB\n", ":1:18: error:", "1 segments, fewer than 8"},
	{"retention.age: 5s\n", ":1:16: error:", "5s is out of range"},
	{"port.ipv4: 10.0.0\n", ":1:12: error:", "expected an IPv4 address"},
	{"port.ipv6: 10.0.0.1\n", ":1:12: error:", "expected an IPv6 address"},
	{"port.device: \"\"\n", ":1:15: error:", "neither a PCI address"},
	{"port.mbufs: 100k\n", "eal.memory: error:", "100000 packet buffers need 293 MiB"},
	{"state_dir: here\n", ":1:12: error:", "expected a path from /"},
	{"eal.file_prefix: a/b\n", ":1:18: error:", "expected a word without /"},
	{"hash_seed: 0xfg\n", ":1:12: error:", "expected an id below 2^64"},
	{"topology.shards: 32\n", "topology: error:", "32 shards but only 16 flows"},
	{"apps: 5\n", ":1:1: error:", "apps takes a list"},
	{"apps: [5]\n", ":1:8: error:", "expected a map of name and so on"},
	{"apps: [{name: a, app: 1}]\n", ":1:9: error:", "apps: key is missing"},
	{"apps: [{name: a, app: 0, key: 1}]\n", ":1:23: error:", "app: 0 is out of range"},
	{"apps: [{name: a, app: 1, key: 1, kex: 2}]\n",
		":1:34: error:", "no field \"kex\"; did you mean \"key\"?"},
	{"apps: [{name: a, app: 1, key: 1}, {name: a, app: 2, key: 2}]\n",
		":1:36: error:", "the name \"a\" stands twice"},
	{"apps:\n- {name: a, app: 1, key: 1}\n- {name: b, app: 2, key: 1}\n",
		":3:4: error:", "the key 1 stands twice"},
	{"webhooks:\n- {name: a/b, resource: 1, target: 'http://10.1.1.1/'}\n",
		":2:4: error:", "must be a word"},
	{"webhooks:\n- {name: a, resource: 1}\n", ":2:4: error:", "target is missing"},
	{"webhooks:\n- {name: a, resource: 1, resource: 2, target: 'http://8.8.8.8/'}\n",
		":2:26: error:", "given twice"},
	{"webhooks:\n- {name: a, resource: 1, in_flight: 9, target: 'http://8.8.8.8/'}\n",
		":2:37: error:", "1 .. 8"},
	{"webhooks:\n- {name: a, resource: 1, target: 'http://8.8.8.8/'}\n- {name: a, resource: 2, target: 'http://8.8.8.8/'}\n",
		":3:4: error:", "the name \"a\" stands twice, first in line 2"},
	{"webhooks:\n- {name: a, resource: 1, target: 'http://8.8.8.8/'}\n- {name: b, resource: 1, target: 'http://8.8.8.8/'}\n",
		":3:4: error:", "\"b\" has the resource and target of \"a\" in line 2"},
	{"webhooks:\n- {name: a, resource: 1, resource_type: team, target: 'http://8.8.8.8/'}\n",
		":2:4: error:", "is on a team and so needs filters"},
	{"webhooks:\n- {name: a, resource: 1, resource_type: portfolio, target: 'http://8.8.8.8/', filters: [{type: task}]}\n",
		":2:4: error:", "are for project, team_membership or workspace_membership"},
	{"webhooks:\n- {name: a, resource: 1, resource_type: workspace, target: 'http://8.8.8.8/', filters: [{type: project, fields: [name]}]}\n",
		":2:4: error:", "take no fields"},
	{"webhooks:\n- {name: a, resource: 1, resource_type: team, target: 'http://8.8.8.8/', filters: [{type: team_membership, action: changed}]}\n",
		":2:4: error:", "only added and removed"},
	{"webhooks:\n- {name: a, resource: 1, target: 'http://8.8.8.8/', filters: [{action: [added, burnt]}]}\n",
		":2:73: error:", "got \"burnt\""},
	{"webhooks:\n- {name: a, resource: 1, target: 'http://8.8.8.8/', filters: [{action: added, fields: [name]}]}\n",
		":2:4: error:", "fields only go with action: changed"},
	{"webhooks:\n- {name: a, resource: 1, target: 'https://8.8.8.8/'}\n",
		":2:4: error:", "target https://8.8.8.8/:"},
	{"webhooks:\n- {name: a, resource: 1, target: 'http://127.0.0.1/'}\n",
		":2:4: error:", "allow it with delivery.allow_targets"},
	{"delivery.allow_targets: [10.0.0.0/99]\n", ":1:26: error:", "delivery.allow_targets: "},
	{"topology.lcores:\n- {cpu: 0, stages: [ingest0, shard0, jurnal, delivery0]}\n",
		":2:4: error:", "unknown stage \"jurnal\""},
	{"topology.lcores:\n- {cpu: 0, stages: [ingest0, shard0, journal]}\n",
		":2:4: error:", "delivery0 is missing"},
	{"topology.lcores:\n- {cpu: 0, stages: [ingest0, shard0, shard0, journal, delivery0]}\n",
		":2:4: error:", "shard0 stands twice"},
	{"topology.lcores:\n- {cpu: 0, stages: [ingest0, shard1, journal, delivery0]}\n",
		":2:4: error:", "shard0 is missing: every stage stands exactly once"},
	{"topology:\n  shards: 2\n  lcores: [{cpu: 0, stages: [ingest0, shard0, journal, delivery0]}]\n",
		":2:11: error:", "topology.shards is 2, but topology.lcores names 1"},
	{"topology.lcores:\n- {cpu: 0, stages: ingest0 shard0}\n",
		":2:20: error:", "list of single words"},
};

static void every_mistake_is_found_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct loaded loaded = load(mistakes[i].text);
		bool found = strstr(loaded.errors, mistakes[i].place) != NULL
			&& strstr(loaded.errors, mistakes[i].words) != NULL;
		if (!found)
			print_error("%s\nexpected \"%s\" and \"%s\", got:\n%s\n", mistakes[i].text,
				mistakes[i].place, mistakes[i].words, loaded.errors);
		assert_true(found);
		assert_true(loaded.count >= 1);
		assert_true(strlen(loaded.first) > 0);
		unload(&loaded);
	}
}

static void all_mistakes_are_reported_at_once_with_line_and_caret(void **state)
{
	(void)state;
	struct loaded loaded = load("flws: 1\nport:\n  mtu: 12\n  ipv4: here\napps: []\n");
	assert_int_equal(loaded.count, 3);
	assert_non_null(strstr(loaded.errors, ":1:1: error:"));
	assert_non_null(strstr(loaded.errors, ":3:8: error:"));
	assert_non_null(strstr(loaded.errors, ":4:9: error:"));
	assert_non_null(strstr(loaded.errors, "\n      mtu: 12\n           ^~\n"));
	assert_non_null(strstr(loaded.first, ":1:1: unknown key"));
	unload(&loaded);
}

static void values_carry_units(void **state)
{
	(void)state;
	struct loaded loaded = load(
		"positions.max: 5M\nobject: {queue_bytes: 2 MiB}\nshard.buffer_bytes: 64MB\n"
		"batch.age_max: 300us\nwebhook.heartbeat: 1d\nretry.cap: 2min\neal.hugepages: yes\n"
		"hash_seed: 0xDeadBeef\nport.ipv6: none\ndelivery.allow_targets: [127.0.0.0/8, 10.0.0.0/8]\n");
	assert_int_equal(loaded.count, 0);
	assert_int_equal(loaded.config->positions_max, 5000000);
	assert_int_equal(loaded.config->object_queue_bytes, 2 << 20);
	assert_int_equal(loaded.config->shard_buffer_bytes, 64000000);
	assert_int_equal(loaded.config->batch_age_ns, 300000);
	assert_int_equal(loaded.config->heartbeat_ns, UINT64_C(86400000000000));
	assert_int_equal(loaded.config->retry_cap_ns, UINT64_C(120000000000));
	assert_true(loaded.config->hugepages);
	assert_int_equal(loaded.config->hash_seed, 0xdeadbeef);
	assert_string_equal(loaded.config->port_ipv6, "");
	assert_string_equal(loaded.config->allow_targets, "127.0.0.0/8 10.0.0.0/8");
	unload(&loaded);
}

static void lists_are_read_whole(void **state)
{
	(void)state;
	struct loaded loaded = load(
		"apps: [{name: a, app: 7, key: 0x10}]\nwebhooks.max: 10\nwebhooks:\n"
		"- name: one\n  resource: 12\n  target: http://8.8.8.8/x\n"
		"  filters:\n  - {type: task, subtype: milestone, action: changed, fields: [due_on, name]}\n"
		"  - {action: [added, deleted]}\n"
		"- {name: two, resource: 13, resource_type: team, target: 'http://8.8.8.8/', in_flight: 1,\n"
		"   filters: [{type: project}]}\n");
	assert_int_equal(loaded.count, 0);
	assert_int_equal(loaded.config->apps[0].key_id, 16);
	assert_int_equal(loaded.config->webhooks_max, 10);
	assert_int_equal(loaded.config->webhooks_count, 2);
	const struct mr_webhook *one = &loaded.config->webhooks[0].webhook;
	assert_int_equal(one->filters_count, 2);
	assert_int_equal(one->in_flight, 4);
	assert_string_equal(one->filters[0].subtype, "milestone");
	assert_int_equal(one->filters[0].fields_count, 2);
	assert_string_equal(one->filters[0].fields[1], "name");
	assert_int_equal(one->filters[1].actions, 1 << MR_ACTION_ADDED | 1 << MR_ACTION_DELETED);
	assert_int_equal(loaded.config->webhooks[1].webhook.in_flight, 1);
	assert_true(one->id != loaded.config->webhooks[1].webhook.id);
	assert_int_equal(loaded.config->webhooks[1].at.line, 10);
	unload(&loaded);
}

static void flags_beat_environment_beats_file_beats_default(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MILLRACE_FLOWS=4"}, (char[]){"MILLRACE_PORT_MTU=2000"},
		(char[]){"HOME=/"}, NULL};
	const char *const sets[] = {"flows=2"};
	const char *text = "flows: 8\nport.mtu: 3000\nsessions.max: 5\n";
	struct loaded loaded = load_from(text, environment, sets, 1);
	assert_int_equal(loaded.count, 0);
	assert_int_equal(loaded.config->flows, 2);
	assert_int_equal(loaded.config->port_mtu, 2000);
	assert_int_equal(loaded.config->sessions_max, 5);
	assert_int_equal(loaded.config->port_mbufs, 16384);
	unload(&loaded);
}

static void mistakes_in_flags_and_environment_name_them(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MILLRACE_FLOWS=3"}, NULL};
	const char *const sets[] = {"port.mtu=5", "port.mtx=5", "nothing", "flows="};
	struct loaded loaded = load_from(NULL, environment, sets, 4);
	assert_int_equal(loaded.count, 5);
	assert_non_null(
		strstr(loaded.errors, "MILLRACE_FLOWS=3: error: flows: 3 is no power of two"));
	assert_non_null(strstr(loaded.errors, "port.mtu=5: error: port.mtu: 5 is out of range"));
	assert_non_null(strstr(loaded.errors, "did you mean \"port.mtu\"?"));
	assert_non_null(strstr(loaded.errors, "nothing: error: expected key=value"));
	assert_non_null(strstr(loaded.errors, "flows=: error: flows has no value"));
	unload(&loaded);
}

static void missing_file_is_a_mistake(void **state)
{
	(void)state;
	struct mr_config *config = mr_config_new();
	struct mr_config_report report = {0};
	struct mr_config_sources sources = {.path = "/nonexistent/millrace.yaml"};
	assert_int_not_equal(mr_config_load(config, &sources, &report), 0);
	assert_non_null(strstr(report.first, "/nonexistent/millrace.yaml: cannot be opened"));
	mr_config_free(config);
}

static void print_config_is_a_valid_file_and_changes_nothing(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	mr_config_print(out, &mr_config_schema);
	fclose(out);
	struct loaded loaded = load(text);
	struct mr_config *defaults = mr_config_new();
	assert_int_equal(loaded.count, 0);
	for (uint32_t i = 0; i < mr_config_keys_count; i++) {
		const struct mr_config_key *key = &mr_config_keys[i];
		assert_int_not_equal(loaded.config->at[i].line, 0); // every key is in the file
		assert_memory_equal((uint8_t *)loaded.config + key->offset,
			(uint8_t *)defaults + key->offset, key->size);
	}
	mr_config_free(defaults);
	unload(&loaded);
	free(text);
}

static void every_key_has_its_own_place_and_stands_on_the_page(void **state)
{
	(void)state;
	char *page = NULL;
	size_t size;
	char cell[80];
	FILE *out = open_memstream(&page, &size);
	mr_config_print_page(out, &mr_config_schema, "");
	fclose(out);
	for (uint32_t i = 0; i < mr_config_keys_count; i++) {
		const struct mr_config_key *key = &mr_config_keys[i];
		snprintf(cell, sizeof(cell), "| `%s` |", key->key);
		assert_non_null(strstr(page, cell));
		assert_true(key->size > 0 && key->offset + key->size <= sizeof(struct mr_config));
		for (uint32_t j = 0; j < i; j++) {
			const struct mr_config_key *other = &mr_config_keys[j];
			assert_string_not_equal(key->key, other->key);
			assert_true(key->offset + key->size <= other->offset
				|| other->offset + other->size <= key->offset);
		}
	}
	free(page);
}

static void numbers_are_written_in_their_largest_unit(void **state)
{
	(void)state;
	char text[32];
	mr_value_format(MR_VALUE_BYTES, 1 << 20, text, sizeof(text));
	assert_string_equal(text, "1 MiB");
	mr_value_format(MR_VALUE_BYTES, 102401, text, sizeof(text));
	assert_string_equal(text, "102401 B");
	mr_value_format(MR_VALUE_DURATION, UINT64_C(600000000000), text, sizeof(text));
	assert_string_equal(text, "10 min");
	mr_value_format(MR_VALUE_DURATION, 0, text, sizeof(text));
	assert_string_equal(text, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_found_at_its_place),
		cmocka_unit_test(all_mistakes_are_reported_at_once_with_line_and_caret),
		cmocka_unit_test(values_carry_units),
		cmocka_unit_test(lists_are_read_whole),
		cmocka_unit_test(flags_beat_environment_beats_file_beats_default),
		cmocka_unit_test(mistakes_in_flags_and_environment_name_them),
		cmocka_unit_test(missing_file_is_a_mistake),
		cmocka_unit_test(print_config_is_a_valid_file_and_changes_nothing),
		cmocka_unit_test(every_key_has_its_own_place_and_stands_on_the_page),
		cmocka_unit_test(numbers_are_written_in_their_largest_unit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
