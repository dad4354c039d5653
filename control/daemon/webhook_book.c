#include "webhook_book.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "direct_webhooks.h"

// A row without the room that its texts do not need.
enum { HEAD_BYTES = offsetof(struct mr_control_webhook_row, resource_type) };
struct entry {
	uint64_t id;
	uint8_t head[HEAD_BYTES];
	char *texts; // resource type, target, filters, each terminated
};

struct list {
	uint32_t count, capacity;
	struct entry *entries; // ascending by id
};

struct mr_webhook_book {
	pthread_mutex_t lock; // of `now` and `known`: held for the length of a search
	pthread_mutex_t reading; // held while a reader asks the data plane
	bool known;
	struct list now;
	uint64_t boot_id, generation; // of the last reading of all
	uint64_t next_ns; // no earlier one
	struct mr_control_webhooks page; // of who reads
};

enum { PER_SECOND = 10000 };

static void clear(struct list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		free(list->entries[i].texts);
	free(list->entries);
	*list = (struct list){0};
}

int mr_webhook_book_new(struct mr_webhook_book **ret_book)
{
	struct mr_webhook_book *book = calloc(1, sizeof(*book));

	if (!book)
		return -ENOMEM;
	pthread_mutex_init(&book->lock, NULL);
	pthread_mutex_init(&book->reading, NULL);
	*ret_book = book;
	return 0;
}

void mr_webhook_book_free(struct mr_webhook_book *book)
{
	if (!book)
		return;
	clear(&book->now);
	pthread_mutex_destroy(&book->lock);
	pthread_mutex_destroy(&book->reading);
	free(book);
}

// -- One list

// Index of the first entry whose id is not below.
static uint32_t place_of(const struct list *list, uint64_t id)
{
	uint32_t low = 0;
	uint32_t high = list->count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (list->entries[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct list *list, uint32_t place, uint64_t id)
{
	return place < list->count && list->entries[place].id == id;
}

static void take_out(struct list *list, uint32_t place)
{
	free(list->entries[place].texts);
	list->count--;
	memmove(&list->entries[place], &list->entries[place + 1],
		(list->count - place) * sizeof(list->entries[0]));
}

static int put(struct list *list, const struct mr_control_webhook_row *row)
{
	const size_t type = strlen(row->resource_type) + 1;
	const size_t target = strlen(row->target) + 1;
	const size_t filters = strlen(row->filters) + 1;
	const uint32_t place = place_of(list, row->id);

	if (list->count == list->capacity) {
		const uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
		struct entry *entries = realloc(list->entries, capacity * sizeof(entries[0]));

		if (!entries)
			return -ENOMEM;
		list->entries = entries;
		list->capacity = capacity;
	}
	char *texts = malloc(type + target + filters);

	if (!texts)
		return -ENOMEM;
	memcpy(texts, row->resource_type, type);
	memcpy(texts + type, row->target, target);
	memcpy(texts + type + target, row->filters, filters);
	if (is_at(list, place, row->id))
		take_out(list, place);
	memmove(&list->entries[place + 1], &list->entries[place],
		(list->count - place) * sizeof(list->entries[0]));
	list->entries[place] = (struct entry){.id = row->id, .texts = texts};
	memcpy(list->entries[place].head, row, HEAD_BYTES);
	list->count++;
	return 0;
}

// Returns the text behind it.
static const char *give_text(char *into, size_t size, const char *text)
{
	const size_t length = strlen(text);

	mr_copy_text(into, size, text, length);
	return text + length + 1;
}

static void give(const struct entry *entry, struct mr_control_webhook_row *ret_row)
{
	const char *text = entry->texts;

	*ret_row = (struct mr_control_webhook_row){0};
	memcpy(ret_row, entry->head, HEAD_BYTES);
	text = give_text(ret_row->resource_type, sizeof(ret_row->resource_type), text);
	text = give_text(ret_row->target, sizeof(ret_row->target), text);
	(void)give_text(ret_row->filters, sizeof(ret_row->filters), text);
}

// -- Reading

static int read_all(struct mr_webhook_book *book, struct mr_direct *direct, struct list *ret_list)
{
	char why[MR_DIRECT_WHY_BYTES];
	uint64_t after = 0;

	*ret_list = (struct list){0};
	do {
		int r = mr_direct_webhooks(direct, after, &book->page, why);

		for (uint32_t i = 0; r == 0 && i < book->page.count; i++) {
			r = book->page.rows[i].id > after ? put(ret_list, &book->page.rows[i])
							  : -EPROTO;
			after = book->page.rows[i].id;
		}
		if (r < 0) {
			clear(ret_list);
			return r;
		}
	} while (book->page.more && book->page.count > 0);
	return 0;
}

void mr_webhook_book_tick(
	struct mr_webhook_book *book, struct mr_direct *direct, uint64_t generation)
{
	const uint64_t boot_id = direct->welcome.boot_id;
	const uint64_t now_ns = mr_now_mono_ns();
	struct list list;

	if (boot_id == book->boot_id && (generation == book->generation || now_ns < book->next_ns))
		return;
	pthread_mutex_lock(&book->reading);
	if (read_all(book, direct, &list) == 0) {
		pthread_mutex_lock(&book->lock);
		struct list before = book->now;

		book->now = list;
		book->known = true;
		pthread_mutex_unlock(&book->lock);
		clear(&before);
		book->boot_id = boot_id;
		book->generation = generation;
		book->next_ns = now_ns + UINT64_C(1000000000) * (book->now.count / PER_SECOND);
	}
	pthread_mutex_unlock(&book->reading);
}

int mr_webhook_book_read(
	struct mr_webhook_book *book, struct mr_direct *direct, uint64_t id, char *ret_why)
{
	pthread_mutex_lock(&book->reading);
	int r = mr_direct_webhooks(direct, id - 1, &book->page, ret_why);

	if (r == 0) {
		pthread_mutex_lock(&book->lock);
		const uint32_t place = place_of(&book->now, id);

		if (book->page.count > 0 && book->page.rows[0].id == id)
			r = put(&book->now, &book->page.rows[0]);
		else if (is_at(&book->now, place, id))
			take_out(&book->now, place);
		pthread_mutex_unlock(&book->lock);
	}
	pthread_mutex_unlock(&book->reading);
	return r;
}

bool mr_webhook_book_known(struct mr_webhook_book *book)
{
	pthread_mutex_lock(&book->lock);
	const bool known = book->known;

	pthread_mutex_unlock(&book->lock);
	return known;
}

bool mr_webhook_book_find(
	struct mr_webhook_book *book, uint64_t id, struct mr_control_webhook_row *ret_row)
{
	return id != 0 && mr_webhook_book_next(book, id - 1, ret_row) && ret_row->id == id;
}

bool mr_webhook_book_next(
	struct mr_webhook_book *book, uint64_t after, struct mr_control_webhook_row *ret_row)
{
	bool found = false;

	pthread_mutex_lock(&book->lock);
	if (after < UINT64_MAX) {
		const uint32_t place = place_of(&book->now, after + 1);

		found = place < book->now.count;
		if (found)
			give(&book->now.entries[place], ret_row);
	}
	pthread_mutex_unlock(&book->lock);
	return found;
}
