#include "failpoint.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "mr_assert.h"

static const struct mr_failpoint_info infos[] = {
#define X(name, when) [MR_FAILPOINT_##name] = {#name, when},
	MR_FAILPOINTS(X)
#undef X
};

const struct mr_failpoint_info *mr_failpoint_info(enum mr_failpoint point)
{
	mr_assert(point < MR_FAILPOINT_COUNT);
	return &infos[point];
}

#ifdef MR_FAILPOINTS_BUILT

static enum mr_failpoint armed = MR_FAILPOINT_COUNT; // none; written before the threads start
static _Atomic uint64_t passes_left;

bool mr_failpoint_built(void)
{
	return true;
}

int mr_failpoint_arm(const char *text)
{
	const char *colon = strchr(text, ':');
	uint64_t count;
	if (colon == NULL || mr_parse_u64(colon + 1, strlen(colon + 1), &count) != 0 || count == 0)
		return -EINVAL;
	size_t length = (size_t)(colon - text);
	for (enum mr_failpoint point = 0; point < MR_FAILPOINT_COUNT; point++) {
		if (strlen(infos[point].name) != length
			|| memcmp(infos[point].name, text, length) != 0)
			continue;
		armed = point;
		atomic_store(&passes_left, count);
		return 0;
	}
	return -EINVAL;
}

void mr_failpoint_pass(enum mr_failpoint point)
{
	if (point == armed && atomic_fetch_sub(&passes_left, 1) == 1)
		(void)kill(getpid(), SIGKILL);
}

#else

bool mr_failpoint_built(void)
{
	return false;
}

int mr_failpoint_arm(const char *text)
{
	(void)text;
	return -ENOTSUP;
}

#endif
