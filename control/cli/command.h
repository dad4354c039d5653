// The one table of commands: what people type, what they may add to it, who does it. The parser,
// every help text, the completions of three shells, the manual page and docs/CLI.md come from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mr_word_kind { // what an argument or the value of an option is
	MR_WORD_FLAG, // has none
	MR_WORD_TEXT,
	MR_WORD_CHOICE, // one of `words`
	MR_WORD_ID, // 64 bits, decimal
	MR_WORD_COUNT, // below 2^32
	MR_WORD_DURATION, // "90s", "15m", "1h30m"; in ns
	MR_WORD_RATE, // "100/s", "5k/s"; per second
	MR_WORD_TIME, // as mr_time_parse; wall clock, ns
	MR_WORD_FILE,
	MR_WORD_DIRECTORY,
};

// X(symbol, name, letter, kind, value, words, help)
#define MR_OPTIONS(X)                                                                           \
	X(DIRECT, "direct", 0, FLAG, NULL, NULL,                                                \
		"ask the data plane itself, past millrace-controld; as root")                   \
	X(SOCKET, "socket", 0, FILE, "PATH", NULL, "with --direct: millraced's direct.socket")  \
	X(CONTROL, "control", 0, FILE, "PATH", NULL, "millrace-controld's control.socket")      \
	X(URL, "url", 0, TEXT, "URL", NULL,                                                     \
		"millrace-controld over TCP, with the token of --token-file")                   \
	X(TOKEN_FILE, "token-file", 0, FILE, "PATH", NULL, "file that holds the bearer token")  \
	X(OUTPUT, "output", 'o', CHOICE, "FORMAT", "text json prom",                            \
		"json: one document a line; prom: of stats")                                    \
	X(WATCH, "watch", 0, DURATION, "TIME", NULL, "again and again")                         \
	X(HELP, "help", 'h', FLAG, NULL, NULL, "what a command does, its options, examples")    \
	X(VERSION, "version", 0, FLAG, NULL, NULL, "the release")                               \
	X(CHECK_COMMAND, "check-command", 0, TEXT, "LINE", NULL,                                \
		"parse the line and do nothing: is it a command?")                              \
	X(MODE, "mode", 0, CHOICE, "MODE", "drop hold throttle",                                \
		"drop: refuse (default); hold: accept and wait; throttle: refuse above --rate") \
	X(RATE, "rate", 0, RATE, "RATE", NULL, "events per second, over all cores: 100/s")      \
	X(WITH_DESCENDANTS, "with-descendants", 0, FLAG, NULL, NULL,                            \
		"of an object: also events that name it among their ancestors")                 \
	X(TTL, "ttl", 0, DURATION, "TIME", NULL, "ends by itself: 90s, 15m, 1h30m, 7d")         \
	X(REASON, "reason", 0, TEXT, "TEXT", NULL, "why, for those who find it")                \
	X(PURGE, "purge", 0, FLAG, NULL, NULL, "also drop what waits")                          \
	X(DRY_RUN, "dry-run", 0, FLAG, NULL, NULL, "change nothing, say what would be")         \
	X(CONFIRM_ALL, "confirm-all", 0, FLAG, NULL, NULL,                                      \
		"meant, although the scope takes in everything")                                \
	X(BY, "by", 0, CHOICE, "ORDER", "rate queue refused time", "what makes it hot")         \
	X(LIMIT, "limit", 0, COUNT, "N", NULL, "at most so many rows")                          \
	X(ONCE, "once", 0, FLAG, NULL, NULL, "one screen, and end")                             \
	X(INTERVAL, "interval", 0, DURATION, "TIME", NULL, "between two screens (2s)")          \
	X(NAME, "name", 0, TEXT, "NAME", NULL, "what people call it")                           \
	X(ROLE, "role", 0, CHOICE, "ROLE", "view operate admin", "what its bearer may do")      \
	X(APP, "app", 0, ID, "APP", NULL, "of this app")                                        \
	X(USER, "user", 0, ID, "USER", NULL, "of this user")                                    \
	X(WORKSPACE, "workspace", 0, ID, "WORKSPACE", NULL, "of this workspace")                \
	X(LAB, "lab", 0, FLAG, NULL, NULL, "this router carries no traffic that matters")       \
	X(DIR, "dir", 0, DIRECTORY, "DIR", NULL, "the journal's directory")                     \
	X(SINCE, "since", 0, TIME, "TIME", NULL,                                                \
		"2026-11-22T02:20:00Z, @1795314000, or an age: 90s, 10m, 3h, 2d")               \
	X(UNTIL, "until", 0, TIME, "TIME", NULL, "the same")                                    \
	X(LATE, "late", 0, DURATION, "TIME", NULL, "a delivery is late after that (10s)")       \
	X(STREAM, "stream", 0, ID, "N", NULL, "records of this stream")                         \
	X(KIND, "kind", 0, CHOICE, "KIND",                                                      \
		"event match distributed dropped checkpoint batch progress lane session "       \
		"webhook queued taken expired ban pause app",                                   \
		"records of this kind")                                                         \
	X(OBJECT, "object", 0, ID, "ID", NULL, "the object's events, and what refers to them")  \
	X(WEBHOOK, "webhook", 0, ID, "ID", NULL, "records that name this webhook")              \
	X(TO, "to", 0, DIRECTORY, "DIR", NULL, "a directory that does not exist yet")

enum mr_option_id {
#define X(symbol, name, letter, kind, value, words, help) MR_OPTION_##symbol,
	MR_OPTIONS(X)
#undef X
		MR_OPTION_COUNT
};
#define MR_BIT(symbol) (UINT64_C(1) << MR_OPTION_##symbol)

struct mr_option {
	const char *name;
	char letter; // 0: none
	enum mr_word_kind kind;
	const char *value; // placeholder
	const char *words; // of a choice, parted by blanks
	const char *help;
};
extern const struct mr_option mr_options[MR_OPTION_COUNT];
extern const uint64_t mr_options_global; // what every command takes

struct mr_argument {
	const char *name; // NULL: there is none
	enum mr_word_kind kind;
	const char *words;
	bool optional;
};
enum { MR_ARGUMENTS_MAX = 2, MR_EXAMPLES_MAX = 4 };

// A request of docs/API.md. In templates {0} and {1} stand for arguments, {name} for the value of
// an option; part of a query without a value is left out.
struct mr_api {
	const char *method;
	const char *path; // NULL: the command is not one request
	uint64_t body; // options whose values make the body
	bool body_arguments; // arguments stand in it, by their names
	const struct mr_shape *shape; // of the answer
	bool slow; // walks queues, or waits for somebody else
};

struct mr_call;
struct mr_line;

struct mr_command {
	const char *heading; // of the first one of a part; else NULL
	const char *name; // one word or two
	const char *help; // one line, of one sentence
	const char *more; // what else there is to know; NULL: nothing
	const char *role; // "view", "operate", "admin"; NULL: asks nobody
	struct mr_argument arguments[MR_ARGUMENTS_MAX];
	uint64_t options; // beside the global ones
	uint64_t needs; // of these, what must be given
	// What no option alone can be wrong about. 0, or -EINVAL with the reason.
	int (*check)(const struct mr_line *line, char *ret_why);
	struct mr_api api;
	bool has_prom;
	const char *done; // of a change, template: what is in force now
	const char *undo; // template: how to undo it; NULL: it cannot be
	int (*run)(struct mr_call *call); // in place of the one request
	int (*direct)(struct mr_call *call); // NULL: cannot go past millrace-controld
	const char *examples[MR_EXAMPLES_MAX];
};
extern const struct mr_command mr_commands[];
extern const uint32_t mr_commands_count;

// "ban", "webhooks show". A group alone is its first command. NULL: there is none.
const struct mr_command *mr_command_find(const char *first, const char *second, int *ret_words);
// Is `first` the first word of several commands?
bool mr_command_is_group(const char *first);
