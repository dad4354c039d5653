// What a command prints, apart from how: groups of fields and tables of rows, made of cells. A
// renderer is a table of functions; a command never asks which one it has.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum mr_cell_kind {
	MR_CELL_TEXT,
	MR_CELL_COUNT,
	MR_CELL_ID, // JSON: a string, for readers whose numbers are doubles
	MR_CELL_NS, // a duration; JSON: the key ends in _ns
	MR_CELL_PERMILLE, // text: percent; JSON: the key ends in _permille
	MR_CELL_BOOL,
	MR_CELL_SIGNED, // number is an int64_t
	MR_CELL_NONE, // not known: "-"; JSON: null
};

struct mr_cell {
	const char *key; // lower case, words joined by _
	enum mr_cell_kind kind;
	uint64_t number;
	const char *text;
	int width; // of a column in text; 0: the usual one
	bool is_detail; // a column that text has no room for
};

#define mr_cell_text(name, value) \
	((struct mr_cell){.key = (name), .kind = MR_CELL_TEXT, .text = (value)})
#define mr_cell_number(name, k, value) \
	((struct mr_cell){.key = (name), .kind = (k), .number = (value)})
#define mr_cell_count(name, value) mr_cell_number(name, MR_CELL_COUNT, value)

// Where a document goes. The renderer keeps its place in the private part.
struct mr_document {
	FILE *out;
	bool colour; // text only
	uint32_t width; // of the terminal: where the last column is cut; 0: nowhere
	uint32_t depth, items; // private
};

struct mr_render {
	const char *name; // as -o takes it
	void (*begin)(struct mr_document *doc);
	void (*group)(struct mr_document *doc, const char *name, const struct mr_cell *fields,
		size_t count);
	void (*table)(struct mr_document *doc, const char *name);
	void (*row)(struct mr_document *doc, const struct mr_cell *cells, size_t count);
	void (*table_end)(struct mr_document *doc);
	void (*end)(struct mr_document *doc);
};

extern const struct mr_render mr_render_text, mr_render_json;
// NULL: there is no such renderer.
const struct mr_render *mr_render_find(const char *name);

// "850 ns", "12.3 us", "4.50 ms", "1.23 s", "3 min 5 s", "2 h 3 min", "4 d 5 h".
void mr_duration_text(uint64_t duration_ns, char *ret_text, size_t size);
// 1234567 as "1,234,567".
void mr_count_text(uint64_t count, char *ret_text, size_t size);

// Bytes of others are shown, not obeyed: control characters, of both sets, become '?'.
void mr_text_tame(char *text);
// Cuts to `width` bytes, with ".." for the rest; at a character, not inside one.
void mr_text_cut(char *text, size_t width);

enum { MR_CELL_TEXT_MAX = 64 };
