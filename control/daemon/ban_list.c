#include "ban_list.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "direct_acts.h"

struct content {
	uint32_t count;
	struct mr_paused paused[MR_PAUSES];
	struct mr_ban bans[MR_BANS_MAX]; // ascending by id
};

struct mr_ban_list {
	pthread_mutex_t reading; // held while a reader asks the data plane
	pthread_mutex_t lock; // of what follows: held for the length of a search
	bool known;
	struct content *now;
	struct content *next; // of who reads
	struct mr_control_bans page; // of who reads
};

int mr_ban_list_new(struct mr_ban_list **ret_list)
{
	struct mr_ban_list *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	pthread_mutex_init(&list->reading, NULL);
	pthread_mutex_init(&list->lock, NULL);
	list->now = calloc(1, sizeof(*list->now));
	list->next = calloc(1, sizeof(*list->next));
	if (!list->now || !list->next) {
		mr_ban_list_free(list);
		return -ENOMEM;
	}
	*ret_list = list;
	return 0;
}

void mr_ban_list_free(struct mr_ban_list *list)
{
	if (!list)
		return;
	free(list->now);
	free(list->next);
	pthread_mutex_destroy(&list->reading);
	pthread_mutex_destroy(&list->lock);
	free(list);
}

static int read_pages(struct mr_ban_list *list, struct mr_direct *direct, char *ret_why)
{
	struct content *next = list->next;
	struct mr_control_bans *page = &list->page;
	uint64_t after = 0;

	next->count = 0;
	do {
		const int r = mr_direct_bans(direct, after, page, ret_why);

		if (r < 0)
			return r;
		memcpy(next->paused, page->paused, sizeof(next->paused));
		for (uint32_t i = 0; i < page->count && next->count < MR_BANS_MAX; i++) {
			after = page->bans[i].id;
			next->bans[next->count++] = page->bans[i];
		}
	} while (page->more && page->count > 0 && next->count < MR_BANS_MAX);
	return 0;
}

int mr_ban_list_read(struct mr_ban_list *list, struct mr_direct *direct, char *ret_why)
{
	pthread_mutex_lock(&list->reading);
	const int r = read_pages(list, direct, ret_why);

	if (r == 0) {
		struct content *before = list->now;

		pthread_mutex_lock(&list->lock);
		list->now = list->next;
		list->known = true;
		pthread_mutex_unlock(&list->lock);
		list->next = before;
	}
	pthread_mutex_unlock(&list->reading);
	return r;
}

bool mr_ban_list_known(struct mr_ban_list *list)
{
	pthread_mutex_lock(&list->lock);
	const bool known = list->known;

	pthread_mutex_unlock(&list->lock);
	return known;
}

uint32_t mr_ban_list_count(struct mr_ban_list *list)
{
	pthread_mutex_lock(&list->lock);
	const uint32_t count = list->now->count;

	pthread_mutex_unlock(&list->lock);
	return count;
}

bool mr_ban_list_find(
	struct mr_ban_list *list, const struct mr_scope *scope, struct mr_ban *ret_ban)
{
	bool found = false;

	pthread_mutex_lock(&list->lock);
	for (uint32_t i = 0; i < list->now->count && !found; i++) {
		const struct mr_ban *ban = &list->now->bans[i];

		found = ban->rule.scope.kind == scope->kind && ban->rule.scope.id == scope->id;
		if (found)
			*ret_ban = *ban;
	}
	pthread_mutex_unlock(&list->lock);
	return found;
}

bool mr_ban_list_next(struct mr_ban_list *list, uint64_t after, struct mr_ban *ret_ban)
{
	bool found = false;

	pthread_mutex_lock(&list->lock);
	for (uint32_t i = 0; i < list->now->count && !found; i++) {
		found = list->now->bans[i].id > after;
		if (found)
			*ret_ban = list->now->bans[i];
	}
	pthread_mutex_unlock(&list->lock);
	return found;
}

bool mr_ban_list_paused(struct mr_ban_list *list, enum mr_pause what, struct mr_paused *ret_paused)
{
	bool found = false;

	pthread_mutex_lock(&list->lock);
	for (uint32_t i = 0; i < MR_PAUSES && !found; i++) {
		found = list->now->paused[i].what == (uint32_t)what;
		if (found)
			*ret_paused = list->now->paused[i];
	}
	pthread_mutex_unlock(&list->lock);
	return found;
}
