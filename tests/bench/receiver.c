#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
	CONNECTIONS = 1024, // file descriptors below
	HEADERS = 2048, // longest headers
	FIRST = 16384,
	BUFFER = 1 << 18,
	READY = 64,
};

struct mr_receiver { // shared with the child
	_Atomic uint64_t requests;
	_Atomic uint32_t first_length;
	char first[FIRST];
	pid_t pid;
	uint16_t port;
	int fd;
	uint32_t delay_us;
};

struct connection {
	uint32_t kept; // bytes of headers that are not whole yet
	uint64_t body_left;
	char headers[HEADERS];
};

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void answer(struct mr_receiver *receiver, int fd)
{
	struct timespec delay = {.tv_nsec = (long)receiver->delay_us * 1000};
	if (receiver->delay_us > 0)
		nanosleep(&delay, NULL);
	atomic_fetch_add_explicit(&receiver->requests, 1, memory_order_relaxed);
	if (send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL) < 0)
		shutdown(fd, SHUT_RDWR);
}

// The length of a body; the headers end in an empty line.
static uint64_t content_length(const char *headers, const char *end)
{
	static const char name[] = "\nContent-Length:";
	for (const char *at = headers; at + sizeof(name) < end; at++)
		if (*at == '\n' && strncasecmp(at, name, sizeof(name) - 1) == 0)
			return strtoull(at + sizeof(name) - 1, NULL, 10);
	return 0;
}

static void keep_first(struct mr_receiver *receiver, const char *request, size_t length)
{
	if (atomic_load(&receiver->first_length) != 0 || length > FIRST)
		return;
	memcpy(receiver->first, request, length);
	atomic_store(&receiver->first_length, (uint32_t)length);
}

// Whole headers in front of `bytes`? Then what they say is taken in, and their length returned.
static size_t take_headers(struct mr_receiver *receiver, struct connection *connection,
	const char *bytes, size_t length)
{
	const char *end = memmem(bytes, length, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	size_t headers = (size_t)(end - bytes) + 4;
	connection->body_left = content_length(bytes, bytes + headers);
	if (headers + connection->body_left == length)
		keep_first(receiver, bytes, length);
	return headers;
}

static void take(struct mr_receiver *receiver, struct connection *connection, int fd, char *bytes,
	size_t length)
{
	while (length > 0) {
		if (connection->body_left == 0) {
			size_t headers = take_headers(receiver, connection, bytes, length);
			if (headers == 0 && length < HEADERS) {
				memcpy(connection->headers, bytes, length);
				connection->kept = (uint32_t)length;
				return;
			}
			bytes += headers;
			length -= headers;
		}
		size_t body = length < connection->body_left ? length : connection->body_left;
		connection->body_left -= body;
		bytes += body;
		length -= body;
		if (connection->body_left == 0)
			answer(receiver, fd);
	}
}

static void readable(struct mr_receiver *receiver, struct connection *connection, int fd)
{
	static char buffer[HEADERS + BUFFER];
	memcpy(buffer, connection->headers, connection->kept);
	ssize_t got = recv(fd, buffer + connection->kept, BUFFER, MSG_DONTWAIT);
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			close(fd);
		return;
	}
	size_t length = connection->kept + (size_t)got;
	connection->kept = 0;
	take(receiver, connection, fd, buffer, length);
}

static void serve(struct mr_receiver *receiver)
{
	static struct connection connections[CONNECTIONS];
	struct epoll_event events[READY], event = {.events = EPOLLIN, .data.fd = receiver->fd};
	int epoll = epoll_create1(0), yes = 1;
	epoll_ctl(epoll, EPOLL_CTL_ADD, receiver->fd, &event);
	for (;;) {
		int count = epoll_wait(epoll, events, READY, -1);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (fd != receiver->fd) {
				readable(receiver, &connections[fd], fd);
				continue;
			}
			fd = accept4(receiver->fd, NULL, NULL, SOCK_NONBLOCK);
			if (fd < 0)
				continue;
			if (fd >= CONNECTIONS) {
				close(fd);
				continue;
			}
			memset(&connections[fd], 0, sizeof(connections[fd]));
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
			event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
			epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
		}
	}
}

static int listen_anywhere(uint16_t *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 256) < 0
		|| getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
		close(fd);
		return -1;
	}
	*ret_port = ntohs(address.sin_port);
	return fd;
}

struct mr_receiver *mr_receiver_start(unsigned cpu, uint32_t delay_us)
{
	struct mr_receiver *receiver = mmap(
		NULL, sizeof(*receiver), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (receiver == MAP_FAILED)
		return NULL;
	receiver->delay_us = delay_us;
	receiver->fd = listen_anywhere(&receiver->port);
	fflush(NULL);
	pid_t parent = getpid();
	pid_t pid = receiver->fd < 0 ? -1 : fork();
	if (pid < 0) {
		munmap(receiver, sizeof(*receiver));
		return NULL;
	}
	if (pid > 0) {
		receiver->pid = pid;
		return receiver;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	mr_bench_pin(cpu);
	serve(receiver);
	_exit(0);
}

void mr_receiver_stop(struct mr_receiver *receiver)
{
	kill(receiver->pid, SIGKILL);
	waitpid(receiver->pid, NULL, 0);
	close(receiver->fd);
	munmap(receiver, sizeof(*receiver));
}

uint16_t mr_receiver_port(const struct mr_receiver *receiver)
{
	return receiver->port;
}

struct mr_receiver_use mr_receiver_use(const struct mr_receiver *receiver)
{
	struct mr_receiver_use use = {
		.requests = atomic_load_explicit(&receiver->requests, memory_order_relaxed)};
	mr_bench_schedstat(receiver->pid, &use.cpu_s, &use.queued_s);
	return use;
}

uint32_t mr_receiver_first(const struct mr_receiver *receiver, const char **ret_request)
{
	*ret_request = receiver->first;
	return atomic_load(&receiver->first_length);
}
