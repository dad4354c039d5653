// The daemon: its parts, and how they find each other. Made in main, alive until the end.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mr_attempt_log;
struct mr_ban_list;
struct mr_board;
struct mr_history;
struct mr_listeners;
struct mr_settings;
struct mr_store;
struct mr_tail_log;
struct mr_tokens;
struct mr_watch;
struct mr_webhook_book;
struct mr_workers;

struct mr_daemon {
	const struct mr_settings *settings;
	struct mr_store *store;
	struct mr_tokens *tokens;
	struct mr_ban_list *bans;
	struct mr_webhook_book *webhooks;
	struct mr_attempt_log *attempts;
	struct mr_board *board; // the snapshot of this second
	struct mr_history *history;
	struct mr_tail_log *tail;
	struct mr_listeners *listeners;
	struct mr_workers *workers;
	struct mr_watch *watch; // alarms
	int64_t started_at_ns; // wall clock
};
