#include "net_fake.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FD = 1000, PEERS_MAX = 4096 };

struct fake_socket {
	bool used;
	bool connected;
	bool closed; // by the peer, after what is readable
	int error; // the peer's reset; 0: none
	uint32_t generation; // events of an earlier life are void
	struct mr_fake_peer *peer;
	struct mr_io *connecting; // a black hole
	struct mr_io *reading;
	void *read_bytes;
	size_t read_size;
	char *request; // arrived, not yet answered
	size_t request_length;
	char *readable;
	size_t readable_length;
	// The answer under way.
	char *answer;
	size_t answer_length;
	size_t answer_at;
	struct mr_fake_answer script;
	uint64_t quiet_since_ns;
};

enum event_kind { EVENT_DONE, EVENT_FILE, EVENT_CONNECTED, EVENT_BYTES, EVENT_QUIET };

struct event {
	uint64_t due_ns;
	uint64_t number; // orders events of one moment
	enum event_kind kind;
	uint32_t socket;
	uint32_t generation;
	struct mr_io *io;
	int32_t result;
	struct mr_fake_file_op *file_op; // EVENT_FILE; owned
};

struct mr_net {
	uint64_t now_ns;
	uint64_t events_made;
	struct event *events; // a binary heap
	size_t events_count;
	size_t events_room;
	struct fake_socket *sockets;
	uint32_t sockets_count;
	uint32_t sockets_open;
	uint32_t sockets_limit;
	struct mr_fake_peer *peers[PEERS_MAX];
	uint32_t peers_count;
	struct mr_fake_files files;
	struct mr_fake_peer *send_fails_for;
	int send_error;
	bool sleeping;
};

static void *checked(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static bool before(const struct event *a, const struct event *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void push_event(struct mr_net *net, struct event event)
{
	event.number = net->events_made++;
	if (net->events_count == net->events_room) {
		net->events_room = net->events_room == 0 ? 64 : 2 * net->events_room;
		net->events =
			checked(realloc(net->events, net->events_room * sizeof(*net->events)));
	}
	size_t at = net->events_count++;
	while (at > 0 && before(&event, &net->events[(at - 1) / 2])) {
		net->events[at] = net->events[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	net->events[at] = event;
}

static struct event pop_event(struct mr_net *net)
{
	struct event first = net->events[0];
	struct event last = net->events[--net->events_count];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= net->events_count)
			break;
		if (child + 1 < net->events_count
			&& before(&net->events[child + 1], &net->events[child]))
			child++;
		if (!before(&net->events[child], &last))
			break;
		net->events[at] = net->events[child];
		at = child;
	}
	net->events[at] = last;
	return first;
}

static struct fake_socket *socket_of(struct mr_net *net, int fd)
{
	assert(fd >= FIRST_FD && (uint32_t)(fd - FIRST_FD) < net->sockets_count);
	struct fake_socket *socket = &net->sockets[fd - FIRST_FD];
	assert(socket->used);
	return socket;
}

static uint32_t index_of(const struct mr_net *net, const struct fake_socket *socket)
{
	return (uint32_t)(socket - net->sockets);
}

static void complete_at(struct mr_net *net, struct mr_io *io, int32_t result, uint64_t due_ns)
{
	push_event(net,
		(struct event){.kind = EVENT_DONE, .due_ns = due_ns, .io = io, .result = result});
}

static void later(struct mr_net *net, struct fake_socket *socket, enum event_kind kind,
	struct mr_io *io, uint64_t after_ns)
{
	push_event(net,
		(struct event){.kind = kind,
			.due_ns = net->now_ns + after_ns,
			.socket = index_of(net, socket),
			.generation = socket->generation,
			.io = io});
}

// Completes the read of a socket that has bytes, an end or an error.
static void settle_read(struct mr_net *net, struct fake_socket *socket)
{
	struct mr_io *io = socket->reading;
	size_t length = socket->readable_length;

	if (io == NULL || (length == 0 && !socket->closed && socket->error == 0))
		return;
	if (length > socket->read_size)
		length = socket->read_size;
	socket->reading = NULL;
	if (length > 0) {
		memcpy(socket->read_bytes, socket->readable, length);
		memmove(socket->readable, socket->readable + length,
			socket->readable_length - length);
		socket->readable_length -= length;
		complete_at(net, io, (int32_t)length, net->now_ns);
	} else {
		complete_at(net, io, -socket->error, net->now_ns);
	}
}

static void append(char **bytes, size_t *length, const void *more, size_t more_length)
{
	*bytes = checked(realloc(*bytes, *length + more_length + 1));
	memcpy(*bytes + *length, more, more_length);
	*length += more_length;
	(*bytes)[*length] = '\0';
}

// Length of the first whole request, or 0.
static size_t whole_request(const struct fake_socket *socket)
{
	static const char name[] = "\r\nContent-Length: ";
	const char *end = socket->request == NULL ? NULL : strstr(socket->request, "\r\n\r\n");

	if (end == NULL)
		return 0;
	const char *length = strstr(socket->request, name);
	size_t body =
		length != NULL && length < end ? strtoull(length + sizeof(name) - 1, NULL, 10) : 0;
	size_t whole = (size_t)(end + 4 - socket->request) + body;
	return whole <= socket->request_length ? whole : 0;
}

static void serve_next(struct mr_net *net, struct fake_socket *socket)
{
	struct mr_fake_peer *peer = socket->peer;
	size_t whole = whole_request(socket);

	if (whole == 0 || socket->answer != NULL || socket->closed)
		return;
	peer->requests++;
	socket->script = (struct mr_fake_answer){0};
	if (peer->serve != NULL)
		peer->serve(peer, socket->request, whole, net->now_ns, &socket->script);
	memmove(socket->request, socket->request + whole, socket->request_length - whole + 1);
	socket->request_length -= whole;
	socket->answer = checked(malloc(socket->script.length + 1));
	if (socket->script.length > 0)
		memcpy(socket->answer, socket->script.bytes, socket->script.length);
	socket->answer_length = socket->script.length;
	socket->answer_at = 0;
	assert(!socket->script.endless || socket->script.gap_ns > 0);
	if (socket->answer_length > 0 || socket->script.then != MR_FAKE_KEEP)
		later(net, socket, EVENT_BYTES, NULL, socket->script.delay_ns);
}

static void after_answer(struct mr_net *net, struct fake_socket *socket)
{
	enum mr_fake_then then = socket->script.then;

	if (then == MR_FAKE_HANG)
		return; // the answer stays under way for ever
	free(socket->answer);
	socket->answer = NULL;
	socket->closed = then == MR_FAKE_CLOSE;
	socket->error = then == MR_FAKE_RESET ? ECONNRESET : 0;
	socket->quiet_since_ns = net->now_ns;
	if (then == MR_FAKE_KEEP && socket->peer->idle_close_ns > 0)
		later(net, socket, EVENT_QUIET, NULL, socket->peer->idle_close_ns);
	serve_next(net, socket);
}

static void bytes_come(struct mr_net *net, struct fake_socket *socket)
{
	size_t left = socket->answer_length - socket->answer_at;
	size_t now = socket->script.piece == 0 || socket->script.piece > left
		? left
		: socket->script.piece;

	append(&socket->readable, &socket->readable_length, socket->answer + socket->answer_at,
		now);
	socket->answer_at += now;
	if (socket->answer_at == socket->answer_length && socket->script.endless)
		socket->answer_at = 0;
	if (socket->answer_at < socket->answer_length)
		later(net, socket, EVENT_BYTES, NULL, socket->script.gap_ns);
	else
		after_answer(net, socket);
	settle_read(net, socket);
}

static void happen(struct mr_net *net, const struct event *event)
{
	struct fake_socket *socket = &net->sockets[event->socket];

	if (event->generation != socket->generation || !socket->used)
		return;
	switch (event->kind) {
	case EVENT_CONNECTED:
		socket->connected = true;
		if (socket->connecting != event->io)
			break; // canceled meanwhile
		socket->connecting = NULL;
		complete_at(net, event->io, 0, net->now_ns);
		break;
	case EVENT_BYTES:
		bytes_come(net, socket);
		break;
	case EVENT_QUIET:
		if (socket->answer == NULL && socket->request_length == 0
			&& net->now_ns - socket->quiet_since_ns >= socket->peer->idle_close_ns)
			socket->closed = true;
		settle_read(net, socket);
		break;
	case EVENT_DONE:
	case EVENT_FILE:
		break;
	}
}

int mr_net_open(uint32_t entries, struct mr_net **ret_net)
{
	(void)entries;
	*ret_net = checked(calloc(1, sizeof(**ret_net)));
	(*ret_net)->sockets_limit = UINT32_MAX;
	return 0;
}

static void forget_socket(struct mr_net *net, struct fake_socket *socket)
{
	free(socket->request);
	free(socket->readable);
	free(socket->answer);
	if (socket->peer != NULL)
		socket->peer->open--;
	*socket = (struct fake_socket){.generation = socket->generation + 1};
	net->sockets_open--;
}

void mr_net_close(struct mr_net *net)
{
	if (net == NULL)
		return;
	for (uint32_t i = 0; i < net->sockets_count; i++) {
		if (net->sockets[i].used)
			forget_socket(net, &net->sockets[i]);
	}
	for (size_t i = 0; i < net->events_count; i++) {
		if (net->events[i].kind == EVENT_FILE)
			net->files.drop(net->files.state, net->events[i].file_op);
		free(net->events[i].file_op);
	}
	free(net->sockets);
	free(net->events);
	free(net);
}

const char *mr_net_features(const struct mr_net *net)
{
	(void)net;
	return "fake, in virtual time";
}

int mr_net_socket(struct mr_net *net, const struct mr_address *to)
{
	uint32_t i = 0;

	(void)to;
	if (net->sockets_open >= net->sockets_limit)
		return -EMFILE;
	while (i < net->sockets_count && net->sockets[i].used)
		i++;
	if (i == net->sockets_count) {
		net->sockets = checked(
			realloc(net->sockets, ++net->sockets_count * sizeof(*net->sockets)));
		net->sockets[i] = (struct fake_socket){0};
	}
	net->sockets[i].used = true;
	net->sockets_open++;
	return FIRST_FD + (int)i;
}

static struct mr_fake_peer *peer_of(struct mr_net *net, const struct mr_address *address)
{
	for (uint32_t i = 0; i < net->peers_count; i++) {
		struct mr_fake_peer *peer = net->peers[i];
		if (peer->address.port == address->port
			&& memcmp(peer->address.ip, address->ip, 16) == 0)
			return peer;
	}
	return NULL;
}

void mr_net_connect(struct mr_net *net, struct mr_io *io, int fd, const struct mr_address *to)
{
	struct fake_socket *socket = socket_of(net, fd);
	struct mr_fake_peer *peer = peer_of(net, to);

	assert(!io->busy && !socket->connected);
	io->busy = true;
	if (peer == NULL) {
		complete_at(net, io, -ENETUNREACH, net->now_ns);
		return;
	}
	peer->connects++;
	if (peer->accept == MR_FAKE_REFUSE) {
		complete_at(net, io, -ECONNREFUSED, net->now_ns + peer->connect_ns);
		return;
	}
	socket->connecting = io;
	if (peer->accept == MR_FAKE_BLACK_HOLE)
		return;
	socket->peer = peer;
	peer->open++;
	if (peer->open > peer->open_most)
		peer->open_most = peer->open;
	later(net, socket, EVENT_CONNECTED, io, peer->connect_ns);
}

void mr_net_send(struct mr_net *net, struct mr_io *io, int fd, const void *bytes, size_t length)
{
	struct fake_socket *socket = socket_of(net, fd);

	assert(!io->busy && socket->connected && length <= INT32_MAX);
	io->busy = true;
	if (net->send_fails_for == socket->peer) {
		net->send_fails_for = NULL;
		complete_at(net, io, -net->send_error, net->now_ns);
		return;
	}
	if (socket->closed || socket->error != 0) {
		complete_at(net, io, -EPIPE, net->now_ns);
		return;
	}
	append(&socket->request, &socket->request_length, bytes, length);
	complete_at(net, io, (int32_t)length, net->now_ns);
	serve_next(net, socket);
}

void mr_net_recv(struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size)
{
	struct fake_socket *socket = socket_of(net, fd);

	assert(!io->busy && socket->connected && socket->reading == NULL);
	io->busy = true;
	socket->reading = io;
	socket->read_bytes = ret_bytes;
	socket->read_size = size;
	settle_read(net, socket);
}

static void begin_file_op(struct mr_net *net, struct mr_io *io, struct mr_fake_file_op op)
{
	assert(!io->busy && net->files.begin != NULL);
	io->busy = true;
	struct mr_fake_file_op *kept = checked(malloc(sizeof(*kept)));
	*kept = op;
	uint64_t due_ns = net->files.begin(net->files.state, kept, net->now_ns);
	push_event(net,
		(struct event){.kind = EVENT_FILE, .due_ns = due_ns, .io = io, .file_op = kept});
}

void mr_net_read(
	struct mr_net *net, struct mr_io *io, int fd, void *ret_bytes, size_t size, uint64_t offset)
{
	begin_file_op(net, io,
		(struct mr_fake_file_op){
			.fd = fd, .into = ret_bytes, .length = size, .offset = offset});
}

void mr_net_write_durable(struct mr_net *net, struct mr_io *io, int fd, const void *bytes,
	size_t length, uint64_t offset)
{
	begin_file_op(net, io,
		(struct mr_fake_file_op){
			.fd = fd, .from = bytes, .length = length, .offset = offset});
}

bool mr_net_register(struct mr_net *net, void *memory, size_t bytes)
{
	(void)net;
	(void)memory;
	(void)bytes;
	return false;
}

void mr_net_cancel(struct mr_net *net, struct mr_io *io)
{
	for (uint32_t i = 0; i < net->sockets_count && io->busy; i++) {
		struct fake_socket *socket = &net->sockets[i];
		if (!socket->used || (socket->reading != io && socket->connecting != io))
			continue;
		if (socket->reading == io)
			socket->reading = NULL;
		else
			socket->connecting = NULL;
		complete_at(net, io, -ECANCELED, net->now_ns);
		return;
	}
	// Anything else is on its way to completion already.
}

void mr_net_close_fd(struct mr_net *net, int fd)
{
	forget_socket(net, socket_of(net, fd));
}

uint32_t mr_net_poll(struct mr_net *net)
{
	uint32_t ran = 0;

	while (net->events_count > 0 && net->events[0].due_ns <= net->now_ns) {
		struct event event = pop_event(net);
		if (event.kind == EVENT_FILE) {
			event.result = net->files.finish(net->files.state, event.file_op);
			free(event.file_op);
		} else if (event.kind != EVENT_DONE) {
			happen(net, &event);
			continue;
		}
		assert(event.io->busy);
		event.io->busy = false;
		event.io->done(event.io, event.result);
		ran++;
	}
	return ran;
}

void mr_net_announce_nap(struct mr_net *net)
{
	net->sleeping = true;
}

void mr_net_wait(struct mr_net *net, uint64_t timeout_ns)
{
	(void)timeout_ns; // time is moved by mr_fake_advance alone
	net->sleeping = false;
}

void mr_net_ring_doorbell(struct mr_net *net)
{
	net->sleeping = false;
}

bool mr_net_sleeping(const struct mr_net *net)
{
	return net->sleeping;
}

void mr_fake_set_files(struct mr_net *net, struct mr_fake_files files)
{
	net->files = files;
}

void mr_fake_add(struct mr_net *net, struct mr_fake_peer *peer)
{
	assert(net->peers_count < PEERS_MAX && peer_of(net, &peer->address) == NULL);
	net->peers[net->peers_count++] = peer;
}

void mr_fake_status(struct mr_fake_answer *ret_answer, char *bytes, size_t size, uint32_t status,
	const char *body)
{
	int length = snprintf(bytes, size, "HTTP/1.1 %u Status\r\nContent-Length: %zu\r\n\r\n%s",
		status, strlen(body), body);

	assert(length > 0 && (size_t)length < size);
	*ret_answer = (struct mr_fake_answer){.bytes = bytes, .length = (size_t)length};
}

void mr_fake_advance(struct mr_net *net, uint64_t now_ns)
{
	assert(now_ns >= net->now_ns);
	net->now_ns = now_ns;
}

uint64_t mr_fake_next_due(const struct mr_net *net)
{
	return net->events_count > 0 ? net->events[0].due_ns : UINT64_MAX;
}

uint32_t mr_fake_open_sockets(const struct mr_net *net)
{
	return net->sockets_open;
}

void mr_fake_limit_sockets(struct mr_net *net, uint32_t limit)
{
	net->sockets_limit = limit;
}

void mr_fake_close_all(struct mr_net *net, struct mr_fake_peer *peer)
{
	for (uint32_t i = 0; i < net->sockets_count; i++) {
		struct fake_socket *socket = &net->sockets[i];
		if (!socket->used || socket->peer != peer)
			continue;
		socket->closed = true;
		settle_read(net, socket);
	}
}

void mr_fake_say_to_all(struct mr_net *net, struct mr_fake_peer *peer, const char *text)
{
	for (uint32_t i = 0; i < net->sockets_count; i++) {
		struct fake_socket *socket = &net->sockets[i];
		if (!socket->used || socket->peer != peer)
			continue;
		append(&socket->readable, &socket->readable_length, text, strlen(text));
		settle_read(net, socket);
	}
}

void mr_fake_fail_next_send(struct mr_net *net, struct mr_fake_peer *peer, int error)
{
	net->send_fails_for = peer;
	net->send_error = error;
}
