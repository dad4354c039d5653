#include "wrk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

bool mr_wrk_installed(void)
{
	return access("/usr/bin/wrk", X_OK) == 0;
}

static void path_of(const struct mr_wrk *wrk, const char *name, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s/%s", wrk->directory, name);
}

// Header lines but those that wrk writes itself. Returns false when a line has no colon.
static bool write_headers(FILE *script, char *headers)
{
	char *rest = headers;
	strtok_r(headers, "\r\n", &rest); // the request line
	for (char *line; (line = strtok_r(NULL, "\r\n", &rest)) != NULL;) {
		char *colon = strchr(line, ':');
		if (colon == NULL)
			return false;
		*colon = '\0';
		if (strcasecmp(line, "Host") != 0 && strcasecmp(line, "Content-Length") != 0)
			fprintf(script, "wrk.headers[\"%s\"] = \"%s\"\n", line,
				colon + 1 + strspn(colon + 1, " "));
	}
	return true;
}

static bool write_body(const char *path, const char *body, size_t length)
{
	FILE *file = fopen(path, "wb");
	if (file == NULL)
		return false;
	bool whole = fwrite(body, 1, length, file) == length;
	return fclose(file) == 0 && whole;
}

bool mr_wrk_init(struct mr_wrk *wrk)
{
	char script_path[128], body_path[128];
	char *end = memmem(wrk->request, wrk->request_length, "\r\n\r\n", 4);
	if (end == NULL || strncmp(wrk->request, "POST ", 5) != 0)
		return false;
	snprintf(wrk->directory, sizeof(wrk->directory), "/tmp/millrace-wrk.XXXXXX");
	if (mkdtemp(wrk->directory) == NULL)
		return false;
	path_of(wrk, "script.lua", script_path, sizeof(script_path));
	path_of(wrk, "body", body_path, sizeof(body_path));
	const char *body = end + 4;
	size_t length = wrk->request_length - (size_t)(body - wrk->request);
	FILE *script = write_body(body_path, body, length) ? fopen(script_path, "w") : NULL;
	if (script == NULL)
		return false;
	*end = '\0';
	fprintf(script, "wrk.method = \"POST\"\nwrk.body = io.open(\"%s\", \"rb\"):read(\"*a\")\n",
		body_path);
	bool ok = write_headers(script, wrk->request);
	return fclose(script) == 0 && ok;
}

void mr_wrk_fini(struct mr_wrk *wrk)
{
	char path[128];
	path_of(wrk, "script.lua", path, sizeof(path));
	unlink(path);
	path_of(wrk, "body", path, sizeof(path));
	unlink(path);
	rmdir(wrk->directory);
}

static void run(const struct mr_wrk *wrk)
{
	char connections[16], script[128], url[64];
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	snprintf(connections, sizeof(connections), "-c%u", wrk->connections);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/hook", wrk->port);
	path_of(wrk, "script.lua", script, sizeof(script));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, STDOUT_FILENO);
	execl("/usr/bin/wrk", "wrk", "-t1", connections, "-d600", "-s", script, url, (char *)NULL);
}

pid_t mr_wrk_start(const struct mr_wrk *wrk)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		mr_bench_pin(wrk->cpu);
		run(wrk);
		_exit(1);
	}
	return pid;
}

void mr_wrk_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
