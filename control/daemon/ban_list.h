// The bans and pauses in force, as the data plane lists them. It holds the truth: the daemon keeps
// none of its own, and reads the list again after every change.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/ban.h>

#include "line.h"

struct mr_ban_list;

int mr_ban_list_new(struct mr_ban_list **ret_list);
void mr_ban_list_free(struct mr_ban_list *list); // accepts NULL

// Reads the whole list, page by page; one thread at a time does. 0, or a negative errno with the
// reason: what was known stays.
int mr_ban_list_read(struct mr_ban_list *list, struct mr_direct *direct, char *ret_why);
bool mr_ban_list_known(struct mr_ban_list *list); // was read at least once
uint32_t mr_ban_list_count(struct mr_ban_list *list);
bool mr_ban_list_find(
	struct mr_ban_list *list, const struct mr_scope *scope, struct mr_ban *ret_ban);
// The first one with an id above `after`; false: there is none.
bool mr_ban_list_next(struct mr_ban_list *list, uint64_t after, struct mr_ban *ret_ban);
// What `what` (one bit) is paused with; false: it is not.
bool mr_ban_list_paused(struct mr_ban_list *list, enum mr_pause what, struct mr_paused *ret_paused);
