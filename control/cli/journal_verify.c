// Reading all of a journal: is it sound, and what is in it.
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal_tool.h"

struct kind_count {
	uint64_t records, bytes;
};

struct survey {
	struct mr_tool *tool;
	uint64_t frames, records, bytes; // of frames, padding included
	int64_t first_ns, last_ns; // of frames
	struct kind_count kinds[MR_RECORD_KIND_COUNT];
	struct timespec began, said;
	bool is_said; // a progress line stands on the terminal
};

static double seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

// On a terminal, after a second, five times a second.
static void say_progress(struct survey *survey, const struct mr_scan_frame *frame)
{
	static const char bar[] = "########################################";
	enum { WIDTH = sizeof(bar) - 1 };
	const struct mr_scan_found *found = &survey->tool->found;

	if (survey->frames % 16 != 0 || !isatty(STDERR_FILENO) || seconds_since(&survey->began) < 1
		|| seconds_since(&survey->said) < 0.2)
		return;
	const double per_segment = (double)found->newest.segment_bytes;
	const double all = (double)(found->newest_segment - found->oldest_needed + 1) * per_segment;
	const double done = (double)(frame->segment - found->oldest_needed) * per_segment
		+ (double)frame->offset;
	const double share = all > 0 && done < all ? done / all : 1;

	fprintf(stderr, "\r[%-*.*s] %3d %%  %.1f of %.1f GB", WIDTH, (int)(share * WIDTH), bar,
		(int)(share * 100), done / 1e9, all / 1e9);
	clock_gettime(CLOCK_MONOTONIC, &survey->said);
	survey->is_said = true;
}

static int take_frame(void *owner, const struct mr_scan_frame *frame)
{
	struct survey *survey = owner;

	survey->frames++;
	survey->bytes += frame->header->bytes;
	if (survey->first_ns == 0)
		survey->first_ns = frame->header->at_ns;
	survey->last_ns = frame->header->at_ns;
	say_progress(survey, frame);
	return 0;
}

static int take_record(void *owner, const struct mr_tool_record *record)
{
	struct survey *survey = owner;

	survey->records++;
	survey->kinds[record->record->kind].records++;
	survey->kinds[record->record->kind].bytes += record->record->length;
	return 0;
}

static int survey_all(struct survey *survey)
{
	const struct mr_tool_walker walker = {
		.owner = survey, .frame = take_frame, .record = take_record};

	clock_gettime(CLOCK_MONOTONIC, &survey->began);
	int err = mr_tool_walk(survey->tool, &walker);
	if (survey->is_said)
		fputs("\r\033[K", stderr);
	return err;
}

int mr_tool_verify(struct mr_tool *tool)
{
	struct survey survey = {.tool = tool};
	const struct mr_render *render = tool->options->render;
	int err = survey_all(&survey);

	if (err < 0)
		return err;
	const struct mr_cell fields[] = {
		mr_cell_text("directory", tool->options->directory),
		mr_cell_text("verdict", tool->found.empty ? "empty: no segment is there" : "sound"),
		mr_cell_number("live", MR_CELL_BOOL, tool->is_live),
		mr_cell_count("segments",
			tool->found.empty
				? 0
				: tool->found.newest_segment - tool->found.oldest_needed + 1),
		mr_cell_count("frames", survey.frames),
		mr_cell_count("records", survey.records),
		mr_cell_count("bytes", survey.bytes),
		mr_cell_count("torn_tail_bytes", tool->found.tail_bytes_dropped),
		mr_cell_number("took", MR_CELL_NS, (uint64_t)(seconds_since(&survey.began) * 1e9)),
	};
	render->begin(&tool->doc);
	render->group(&tool->doc, "verify", fields, sizeof(fields) / sizeof(fields[0]));
	render->end(&tool->doc);
	return 0;
}

static void show_kinds(const struct survey *survey, double seconds)
{
	struct mr_tool *tool = survey->tool;

	tool->options->render->table(&tool->doc, "kinds");
	for (unsigned kind = 1; kind < MR_RECORD_KIND_COUNT; kind++) {
		const struct kind_count *count = &survey->kinds[kind];
		struct mr_cell cells[] = {
			mr_cell_text("kind", mr_record_kind_name(kind)),
			mr_cell_count("records", count->records),
			mr_cell_count("bytes", count->bytes),
			mr_cell_count("records_per_second",
				seconds > 0 ? (uint64_t)((double)count->records / seconds) : 0),
		};

		cells[1].width = cells[2].width = 18;
		cells[3].width = 20;
		if (count->records > 0)
			tool->options->render->row(
				&tool->doc, cells, sizeof(cells) / sizeof(cells[0]));
	}
	tool->options->render->table_end(&tool->doc);
}

int mr_tool_stats(struct mr_tool *tool)
{
	struct survey survey = {.tool = tool};
	const struct mr_render *render = tool->options->render;
	char first[40], last[40];
	int err = survey_all(&survey);

	if (err < 0)
		return err;
	const uint64_t span_ns =
		survey.last_ns > survey.first_ns ? (uint64_t)(survey.last_ns - survey.first_ns) : 0;
	const double seconds = (double)span_ns / 1e9;
	mr_time_text(survey.first_ns, first, sizeof(first));
	mr_time_text(survey.last_ns, last, sizeof(last));
	const struct mr_cell fields[] = {
		mr_cell_text("first_frame_at", first),
		mr_cell_text("last_frame_at", last),
		mr_cell_number("span", MR_CELL_NS, span_ns),
		mr_cell_count("frames", survey.frames),
		mr_cell_count("records", survey.records),
		mr_cell_count("bytes", survey.bytes),
		mr_cell_count("bytes_per_frame", survey.frames ? survey.bytes / survey.frames : 0),
		mr_cell_count("bytes_per_second",
			seconds > 0 ? (uint64_t)((double)survey.bytes / seconds) : 0),
	};
	render->begin(&tool->doc);
	render->group(&tool->doc, "journal", fields, sizeof(fields) / sizeof(fields[0]));
	show_kinds(&survey, seconds);
	render->end(&tool->doc);
	return 0;
}
