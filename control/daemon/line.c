#include "line.h"

#include <errno.h>

void mr_line_init(struct mr_line *line, const char *path, uint32_t timeout_ms)
{
	*line = (struct mr_line){.direct = {.fd = -1}, .path = path, .timeout_ms = timeout_ms};
}

void mr_line_close(struct mr_line *line)
{
	mr_direct_close(&line->direct);
}

static int connect_line(struct mr_line *line, char *ret_why)
{
	if (line->direct.fd >= 0)
		return 0;
	const int r = mr_direct_open(&line->direct, line->path, ret_why);

	return r < 0 ? r : mr_direct_wait(&line->direct, line->timeout_ms);
}

int mr_line_ask(struct mr_line *line, enum mr_control_type type, const void *body,
	size_t body_bytes, void *ret_body, size_t ret_bytes, char *ret_why)
{
	int r = -EPIPE;

	for (int tries = 0; tries < 2 && r == -EPIPE; tries++) {
		r = connect_line(line, ret_why);
		if (r == 0)
			r = mr_direct_ask(&line->direct, type, body, body_bytes, ret_body,
				ret_bytes, ret_why);
		if (r == -EPIPE || r == -ECONNRESET || r == -ETIMEDOUT || r == -EPROTO)
			mr_direct_close(&line->direct);
	}
	return r;
}
