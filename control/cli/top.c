#include "top.h"

#include <stdarg.h>
#include <string.h>

#include "answer.h"
#include "cli_render.h"

enum { TEXT_BYTES = 64, STAGES_SHOWN = 5 };

struct text {
	char bytes[TEXT_BYTES];
};

static struct text count_of(const json_t *json, const char *path)
{
	const double value = json_number_value(mr_answer_get(json, path));
	struct text text;

	mr_count_text(value > 0 && value < 1e18 ? (uint64_t)(value + 0.5) : 0, text.bytes,
		sizeof(text.bytes));
	return text;
}

// A duration; `unit_ns` of the number in the answer.
static struct text time_of(const json_t *json, const char *path, double unit_ns)
{
	const double value = json_number_value(mr_answer_get(json, path)) * unit_ns;
	struct text text;

	mr_duration_text(
		value > 0 && value < 9e18 ? (uint64_t)value : 0, text.bytes, sizeof(text.bytes));
	return text;
}

static struct text text_of(const json_t *json, const char *path)
{
	const char *value = json_string_value(mr_answer_get(json, path));
	struct text text;

	snprintf(text.bytes, sizeof(text.bytes), "%s", value ? value : "-");
	return text;
}

#define COUNT(json, path)         (count_of((json), (path)).bytes)
#define TIME(json, path, unit_ns) (time_of((json), (path), (unit_ns)).bytes)
#define TEXT(json, path)          (text_of((json), (path)).bytes)

static void put_head(const struct mr_top_screen *top, struct mr_screen *screen)
{
	const json_t *status = top->status;
	const json_t *paused = mr_answer_get(status, "paused");
	const uint64_t alarms = (uint64_t)json_number_value(mr_answer_get(status, "alarms.firing"));
	const bool is_calm = alarms == 0 && json_array_size(paused) == 0;

	mr_screen_put(screen, MR_INK_BOLD, "millrace %s   %s   up %s   durability %s%s",
		TEXT(status, "router.release"), TEXT(status, "router.state"),
		TIME(status, "router.uptime_s", 1e9), TEXT(status, "router.durability"),
		top->paused ? "   (paused)" : "");
	mr_screen_put(screen, is_calm ? MR_INK_PLAIN : MR_INK_ALARM,
		"alarms firing %s   bans %s   paused %s%s", COUNT(status, "alarms.firing"),
		COUNT(status, "bans"),
		json_array_size(paused) ? TEXT(json_array_get(paused, 0), "what") : "nothing",
		json_array_size(paused) > 1 ? ", ..." : "");
	mr_screen_put(screen, MR_INK_PLAIN, " ");
	mr_screen_put(screen, MR_INK_PLAIN,
		"per second  offered %s  accepted %s  refused %s  delivered %s",
		COUNT(status, "rates.offered"), COUNT(status, "rates.accepted"),
		COUNT(status, "rates.refused"), COUNT(status, "rates.delivered"));
	mr_screen_put(screen, MR_INK_PLAIN, "waiting     events queued %s  deliveries pending %s",
		COUNT(status, "events.queued"), COUNT(status, "deliveries.pending"));
	mr_screen_put(screen, MR_INK_PLAIN, "dropped     events %s  deliveries %s",
		COUNT(status, "events.dropped"), COUNT(status, "deliveries.dropped"));
}

static void put_stages(const struct mr_top_screen *top, struct mr_screen *screen)
{
	const json_t *stages = mr_answer_get(top->status, "stages");
	const size_t all = json_array_size(stages);
	const json_t *stage;
	size_t index;

	mr_screen_put(screen, MR_INK_BOLD, "%-12s %4s %7s %10s %10s %10s", "stage", "cpu", "busy",
		"step p99", "slowest", "last step");
	json_array_foreach(stages, index, stage)
	{
		if (index == STAGES_SHOWN && all > STAGES_SHOWN + 1) {
			mr_screen_put(screen, MR_INK_DIM, "and %zu more: millrace status",
				all - STAGES_SHOWN);
			break;
		}
		mr_screen_put(screen, MR_INK_PLAIN, "%-12s %4s %5.1f %% %10s %10s %10s",
			TEXT(stage, "name"), COUNT(stage, "cpu"),
			100 * json_number_value(json_object_get(stage, "busy")),
			TIME(stage, "step_p99_us", 1e3), TIME(stage, "step_max_us", 1e3),
			TIME(stage, "heartbeat_age_s", 1e9));
	}
}

static bool is_banned(const json_t *row)
{
	const json_t *banned = json_object_get(row, "banned");

	return json_is_true(banned) || json_is_string(banned) || json_is_object(banned);
}

static void put_hot(const struct mr_top_screen *top, struct mr_screen *screen)
{
	const json_t *rows = mr_answer_get(top->hot, "data");
	const json_t *row;
	size_t index;

	mr_screen_put(screen, MR_INK_BOLD, "hot: %ss by %s, in the last %s", top->kind, top->by,
		TIME(top->hot, "window_s", 1e9));
	mr_screen_put(screen, MR_INK_DIM, "%-20s %10s %9s %8s %-12s %-12s %s", top->kind,
		"per second", "refused", "queued", "app", "workspace", "");
	json_array_foreach(rows, index, row)
	{
		if (mr_screen_left(screen) <= 2)
			break;
		mr_screen_put(screen, index == top->chosen ? MR_INK_CHOSEN : MR_INK_PLAIN,
			"%-20s %10s %9s %8s %-12s %-12s %s", TEXT(row, "id"), COUNT(row, "rate"),
			COUNT(row, "refused"), COUNT(row, "queued"), TEXT(row, "app"),
			TEXT(row, "workspace"), is_banned(row) ? "ban" : "");
	}
	if (json_array_size(rows) == 0)
		mr_screen_put(screen, MR_INK_DIM, "none");
}

static void put_help(struct mr_screen *screen)
{
	static const char *const lines[] = {"q        quit", "p        pause, and go on",
		"s        next order: rate, refused, queue",
		"k        next kind: object, app, workspace, database, user",
		"up down  choose one of the hot ones", "b        ban the chosen one (asks first)",
		"u        lift the ban of the chosen one", "?        this page, and back"};

	mr_screen_put(screen, MR_INK_PLAIN, " ");
	mr_screen_put(screen, MR_INK_BOLD, "Keys");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		mr_screen_put(screen, MR_INK_PLAIN, "  %s", lines[i]);
}

const char *mr_top_chosen_id(const struct mr_top_screen *top)
{
	const json_t *row = json_array_get(mr_answer_get(top->hot, "data"), top->chosen);

	return json_string_value(json_object_get(row, "id"));
}

static void put_foot(const struct mr_top_screen *top, struct mr_screen *screen)
{
	const char *id = mr_top_chosen_id(top);

	if (top->trouble[0])
		mr_screen_put(screen, MR_INK_ALARM, "no news: %s", top->trouble);
	else
		mr_screen_put(screen, MR_INK_BOLD, "%s", top->note);
	if (top->mode == MR_TOP_ASKING)
		mr_screen_put(screen, MR_INK_CHOSEN,
			"ban %s %s for 15 min?  d drop  h hold  any other key: no", top->kind,
			id ? id : "-");
	else
		mr_screen_put(screen, MR_INK_DIM,
			"q quit  p pause  s order  k kind  b ban  u unban  ? help");
}

void mr_top_fill(struct mr_top_screen *top, struct mr_screen *screen)
{
	put_head(top, screen);
	if (top->mode == MR_TOP_HELP) {
		put_help(screen);
	} else {
		mr_screen_put(screen, MR_INK_PLAIN, " ");
		put_stages(top, screen);
		mr_screen_put(screen, MR_INK_PLAIN, " ");
		put_hot(top, screen);
	}
	mr_screen_leave(screen, 2);
	put_foot(top, screen);
}
