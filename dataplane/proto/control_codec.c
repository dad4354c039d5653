#include "control_codec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct mr_control_form forms[] = {
	{MR_CONTROL_HELLO, 0, sizeof(struct mr_control_welcome), NULL},
	{MR_CONTROL_STATUS, 0, sizeof(struct mr_control_status), NULL},
	{MR_CONTROL_RELOAD, 0, sizeof(struct mr_control_reload), NULL},
	{MR_CONTROL_BAN, sizeof(struct mr_control_ban), sizeof(struct mr_control_effect),
		mr_control_ban_fault},
	{MR_CONTROL_UNBAN, sizeof(struct mr_control_unban), sizeof(struct mr_control_effect),
		mr_control_unban_fault},
	{MR_CONTROL_PURGE, sizeof(struct mr_control_purge), sizeof(struct mr_control_effect),
		mr_control_purge_fault},
	{MR_CONTROL_PAUSE, sizeof(struct mr_control_pause), sizeof(struct mr_control_effect),
		mr_control_pause_fault},
	{MR_CONTROL_WEBHOOK_PUT, sizeof(struct mr_control_webhook),
		sizeof(struct mr_control_webhook_done), mr_control_webhook_fault},
	{MR_CONTROL_WEBHOOK_REMOVE, sizeof(struct mr_control_webhook_id),
		sizeof(struct mr_control_webhook_done), mr_control_webhook_id_fault},
	{MR_CONTROL_WEBHOOK_TEST, sizeof(struct mr_control_webhook_id),
		sizeof(struct mr_control_webhook_done), mr_control_webhook_id_fault},
	{MR_CONTROL_APP_PUT, sizeof(struct mr_control_app), sizeof(struct mr_control_effect),
		mr_control_app_fault},
	{MR_CONTROL_APP_REMOVE, sizeof(struct mr_control_app), sizeof(struct mr_control_effect),
		mr_control_app_fault},
	{MR_CONTROL_BANS, sizeof(struct mr_control_from), sizeof(struct mr_control_bans), NULL},
	{MR_CONTROL_ACTS, sizeof(struct mr_control_from), sizeof(struct mr_control_acts), NULL},
	{MR_CONTROL_EXPLAIN, sizeof(struct mr_control_explain), sizeof(struct mr_control_explained),
		mr_control_explain_fault},
	{MR_CONTROL_TAP, sizeof(struct mr_control_tap), sizeof(struct mr_control_effect),
		mr_control_tap_fault},
	{MR_CONTROL_WEBHOOKS, sizeof(struct mr_control_from), sizeof(struct mr_control_webhooks),
		NULL},
	{MR_CONTROL_APPS, sizeof(struct mr_control_from), sizeof(struct mr_control_apps), NULL},
};

const struct mr_control_form *mr_control_form(uint32_t type)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].type == type)
			return &forms[i];
	return NULL;
}

__attribute__((format(printf, 3, 4))) static int fail(
	char *ret_why, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(ret_why, MR_CONTROL_WHY_BYTES, format, arguments);
	va_end(arguments);
	return error;
}

int mr_control_parse(
	const void *message, size_t length, struct mr_control_header *ret_header, char *ret_why)
{
	*ret_header = (struct mr_control_header){0};
	if (length < sizeof(*ret_header))
		return fail(ret_why, -EBADMSG, "a message of %zu bytes is shorter than its header",
			length);
	memcpy(ret_header, message, sizeof(*ret_header));
	if (ret_header->magic != MR_CONTROL_MAGIC)
		return fail(ret_why, -EBADMSG, "not a control message");
	if (ret_header->version != MR_CONTROL_VERSION)
		return fail(ret_why, -EPROTONOSUPPORT,
			"version %u is not spoken here, only %d: use the programs of one release",
			ret_header->version, MR_CONTROL_VERSION);
	if (ret_header->length != length)
		return fail(ret_why, -EBADMSG, "the length says %u, the message has %zu bytes",
			ret_header->length, length);
	const struct mr_control_form *form = mr_control_form(ret_header->type);
	if (form == NULL)
		return fail(ret_why, -EOPNOTSUPP, "type %u is unknown", ret_header->type);
	if (length != sizeof(*ret_header) + form->request_bytes)
		return fail(ret_why, -EBADMSG, "type %u takes a body of %u bytes, not %zu",
			form->type, form->request_bytes, length - sizeof(*ret_header));
	const char *fault = form->fault != NULL
		? form->fault((const uint8_t *)message + sizeof(*ret_header))
		: NULL;
	return fault == NULL ? 0 : fail(ret_why, -EINVAL, "%s", fault);
}
