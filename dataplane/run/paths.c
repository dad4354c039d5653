#include "paths.h"

#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "log.h"

void mr_make_parent(const char *path)
{
	char parent[MR_PATH_BYTES_MAX];
	const char *slash = strrchr(path, '/');
	if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(parent))
		return;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	if (mkdir(parent, 0755) == 0)
		mr_log(MR_LOG_NOTICE, "made the directory %s", parent);
}
