#include "hostile_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS_MAX = 256, REQUEST_BYTES_MAX = 1 << 18 };

struct hostile_server {
	int listener;
	uint16_t port;
	pthread_t acceptor;
	pthread_t threads[THREADS_MAX];
	uint32_t threads_count; // of the acceptor alone
	_Atomic uint32_t connections;
	_Atomic uint64_t body_bytes;
	_Atomic bool stopping;
};

struct visitor {
	struct hostile_server *server;
	int fd;
};

static bool say(int fd, const char *text)
{
	size_t length = strlen(text);

	return send(fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

// Reads one whole request into `bytes`. Returns the length of its body, or -1.
static ssize_t read_request(int fd, char *bytes)
{
	size_t have = 0;

	for (;;) {
		ssize_t got = read(fd, bytes + have, REQUEST_BYTES_MAX - 1 - have);
		if (got <= 0)
			return -1;
		have += (size_t)got;
		bytes[have] = '\0';
		const char *end = strstr(bytes, "\r\n\r\n");
		if (end == NULL)
			continue;
		const char *length = strstr(bytes, "\r\nContent-Length: ");
		size_t body = length == NULL ? 0 : strtoul(length + 18, NULL, 10);
		if (have >= (size_t)(end + 4 - bytes) + body)
			return (ssize_t)body;
	}
}

static void reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void drip(const struct hostile_server *server, int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\nX-Slow: ");
	while (!server->stopping && say(fd, "y"))
		usleep(20000);
}

static void flood(const struct hostile_server *server, int fd)
{
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (!server->stopping && send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		continue;
}

// True while the connection goes on.
static bool answer(struct hostile_server *server, int fd, const char *request, ssize_t body)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	const char *path = request + strlen("POST ");

	if (strncmp(path, "/ok ", 4) == 0) {
		const char *bytes = strstr(request, "\r\n\r\n") + 4;
		for (ssize_t i = 0; i < body; i++) {
			if (bytes[i] != (char)('a' + i % 26))
				return false;
		}
		server->body_bytes += (uint64_t)body;
		return say(fd, ok);
	}
	if (strncmp(path, "/after ", 7) == 0)
		return say(fd, ok) && false;
	if (strncmp(path, "/cut ", 5) == 0)
		return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell") && false;
	if (strncmp(path, "/reset ", 7) == 0)
		reset(fd);
	else if (strncmp(path, "/slow ", 6) == 0)
		drip(server, fd);
	else if (strncmp(path, "/endless ", 9) == 0)
		flood(server, fd);
	else if (strncmp(path, "/hang ", 6) == 0)
		return true;
	return false; // /close and whatever else
}

static void *visit(void *arg)
{
	struct visitor *visitor = arg;
	char *request = malloc(REQUEST_BYTES_MAX);
	int fd = visitor->fd;

	for (;;) {
		char first[16] = "";
		ssize_t peeked = recv(fd, first, sizeof(first) - 1, MSG_PEEK);
		if (peeked > 0
			&& strncmp(first, "POST /early ", 12) == 0) { // answers before it has read
			say(fd, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
			shutdown(fd, SHUT_WR);
			usleep(50000);
			break;
		}
		ssize_t body = read_request(fd, request);
		if (body < 0 || !answer(visitor->server, fd, request, body))
			break;
	}
	shutdown(fd, SHUT_WR);
	close(fd);
	free(request);
	free(visitor);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct hostile_server *server = arg;

	while (server->threads_count < THREADS_MAX) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0 || server->stopping) {
			if (fd >= 0)
				close(fd);
			break;
		}
		struct visitor *visitor = malloc(sizeof(*visitor));
		if (visitor == NULL)
			abort();
		*visitor = (struct visitor){.server = server, .fd = fd};
		server->connections++;
		if (pthread_create(&server->threads[server->threads_count++], NULL, visit, visitor)
			!= 0)
			abort();
	}
	return NULL;
}

struct hostile_server *hostile_server_start(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	struct hostile_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		abort();
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server->listener, (struct sockaddr *)&address, length) != 0
		|| listen(server->listener, 64) != 0
		|| getsockname(server->listener, (struct sockaddr *)&address, &length) != 0
		|| pthread_create(&server->acceptor, NULL, accept_all, server) != 0)
		abort();
	server->port = ntohs(address.sin_port);
	return server;
}

// Every client has closed its connections by now, so every visit ends.
void hostile_server_stop(struct hostile_server *server)
{
	server->stopping = true;
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->acceptor, NULL);
	for (uint32_t i = 0; i < server->threads_count; i++)
		pthread_join(server->threads[i], NULL);
	close(server->listener);
	free(server);
}

struct mr_address hostile_server_address(const struct hostile_server *server)
{
	return (struct mr_address){
		.ip = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, .port = server->port};
}

uint32_t hostile_server_connections(const struct hostile_server *server)
{
	return server->connections;
}

uint64_t hostile_server_body_bytes(const struct hostile_server *server)
{
	return server->body_bytes;
}
