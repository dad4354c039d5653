#include "line.h"

#include <errno.h>

#include "direct_acts.h"

void mr_line_init(struct mr_line *line, const char *path, uint32_t timeout_ms)
{
	*line = (struct mr_line){.direct = {.fd = -1}, .path = path, .timeout_ms = timeout_ms};
}

void mr_line_close(struct mr_line *line)
{
	mr_direct_close(&line->direct);
}

int mr_line_open(struct mr_line *line, char *ret_why)
{
	if (line->direct.fd >= 0)
		return 0;
	const int r = mr_direct_open(&line->direct, line->path, ret_why);

	line->direct.flags = MR_CONTROL_OF_DAEMON;
	return r < 0 ? r : mr_direct_wait(&line->direct, line->timeout_ms);
}

bool mr_line_again(struct mr_line *line, int r)
{
	if (r == -EPIPE || r == -ECONNRESET || r == -ETIMEDOUT || r == -EPROTO)
		mr_direct_close(&line->direct);
	if (r == -EPIPE && line->tries++ == 0)
		return true;
	line->tries = 0;
	return false;
}

int mr_line_act(struct mr_line *line, enum mr_control_type type, const void *body,
	size_t body_bytes, struct mr_control_effect *ret_effect, char *ret_why)
{
	int r;

	do {
		r = mr_line_open(line, ret_why);
		if (r == 0)
			r = mr_direct_act(
				&line->direct, type, body, body_bytes, ret_effect, ret_why);
	} while (mr_line_again(line, r));
	return r;
}
