#include "snapshot.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { LOOK_TIMEOUT_MS = 1000 };

struct mr_board {
	pthread_mutex_t lock; // of `now`: held for the length of an assignment
	struct mr_snapshot *now;
};

static void copy_table(uint8_t *to, uint64_t *at, const struct mr_stats *stats, uint64_t from,
	uint64_t bytes, uint64_t *ret_at)
{
	memcpy(to + *at, (const uint8_t *)stats + from, bytes);
	*ret_at = *at;
	*at += bytes;
}

// One behind the last webhook row that is used.
static uint32_t webhooks_used(const struct mr_stats *stats)
{
	const struct mr_stats_webhook *rows = mr_stats_webhooks(stats);
	uint32_t used = stats->webhooks_max;

	while (used > 0 && mr_read(&rows[used - 1].webhook) == 0)
		used--;
	return used;
}

struct mr_stats *mr_stats_copy(const struct mr_stats *stats, uint32_t *ret_bytes)
{
	const uint32_t webhooks = webhooks_used(stats);
	const uint64_t stages = stats->stages_count * sizeof(struct mr_stats_stage);
	const uint64_t scopes = (uint64_t)stats->shards * MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX
		* sizeof(struct mr_stats_scope);
	const uint64_t tops = (uint64_t)stats->shards * MR_TOP_KINDS * MR_TOP_TABLES
		* sizeof(struct mr_stats_top);
	const uint64_t rows = webhooks * sizeof(struct mr_stats_webhook);
	uint64_t at = (sizeof(*stats) + 7) & ~UINT64_C(7);
	const uint64_t bytes = at + stages + scopes + tops + rows;
	struct mr_stats *copy = calloc(1, bytes);

	if (!copy)
		return NULL;
	*copy = *stats;
	copy->bytes = bytes;
	copy->webhooks_max = webhooks;
	copy->deliveries = 0;
	copy_table((uint8_t *)copy, &at, stats, stats->stages_at, stages, &copy->stages_at);
	copy_table((uint8_t *)copy, &at, stats, stats->scopes_at, scopes, &copy->scopes_at);
	copy_table((uint8_t *)copy, &at, stats, stats->tops_at, tops, &copy->tops_at);
	copy_table((uint8_t *)copy, &at, stats, stats->webhooks_at, rows, &copy->webhooks_at);
	copy->attempts_at = bytes & ~UINT64_C(7);
	copy->taps_at = copy->attempts_at;
	*ret_bytes = (uint32_t)bytes;
	return copy;
}

const struct mr_snapshot *mr_snapshot_take(struct mr_board *board)
{
	pthread_mutex_lock(&board->lock);
	struct mr_snapshot *snapshot = board->now;

	atomic_fetch_add(&snapshot->holders, 1);
	pthread_mutex_unlock(&board->lock);
	return snapshot;
}

void mr_snapshot_drop(const struct mr_snapshot *snapshot)
{
	struct mr_snapshot *mine = (struct mr_snapshot *)(uintptr_t)snapshot;

	if (!mine || atomic_fetch_sub(&mine->holders, 1) > 1)
		return;
	free((void *)(uintptr_t)mine->stats);
	free(mine);
}

int mr_board_new(struct mr_board **ret_board)
{
	struct mr_board *board = calloc(1, sizeof(*board));
	struct mr_snapshot *first = calloc(1, sizeof(*first));

	if (!board || !first) {
		free(board);
		free(first);
		return -ENOMEM;
	}
	first->holders = 1;
	first->at_ns = mr_now_wall_ns();
	first->at_mono_ns = mr_now_mono_ns();
	snprintf(first->why, sizeof(first->why), "the daemon has only just started");
	pthread_mutex_init(&board->lock, NULL);
	board->now = first;
	*ret_board = board;
	return 0;
}

void mr_board_free(struct mr_board *board)
{
	if (!board)
		return;
	mr_snapshot_drop(board->now);
	pthread_mutex_destroy(&board->lock);
	free(board);
}

// The stages' youngest step is so old that nothing of the router moves: it is stopped.
static bool stands_still(const struct mr_stats *stats, uint64_t now_mono_ns)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	uint64_t youngest = 0;

	for (uint32_t i = 0; i < stats->stages_count; i++) {
		const uint64_t beat = mr_read(&stages[i].heartbeat_ns);

		youngest = beat > youngest ? beat : youngest;
	}
	return youngest > 0 && now_mono_ns > youngest + UINT64_C(2000000000);
}

static int ask_status(struct mr_direct *direct, const char *path, struct mr_snapshot *snapshot)
{
	struct pollfd gone = {.fd = direct->fd, .events = POLLIN};
	int r = 0;

	if (direct->fd >= 0 && poll(&gone, 1, 0) == 1 && (gone.revents & (POLLHUP | POLLERR)))
		mr_direct_close(direct);
	if (direct->fd < 0) {
		r = mr_direct_open(direct, path, snapshot->why);
		if (r == 0)
			r = mr_direct_wait(direct, LOOK_TIMEOUT_MS);
	} else if (stands_still(direct->stats, mr_now_mono_ns())) {
		snprintf(snapshot->why, sizeof(snapshot->why),
			"millraced stands still: none of its stages has moved for 2 s");
		return -ETIMEDOUT;
	}
	if (r == 0)
		r = mr_direct_status(direct, &snapshot->status, snapshot->why);
	// One that is stuck keeps its connection: to open another one takes longer than to see in
	// the segment that it moves again. The late reply then fits no request, and ends this one.
	if (r < 0 && r != -ETIMEDOUT)
		mr_direct_close(direct);
	return r;
}

// What was last seen stays on show, marked as old.
static void keep_last(struct mr_snapshot *snapshot, const struct mr_snapshot *last)
{
	snapshot->seen_at_ns = last->seen_at_ns;
	snapshot->welcome = last->welcome;
	snapshot->status = last->status;
	snapshot->ledgers = last->ledgers;
	if (!last->stats)
		return;
	struct mr_stats *copy = malloc(last->stats_bytes);

	if (copy) {
		memcpy(copy, last->stats, last->stats_bytes);
		snapshot->stats = copy;
		snapshot->stats_bytes = last->stats_bytes;
	}
}

int mr_board_look(struct mr_board *board, struct mr_direct *direct, const char *path)
{
	struct mr_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct mr_snapshot *last = board->now; // only this function changes it

	if (!snapshot)
		return -ENOMEM;
	const int r = ask_status(direct, path, snapshot);

	snapshot->holders = 1;
	snapshot->number = last->number + 1;
	snapshot->at_ns = mr_now_wall_ns();
	snapshot->at_mono_ns = mr_now_mono_ns();
	if (r == 0) {
		snapshot->connected = true;
		snapshot->seen_at_ns = snapshot->at_ns;
		snapshot->welcome = direct->welcome;
		mr_ledgers_read(direct->stats, &snapshot->ledgers);
		snapshot->stats = mr_stats_copy(direct->stats, &snapshot->stats_bytes);
	} else {
		keep_last(snapshot, last);
	}
	mr_second_make(last, snapshot, &snapshot->second);
	pthread_mutex_lock(&board->lock);
	board->now = snapshot;
	pthread_mutex_unlock(&board->lock);
	mr_snapshot_drop(last);
	return r;
}
