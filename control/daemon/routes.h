// The lists of routes, one per file that handles them.
#pragma once

#include "route.h"

extern const struct mr_route_list mr_alarm_routes;
extern const struct mr_route_list mr_app_routes;
extern const struct mr_route_list mr_asana_routes;
extern const struct mr_route_list mr_audit_routes;
extern const struct mr_route_list mr_ban_routes;
extern const struct mr_route_list mr_follow_routes;
extern const struct mr_route_list mr_drill_routes;
extern const struct mr_route_list mr_health_routes;
extern const struct mr_route_list mr_openapi_routes;
extern const struct mr_route_list mr_pause_routes;
extern const struct mr_route_list mr_seeing_routes;
extern const struct mr_route_list mr_status_routes;
extern const struct mr_route_list mr_token_routes;
extern const struct mr_route_list mr_webhook_routes;
extern const struct mr_route_list mr_web_routes; // the last one: it takes every path
