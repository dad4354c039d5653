// What the API offers: one row per method and path. docs/api/openapi.yaml describes the same rows,
// and a test holds the two together.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mr_request;

enum mr_role {
	MR_ROLE_NOBODY = 0, // open to all who reach the listener
	MR_ROLE_VIEW = 1,
	MR_ROLE_OPERATE = 2,
	MR_ROLE_ADMIN = 3,
};

// Where a handler runs. What only reads the snapshot, the store or memory runs in the listener's
// thread and must not wait for anything; what asks the data plane runs in a worker, while the
// listener goes on.
enum mr_route_place {
	MR_ROUTE_HERE = 0,
	MR_ROUTE_QUICK, // a worker for acts that take milliseconds
	MR_ROUTE_SLOW, // a worker for what waits for others: endpoints, a dozen seconds
};

enum mr_route_flag {
	MR_ROUTE_RAW_BODY = 1, // the handler parses the body itself, whatever its type
	MR_ROUTE_SECRET = 2, // the answer holds a secret: it is never stored
};

struct mr_route {
	const char *method; // GET also answers HEAD
	const char *path; // "/v1/bans/{kind}/{id}"
	const char *operation; // operationId in the OpenAPI document
	const char *query; // parameters it takes, separated by blanks; NULL: none
	void (*handle)(struct mr_request *request);
	enum mr_role role;
	enum mr_route_place place;
	unsigned flags; // enum mr_route_flag
};

struct mr_route_list {
	const struct mr_route *routes;
	size_t count;
};
#define MR_ROUTE_LIST(routes_)                                                       \
	{                                                                            \
		.routes = (routes_), .count = sizeof(routes_) / sizeof((routes_)[0]) \
	}

enum { MR_ROUTE_PARAMETERS_MAX = 4, MR_PATH_PARAMETER_BYTES_MAX = 128 };
struct mr_route_match {
	const struct mr_route *route; // NULL: none
	uint32_t methods; // of the path, whatever was asked: enum mr_method bits, for Allow
	const char *values[MR_ROUTE_PARAMETERS_MAX]; // into the path that was matched
	uint32_t lengths[MR_ROUTE_PARAMETERS_MAX];
};
enum mr_method { MR_METHOD_GET = 1, MR_METHOD_POST = 2, MR_METHOD_PUT = 4, MR_METHOD_DELETE = 8 };

// All lists, of all files; ends with an empty one.
extern const struct mr_route_list *const mr_route_lists[];

void mr_route_find(const char *method, const char *path, struct mr_route_match *ret_match);
const char *mr_role_name(enum mr_role role); // "view"; "nobody"
