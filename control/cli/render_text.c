#include <inttypes.h>
#include <string.h>

#include "cli_render.h"

enum { FIELD_WIDTH = 22, COLUMN_WIDTH = 12, COLUMNS_MAX = 32 };

// Keys are written as words: "start_up" becomes "start up".
static void put_key(struct mr_document *doc, const char *key, int width)
{
	char words[MR_CELL_TEXT_MAX];

	snprintf(words, sizeof(words), "%s", key);
	for (char *at = words; *at; at++) {
		if (*at == '_')
			*at = ' ';
	}
	fprintf(doc->out, "%*s", width, words);
}

static void put_safe(const char *text, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s", text ? text : "");
	mr_text_tame(ret_text);
}

static const char *cell_text(const struct mr_cell *cell, char *buffer, size_t size)
{
	switch (cell->kind) {
	case MR_CELL_TEXT:
		put_safe(cell->text, buffer, size);
		break;
	case MR_CELL_NONE:
		snprintf(buffer, size, "-");
		break;
	case MR_CELL_COUNT:
		mr_count_text(cell->number, buffer, size);
		break;
	case MR_CELL_ID:
		snprintf(buffer, size, "%" PRIu64, cell->number);
		break;
	case MR_CELL_NS:
		mr_duration_text(cell->number, buffer, size);
		break;
	case MR_CELL_PERMILLE:
		snprintf(buffer, size, "%" PRIu64 ".%" PRIu64 " %%", cell->number / 10,
			cell->number % 10);
		break;
	case MR_CELL_BOOL:
		snprintf(buffer, size, "%s", cell->number ? "yes" : "no");
		break;
	case MR_CELL_SIGNED:
		snprintf(buffer, size, "%+" PRId64, (int64_t)cell->number);
		break;
	}
	return buffer;
}

static void put_title(struct mr_document *doc, const char *name)
{
	fprintf(doc->out, "%s%s", doc->items++ ? "\n" : "", doc->colour ? "\033[1m" : "");
	put_key(doc, name, 0);
	fprintf(doc->out, "%s\n", doc->colour ? "\033[0m" : "");
	doc->depth = 0; // no row yet
}

static void text_begin(struct mr_document *doc)
{
	doc->items = 0;
}

static void text_group(
	struct mr_document *doc, const char *name, const struct mr_cell *fields, size_t count)
{
	char buffer[512];

	put_title(doc, name);
	for (size_t i = 0; i < count; i++) {
		fputs("  ", doc->out);
		put_key(doc, fields[i].key, -FIELD_WIDTH);
		fprintf(doc->out, " %s\n", cell_text(&fields[i], buffer, sizeof(buffer)));
	}
}

static void text_table(struct mr_document *doc, const char *name)
{
	put_title(doc, name);
}

// Texts stand left, numbers right; a text at the end of the line is not padded.
static int column_width(const struct mr_cell *cell, bool is_last)
{
	int width = cell->width ? cell->width : COLUMN_WIDTH;

	if (cell->kind == MR_CELL_TEXT)
		return is_last ? 0 : -width;
	return width;
}

static size_t shown(const struct mr_cell *cells, size_t count, size_t *ret_indices)
{
	size_t shown = 0;

	for (size_t i = 0; i < count && shown < COLUMNS_MAX; i++) {
		if (!cells[i].is_detail)
			ret_indices[shown++] = i;
	}
	return shown;
}

static void text_row(struct mr_document *doc, const struct mr_cell *cells, size_t count)
{
	char buffer[512];
	size_t indices[COLUMNS_MAX], used = 0;
	const size_t columns = shown(cells, count, indices);

	for (size_t i = 0; doc->depth == 0 && i < columns; i++) {
		fputs("  ", doc->out);
		put_key(doc, cells[indices[i]].key,
			column_width(&cells[indices[i]], i + 1 == columns));
		if (i + 1 == columns)
			fputc('\n', doc->out);
	}
	doc->depth++;
	for (size_t i = 0; i < columns; i++) {
		const struct mr_cell *cell = &cells[indices[i]];
		const int width = column_width(cell, i + 1 == columns);

		cell_text(cell, buffer, sizeof(buffer));
		if (width == 0 && doc->width > used + 2)
			mr_text_cut(buffer, doc->width - used - 2);
		used += (size_t)fprintf(doc->out, "  %*s", width, buffer);
	}
	fputc('\n', doc->out);
}

static void text_table_end(struct mr_document *doc)
{
	if (doc->depth == 0)
		fputs("  none\n", doc->out);
}

static void text_end(struct mr_document *doc)
{
	fflush(doc->out);
}

const struct mr_render mr_render_text = {
	.name = "text",
	.begin = text_begin,
	.group = text_group,
	.table = text_table,
	.row = text_row,
	.table_end = text_table_end,
	.end = text_end,
};
