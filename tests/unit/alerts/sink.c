#include "sink.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS_MAX = 32, REQUEST_BYTES = 16384 };

struct sink {
	int fd;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	atomic_int status;
	atomic_uint count;
	char requests[REQUESTS_MAX][REQUEST_BYTES];
};

static void check(bool good)
{
	if (!good) {
		perror("sink");
		abort();
	}
}

// Head, and the body that its Content-Length announces.
static size_t read_request(int fd, char *text)
{
	size_t length = 0, whole = SIZE_MAX;

	while (length < whole && length < REQUEST_BYTES - 1) {
		ssize_t r = read(fd, text + length, REQUEST_BYTES - 1 - length);

		if (r <= 0)
			break;
		length += (size_t)r;
		text[length] = 0;
		const char *body = strstr(text, "\r\n\r\n");
		const char *announced = strstr(text, "Content-Length: ");

		if (body && announced)
			whole = (size_t)(body + 4 - text) + strtoul(announced + 16, NULL, 10);
	}
	return length;
}

static void serve(struct sink *sink, int fd)
{
	const unsigned index = atomic_load(&sink->count);
	char answer[64];

	if (index < REQUESTS_MAX && read_request(fd, sink->requests[index]) > 0) {
		while (atomic_load(&sink->status) == 0 && !atomic_load(&sink->stop))
			usleep(1000);
		snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n",
			atomic_load(&sink->status));
		check(write(fd, answer, strlen(answer)) > 0 || atomic_load(&sink->stop));
		atomic_store(&sink->count, index + 1);
	}
	close(fd);
}

static void *run(void *context)
{
	struct sink *sink = context;

	while (!atomic_load(&sink->stop)) {
		if (poll(&(struct pollfd){.fd = sink->fd, .events = POLLIN}, 1, 10) > 0)
			serve(sink, accept(sink->fd, NULL, NULL));
	}
	return NULL;
}

struct sink *sink_open(void)
{
	struct sink *sink = calloc(1, sizeof(*sink));
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	check(sink != NULL);
	sink->status = 200;
	sink->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(sink->fd >= 0 && bind(sink->fd, (struct sockaddr *)&address, sizeof(address)) == 0
		&& listen(sink->fd, 8) == 0
		&& getsockname(sink->fd, (struct sockaddr *)&address, &length) == 0);
	sink->port = ntohs(address.sin_port);
	check(pthread_create(&sink->thread, NULL, run, sink) == 0);
	return sink;
}

void sink_close(struct sink *sink)
{
	atomic_store(&sink->stop, true);
	pthread_join(sink->thread, NULL);
	close(sink->fd);
	free(sink);
}

uint16_t sink_port(const struct sink *sink)
{
	return sink->port;
}

void sink_answer(struct sink *sink, int status)
{
	atomic_store(&sink->status, status);
}

uint32_t sink_count(struct sink *sink)
{
	return atomic_load(&sink->count);
}

bool sink_wait(struct sink *sink, uint32_t count)
{
	for (int i = 0; i < 2000 && sink_count(sink) < count; i++)
		usleep(1000);
	return sink_count(sink) >= count;
}

const char *sink_request(struct sink *sink, uint32_t index)
{
	return sink->requests[index];
}
