// What a journal consists of: its segments, its end.
#include <string.h>

#include <millrace/journal.h>

#include "journal_tool.h"
#include "segment_file.h"

static void show_journal(struct mr_tool *tool)
{
	const struct mr_scan_found *found = &tool->found;
	char id[32], last[40];

	snprintf(id, sizeof(id), "%016llx", (unsigned long long)found->newest.journal_id);
	mr_time_text(found->last_at_ns, last, sizeof(last));
	const struct mr_cell fields[] = {
		mr_cell_text("directory", tool->options->directory),
		mr_cell_text("state",
			found->empty            ? "empty"
				: tool->is_live ? "live: a router writes, the end may move"
						: "offline"),
		mr_cell_text("journal_id", id),
		mr_cell_count("boot", found->newest.boot),
		mr_cell_count("oldest_segment", found->oldest_needed),
		mr_cell_count("newest_segment", found->newest_segment),
		mr_cell_count("replay_segment", found->replay_segment),
		mr_cell_count("last_frame", found->last_frame),
		mr_cell_text("last_frame_at", last),
		mr_cell_count("bytes", found->bytes),
		mr_cell_count("torn_tail_bytes", found->tail_bytes_dropped),
		mr_cell_count("flows", found->newest.flows),
	};

	tool->options->render->group(
		&tool->doc, "journal", fields, sizeof(fields) / sizeof(fields[0]));
}

static void skip_mark(void *owner, uint32_t block, const uint64_t *offsets)
{
	(void)owner;
	(void)block;
	(void)offsets;
}

static int show_segment(struct mr_tool *tool, uint64_t number)
{
	const struct mr_segment_header *header = mr_scan_segment(tool->scan, number);
	const struct mr_segment_header *next = mr_scan_segment(tool->scan, number + 1);
	const uint64_t end = next ? next->first_frame : tool->found.last_frame + 1;
	char name[MR_SEGMENT_NAME_BYTES], begun[40], last[40];
	uint64_t ends[MR_STREAMS_MAX];
	uint32_t end_block;
	int err =
		mr_scan_marks(tool->scan, number, skip_mark, NULL, &end_block, ends, &tool->error);

	if (err < 0)
		return err;
	mr_segment_name(number, name);
	mr_time_text(header->begun_at_ns, begun, sizeof(begun));
	mr_time_text(next ? next->begun_at_ns : tool->found.last_at_ns, last, sizeof(last));
	struct mr_cell cells[] = {
		mr_cell_text("segment", name),
		mr_cell_count("boot", header->boot),
		mr_cell_count("first_frame", header->first_frame),
		mr_cell_count("frames", end - header->first_frame),
		mr_cell_count("bytes", (uint64_t)end_block * MR_JOURNAL_BLOCK_BYTES),
		mr_cell_count("first_stream", header->first_stream),
		mr_cell_count("streams", header->streams),
		mr_cell_text("begun", begun),
		mr_cell_text("last", last),
	};

	cells[0].width = MR_SEGMENT_NAME_BYTES;
	cells[1].width = 6;
	cells[7].width = 26;
	tool->options->render->row(&tool->doc, cells, sizeof(cells) / sizeof(cells[0]));
	return 0;
}

int mr_tool_ls(struct mr_tool *tool)
{
	const struct mr_render *render = tool->options->render;
	int err = 0;

	render->begin(&tool->doc);
	show_journal(tool);
	render->table(&tool->doc, "segments");
	for (uint64_t number = tool->found.oldest_needed;
		!tool->found.empty && err == 0 && number <= tool->found.newest_segment; number++)
		err = show_segment(tool, number);
	render->table_end(&tool->doc);
	render->end(&tool->doc);
	return err;
}
