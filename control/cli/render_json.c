#include <inttypes.h>

#include "cli_render.h"

// One document is one line, so that --watch gives JSON lines.

static void put_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *at = text ? text : ""; *at; at++) {
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if ((unsigned char)*at < ' ')
			fprintf(out, "\\u%04x", (unsigned)*at);
		else
			fputc(*at, out);
	}
	fputc('"', out);
}

static const char *key_suffix(enum mr_cell_kind kind)
{
	if (kind == MR_CELL_NS)
		return "_ns";
	return kind == MR_CELL_PERMILLE ? "_permille" : "";
}

static void put_value(FILE *out, const struct mr_cell *cell)
{
	switch (cell->kind) {
	case MR_CELL_TEXT:
		put_string(out, cell->text);
		break;
	case MR_CELL_ID:
		fprintf(out, "\"%" PRIu64 "\"", cell->number);
		break;
	case MR_CELL_BOOL:
		fputs(cell->number ? "true" : "false", out);
		break;
	case MR_CELL_SIGNED:
		fprintf(out, "%" PRId64, (int64_t)cell->number);
		break;
	case MR_CELL_NONE:
		fputs("null", out);
		break;
	case MR_CELL_COUNT:
	case MR_CELL_NS:
	case MR_CELL_PERMILLE:
		fprintf(out, "%" PRIu64, cell->number);
		break;
	}
}

static void put_object(FILE *out, const struct mr_cell *cells, size_t count)
{
	fputc('{', out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s\"%s%s\":", i ? "," : "", cells[i].key, key_suffix(cells[i].kind));
		put_value(out, &cells[i]);
	}
	fputc('}', out);
}

static void json_begin(struct mr_document *doc)
{
	doc->items = 0;
	fputc('{', doc->out);
}

static void json_group(
	struct mr_document *doc, const char *name, const struct mr_cell *fields, size_t count)
{
	fprintf(doc->out, "%s\"%s\":", doc->items++ ? "," : "", name);
	put_object(doc->out, fields, count);
}

static void json_table(struct mr_document *doc, const char *name)
{
	fprintf(doc->out, "%s\"%s\":[", doc->items++ ? "," : "", name);
	doc->depth = 0; // rows so far
}

static void json_row(struct mr_document *doc, const struct mr_cell *cells, size_t count)
{
	if (doc->depth++)
		fputc(',', doc->out);
	put_object(doc->out, cells, count);
}

static void json_table_end(struct mr_document *doc)
{
	fputc(']', doc->out);
}

static void json_end(struct mr_document *doc)
{
	fputs("}\n", doc->out);
	fflush(doc->out);
}

const struct mr_render mr_render_json = {
	.name = "json",
	.begin = json_begin,
	.group = json_group,
	.table = json_table,
	.row = json_row,
	.table_end = json_table_end,
	.end = json_end,
};
