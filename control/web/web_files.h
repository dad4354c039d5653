// The files of the dashboard, once: symbol, path, content type. The charts' are there when the
// build found the library.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mr_web_bytes {
	size_t length;
	const uint8_t *bytes;
};

#define MR_WEB_JS  "text/javascript; charset=utf-8"
#define MR_WEB_CSS "text/css; charset=utf-8"

// X(symbol, path, content type)
#define MR_WEB_PAGE_FILES(X)                                  \
	X(mr_web_index_html, "/", "text/html; charset=utf-8") \
	X(mr_web_style_css, "/style.css", MR_WEB_CSS)         \
	X(mr_web_icon_svg, "/icon.svg", "image/svg+xml")      \
	X(mr_web_app_js, "/app.js", MR_WEB_JS)                \
	X(mr_web_api_js, "/api.js", MR_WEB_JS)                \
	X(mr_web_charts_js, "/charts.js", MR_WEB_JS)          \
	X(mr_web_dialogs_js, "/dialogs.js", MR_WEB_JS)        \
	X(mr_web_dom_js, "/dom.js", MR_WEB_JS)                \
	X(mr_web_format_js, "/format.js", MR_WEB_JS)          \
	X(mr_web_sections_js, "/sections.js", MR_WEB_JS)
#ifdef MR_WEB_CHARTS
#define MR_WEB_CHART_FILES(X)                          \
	X(mr_web_dygraph_js, "/dygraph.js", MR_WEB_JS) \
	X(mr_web_dygraph_css, "/dygraph.css", MR_WEB_CSS)
#else
#define MR_WEB_CHART_FILES(X)
#endif

#define X(symbol, path, type) extern const struct mr_web_bytes symbol;
MR_WEB_PAGE_FILES(X)
MR_WEB_CHART_FILES(X)
#undef X
