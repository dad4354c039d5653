#include "web.h"

#include <string.h>

// X(symbol, path, content type)
#define PAGE_FILES(X)                                                  \
	X(index_html, "/", "text/html; charset=utf-8")                 \
	X(style_css, "/style.css", "text/css; charset=utf-8")          \
	X(icon_svg, "/icon.svg", "image/svg+xml")                      \
	X(app_js, "/app.js", "text/javascript; charset=utf-8")         \
	X(api_js, "/api.js", "text/javascript; charset=utf-8")         \
	X(charts_js, "/charts.js", "text/javascript; charset=utf-8")   \
	X(dialogs_js, "/dialogs.js", "text/javascript; charset=utf-8") \
	X(dom_js, "/dom.js", "text/javascript; charset=utf-8")         \
	X(format_js, "/format.js", "text/javascript; charset=utf-8")   \
	X(sections_js, "/sections.js", "text/javascript; charset=utf-8")
#ifdef MR_WEB_CHARTS
#define CHART_FILES(X)                                                 \
	X(dygraph_js, "/dygraph.js", "text/javascript; charset=utf-8") \
	X(dygraph_css, "/dygraph.css", "text/css; charset=utf-8")
#else
#define CHART_FILES(X)
#endif

#define X(symbol, path, type)                   \
	extern const uint8_t mr_web_##symbol[]; \
	extern const uint8_t mr_web_##symbol##_end[];
PAGE_FILES(X)
CHART_FILES(X)
#undef X

const struct mr_web_file *mr_web_find(const char *path)
{
	static const struct mr_web_file files[] = {
#define X(symbol, at, type) {at, type, mr_web_##symbol, mr_web_##symbol##_end},
		PAGE_FILES(X) CHART_FILES(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
