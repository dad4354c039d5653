#include "web.h"

#include <string.h>

#include "web_files.h"

const struct mr_web_file *mr_web_find(const char *path)
{
	static const struct mr_web_file files[] = {
#define X(symbol, at, type) {at, type, &symbol},
		MR_WEB_PAGE_FILES(X) MR_WEB_CHART_FILES(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
