#include "sink_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load_clock.h"
#include "load_frames.h"
#include "mr_assert.h"

enum { READ_BYTES = 131072, EVENTS_MAX = 64, REPLY_BYTES_MAX = 512 };

struct connection {
	int fd;
	uint32_t endpoint;
	uint64_t served;
	bool waiting; // a request is unanswered: nothing more is read
	struct connection *next; // free list, or the line of late answers
	uint64_t due_ns;
	size_t reply_bytes;
	bool close_after_reply;
	char reply[REPLY_BYTES_MAX];
	struct mr_http_request request;
};

struct mr_sink_http {
	struct mr_sink_http_owner owner;
	int epoll_fd;
	uint32_t endpoints;
	int listeners[MR_SINK_ENDPOINTS_MAX];
	struct connection *connections; // MR_SINK_CONNECTIONS_MAX
	struct connection *free;
	// every answer is late by the same time: the line is in order
	struct connection *late_first;
	struct connection *late_last;
	uint32_t connections_count;
	uint8_t bytes[READ_BYTES];
};

static int listen_on(const struct mr_station *station, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	memcpy(&v6.sin6_addr, station->ip, 16);
	memcpy(&v4.sin_addr, station->ip, 4);
	int fd = socket(
		station->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	int r = station->is_v6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
			       : bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (r < 0 || listen(fd, 1024) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int open_listeners(struct mr_sink_http *http, const char *address, const char **ret_why)
{
	struct mr_station station;
	uint16_t port = 9000;
	*ret_why = "--listen is no address: give 127.0.0.1:9000";
	if (mr_station_parse(address, &station, &port) < 0
		|| port + http->endpoints - 1 > UINT16_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < http->endpoints; i++) {
		int fd = listen_on(&station, (uint16_t)(port + i));
		*ret_why =
			"the port cannot be listened on: is another receiver running? choose another with --listen";
		if (fd < 0)
			return fd;
		http->listeners[i] = fd;
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &http->listeners[i]};
		if (epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
			return -errno;
	}
	return 0;
}

int mr_sink_http_open(const char *listen, uint32_t endpoints,
	const struct mr_sink_http_owner *owner, struct mr_sink_http **ret_http,
	const char **ret_why)
{
	mr_assert(endpoints > 0 && endpoints <= MR_SINK_ENDPOINTS_MAX);
	struct mr_sink_http *http = calloc(1, sizeof(*http));
	*ret_why = "no memory";
	if (http == NULL)
		return -ENOMEM;
	http->owner = *owner;
	http->endpoints = endpoints;
	for (uint32_t i = 0; i < MR_SINK_ENDPOINTS_MAX; i++)
		http->listeners[i] = -1;
	http->connections = calloc(MR_SINK_CONNECTIONS_MAX, sizeof(*http->connections));
	http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int r = http->epoll_fd < 0 ? -errno : http->connections == NULL ? -ENOMEM : 0;
	for (uint32_t i = 0; r == 0 && i < MR_SINK_CONNECTIONS_MAX; i++) {
		http->connections[i].fd = -1;
		http->connections[i].next = http->free;
		http->free = &http->connections[i];
	}
	if (r == 0)
		r = open_listeners(http, listen, ret_why);
	if (r < 0) {
		mr_sink_http_close(http);
		return r;
	}
	*ret_http = http;
	return 0;
}

void mr_sink_http_close(struct mr_sink_http *http)
{
	if (http == NULL)
		return;
	for (uint32_t i = 0; i < MR_SINK_ENDPOINTS_MAX; i++) {
		if (http->listeners[i] >= 0)
			close(http->listeners[i]);
	}
	for (uint32_t i = 0; http->connections != NULL && i < MR_SINK_CONNECTIONS_MAX; i++) {
		if (http->connections[i].fd >= 0)
			close(http->connections[i].fd);
		mr_http_request_fini(&http->connections[i].request);
	}
	if (http->epoll_fd >= 0)
		close(http->epoll_fd);
	free(http->connections);
	free(http);
}

static bool in_line(const struct mr_sink_http *http, const struct connection *connection)
{
	return connection->next != NULL || http->late_last == connection;
}

// One that stands in the line of late answers is closed now and freed when its turn comes.
static void connection_close(struct mr_sink_http *http, struct connection *connection)
{
	if (connection->fd >= 0) {
		close(connection->fd);
		connection->fd = -1;
		mr_http_request_fini(&connection->request);
	}
	if (in_line(http, connection))
		return;
	connection->next = http->free;
	http->free = connection;
	http->connections_count--;
}

static void accept_all(struct mr_sink_http *http, uint32_t endpoint)
{
	int fd;
	while ((fd = accept4(http->listeners[endpoint], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC))
		>= 0) {
		struct connection *connection = http->free;
		if (connection == NULL) {
			close(fd);
			continue;
		}
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		http->free = connection->next;
		http->connections_count++;
		connection->fd = fd;
		connection->endpoint = endpoint;
		connection->served = 0;
		connection->waiting = false;
		connection->next = NULL;
		mr_http_request_init(&connection->request);
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
		if (epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
			connection_close(http, connection);
	}
}

// Answers fit any socket buffer: one that does not belongs to a peer that reads nothing.
static bool write_reply(struct connection *connection)
{
	ssize_t sent =
		send(connection->fd, connection->reply, connection->reply_bytes, MSG_NOSIGNAL);
	connection->waiting = false;
	return sent == (ssize_t)connection->reply_bytes && !connection->close_after_reply;
}

static const char *status_text(uint16_t status)
{
	return status < 300    ? "OK"
		: status < 400 ? "Elsewhere"
		: status < 500 ? "Refused"
			       : "Failed";
}

static void build_reply(struct connection *connection, const struct mr_sink_reply *reply)
{
	int length = snprintf(connection->reply, sizeof(connection->reply),
		"HTTP/1.1 %u %s\r\nContent-Length: 0\r\n%s%.*s%s%s\r\n", reply->status,
		status_text(reply->status), reply->secret != NULL ? "X-Hook-Secret: " : "",
		reply->secret != NULL ? reply->secret->length : 0,
		reply->secret != NULL ? reply->secret->text : "",
		reply->secret != NULL ? "\r\n" : "",
		connection->close_after_reply ? "Connection: close\r\n" : "");
	mr_assert(length > 0 && (size_t)length < sizeof(connection->reply));
	connection->reply_bytes = (size_t)length;
}

// True: go on reading.
static bool answer(struct mr_sink_http *http, struct connection *connection)
{
	connection->served++;
	struct mr_sink_reply reply = http->owner.request(http->owner.context, connection->endpoint,
		connection->served, &connection->request);
	if (reply.status == 0) {
		connection->waiting = !reply.close; // hangs until the peer gives up
		return !reply.close;
	}
	connection->close_after_reply = reply.close || !connection->request.keep_alive;
	build_reply(connection, &reply);
	if (reply.delay_ns == 0)
		return write_reply(connection);
	connection->waiting = true;
	connection->due_ns = mr_load_clock_ns() + reply.delay_ns;
	connection->next = NULL;
	if (http->late_last != NULL)
		http->late_last->next = connection;
	else
		http->late_first = connection;
	http->late_last = connection;
	return true;
}

// What came while an answer is due is a peer that does not wait for it: no client of ours does
// that.
static void read_from(struct mr_sink_http *http, struct connection *connection)
{
	if (connection->fd < 0)
		return; // closed since this event was taken
	ssize_t count = recv(connection->fd, http->bytes, sizeof(http->bytes), 0);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	bool go_on = count > 0 && !connection->waiting;
	size_t at = 0;
	while (go_on && at < (size_t)count) {
		ssize_t used = mr_http_request_feed(
			&connection->request, http->bytes + at, (size_t)count - at);
		go_on = used >= 0 && !connection->waiting;
		at += used > 0 ? (size_t)used : 0;
		if (go_on && connection->request.complete)
			go_on = answer(http, connection);
	}
	if (!go_on)
		connection_close(http, connection);
}

static void answer_late(struct mr_sink_http *http)
{
	uint64_t now_ns = http->late_first != NULL ? mr_load_clock_ns() : 0;
	while (http->late_first != NULL && http->late_first->due_ns <= now_ns) {
		struct connection *connection = http->late_first;
		http->late_first = connection->next;
		if (http->late_first == NULL)
			http->late_last = NULL;
		connection->next = NULL;
		if (connection->fd < 0 || !write_reply(connection))
			connection_close(http, connection);
	}
}

static int timeout_of(const struct mr_sink_http *http, int timeout_ms)
{
	if (http->late_first == NULL)
		return timeout_ms;
	uint64_t now_ns = mr_load_clock_ns();
	uint64_t left_ms = http->late_first->due_ns > now_ns
		? (http->late_first->due_ns - now_ns + 999999) / 1000000
		: 0;
	return left_ms < (uint64_t)timeout_ms ? (int)left_ms : timeout_ms;
}

void mr_sink_http_poll(struct mr_sink_http *http, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(http->epoll_fd, events, EVENTS_MAX, timeout_of(http, timeout_ms));
	for (int i = 0; i < count; i++) {
		int *listener = events[i].data.ptr;
		if (listener >= http->listeners
			&& listener < http->listeners + MR_SINK_ENDPOINTS_MAX)
			accept_all(http, (uint32_t)(listener - http->listeners));
		else
			read_from(http, events[i].data.ptr);
	}
	answer_late(http);
}

uint32_t mr_sink_http_connections(const struct mr_sink_http *http)
{
	return http->connections_count;
}
