#include "route.h"

#include <stdbool.h>
#include <string.h>

static uint32_t method_bit(const char *method)
{
	static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], method) == 0)
			return 1u << i;
	return 0;
}

// Segment by segment; {name} takes any one that is not empty.
static bool path_fits(const char *pattern, const char *path, struct mr_route_match *match)
{
	uint32_t values = 0;

	while (*pattern && *path) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		const size_t length = strcspn(path, "/");

		if (length == 0 || values == MR_ROUTE_PARAMETERS_MAX)
			return false;
		match->values[values] = path;
		match->lengths[values++] = (uint32_t)length;
		path += length;
		pattern += strcspn(pattern, "}") + 1;
	}
	return *pattern == 0 && *path == 0;
}

void mr_route_find(const char *method, const char *path, struct mr_route_match *ret_match)
{
	const uint32_t wanted = method_bit(strcmp(method, "HEAD") == 0 ? "GET" : method);
	struct mr_route_match fits = {0};

	*ret_match = (struct mr_route_match){0};
	for (uint32_t i = 0; mr_route_lists[i]; i++) {
		const struct mr_route_list *list = mr_route_lists[i];

		for (size_t j = 0; j < list->count; j++) {
			const uint32_t bit = method_bit(list->routes[j].method);

			if (!path_fits(list->routes[j].path, path, &fits))
				continue;
			fits.methods |= bit;
			if (bit == wanted && !fits.route) {
				memcpy(ret_match->values, fits.values, sizeof(fits.values));
				memcpy(ret_match->lengths, fits.lengths, sizeof(fits.lengths));
				fits.route = &list->routes[j];
			}
		}
	}
	ret_match->route = fits.route;
	ret_match->methods = fits.methods;
}

const char *mr_role_name(enum mr_role role)
{
	switch (role) {
	case MR_ROLE_VIEW:
		return "view";
	case MR_ROLE_OPERATE:
		return "operate";
	case MR_ROLE_ADMIN:
		return "admin";
	case MR_ROLE_NOBODY:
		break;
	}
	return "nobody";
}
