// /openapi.json: the description of the API, for programs.
#include "answer.h"
#include "openapi.h"
#include "routes.h"

static void get_openapi(struct mr_request *request)
{
	mr_answer_text(request, 200, "application/json", mr_openapi_text, mr_openapi_length);
}

static const struct mr_route routes[] = {
	{"GET", "/openapi.json", "getDescription", NULL, get_openapi, MR_ROLE_NOBODY, MR_ROUTE_HERE,
		0},
};
const struct mr_route_list mr_openapi_routes = MR_ROUTE_LIST(routes);
