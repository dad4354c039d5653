// The webhooks as the data plane lists them. It holds the truth: the daemon keeps none of its own,
// reads one again after changing it, and all of them when the data plane has changed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/control.h>

#include "direct.h"

struct mr_webhook_book;

int mr_webhook_book_new(struct mr_webhook_book **ret_book);
void mr_webhook_book_free(struct mr_webhook_book *book); // accepts NULL

// Of the ticker: reads all of them when the configuration in force is another one than at the last
// time, at most once in so many seconds as there are ten thousands of them.
void mr_webhook_book_tick(
	struct mr_webhook_book *book, struct mr_direct *direct, uint64_t generation);
// Reads one again. 0, or a negative errno with the reason: what was known stays.
int mr_webhook_book_read(
	struct mr_webhook_book *book, struct mr_direct *direct, uint64_t id, char *ret_why);
bool mr_webhook_book_known(struct mr_webhook_book *book); // was read at least once
bool mr_webhook_book_find(
	struct mr_webhook_book *book, uint64_t id, struct mr_control_webhook_row *ret_row);
// The first one with an id above `after`; false: there is none.
bool mr_webhook_book_next(
	struct mr_webhook_book *book, uint64_t after, struct mr_control_webhook_row *ret_row);
