#include "receiver.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

enum { STOP_POLL_MS = 100 };

const char *mr_receiver_kind_name(enum mr_receiver_kind kind)
{
	static const char *const names[] = {"", "http", "exec", "syslog"};

	return names[kind];
}

void mr_receiver_place(const struct mr_receiver *receiver, char *ret_text, size_t size)
{
	const char *host = strstr(receiver->url, "://");
	size_t length = host ? (size_t)(host + 3 - receiver->url) : 0;

	if (receiver->kind != MR_RECEIVER_HTTP) {
		snprintf(ret_text, size, "%s", receiver->argv[0] ? receiver->argv[0] : "syslog");
		return;
	}
	length += strcspn(receiver->url + length, "/?#");
	for (size_t i = 0; i < length; i++) {
		if (receiver->url[i] == '@') { // user and password
			snprintf(ret_text, size, "%.*s", (int)(length - i - 1),
				receiver->url + i + 1);
			return;
		}
	}
	snprintf(ret_text, size, "%.*s", (int)length, receiver->url);
}

// -- HTTP

static size_t ignore_answer(char *bytes, size_t size, size_t count, void *context)
{
	(void)bytes;
	(void)context;
	return size * count;
}

static int look_for_stop(
	void *context, curl_off_t all_in, curl_off_t in, curl_off_t all_out, curl_off_t out)
{
	enum { ANSWER_BYTES_MAX = 65536 };

	(void)all_in;
	(void)all_out;
	(void)out;
	return atomic_load((const atomic_bool *)context) || in > ANSWER_BYTES_MAX;
}

static struct curl_slist *headers_of(const struct mr_receiver *receiver)
{
	char bearer[sizeof(receiver->token) + 32];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

	headers = curl_slist_append(headers, "Expect:");
	if (receiver->token[0]) {
		snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", receiver->token);
		headers = curl_slist_append(headers, bearer);
		explicit_bzero(bearer, sizeof(bearer));
	}
	return headers;
}

static void set_up(CURL *curl, const struct mr_receiver *receiver, const struct mr_notice *notice,
	const atomic_bool *stop, const struct curl_slist *headers)
{
	curl_easy_setopt(curl, CURLOPT_URL, receiver->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)MR_RECEIVER_SECONDS);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)MR_RECEIVER_SECONDS / 2);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "millrace-controld/" MR_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, notice->body);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(notice->body));
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_answer);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_stop);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
}

static int tell_http(const struct mr_receiver *receiver, const struct mr_notice *notice,
	const atomic_bool *stop, char *ret_why)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = headers_of(receiver);
	long status = 0;

	if (!curl || !headers) {
		curl_slist_free_all(headers);
		curl_easy_cleanup(curl);
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "no memory");
		return -ENOMEM;
	}
	set_up(curl, receiver, notice, stop, headers);
	const CURLcode code = curl_easy_perform(curl);

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	if (code == CURLE_ABORTED_BY_CALLBACK && atomic_load(stop))
		return -ECANCELED;
	if (code != CURLE_OK) {
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "%s", curl_easy_strerror(code));
		return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
	}
	if (status / 100 != 2) {
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "answered with status %ld", status);
		return -EPROTO;
	}
	return 0;
}

// -- A program

// A file in memory, read from its start: the program may read it or not, nobody waits for a pipe.
static int stdin_of(const struct mr_notice *notice)
{
	const size_t length = strlen(notice->body);
	const int fd = memfd_create("notice", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, notice->body, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int spawn(const struct mr_receiver *receiver, int input, pid_t *ret_pid)
{
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char *const environment[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	const int r = -posix_spawn(
		ret_pid, receiver->argv[0], &actions, &attributes, receiver->argv, environment);

	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

// Until the program ends or its time is over; then it and what it started are killed.
static int wait_for(pid_t pid, const atomic_bool *stop, char *ret_why)
{
	const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int left_ms = MR_RECEIVER_SECONDS * 1000, status = 0, ended = 0;

	while (fd >= 0 && ended == 0 && left_ms > 0 && !atomic_load(stop)) {
		ended = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, STOP_POLL_MS);
		left_ms -= STOP_POLL_MS;
	}
	if (ended <= 0)
		kill(-pid, SIGKILL);
	if (fd >= 0)
		close(fd);
	waitpid(pid, &status, 0);
	if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (ended > 0 && WIFEXITED(status))
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "ended with exit code %d",
			WEXITSTATUS(status));
	else if (ended > 0)
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "ended by signal %d", WTERMSIG(status));
	else
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "killed: did not end within %d s",
			(int)MR_RECEIVER_SECONDS);
	return ended > 0 ? -EPROTO : -ETIMEDOUT;
}

static int tell_exec(const struct mr_receiver *receiver, const struct mr_notice *notice,
	const atomic_bool *stop, char *ret_why)
{
	const int input = stdin_of(notice);
	pid_t pid;

	if (input < 0) {
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "no memory");
		return input;
	}
	const int r = spawn(receiver, input, &pid);

	close(input);
	if (r < 0) {
		snprintf(ret_why, MR_RECEIVER_WHY_BYTES, "cannot be started: %s", strerror(-r));
		return r;
	}
	return wait_for(pid, stop, ret_why);
}

int mr_receiver_tell(const struct mr_receiver *receiver, const struct mr_notice *notice,
	const atomic_bool *stop, char *ret_why)
{
	switch (receiver->kind) {
	case MR_RECEIVER_HTTP:
		return tell_http(receiver, notice, stop, ret_why);
	case MR_RECEIVER_EXEC:
		return tell_exec(receiver, notice, stop, ret_why);
	case MR_RECEIVER_SYSLOG:
	default:
		syslog(LOG_DAEMON
				| (!notice->firing                 ? LOG_NOTICE
						: notice->critical ? LOG_CRIT
								   : LOG_WARNING),
			"%s", notice->line);
		return 0;
	}
}
