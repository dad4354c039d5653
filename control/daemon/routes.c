// Every list of routes of the daemon, in one place.
#include "routes.h"

const struct mr_route_list *const mr_route_lists[] = {
	&mr_alarm_routes,
	&mr_app_routes,
	&mr_asana_routes,
	&mr_audit_routes,
	&mr_ban_routes,
	&mr_follow_routes,
	&mr_drill_routes,
	&mr_health_routes,
	&mr_openapi_routes,
	&mr_pause_routes,
	&mr_seeing_routes,
	&mr_status_routes,
	&mr_token_routes,
	&mr_webhook_routes,
	&mr_web_routes,
	NULL,
};
