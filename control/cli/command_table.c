// Names, words and examples of all commands. The handlers stand elsewhere.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "command.h"
#include "shapes.h"

const struct mr_option mr_options[MR_OPTION_COUNT] = {
#define X(symbol, name, letter, kind, value, words, help) \
	{name, letter, MR_WORD_##kind, value, words, help},
	MR_OPTIONS(X)
#undef X
};

const uint64_t mr_options_global = MR_BIT(DIRECT) | MR_BIT(SOCKET) | MR_BIT(CONTROL) | MR_BIT(URL)
	| MR_BIT(TOKEN_FILE) | MR_BIT(OUTPUT) | MR_BIT(WATCH) | MR_BIT(HELP) | MR_BIT(VERSION)
	| MR_BIT(CHECK_COMMAND);

static int check_ban(const struct mr_line *line, char *ret_why)
{
	const char *mode = line->values[MR_OPTION_MODE];
	const bool throttles = mode && strcmp(mode, "throttle") == 0;
	const char *why = NULL;

	if (throttles && !mr_line_has(line, MR_OPTION_RATE))
		why = "--mode throttle wants its --rate, such as 100/s";
	else if (!throttles && mr_line_has(line, MR_OPTION_RATE))
		why = "--rate is for --mode throttle";
	else if (mr_line_has(line, MR_OPTION_WITH_DESCENDANTS)
		&& strcmp(line->arguments[0], "object") != 0)
		why = "--with-descendants is for objects";
	snprintf(ret_why, MR_LINE_WHY_BYTES, "%s", why ? why : "");
	return why ? -EINVAL : 0;
}

#define SCOPES "app object workspace database user"
// Which scope; KIND and ID.
#define SCOPE                                            \
	{                                                \
		{"kind", MR_WORD_CHOICE, SCOPES, false}, \
		{                                        \
			"id", MR_WORD_ID, NULL, false    \
		}                                        \
	}
#define PAUSABLE                                                                      \
	{                                                                             \
		{                                                                     \
			"what", MR_WORD_CHOICE, "ingest distribution delivery", false \
		}                                                                     \
	}
#define WEBHOOK                                            \
	{                                                  \
		{                                          \
			"webhook", MR_WORD_ID, NULL, false \
		}                                          \
	}
#define GET(path_, shape_)                                           \
	{                                                            \
		.method = "GET", .path = (path_), .shape = &(shape_) \
	}

const struct mr_command mr_commands[] = {
	{.heading = "See",
		.name = "status",
		.help = "state, both ledgers, rates, stages, what is stopped",
		.role = "view",
		.api = GET("/v1/status", mr_shape_status),
		.direct = mr_call_status_direct,
		.examples = {"millrace status", "sudo millrace --direct status"}},
	{.name = "top",
		.help = "a live screen: rates, stages, what is hot, who is stopped",
		.more = "Keys: q quit, p pause, s next order, k next kind, up and down choose, b ban the "
			"chosen one (asks first), u unban it, ? help.",
		.role = "view",
		.arguments = {{"kind", MR_WORD_CHOICE, SCOPES, true}},
		.options = MR_BIT(ONCE) | MR_BIT(INTERVAL) | MR_BIT(BY),
		.run = mr_call_top,
		.direct = mr_call_top,
		.examples = {"millrace top", "millrace top app --by refused",
			"millrace top --once"}},
	{.name = "stats",
		.help = "every counter, reasons and latencies; webhooks; apps, workspaces, databases",
		.role = "view",
		.arguments = {{"topic", MR_WORD_CHOICE, "counters latencies webhooks scopes",
			true}},
		.has_prom = true,
		.run = mr_call_stats,
		.direct = mr_call_stats_direct,
		.examples = {"millrace stats webhooks", "millrace stats -o prom",
			"sudo millrace --direct -o json stats | jq '.refused_events'"}},
	{.name = "hot",
		.help = "who is most active, with bounds of the error",
		.role = "view",
		.arguments = {{"kind", MR_WORD_CHOICE, SCOPES " endpoint", true}},
		.options = MR_BIT(BY) | MR_BIT(LIMIT),
		.api = GET("/v1/hot?kind={0}&by={by}", mr_shape_hot),
		.direct = mr_call_hot_direct,
		.examples = {"millrace hot", "millrace hot app --by refused",
			"sudo millrace --direct hot object --limit 5"}},
	{.name = "ledgers",
		.help = "both ledgers by app, workspace or database",
		.role = "view",
		.arguments = {{"kind", MR_WORD_CHOICE, "app workspace database", true}},
		.api = GET("/v1/ledgers?kind={0}", mr_shape_ledgers),
		.examples = {"millrace ledgers app"}},
	{.name = "endpoints",
		.help = "endpoints of webhooks: pending, failed, last status",
		.role = "view",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/endpoints", mr_shape_hot),
		.examples = {"millrace endpoints"}},
	{.name = "explain",
		.help = "what would happen to this event: admission, queue, every webhook and why",
		.more = "FILE holds the event as JSON; - is the standard input. The real core judges it; nothing "
			"is accepted.",
		.role = "view",
		.arguments = {{"file", MR_WORD_FILE, NULL, false}},
		.options = MR_BIT(APP),
		.run = mr_call_explain,
		.examples = {"millrace explain event.json --app 42",
			"echo '{\"object\": \"1201\", \"action\": \"changed\"}' | millrace explain - --app 42"}},
	{.name = "tail",
		.help = "follow one object: accepted, distributed, matched, attempted, delivered",
		.more = "Ends with --ttl (10m), or when interrupted.",
		.role = "operate",
		.arguments = {{"object", MR_WORD_ID, NULL, false}},
		.options = MR_BIT(TTL),
		.run = mr_call_tail,
		.examples = {"millrace tail 1201", "millrace tail 1201 --ttl 30s -o json"}},
	{.name = "alarms",
		.help = "what is wrong, since when, with evidence and the command to type",
		.role = "view",
		.api = GET("/v1/alarms", mr_shape_alarms),
		.examples = {"millrace alarms", "millrace alarms --watch 5s"}},
	{.name = "audit",
		.help = "who changed what",
		.role = "view",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/audit", mr_shape_audit),
		.examples = {"millrace audit --limit 20"}},
	{.name = "healthcheck",
		.help = "exit status 0 when the router works, 1 when it does not",
		.role = "view",
		.run = mr_call_health,
		.direct = mr_call_health_direct,
		.examples = {"millrace healthcheck && echo well"}},
	{.heading = "Stop",
		.name = "ban",
		.help = "stop one scope: refuse, hold or slow down what belongs to it",
		.more = "The answer comes when the ban is in force on every core. A scope has one ban at most: "
			"another one takes its place. What is on the wire already finishes.",
		.role = "operate",
		.arguments = SCOPE,
		.options = MR_BIT(MODE) | MR_BIT(RATE) | MR_BIT(WITH_DESCENDANTS) | MR_BIT(TTL)
			| MR_BIT(REASON) | MR_BIT(PURGE) | MR_BIT(DRY_RUN) | MR_BIT(CONFIRM_ALL),
		.check = check_ban,
		.api = {.method = "POST",
			.path = "/v1/bans?dry_run={dry-run}",
			.body = MR_BIT(MODE) | MR_BIT(RATE) | MR_BIT(WITH_DESCENDANTS) | MR_BIT(TTL)
				| MR_BIT(REASON) | MR_BIT(PURGE) | MR_BIT(CONFIRM_ALL),
			.body_arguments = true,
			.shape = &mr_shape_effect},
		.done = "ban of {0} {1}",
		.undo = "millrace unban {0} {1}",
		.direct = mr_call_ban_direct,
		.examples =
			{"millrace ban object 99 --mode hold --ttl 15m --reason \"loop in app 42\"",
				"millrace ban app 42 --dry-run",
				"millrace ban workspace 301 --mode throttle --rate 100/s --ttl 1h",
				"sudo millrace --direct ban app 42 --purge"}},
	{.name = "unban",
		.help = "lift the ban of a scope; what was held is released in order",
		.role = "operate",
		.arguments = SCOPE,
		.api = {.method = "DELETE", .path = "/v1/bans/{0}/{1}", .shape = &mr_shape_effect},
		.done = "the ban of {0} {1} is lifted",
		.direct = mr_call_unban_direct,
		.examples = {"millrace unban object 99"}},
	{.name = "bans",
		.help = "bans in force, with what is left of them",
		.role = "view",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/bans", mr_shape_bans),
		.direct = mr_call_bans_direct,
		.examples = {"millrace bans", "millrace bans -o json | jq '.data[].reason'"}},
	{.name = "purge",
		.help = "drop what waits of a scope, events and deliveries; each drop is recorded",
		.role = "operate",
		.arguments = SCOPE,
		.options = MR_BIT(WITH_DESCENDANTS) | MR_BIT(REASON) | MR_BIT(DRY_RUN)
			| MR_BIT(CONFIRM_ALL),
		.check = check_ban,
		.api = {.method = "POST",
			.path = "/v1/purges?dry_run={dry-run}",
			.body = MR_BIT(WITH_DESCENDANTS) | MR_BIT(REASON) | MR_BIT(CONFIRM_ALL),
			.body_arguments = true,
			.shape = &mr_shape_effect,
			.slow = true},
		.done = "what waited of {0} {1} is dropped",
		.direct = mr_call_purge_direct,
		.examples = {"millrace purge app 42 --dry-run",
			"millrace purge app 42 --reason \"test traffic\""}},
	{.name = "pause",
		.help = "stop ingest, distribution or delivery as a whole; an alarm while on",
		.role = "operate",
		.arguments = PAUSABLE,
		.options = MR_BIT(TTL) | MR_BIT(REASON),
		.api = {.method = "PUT",
			.path = "/v1/pauses/{0}",
			.body = MR_BIT(TTL) | MR_BIT(REASON),
			.shape = &mr_shape_effect},
		.done = "{0} is paused",
		.undo = "millrace resume {0}",
		.direct = mr_call_pause_direct,
		.examples = {"millrace pause delivery --ttl 10m --reason \"receiver moves\""}},
	{.name = "resume",
		.help = "end a pause",
		.role = "operate",
		.arguments = PAUSABLE,
		.api = {.method = "DELETE", .path = "/v1/pauses/{0}", .shape = &mr_shape_effect},
		.done = "{0} goes on",
		.undo = "millrace pause {0}",
		.direct = mr_call_pause_direct,
		.examples = {"millrace resume delivery"}},
	{.name = "pauses",
		.help = "what is paused as a whole",
		.role = "view",
		.api = GET("/v1/pauses", mr_shape_pauses),
		.direct = mr_call_pauses_direct,
		.examples = {"millrace pauses"}},
	{.name = "acts",
		.help = "what operators have done since the router's start, out of the router itself",
		.role = "root",
		.direct = mr_call_acts_direct,
		.examples = {"sudo millrace --direct acts"}},
	{.name = "reload",
		.help = "the router reads its configuration file again",
		.role = "root",
		.direct = mr_call_reload_direct,
		.examples = {"sudo millrace --direct reload"}},
	{.heading = "Webhooks, apps, tokens",
		.name = "webhooks list",
		.help = "webhooks: state, delivered, pending, last status",
		.role = "view",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/webhooks", mr_shape_webhooks),
		.examples = {"millrace webhooks"}},
	{.name = "webhooks show",
		.help = "one webhook with everything that is known of it",
		.role = "view",
		.arguments = WEBHOOK,
		.api = GET("/v1/webhooks/{0}", mr_shape_webhook),
		.examples = {"millrace webhooks show 7"}},
	{.name = "webhooks lag",
		.help = "how far each webhook is behind, and when it will have caught up",
		.role = "view",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/webhooks", mr_shape_lags),
		.examples = {"millrace webhooks lag"}},
	{.name = "webhooks attempts",
		.help = "last attempts: time, status, duration, what was answered",
		.role = "view",
		.arguments = WEBHOOK,
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/webhooks/{0}/attempts", mr_shape_attempts),
		.examples = {"millrace webhooks attempts 7 --limit 5"}},
	{.name = "webhooks test",
		.help = "send a test event to one webhook",
		.role = "operate",
		.arguments = WEBHOOK,
		.api = {.method = "POST",
			.path = "/v1/webhooks/{0}/test",
			.shape = &mr_shape_tested,
			.slow = true},
		.done = "a test was sent to webhook {0}",
		.examples = {"millrace webhooks test 7"}},
	{.name = "webhooks enable",
		.help = "let a webhook take events again",
		.role = "operate",
		.arguments = WEBHOOK,
		.api = {.method = "POST",
			.path = "/v1/webhooks/{0}/enable",
			.shape = &mr_shape_tested},
		.done = "webhook {0} takes events",
		.undo = "millrace webhooks disable {0}",
		.examples = {"millrace webhooks enable 7"}},
	{.name = "webhooks disable",
		.help = "a webhook keeps its place and takes no events",
		.role = "operate",
		.arguments = WEBHOOK,
		.api = {.method = "POST",
			.path = "/v1/webhooks/{0}/disable",
			.shape = &mr_shape_tested},
		.done = "webhook {0} takes no events",
		.undo = "millrace webhooks enable {0}",
		.examples = {"millrace webhooks disable 7"}},
	{.name = "webhooks rotate",
		.help = "make a new secret and show it, once",
		.role = "admin",
		.arguments = WEBHOOK,
		.api = {.method = "POST",
			.path = "/v1/webhooks/{0}/rotate",
			.shape = &mr_shape_secret},
		.done = "webhook {0} has a new secret, shown here and never again",
		.examples = {"millrace webhooks rotate 7 -o json | jq -r .secret > secret"}},
	{.name = "apps list",
		.help = "who may send",
		.role = "view",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/apps", mr_shape_apps),
		.examples = {"millrace apps"}},
	{.name = "apps add",
		.help = "let an app send, under a key id",
		.role = "admin",
		.arguments = {{"app", MR_WORD_ID, NULL, false}, {"key", MR_WORD_ID, NULL, false}},
		.options = MR_BIT(NAME),
		.api = {.method = "POST",
			.path = "/v1/apps",
			.body = MR_BIT(NAME),
			.body_arguments = true,
			.shape = &mr_shape_secret},
		.undo = "millrace apps remove {1}",
		.done = "app {0} may send under key {1}",
		.examples = {"millrace apps add 42 9 --name billing"}},
	{.name = "apps remove",
		.help = "end a key: its sessions send no more",
		.role = "admin",
		.arguments = {{"key", MR_WORD_ID, NULL, false}},
		.api = {.method = "DELETE", .path = "/v1/apps/{0}", .shape = &mr_shape_effect},
		.done = "key {0} is gone",
		.examples = {"millrace apps remove 9"}},
	{.name = "tokens list",
		.help = "who may ask millrace-controld over TCP",
		.role = "admin",
		.options = MR_BIT(LIMIT),
		.api = GET("/v1/tokens", mr_shape_tokens),
		.examples = {"millrace tokens"}},
	{.name = "tokens add",
		.help = "make a token and show it, once",
		.role = "admin",
		.arguments = {{"name", MR_WORD_TEXT, NULL, false}},
		.options = MR_BIT(ROLE) | MR_BIT(APP) | MR_BIT(USER) | MR_BIT(WORKSPACE),
		.api = {.method = "POST",
			.path = "/v1/tokens",
			.body = MR_BIT(ROLE) | MR_BIT(APP) | MR_BIT(USER) | MR_BIT(WORKSPACE),
			.body_arguments = true,
			.shape = &mr_shape_token},
		.done = "token {0} is good from now on, shown here and never again",
		.examples = {"millrace tokens add grafana --role view"}},
	{.name = "tokens remove",
		.help = "a token is good for nothing any more",
		.role = "admin",
		.arguments = {{"id", MR_WORD_TEXT, NULL, false}},
		.api = {.method = "DELETE", .path = "/v1/tokens/{0}", .shape = &mr_shape_effect},
		.done = "token {0} is gone",
		.examples = {"millrace tokens remove 3"}},
	{.heading = "Prove",
		.name = "drills",
		.help = "drills: what each injects, and whether a lab is needed",
		.role = "view",
		.api = GET("/v1/drills", mr_shape_drills),
		.examples = {"millrace drills"}},
	{.name = "drill",
		.help = "inject a fault; passes when the notifier has received its alarm",
		.role = "operate",
		.arguments = {{"name", MR_WORD_TEXT, NULL, false}},
		.options = MR_BIT(LAB),
		.run = mr_call_drill,
		.api = {.method = "POST",
			.path = "/v1/drills/{0}",
			.body = MR_BIT(LAB),
			.shape = &mr_shape_drill,
			.slow = true},
		.examples = {"millrace drill data_plane_lost", "millrace drill paused --lab"}},
#define JOURNAL(heading_, name_, options_, needs_, help_, ...)                                   \
	{                                                                                        \
		.heading = (heading_), .name = (name_), .help = (help_), .run = mr_call_journal, \
		.options = MR_BIT(DIR) | (options_), .needs = (needs_), .examples = {            \
			__VA_ARGS__                                                              \
		}                                                                                \
	}
	JOURNAL("The journal, offline or while a router writes", "journal ls", 0, 0,
		"segments: number, boot, frames, bytes, times, streams", "millrace journal ls"),
	JOURNAL(NULL, "journal cat",
		MR_BIT(SINCE) | MR_BIT(UNTIL) | MR_BIT(STREAM) | MR_BIT(KIND) | MR_BIT(OBJECT)
			| MR_BIT(WEBHOOK) | MR_BIT(LIMIT),
		0, "records, one a line", "millrace journal cat --kind dropped --since 1h",
		"millrace journal cat --object 1201 -o json | jq '.records[]'"),
	JOURNAL(NULL, "journal verify", 0, 0, "check every frame and every record",
		"millrace journal verify && echo sound"),
	JOURNAL(NULL, "journal stats", MR_BIT(SINCE) | MR_BIT(UNTIL), 0,
		"records by kind, bytes, rates", "millrace journal stats --since 10m"),
	JOURNAL(NULL, "journal salvage", MR_BIT(TO), MR_BIT(TO),
		"copy what is sound of a damaged journal to --to DIR, report the rest",
		"millrace journal salvage --dir damaged --to salvaged"),
	JOURNAL(NULL, "impact", MR_BIT(SINCE) | MR_BIT(UNTIL) | MR_BIT(LATE), MR_BIT(SINCE),
		"webhooks, apps and workspaces that were late or lost something, out of the journal",
		"millrace impact --since 2h",
		"millrace impact --since 2026-11-22T02:00:00Z --until 2026-11-22T02:30:00Z -o json"),
	{.heading = "Besides",
		.name = "load",
		.help = "the load generator and verifying receiver: millrace-load with what follows",
		.examples = {"millrace load --help"}},
	{.name = "completion",
		.help = "the completion of a shell, to be sourced",
		.arguments = {{"shell", MR_WORD_CHOICE, "bash zsh fish", false}},
		.run = mr_call_completion,
		.examples = {"source <(millrace completion bash)"}},
};
const uint32_t mr_commands_count = sizeof(mr_commands) / sizeof(mr_commands[0]);

static bool begins_with_word(const char *name, const char *word)
{
	const size_t length = strlen(word);

	return strncmp(name, word, length) == 0 && name[length] == ' ';
}

bool mr_command_is_group(const char *first)
{
	for (uint32_t i = 0; i < mr_commands_count; i++) {
		if (begins_with_word(mr_commands[i].name, first))
			return true;
	}
	return false;
}

const struct mr_command *mr_command_find(const char *first, const char *second, int *ret_words)
{
	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const char *name = mr_commands[i].name;

		if (begins_with_word(name, first)) {
			const char *rest = name + strlen(first) + 1;

			if (second && strcmp(rest, second) != 0)
				continue;
			*ret_words = second ? 2 : 1;
			return &mr_commands[i];
		}
		if (strcmp(name, first) == 0) {
			*ret_words = 1;
			return &mr_commands[i];
		}
	}
	return NULL;
}
