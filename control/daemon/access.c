#include "access.h"

#include <arpa/inet.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "bytes.h"
#include "daemon.h"
#include "settings.h"
#include "tokens.h"

enum { GROUPS_MAX = 256, NAME_BUFFER_BYTES = 4096 };

static void name_of(uid_t uid, char ret_name[MR_AUTHOR_BYTES_MAX])
{
	char buffer[NAME_BUFFER_BYTES];
	struct passwd entry;
	struct passwd *found = NULL;

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(ret_name, MR_AUTHOR_BYTES_MAX, "%s", entry.pw_name);
	else
		snprintf(ret_name, MR_AUTHOR_BYTES_MAX, "uid %u", uid);
}

static bool is_member(int fd, gid_t first, const char *name)
{
	char buffer[NAME_BUFFER_BYTES];
	gid_t groups[GROUPS_MAX];
	socklen_t bytes = sizeof(groups);
	struct group entry;
	struct group *found = NULL;

	if (!name[0] || getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return false;
	if (entry.gr_gid == first)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0)
		return false;
	for (size_t i = 0; i < bytes / sizeof(groups[0]); i++)
		if (groups[i] == entry.gr_gid)
			return true;
	return false;
}

void mr_access_peer(int fd, const char *operate_group, struct mr_caller *ret_caller)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t bytes = sizeof(peer);

	*ret_caller = (struct mr_caller){.role = MR_ROLE_NOBODY, .via = "socket"};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return;
	name_of(peer.uid, ret_caller->name);
	if (peer.uid == 0 || peer.uid == geteuid())
		ret_caller->role = MR_ROLE_ADMIN;
	else if (is_member(fd, peer.gid, operate_group))
		ret_caller->role = MR_ROLE_OPERATE;
	else
		ret_caller->role = MR_ROLE_VIEW;
}

void mr_access_token(struct mr_request *request)
{
	static const char scheme[] = "Bearer ";
	const char *given = mr_request_header(request, "Authorization");

	request->caller = (struct mr_caller){.role = MR_ROLE_NOBODY, .via = "tcp"};
	if (given && strncasecmp(given, scheme, sizeof(scheme) - 1) == 0)
		mr_tokens_find(
			request->daemon->tokens, given + sizeof(scheme) - 1, &request->caller);
}

// The name in host[:port], [v6]:port.
static bool host_name(const char *host, char *ret_name, size_t size)
{
	if (host[0] == '[') {
		const char *end = strchr(host, ']');

		return end && mr_copy_text(ret_name, size, host + 1, (size_t)(end - host - 1));
	}
	return mr_copy_text(ret_name, size, host, strcspn(host, ":"));
}

static bool is_ours(const struct mr_settings *settings, const char *name)
{
	uint8_t address[16];
	const char *words = settings->control_hosts;
	const size_t length = strlen(name);

	if (strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1
		|| inet_pton(AF_INET6, name, address) == 1)
		return true;
	while (*words) {
		const size_t word = strcspn(words, " ");

		if (word == length && strncasecmp(words, name, length) == 0)
			return true;
		words += word + (words[word] == ' ');
	}
	return false;
}

bool mr_access_host(struct mr_request *request)
{
	const char *host = mr_request_header(request, "Host");
	const char *origin = mr_request_header(request, "Origin");
	const char *site = mr_request_header(request, "Sec-Fetch-Site");
	char name[256];

	if (!host || !host_name(host, name, sizeof(name))
		|| !is_ours(request->daemon->settings, name)) {
		mr_problem(request, 421,
			"this daemon does not answer to that Host; name it in control.hosts");
		return false;
	}
	const char *page = origin ? strstr(origin, "://") : NULL;
	const bool is_foreign = (origin && (!page || strcasecmp(page + 3, host) != 0))
		|| (site && strcmp(site, "cross-site") == 0);

	if (!is_foreign || strcmp(request->method, "GET") == 0
		|| strcmp(request->method, "HEAD") == 0)
		return true;
	mr_problem(request, 403, "a page of another site may not change anything here");
	return false;
}
