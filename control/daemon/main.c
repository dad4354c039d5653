// millrace-controld: the control plane of Millrace.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <millrace/exit_code.h>

#include "attempt_log.h"
#include "audit.h"
#include "ban_list.h"
#include "bytes.h"
#include "clock.h"
#include "config_print.h"
#include "history.h"
#include "listeners.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "settings.h"
#include "snapshot.h"
#include "store.h"
#include "tail_log.h"
#include "ticker.h"
#include "tokens.h"
#include "watch.h"
#include "webhook_book.h"
#include "workers.h"

static atomic_bool stop;
static struct mr_alert_settings alarms;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&stop, true);
}

// SIGTERM and SIGINT go to the main thread only: it is the one that sleeps.
static void take_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(how, &set, NULL);
}

// Without a file nobody is told; a file that is wrong is no start.
static int load_alarms(const struct mr_settings *settings)
{
	char why[MR_ALERT_SETTINGS_WHY_BYTES];
	const int r = mr_alert_settings_load(settings->alarms_file, &alarms, why);

	if (r == -ENOENT && !mr_settings_given(settings, "alarms.file")) {
		mr_log(MR_LOG_WARNING, "%s: nobody is told of alarms", why);
		return 0;
	}
	if (r < 0)
		mr_log(MR_LOG_ERROR, "%s", why);
	return r;
}

static int make_parts(struct mr_daemon *daemon)
{
	char why[MR_STORE_WHY_BYTES] = "no memory";

	if (mr_store_open(&daemon->store, daemon->settings->state_dir, why) < 0
		|| mr_tokens_new(&daemon->tokens, daemon->store) < 0
		|| mr_ban_list_new(&daemon->bans) < 0 || mr_webhook_book_new(&daemon->webhooks) < 0
		|| mr_attempt_log_new(&daemon->attempts) < 0 || mr_board_new(&daemon->board) < 0
		|| mr_history_new(&daemon->history) < 0 || mr_tail_log_new(&daemon->tail) < 0
		|| mr_watch_start(&daemon->watch, &alarms, daemon->bans) < 0
		|| mr_workers_start(&daemon->workers, daemon->settings->direct_socket) < 0) {
		mr_log(MR_LOG_ERROR, "%s", why);
		return -1;
	}
	return 0;
}

static void free_parts(struct mr_daemon *daemon)
{
	mr_workers_free(daemon->workers);
	mr_tail_log_free(daemon->tail);
	mr_history_free(daemon->history);
	mr_watch_stop(daemon->watch);
	mr_alert_settings_free(&alarms);
	mr_board_free(daemon->board);
	mr_attempt_log_free(daemon->attempts);
	mr_webhook_book_free(daemon->webhooks);
	mr_ban_list_free(daemon->bans);
	mr_tokens_free(daemon->tokens);
	mr_store_close(daemon->store);
}

static int run(const struct mr_settings *settings)
{
	struct mr_daemon daemon = {.settings = settings, .started_at_ns = mr_now_wall_ns()};
	int code = MR_EXIT_FAILED;

	if (load_alarms(settings) < 0)
		return MR_EXIT_CONFIG;
	take_signals();
	hold_signals(SIG_BLOCK);
	if (make_parts(&daemon) == 0 && mr_listeners_start(&daemon.listeners, &daemon) == 0) {
		hold_signals(SIG_UNBLOCK);
		mr_notify("READY=1");
		mr_ticker_run(&daemon, &stop);
		mr_notify("STOPPING=1");
		code = MR_EXIT_DONE;
	}
	if (daemon.watch)
		mr_watch_give_up(daemon.watch);
	mr_workers_stop(daemon.workers);
	mr_listeners_stop(daemon.listeners);
	free_parts(&daemon);
	return code;
}

static int add_token(const struct mr_settings *settings, const struct mr_options *options)
{
	char why[MR_STORE_WHY_BYTES] = "no memory";
	char text[MR_TOKEN_BYTES];
	struct mr_store *store = NULL;
	struct mr_tokens *tokens = NULL;
	struct mr_token_row row = {.role = options->token_role, .created_by = "command line"};
	int r = mr_copy_text(row.name, sizeof(row.name), options->token_name,
			strlen(options->token_name))
		? mr_store_open(&store, settings->state_dir, why)
		: -ENAMETOOLONG;

	if (r == 0)
		r = mr_tokens_new(&tokens, store);
	if (r == 0)
		r = mr_tokens_add(tokens, &row, text);
	if (r == 0)
		mr_audit_add(store,
			&(struct mr_audit_row){.at_ns = row.created_at_ns,
				.who = row.created_by,
				.via = "socket",
				.act = "token add",
				.scope = row.name,
				.result = "ok"});
	mr_tokens_free(tokens);
	mr_store_close(store);
	if (r == 0)
		return printf("%s\n", text) > 0 && fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
	mr_log(MR_LOG_ERROR, "token add %s: %s", options->token_name,
		r == -EEXIST ? "there is one of that name already"
			     : (r == -ENAMETOOLONG ? "the name is longer than 47 bytes" : why));
	return MR_EXIT_FAILED;
}

static int run_task(const struct mr_options *options)
{
	static struct mr_settings settings;
	struct mr_config_report report = {.err = stderr};
	const struct mr_config_sources sources = {.path = options->config,
		.environment = environ,
		.sets = options->sets,
		.sets_count = options->sets_count};

	if (mr_settings_load(&settings, &sources, &report) < 0)
		return MR_EXIT_CONFIG;
	if (options->task == MR_TASK_TOKEN_ADD)
		return add_token(&settings, options);
	return options->task == MR_TASK_RUN ? run(&settings) : MR_EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct mr_options options;
	char why[256];

	umask(0077);
	if (mr_options_parse(argc, argv, &options, why, sizeof(why)) != 0) {
		fprintf(stderr, "millrace-controld: %s\n", why);
		mr_options_help(stderr);
		return MR_EXIT_USAGE;
	}
	if (options.task == MR_TASK_HELP)
		mr_options_help(stdout);
	else if (options.task == MR_TASK_VERSION)
		printf("millrace-controld %s\n", MR_VERSION);
	else if (options.task == MR_TASK_PRINT_CONFIG)
		mr_config_print(stdout, &mr_settings_schema);
	else
		return run_task(&options);
	return fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
}
