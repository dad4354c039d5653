// Columns and fields, as docs/API.md names them. Tables fit 80 columns.
#include "shapes.h"

#include <stddef.h>

#define TEXT(key_, title_, width_)                   \
	{                                            \
		key_, title_, MR_COLUMN_TEXT, width_ \
	}
#define NEEDED(key_, title_, width_)                   \
	{                                              \
		key_, title_, MR_COLUMN_NEEDED, width_ \
	}
#define ID(key_, title_, width_)                   \
	{                                          \
		key_, title_, MR_COLUMN_ID, width_ \
	}
#define COUNT(key_, title_, width_)                   \
	{                                             \
		key_, title_, MR_COLUMN_COUNT, width_ \
	}
#define RATE(key_, title_, width_)                   \
	{                                            \
		key_, title_, MR_COLUMN_RATE, width_ \
	}
#define S(key_, title_, width_)                         \
	{                                               \
		key_, title_, MR_COLUMN_SECONDS, width_ \
	}
#define MS(key_, title_, width_)                             \
	{                                                    \
		key_, title_, MR_COLUMN_MILLISECONDS, width_ \
	}
#define US(key_, title_, width_)                             \
	{                                                    \
		key_, title_, MR_COLUMN_MICROSECONDS, width_ \
	}
#define SHARE(key_, title_, width_)                   \
	{                                             \
		key_, title_, MR_COLUMN_SHARE, width_ \
	}

#define DONE                                                                                      \
	{                                                                                         \
		"in force", "",                                                                   \
		{                                                                                 \
			TEXT("done", "done", 0), MS("took_ms", "took", 0),                        \
				TEXT("generation", "generation", 0), TEXT("undo", "undo with", 0) \
		}                                                                                 \
	}

const struct mr_shape mr_shape_status = {{
	{"router", "router",
		{TEXT("state", "state", 0), TEXT("durability", "durability", 0),
			TEXT("release", "release", 0), TEXT("boot_id", "boot id", 0),
			S("uptime_s", "uptime", 0), TEXT("generation", "generation", 0),
			TEXT("connected", "connected", 0), S("stale_s", "stale", 0),
			TEXT("why", "why", 0)}},
	{"journal", "journal",
		{TEXT("state", "state", 0), TEXT("dir", "directory", 0),
			COUNT("segments", "segments", 0), COUNT("disk_bytes", "bytes", 0),
			COUNT("retention_bytes", "bytes max", 0),
			COUNT("replay_bytes", "replay bytes", 0), COUNT("stalls", "stalls", 0)}},
	{"events", "events",
		{COUNT("offered", "offered", 0), COUNT("accepted", "accepted", 0),
			COUNT("refused", "refused", 0), COUNT("recovered", "recovered", 0),
			COUNT("queued", "queued", 0), COUNT("distributed", "distributed", 0),
			COUNT("dropped", "dropped", 0), COUNT("off_balance", "off balance", 0)}},
	{"deliveries", "deliveries",
		{COUNT("matched", "matched", 0), COUNT("recovered", "recovered", 0),
			COUNT("on_the_way", "on the way", 0), COUNT("delivered", "delivered", 0),
			COUNT("pending", "pending", 0), COUNT("dropped", "dropped", 0),
			COUNT("off_balance", "off balance", 0)}},
	{"per second", "rates",
		{RATE("offered", "offered", 0), RATE("accepted", "accepted", 0),
			RATE("refused", "refused", 0), RATE("delivered", "delivered", 0)}},
	{"stages", "stages",
		{TEXT("name", "stage", 12), COUNT("cpu", "cpu", 5), SHARE("busy", "busy", 8),
			US("step_p99_us", "step p99", 10), US("step_max_us", "slowest", 10),
			S("heartbeat_age_s", "last step", 10)}},
	{"paused", "paused",
		{TEXT("what", "what", 13), S("expires_in_s", "left", 12),
			TEXT("author", "author", 14), TEXT("reason", "reason", 0)}},
	{"stopped", "",
		{COUNT("bans", "bans", 0), COUNT("alarms.firing", "alarms firing", 0),
			COUNT("alarms.pending", "alarms pending", 0)}},
}};

const struct mr_shape mr_shape_hot = {{
	{"hot", "data",
		{ID("id", "id", 20), TEXT("kind", "kind", 9), RATE("rate", "per second", 10),
			COUNT("error", "error", 6), COUNT("refused", "refused", 8),
			COUNT("queued", "queued", 7), TEXT("banned", "banned", 0)}},
	{"whose", "data",
		{ID("id", "id", 20), ID("app", "app", 14), ID("workspace", "workspace", 18),
			ID("database", "database", 18)}},
	{"endpoints", "data",
		{TEXT("origin", "origin", 32), COUNT("pending", "pending", 9),
			COUNT("requests_failed", "failed", 8), MS("request_mean_ms", "mean", 10),
			TEXT("last_status", "last", 0)}},
}};

const struct mr_shape mr_shape_ledgers = {{
	{"ledgers", "data",
		{TEXT("kind", "kind", 9), ID("id", "id", 16), COUNT("accepted", "accepted", 11),
			COUNT("refused", "refused", 9), COUNT("queued", "queued", 8),
			COUNT("distributed", "distributed", 11)}},
}};

const struct mr_shape mr_shape_latencies = {{
	{"latencies", "data",
		{TEXT("name", "latency", 24), COUNT("count", "count", 10), US("p50_us", "p50", 9),
			US("p99_us", "p99", 9), US("p999_us", "p999", 9), US("max_us", "max", 9)}},
}};

const struct mr_shape mr_shape_bans = {{
	{"bans", "data",
		{TEXT("kind", "kind", 9), ID("scope", "id", 16), TEXT("mode", "mode", 8),
			COUNT("rate", "rate", 7), S("expires_in_s", "left", 10),
			TEXT("reason", "reason", 0)}},
}};

const struct mr_shape mr_shape_pauses = {{
	{"paused", "data",
		{TEXT("what", "what", 13), TEXT("since", "since", 24),
			S("expires_in_s", "left", 11), TEXT("author", "author", 10),
			TEXT("reason", "reason", 0)}},
}};

const struct mr_shape mr_shape_effect = {{
	DONE,
	{"ban", "ban",
		{TEXT("mode", "mode", 0), COUNT("rate", "per second", 0),
			TEXT("with_descendants", "descendants too", 0),
			TEXT("expires_at", "until", 0), S("expires_in_s", "left", 0),
			TEXT("reason", "reason", 0)}},
	{"pause", "pause",
		{TEXT("what", "what", 0), S("expires_in_s", "left", 0),
			TEXT("reason", "reason", 0)}},
	{"effect", "effect",
		{COUNT("queued_events", "queued events", 0),
			COUNT("pending_deliveries", "pending deliveries", 0),
			COUNT("recent_events", "events of a minute", 0),
			COUNT("webhooks", "webhooks", 0), TEXT("replaced", "replaced", 0)}},
}};

const struct mr_shape mr_shape_webhooks = {{
	{"webhooks", "data",
		{ID("id", "id", 20), TEXT("state", "state", 9), COUNT("delivered", "delivered", 11),
			COUNT("pending", "pending", 9), TEXT("last_status", "last", 0)}},
	{"where", "data",
		{ID("id", "id", 20), TEXT("name", "name", 16), TEXT("origin", "origin", 0)}},
}};

const struct mr_shape mr_shape_webhook = {{
	{"webhook", "",
		{TEXT("id", "id", 0), TEXT("name", "name", 0), TEXT("source", "source", 0),
			TEXT("state", "state", 0), TEXT("resource", "resource", 0),
			TEXT("origin", "origin", 0), TEXT("owner", "owner", 0),
			TEXT("workspace", "workspace", 0), TEXT("filters", "filters", 0),
			COUNT("matched", "matched", 0), COUNT("delivered", "delivered", 0),
			COUNT("pending", "pending", 0), COUNT("dropped", "dropped", 0),
			COUNT("requests", "requests", 0), COUNT("requests_failed", "failed", 0),
			TEXT("last_status", "last status", 0),
			TEXT("failing_since", "failing since", 0)}},
	{"lag", "",
		{COUNT("lag_events", "events", 0), S("lag_s", "oldest", 0),
			S("eta_s", "drained in", 0)}},
}};

const struct mr_shape mr_shape_attempts = {{
	{"attempts", "data",
		{TEXT("at", "at", 24), TEXT("kind", "kind", 9), TEXT("status", "code", 4),
			TEXT("outcome", "outcome", 10), MS("took_ms", "took", 10),
			COUNT("events", "events", 6)}},
	{"answers", "data", {TEXT("at", "at", 24), TEXT("body", "body", 0)}},
}};

const struct mr_shape mr_shape_lags = {{
	{"lag", "data",
		{ID("id", "id", 20), TEXT("state", "state", 9), COUNT("lag_events", "behind", 11),
			S("lag_s", "oldest", 11), S("eta_s", "drained in", 11)}},
	{"where", "data",
		{ID("id", "id", 20), TEXT("name", "name", 16), TEXT("origin", "origin", 0)}},
}};

const struct mr_shape mr_shape_tested = {{
	DONE,
	{"answer", "", {TEXT("http_status", "status", 0)}},
}};

const struct mr_shape mr_shape_secret = {{
	DONE,
	{"secret", "",
		{TEXT("app", "app", 0), TEXT("key", "key", 0), TEXT("name", "name", 0),
			TEXT("secret", "secret", 0)}},
}};

const struct mr_shape mr_shape_apps = {{
	{"apps", "data",
		{ID("app", "app", 20), ID("key", "key", 20), TEXT("source", "source", 8),
			TEXT("name", "name", 0)}},
}};

const struct mr_shape mr_shape_tokens = {{
	{"tokens", "data",
		{ID("id", "id", 6), TEXT("role", "role", 8), ID("app", "app", 20),
			TEXT("created_at", "since", 24), TEXT("name", "name", 0)}},
}};

const struct mr_shape mr_shape_token = {{
	DONE,
	{"token", "", {TEXT("id", "id", 0), TEXT("role", "role", 0), TEXT("token", "token", 0)}},
}};

const struct mr_shape mr_shape_alarms = {{
	{"alarms", "data",
		{TEXT("state", "state", 7), TEXT("severity", "severity", 8),
			TEXT("name", "name", 18), TEXT("summary", "summary", 0)}},
	{"what to do", "data", {TEXT("name", "name", 18), NEEDED("command", "type", 0)}},
	{"pages", "data",
		{TEXT("name", "name", 18), NEEDED("since", "since", 24),
			TEXT("runbook", "runbook", 0)}},
}};

const struct mr_shape mr_shape_audit = {{
	{"audit", "data",
		{TEXT("at", "at", 24), TEXT("who", "who", 12), TEXT("via", "via", 6),
			TEXT("act", "act", 12), ID("scope", "scope", 12),
			TEXT("result", "result", 0)}},
}};

const struct mr_shape mr_shape_explained = {{
	{"event", "",
		{TEXT("admission", "admission", 0), TEXT("reason", "reason", 0),
			TEXT("scope", "scope", 0), TEXT("ban", "ban", 0), TEXT("slot", "slot", 0),
			TEXT("flow", "flow", 0), TEXT("shard", "shard", 0),
			TEXT("hops", "hops", 0)}},
	{"queue", "queue",
		{COUNT("events", "events", 0), TEXT("penalised", "penalised", 0),
			TEXT("held", "held", 0)}},
	{"webhooks", "webhooks",
		{ID("webhook", "webhook", 20), ID("resource", "resource", 20),
			TEXT("why", "why", 0)}},
}};

const struct mr_shape mr_shape_drills = {{
	{"drills", "data",
		{TEXT("name", "name", 24), TEXT("safety", "safety", 6), TEXT("alarm", "alarm", 0)}},
}};

const struct mr_shape mr_shape_drill = {{
	{"drill", "",
		{TEXT("name", "name", 0), TEXT("alarm", "alarm", 0), TEXT("passed", "passed", 0),
			S("took_s", "took", 0)}},
	{"steps", "steps", {S("at_s", "at", 10), TEXT("ok", "ok", 4), TEXT("text", "step", 0)}},
}};

const struct mr_shape mr_shape_health = {{
	{"health", "", {TEXT("status", "status", 0), TEXT("ready", "ready", 0)}},
	{"checks", "checks",
		{TEXT("name", "check", 24), TEXT("ok", "ok", 4), TEXT("detail", "detail", 0)}},
}};

const struct mr_shape mr_shape_acts = {{
	{"acts", "data",
		{COUNT("number", "number", 6), TEXT("at", "at", 24), TEXT("act", "act", 14),
			TEXT("subject", "subject", 20), TEXT("who", "who", 0)}},
}};
