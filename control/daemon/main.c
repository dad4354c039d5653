// millrace-controld: the control plane of Millrace.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <millrace/exit_code.h>

#include "ban_list.h"
#include "clock.h"
#include "history.h"
#include "log.h"
#include "notify.h"
#include "server.h"
#include "settings.h"
#include "snapshot.h"
#include "store.h"
#include "ticker.h"
#include "tokens.h"
#include "watch.h"
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

static int start_listening(struct mr_daemon *daemon, struct mr_server **ret_server)
{
	char why[MR_STORE_WHY_BYTES];
	const int fd = mr_listen_unix(daemon->settings->control_socket, why);
	const int r = fd < 0 ? fd : mr_server_start(ret_server, daemon, fd, "socket");

	if (r < 0)
		mr_log(MR_LOG_ERROR, "%s", fd < 0 ? why : "the HTTP server does not start");
	return r;
}

// Without a file nobody is told; a file that is wrong is no start.
static int load_alarms(void)
{
	const char *path = getenv("MILLRACE_ALARMS_FILE");
	char why[MR_ALERT_SETTINGS_WHY_BYTES];
	const int r =
		mr_alert_settings_load(path ? path : "/etc/millrace/alarms.yaml", &alarms, why);

	if (r == -ENOENT && !path) {
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
		|| mr_ban_list_new(&daemon->bans) < 0 || mr_board_new(&daemon->board) < 0
		|| mr_history_new(&daemon->history) < 0
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
	mr_history_free(daemon->history);
	mr_watch_stop(daemon->watch);
	mr_alert_settings_free(&alarms);
	mr_board_free(daemon->board);
	mr_ban_list_free(daemon->bans);
	mr_tokens_free(daemon->tokens);
	mr_store_close(daemon->store);
}

static int run(const struct mr_settings *settings)
{
	struct mr_daemon daemon = {.settings = settings, .started_at_ns = mr_now_wall_ns()};
	struct mr_server *server = NULL;
	int code = MR_EXIT_FAILED;

	if (load_alarms() < 0)
		return MR_EXIT_CONFIG;
	take_signals();
	hold_signals(SIG_BLOCK);
	if (make_parts(&daemon) == 0 && start_listening(&daemon, &server) == 0) {
		hold_signals(SIG_UNBLOCK);
		mr_notify("READY=1");
		mr_ticker_run(&daemon, &stop);
		mr_notify("STOPPING=1");
		code = MR_EXIT_DONE;
	}
	mr_workers_stop(daemon.workers);
	mr_server_stop(server);
	free_parts(&daemon);
	return code;
}

int main(void)
{
	struct mr_settings settings;

	umask(0077);
	mr_settings_defaults(&settings);
	return run(&settings);
}
