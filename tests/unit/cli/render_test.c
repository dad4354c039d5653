// What people and programs read: cells through both renderers, compared byte by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer.h"
#include "cli_render.h"
#include "shapes.h"

static void print_all(const struct mr_render *render, struct mr_document *doc)
{
	const struct mr_cell fields[] = {
		mr_cell_text("state", "run\"ning\\\n"),
		mr_cell_number("boot_id", MR_CELL_ID, UINT64_MAX),
		mr_cell_number("start_up", MR_CELL_NS, 1230000000),
		mr_cell_number("links", MR_CELL_BOOL, 1),
		mr_cell_number("drift", MR_CELL_SIGNED, (uint64_t)-7),
	};
	const struct mr_cell row[] = {
		{.key = "stage", .kind = MR_CELL_TEXT, .text = "shard0", .width = 8},
		mr_cell_number("busy", MR_CELL_PERMILLE, 123),
		mr_cell_count("steps", 1234567),
	};

	render->begin(doc);
	render->group(doc, "router", fields, 5);
	render->table(doc, "all_stages");
	render->row(doc, row, 3);
	render->row(doc, row, 3);
	render->table_end(doc);
	render->table(doc, "empty");
	render->table_end(doc);
	render->end(doc);
}

static void assert_prints(const struct mr_render *render, const char *expected)
{
	char *text = NULL;
	size_t length = 0;
	struct mr_document doc = {.out = open_memstream(&text, &length)};

	print_all(render, &doc);
	fclose(doc.out);
	assert_string_equal(text, expected);
	free(text);
}

static void json_is_one_line_with_units_in_keys_and_ids_as_strings(void **state)
{
	(void)state;
	assert_prints(&mr_render_json,
		"{\"router\":{\"state\":\"run\\\"ning\\\\\\u000a\",\"boot_id\":\"18446744073709551615\","
		"\"start_up_ns\":1230000000,\"links\":true,\"drift\":-7},"
		"\"all_stages\":[{\"stage\":\"shard0\",\"busy_permille\":123,\"steps\":1234567},"
		"{\"stage\":\"shard0\",\"busy_permille\":123,\"steps\":1234567}],\"empty\":[]}\n");
}

static void text_has_one_header_per_table_and_obeys_no_control_character(void **state)
{
	(void)state;
	assert_prints(&mr_render_text,
		"router\n"
		"  state                  run\"ning\\?\n"
		"  boot id                18446744073709551615\n"
		"  start up               1.23 s\n"
		"  links                  yes\n"
		"  drift                  -7\n"
		"\nall stages\n"
		"  stage             busy         steps\n"
		"  shard0          12.3 %     1,234,567\n"
		"  shard0          12.3 %     1,234,567\n"
		"\nempty\n"
		"  none\n");
}

static void no_character_of_others_is_obeyed(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {{"plain", "plain"}, {"a\033[31m", "a?[31m"},
		{"a\xc2\x9b"
		 "31m",
			"a??31m"},
		{"a\177", "a?"}, {"\xc2\xa0", "\xc2\xa0"}, {"\xc3\x9b", "\xc3\x9b"},
		{"\xc2", "\xc2"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		mr_text_tame(text);
		assert_string_equal(text, cases[i].shown);
	}
}

static void an_id_is_never_cut(void **state)
{
	static const struct mr_shape *const shapes[] = {&mr_shape_hot, &mr_shape_ledgers,
		&mr_shape_bans, &mr_shape_webhooks, &mr_shape_lags, &mr_shape_apps,
		&mr_shape_audit};
	static const char document[] =
		"{\"data\": [{\"id\": \"18446744073709551615\", \"scope\": \"18446744073709551615\","
		" \"app\": \"18446744073709551615\", \"kind\": \"app\", \"at\": \"now\"}]}";

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		char *text = NULL;
		size_t length = 0;
		struct mr_call call = {.render = &mr_render_text,
			.doc = {.out = open_memstream(&text, &length), .width = 80}};

		assert_int_equal(
			mr_answer_print(&call, json_loads(document, 0, NULL), shapes[i]), 0);
		fclose(call.doc.out);
		assert_non_null(strstr(text, "18446744073709551615"));
		assert_null(strstr(text, "18446744.."));
		free(text);
	}
}

static void durations_read_well_at_every_scale(void **state)
{
	static const struct {
		uint64_t duration_ns;
		const char *text;
	} table[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{1000, "1.0 us"},
		{12345, "12.3 us"},
		{999999, "1000.0 us"},
		{1500000, "1.50 ms"},
		{1000000000, "1.00 s"},
		{59990000000, "59.99 s"},
		{185000000000, "3 min 5 s"},
		{7380000000000, "2 h 3 min"},
		{363600000000000, "4 d 5 h"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		mr_duration_text(table[i].duration_ns, text, sizeof(text));
		assert_string_equal(text, table[i].text);
	}
}

static void counts_are_grouped_by_thousands(void **state)
{
	static const struct {
		uint64_t count;
		const char *text;
	} table[] = {
		{0, "0"},
		{999, "999"},
		{1000, "1,000"},
		{1234567, "1,234,567"},
		{UINT64_MAX, "18,446,744,073,709,551,615"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		mr_count_text(table[i].count, text, sizeof(text));
		assert_string_equal(text, table[i].text);
	}
	char small[4];

	mr_count_text(1234567, small, sizeof(small));
	assert_true(strlen(small) < sizeof(small));
}

static void renderers_are_found_by_name_only(void **state)
{
	(void)state;
	assert_ptr_equal(mr_render_find("text"), &mr_render_text);
	assert_ptr_equal(mr_render_find("json"), &mr_render_json);
	assert_null(mr_render_find("JSON"));
	assert_null(mr_render_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_one_line_with_units_in_keys_and_ids_as_strings),
		cmocka_unit_test(text_has_one_header_per_table_and_obeys_no_control_character),
		cmocka_unit_test(no_character_of_others_is_obeyed),
		cmocka_unit_test(an_id_is_never_cut),
		cmocka_unit_test(durations_read_well_at_every_scale),
		cmocka_unit_test(counts_are_grouped_by_thousands),
		cmocka_unit_test(renderers_are_found_by_name_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
