// A data plane for tests of what asks it: the segment of a small router, and acts that are
// remembered. usage: fake_router SOCKET; serves until it is ended.
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <millrace/control.h>

#include "fake_stats.h"

struct message {
	struct mr_control_header header;
	union {
		struct mr_control_welcome welcome;
		struct mr_control_status status;
		struct mr_control_reload reload;
		struct mr_control_error error;
		struct mr_control_ban ban;
		struct mr_control_unban unban;
		struct mr_control_pause pause;
		struct mr_control_effect effect;
		struct mr_control_bans bans;
		struct mr_control_acts acts;
	} body;
};

static struct mr_control_bans bans;
static struct mr_control_acts acts;
static struct fake_stats fake;

static void remember(uint32_t kind, const struct mr_ban *ban, uint64_t subject)
{
	if (acts.count == MR_CONTROL_ACTS_MAX)
		return;
	struct mr_act *act = &acts.acts[acts.count++];

	*act = (struct mr_act){
		.number = acts.count, .kind = kind, .direct = 1, .ban = *ban, .subject = subject};
}

static void refuse(struct mr_control_effect *ret_effect, int error, const char *message)
{
	ret_effect->result = error;
	snprintf(ret_effect->message, sizeof(ret_effect->message), "%s", message);
}

static void set_ban(const struct mr_control_ban *asked, struct mr_control_effect *ret_effect)
{
	struct mr_ban ban = {.id = bans.count + 1, .rule = asked->rule};

	memcpy(ban.author, asked->author.name, sizeof(ban.author));
	memcpy(ban.reason, asked->reason, sizeof(ban.reason));
	if (asked->rule.scope.id == 0 && !(asked->flags & MR_ACT_CONFIRM_ALL)) {
		refuse(ret_effect, -EPERM, "app 0 takes in everything: --confirm-all when meant");
		return;
	}
	if (asked->flags & MR_ACT_DRY_RUN)
		return;
	bans.bans[bans.count++] = ban;
	remember(MR_ACT_BANNED, &ban, 0);
}

static void lift(const struct mr_control_unban *asked, struct mr_control_effect *ret_effect)
{
	for (uint32_t i = 0; i < bans.count; i++) {
		if (memcmp(&bans.bans[i].rule.scope, &asked->scope, sizeof(asked->scope)) != 0)
			continue;
		remember(MR_ACT_UNBANNED, &bans.bans[i], 0);
		bans.bans[i] = bans.bans[--bans.count];
		return;
	}
	refuse(ret_effect, -ENOENT, "that scope is not banned");
}

static void set_pause(const struct mr_control_pause *asked)
{
	const struct mr_ban none = {0};

	bans.paused[0] = (struct mr_paused){.what = asked->on ? asked->what : 0};
	remember(asked->on ? MR_ACT_PAUSED : MR_ACT_RESUMED, &none, asked->what);
}

// Fills the body of the reply; its size.
static size_t reply_to(const struct message *request, struct message *reply)
{
	reply->body.effect = (struct mr_control_effect){
		.generation = 9, .took_ns = 2500000, .queued_events = 11, .webhooks = 1};
	switch (request->header.type) {
	case MR_CONTROL_HELLO:
		reply->body.welcome = (struct mr_control_welcome){.segment_bytes = fake.bytes,
			.boot_id = 5,
			.stats_version = MR_STATS_VERSION,
			.release = "0.1.0"};
		return sizeof(reply->body.welcome);
	case MR_CONTROL_STATUS:
		reply->body.status = (struct mr_control_status){
			.state = MR_ROUTER_RUNNING, .is_volatile = 1, .uptime_ns = 3700000000000};
		return sizeof(reply->body.status);
	case MR_CONTROL_RELOAD:
		reply->body.reload = (struct mr_control_reload){.result = -EINVAL,
			.errors = 1,
			.message = "millraced.yaml:3:1: no such key"};
		return sizeof(reply->body.reload);
	case MR_CONTROL_BAN:
		set_ban(&request->body.ban, &reply->body.effect);
		return sizeof(reply->body.effect);
	case MR_CONTROL_UNBAN:
		lift(&request->body.unban, &reply->body.effect);
		return sizeof(reply->body.effect);
	case MR_CONTROL_PAUSE:
		set_pause(&request->body.pause);
		return sizeof(reply->body.effect);
	case MR_CONTROL_PURGE:
		return sizeof(reply->body.effect);
	case MR_CONTROL_BANS:
		reply->body.bans = bans;
		return sizeof(bans);
	case MR_CONTROL_ACTS:
		reply->body.acts = acts;
		return sizeof(acts);
	default:
		reply->header.type = MR_CONTROL_ERROR;
		reply->body.error = (struct mr_control_error){
			.result = -ENOSYS, .message = "no such message type"};
		return sizeof(reply->body.error);
	}
}

static void send_reply(int fd, struct message *reply, size_t bytes)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = reply, .iov_len = bytes};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (reply->header.type == MR_CONTROL_HELLO) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &fake.fd, sizeof(int));
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		perror("fake_router");
}

static void serve(int fd)
{
	static struct message request, reply;

	while (recv(fd, &request, sizeof(request), 0) >= (ssize_t)sizeof(request.header)) {
		memset(&reply, 0, sizeof(reply));
		reply.header = request.header;
		reply.header.flags = 1;
		const size_t bytes = sizeof(reply.header) + reply_to(&request, &reply);

		reply.header.length = (uint32_t)bytes;
		send_reply(fd, &reply, bytes);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (argc != 2)
		return 2;
	fake_stats_open(&fake);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0
		|| listen(listener, 4) < 0) {
		perror("fake_router");
		return 1;
	}
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
		serve(fd);
	return 1;
}
