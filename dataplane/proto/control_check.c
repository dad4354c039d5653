// What is wrong with the body of a request: enums, bounds, texts. Ends up in front of people, so a
// sentence says what to change.
#include <stdbool.h>
#include <string.h>

#include "control_codec.h"
#include "utf8.h"

#define TTL_MIN_NS     UINT64_C(1000000000)
#define TAP_TTL_MAX_NS (UINT64_C(24) * 3600 * 1000000000)
#define TTL_MAX_NS     (UINT64_C(366) * 24 * 3600 * 1000000000)

// Terminated, UTF-8, and nothing that would begin another line of a log or move a cursor.
static bool is_text(const char *text, size_t size, bool has_lines)
{
	const size_t length = strnlen(text, size);
	if (length == size || mr_utf8_fault((const uint8_t *)text, (uint32_t)length) >= 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		const uint8_t c = (uint8_t)text[i];
		const bool is_c1 = c == 0xc2 && (uint8_t)text[i + 1] < 0xa0;
		if ((c < 0x20 && !(has_lines && (c == '\n' || c == '\t'))) || c == 0x7f || is_c1)
			return false;
	}
	return true;
}

static const char *author_fault(const struct mr_control_author *author)
{
	return is_text(author->name, sizeof(author->name), false)
		? NULL
		: "author: not one line of UTF-8 of at most 63 bytes";
}

static const char *reason_fault(const char reason[MR_BAN_REASON_BYTES_MAX])
{
	return is_text(reason, MR_BAN_REASON_BYTES_MAX, false)
		? NULL
		: "reason: not one line of UTF-8 of at most 127 bytes";
}

static const char *scope_fault(const struct mr_scope *scope)
{
	if (scope->kind < MR_SCOPE_APP || scope->kind > MR_SCOPE_USER || scope->reserved != 0)
		return "scope: its kind is none of app, object, workspace, database, user";
	if (scope->id == 0)
		return "scope: 0 is no id. To stop everything, pause";
	return NULL;
}

static const char *descendants_fault(const struct mr_scope *scope, bool with_descendants)
{
	return with_descendants && scope->kind != MR_SCOPE_OBJECT
		? "descendants: only an object has any"
		: NULL;
}

static const char *ttl_fault(uint64_t ttl_ns)
{
	return ttl_ns != 0 && (ttl_ns < TTL_MIN_NS || ttl_ns > TTL_MAX_NS)
		? "ttl: at least one second and at most 366 days, or 0 for no end"
		: NULL;
}

static const char *rule_fault(const struct mr_ban_rule *rule)
{
	const char *fault = scope_fault(&rule->scope);
	if (fault == NULL)
		fault = descendants_fault(&rule->scope, rule->flags & MR_BAN_DESCENDANTS);
	if (fault != NULL)
		return fault;
	if (rule->mode < MR_BAN_DROP || rule->mode > MR_BAN_THROTTLE)
		return "mode: none of drop, hold, throttle";
	if (rule->mode == MR_BAN_THROTTLE && rule->rate == 0)
		return "rate: a throttle takes events per second, from 1. To stop all, use drop";
	if (rule->mode != MR_BAN_THROTTLE && rule->rate != 0)
		return "rate: for mode throttle only";
	if ((rule->flags & ~MR_BAN_DESCENDANTS) != 0 || rule->reserved != 0)
		return "rule: unknown flags";
	return NULL;
}

const char *mr_control_ban_fault(const void *body)
{
	const struct mr_control_ban *ban = body;
	const uint32_t flags = MR_ACT_DRY_RUN | MR_ACT_CONFIRM_ALL | MR_ACT_PURGE;
	const char *fault = author_fault(&ban->author);
	if (fault == NULL)
		fault = rule_fault(&ban->rule);
	if (fault == NULL)
		fault = ttl_fault(ban->ttl_ns);
	if (fault == NULL)
		fault = reason_fault(ban->reason);
	if (fault != NULL)
		return fault;
	if ((ban->flags & ~flags) != 0 || ban->reserved != 0)
		return "ban: unknown flags";
	if (ban->flags & MR_ACT_PURGE && ban->rule.mode == MR_BAN_HOLD)
		return "purge: a hold keeps what waits. Use mode drop, or purge by itself";
	return NULL;
}

const char *mr_control_unban_fault(const void *body)
{
	const struct mr_control_unban *unban = body;
	const char *fault = author_fault(&unban->author);
	return fault != NULL ? fault : scope_fault(&unban->scope);
}

const char *mr_control_purge_fault(const void *body)
{
	const struct mr_control_purge *purge = body;
	const char *fault = author_fault(&purge->author);
	if (fault == NULL)
		fault = scope_fault(&purge->scope);
	if (fault == NULL)
		fault = descendants_fault(&purge->scope, purge->with_descendants != 0);
	if (fault != NULL)
		return fault;
	if ((purge->flags & ~(uint32_t)(MR_ACT_DRY_RUN | MR_ACT_CONFIRM_ALL)) != 0
		|| purge->with_descendants > 1)
		return "purge: unknown flags";
	return NULL;
}

const char *mr_control_pause_fault(const void *body)
{
	const struct mr_control_pause *pause = body;
	const char *fault = author_fault(&pause->author);
	if (fault == NULL)
		fault = ttl_fault(pause->ttl_ns);
	if (fault == NULL)
		fault = reason_fault(pause->reason);
	if (fault != NULL)
		return fault;
	if (pause->what == 0 || (pause->what & ~(uint32_t)MR_PAUSE_ALL) != 0 || pause->on > 1)
		return "pause: name ingest, distribution, delivery, or several of them";
	return NULL;
}

const char *mr_control_webhook_fault(const void *body)
{
	const struct mr_control_webhook *webhook = body;
	const char *fault = author_fault(&webhook->author);
	if (fault != NULL)
		return fault;
	if (webhook->secret_length > sizeof(webhook->secret))
		return "secret: longer than 128 bytes";
	if (!is_text(webhook->resource_type, sizeof(webhook->resource_type), false))
		return "resource_type: not one line of UTF-8 of at most 39 bytes";
	if (!is_text(webhook->target, sizeof(webhook->target), false))
		return "target: not one line of UTF-8 of at most 1023 bytes";
	if (!is_text(webhook->filters, sizeof(webhook->filters), true))
		return "filters: not UTF-8 text of at most 4095 bytes";
	return NULL;
}

const char *mr_control_webhook_id_fault(const void *body)
{
	const struct mr_control_webhook_id *webhook = body;
	const char *fault = author_fault(&webhook->author);
	return fault == NULL && webhook->id == 0 ? "webhook: 0 is no id" : fault;
}

const char *mr_control_app_fault(const void *body)
{
	const struct mr_control_app *app = body;
	const char *fault = author_fault(&app->author);
	if (fault == NULL && !is_text(app->name, sizeof(app->name), false))
		return "name: not one line of UTF-8 of at most 63 bytes";
	return fault;
}

const char *mr_control_explain_fault(const void *body)
{
	const struct mr_control_explain *explain = body;
	return explain->event_bytes > sizeof(explain->event) ? "event: longer than 4096 bytes"
							     : NULL;
}

const char *mr_control_tap_fault(const void *body)
{
	const struct mr_control_tap *tap = body;
	if (tap->object == 0)
		return "object: 0 is no id";
	return tap->ttl_ns > TAP_TTL_MAX_NS ? "ttl: at most a day, or 0 to end it" : NULL;
}
