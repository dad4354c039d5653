// Whether a webhook that is asked for over the control socket may be, and what it becomes.
#pragma once

#include <millrace/control.h>

#include "posted.h"
#include "registry.h"

// 0, or a negative errno with a sentence: -EINVAL, -EACCES the target is not permitted, -EEXIST
// the user has one for the resource and target, -ENOSPC the resource has as many as it may have.
int mr_webhook_judge_new(const struct mr_registry *registry,
	const struct mr_control_webhook *webhook, const struct mr_guard *guard, char *ret_why,
	size_t why_size);
// One that was judged gets an id and, unless one was given, a secret. 0 or negative errno with a
// sentence.
int mr_webhook_make(const struct mr_registry *registry, struct mr_posted_set *set,
	const struct mr_control_webhook *webhook, int64_t wall_ns, struct mr_posted **ret_posted,
	char *ret_why, size_t why_size);
// Changes what is there as it is asked for. The same, and -ENOENT, -EPERM the configuration's.
int mr_webhook_change(const struct mr_registry *registry, struct mr_posted_set *set,
	const struct mr_control_webhook *webhook, const struct mr_guard *guard, char *ret_why,
	size_t why_size);
