#include "answer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api_client.h"

enum { CELL_BYTES = 256, PATH_BYTES = 64 };

const json_t *mr_answer_get(const json_t *json, const char *path)
{
	char key[PATH_BYTES];

	while (json && *path) {
		const size_t length = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		json = json_object_get(json, key);
		path += length + (path[length] == '.');
	}
	return json;
}

static void put_text(const json_t *value, char *ret_text)
{
	char *dump = NULL;

	if (json_is_string(value))
		snprintf(ret_text, CELL_BYTES, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(ret_text, CELL_BYTES, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(ret_text, CELL_BYTES, "%.6g", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(ret_text, CELL_BYTES, "%s", json_is_true(value) ? "yes" : "no");
	else if ((dump = json_dumps(value, JSON_COMPACT)) != NULL)
		snprintf(ret_text, CELL_BYTES, "%s", dump);
	free(dump);
}

static uint64_t scaled(const json_t *value, double factor)
{
	const double number = json_number_value(value) * factor;

	return number > 0 && number < 1.8e19 ? (uint64_t)llround(fmin(number, 9.2e18)) : 0;
}

static struct mr_cell cell_of(
	const struct mr_column *column, const json_t *row, char *text, size_t text_width)
{
	static const double factors[] = {[MR_COLUMN_COUNT] = 1,
		[MR_COLUMN_RATE] = 1,
		[MR_COLUMN_SECONDS] = 1e9,
		[MR_COLUMN_MILLISECONDS] = 1e6,
		[MR_COLUMN_MICROSECONDS] = 1e3,
		[MR_COLUMN_SHARE] = 1000};
	static const enum mr_cell_kind kinds[] = {[MR_COLUMN_COUNT] = MR_CELL_COUNT,
		[MR_COLUMN_RATE] = MR_CELL_COUNT,
		[MR_COLUMN_SECONDS] = MR_CELL_NS,
		[MR_COLUMN_MILLISECONDS] = MR_CELL_NS,
		[MR_COLUMN_MICROSECONDS] = MR_CELL_NS,
		[MR_COLUMN_SHARE] = MR_CELL_PERMILLE};
	const json_t *value = mr_answer_get(row, column->key);
	struct mr_cell cell = {.key = column->title, .width = column->width, .text = "-"};

	if (column->kind <= MR_COLUMN_ID) {
		snprintf(text, CELL_BYTES, "-");
		if (value && !json_is_null(value))
			put_text(value, text);
		if (text_width > 0 && column->kind != MR_COLUMN_ID)
			mr_text_cut(text, text_width);
		cell.text = text;
	} else if (json_is_number(value)) {
		cell.kind = kinds[column->kind];
		cell.number = scaled(value, factors[column->kind]);
	} else {
		cell.kind = MR_CELL_NONE;
	}
	return cell;
}

static size_t columns_of(const struct mr_section *section)
{
	size_t count = 0;

	while (count < MR_SECTION_COLUMNS_MAX && section->columns[count].key)
		count++;
	return count;
}

static void print_row(struct mr_call *call, const struct mr_section *section, const json_t *row)
{
	char texts[MR_SECTION_COLUMNS_MAX][CELL_BYTES];
	struct mr_cell cells[MR_SECTION_COLUMNS_MAX];
	const size_t count = columns_of(section);

	for (size_t i = 0; i < count; i++)
		cells[i] = cell_of(&section->columns[i], row, texts[i],
			i + 1 < count ? (size_t)section->columns[i].width : 0);
	call->render->row(&call->doc, cells, count);
}

// Fields that the answer does not have are left out.
static void print_group(struct mr_call *call, const struct mr_section *section, const json_t *json)
{
	char texts[MR_SECTION_COLUMNS_MAX][CELL_BYTES];
	struct mr_cell cells[MR_SECTION_COLUMNS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < columns_of(section); i++) {
		const json_t *value = mr_answer_get(json, section->columns[i].key);

		if (value && !json_is_null(value)) {
			cells[count] = cell_of(&section->columns[i], json, texts[count], 0);
			count++;
		}
	}
	if (count > 0)
		call->render->group(&call->doc, section->title, cells, count);
}

static bool has_row(const struct mr_section *section, const json_t *row)
{
	for (size_t i = 0; i < columns_of(section); i++) {
		const json_t *value = mr_answer_get(row, section->columns[i].key);

		if (section->columns[i].kind == MR_COLUMN_NEEDED
			&& (value == NULL || json_is_null(value)))
			return false;
	}
	return true;
}

// Of several tables of one array that is empty, the first says so.
static bool has_table(const struct mr_shape *shape, int at, const json_t *rows)
{
	const struct mr_section *section = &shape->sections[at];
	const json_t *row;
	size_t index;

	json_array_foreach(rows, index, row)
	{
		if (has_row(section, row))
			return mr_answer_get(row, section->columns[0].key) != NULL;
	}
	return json_array_size(rows) == 0
		&& (at == 0 || strcmp(section[-1].path, section->path) != 0);
}

static void print_section(
	struct mr_call *call, const struct mr_shape *shape, int at, const json_t *json)
{
	const struct mr_section *section = &shape->sections[at];
	const json_t *value = mr_answer_get(json, section->path);
	const json_t *row;
	size_t index;

	if (json_is_object(value))
		print_group(call, section, value);
	if (!json_is_array(value) || !has_table(shape, at, value))
		return;
	call->render->table(&call->doc, section->title);
	json_array_foreach(value, index, row)
	{
		if (has_row(section, row))
			print_row(call, section, row);
	}
	call->render->table_end(&call->doc);
}

void mr_answer_put(struct mr_call *call, const json_t *json, const struct mr_column *column)
{
	const json_t *value = mr_answer_get(json, column->key);
	char text[CELL_BYTES];

	if (value == NULL || json_is_null(value))
		return;
	put_text(value, text);
	mr_text_tame(text);
	fprintf(call->doc.out, "%s%-*s ", column->title, column->width, text);
}

int mr_answer_print(struct mr_call *call, json_t *json, const struct mr_shape *shape)
{
	FILE *out = call->doc.out;

	if (call->render == &mr_render_json) {
		json_dumpf(json, out, MR_ANSWER_FORM);
		fputc('\n', out);
	} else {
		call->render->begin(&call->doc);
		for (int i = 0; i < MR_SHAPE_SECTIONS_MAX && shape->sections[i].path; i++)
			print_section(call, shape, i, json);
		if (json_is_false(json_object_get(json, "done")))
			fputs("\nThere are more: --limit N\n", out);
		call->render->end(&call->doc);
	}
	json_decref(json);
	fflush(out);
	return ferror(out) ? mr_call_fail(call, -EIO, "the output cannot be written") : 0;
}

int mr_answer_change(struct mr_call *call, json_t *json, const struct mr_shape *shape)
{
	const struct mr_command *command = call->line->command;
	char text[MR_API_PATH_BYTES], undo[MR_API_PATH_BYTES + 32];

	if (mr_line_has(call->line, MR_OPTION_DRY_RUN)) {
		json_object_set_new(json, "done", json_string("nothing: this was a dry run"));
	} else if (mr_api_fill(call->line, command->done, false, text, sizeof(text))) {
		json_object_set_new(json, "done", json_string(text));
		if (command->undo
			&& mr_api_fill(call->line, command->undo, false, text, sizeof(text))) {
			snprintf(undo, sizeof(undo), "millrace %s%s",
				mr_call_is_direct(call) ? "--direct " : "",
				text + strlen("millrace "));
			json_object_set_new(json, "undo", json_string(undo));
		}
	}
	return mr_answer_print(call, json, shape);
}
