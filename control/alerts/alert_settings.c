#include "alert_settings.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suggest.h"

#define SECOND UINT64_C(1000000000)
enum { FILE_BYTES_MAX = 65536 };

struct load {
	struct mr_alert_settings *settings;
	const char *path;
	char *why; // empty: all is well so far
	struct mr_receiver *receiver; // that is being read
};

struct key { // one that a mapping may have
	const char *name;
	void (*take)(struct load *load, const struct key *key, struct fy_node *value);
};

void mr_alert_settings_defaults(struct mr_alert_settings *ret_settings)
{
	struct mr_notifier_settings *notifier = &ret_settings->notifier;

	*ret_settings = (struct mr_alert_settings){0};
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		ret_settings->thresholds[i] = mr_alert_info((enum mr_alert_id)i)->threshold;
	notifier->repeat_ns = 3600 * SECOND;
	notifier->heartbeat_ns = 60 * SECOND;
	notifier->retry_ns = SECOND;
	notifier->retry_max_ns = 60 * SECOND;
	snprintf(notifier->place.runbook, sizeof(notifier->place.runbook),
		"/usr/share/doc/millrace/runbook");
	if (gethostname(notifier->place.instance, sizeof(notifier->place.instance) - 1) < 0)
		snprintf(notifier->place.instance, sizeof(notifier->place.instance), "unknown");
}

// The first mistake is the one that is told.
__attribute__((format(printf, 3, 4))) static void mistake(
	struct load *load, struct fy_node *node, const char *format, ...)
{
	struct fy_token *token = node ? fy_node_get_scalar_token(node) : NULL;
	const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
	va_list arguments;

	if (load->why[0])
		return;
	int length = mark ? snprintf(load->why, MR_ALERT_SETTINGS_WHY_BYTES,
			     "%s:%d:%d: ", load->path, mark->line + 1, mark->column + 1)
			  : snprintf(load->why, MR_ALERT_SETTINGS_WHY_BYTES, "%s: ", load->path);
	va_start(arguments, format);
	if (length < MR_ALERT_SETTINGS_WHY_BYTES)
		vsnprintf(load->why + length, (size_t)(MR_ALERT_SETTINGS_WHY_BYTES - length),
			format, arguments);
	va_end(arguments);
}

// The text of a scalar that is neither empty nor longer than `size` - 1; false: a mistake.
static bool take_text(struct load *load, const struct key *key, struct fy_node *value,
	char *ret_text, size_t size)
{
	size_t length = 0;
	const char *text = value ? fy_node_get_scalar(value, &length) : NULL;

	if (!text || length == 0 || length >= size || memchr(text, 0, length)) {
		mistake(load, value, "%s: wants a text of 1 to %zu bytes", key->name, size - 1);
		return false;
	}
	memcpy(ret_text, text, length);
	ret_text[length] = 0;
	return true;
}

static void take_duration(
	struct load *load, const struct key *key, struct fy_node *value, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	char text[32], *end = text;

	if (!take_text(load, key, value, text, sizeof(text)))
		return;
	const double number = strtod(text, &end);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const double seconds = number * units[i].seconds;

		if (end != text && strcmp(end, units[i].unit) == 0 && seconds >= 0.01
			&& seconds <= 30 * 86400) {
			*ret_ns = (uint64_t)(seconds * 1e9);
			return;
		}
	}
	mistake(load, value, "%s: wants a duration from 10ms to 30d, with ms, s, m, h or d",
		key->name);
}

static void take_map(struct load *load, struct fy_node *map, const struct key *keys, size_t count);

static void take_repeat(struct load *load, const struct key *key, struct fy_node *value)
{
	take_duration(load, key, value, &load->settings->notifier.repeat_ns);
}

static void take_heartbeat(struct load *load, const struct key *key, struct fy_node *value)
{
	take_duration(load, key, value, &load->settings->notifier.heartbeat_ns);
}

static void take_retry(struct load *load, const struct key *key, struct fy_node *value)
{
	struct mr_notifier_settings *notifier = &load->settings->notifier;

	take_duration(load, key, value, &notifier->retry_ns);
	if (notifier->retry_max_ns < notifier->retry_ns)
		notifier->retry_max_ns = notifier->retry_ns;
}

static void take_instance(struct load *load, const struct key *key, struct fy_node *value)
{
	struct mr_notice_place *place = &load->settings->notifier.place;

	take_text(load, key, value, place->instance, sizeof(place->instance));
}

static void take_runbook(struct load *load, const struct key *key, struct fy_node *value)
{
	struct mr_notice_place *place = &load->settings->notifier.place;

	take_text(load, key, value, place->runbook, sizeof(place->runbook));
}

static void take_threshold(struct load *load, const struct key *key, struct fy_node *value)
{
	char text[32], *end = text;

	if (!take_text(load, key, value, text, sizeof(text)))
		return;
	const double number = strtod(text, &end);

	if (end == text || *end != 0 || !(number > 0 && number <= 1e15))
		mistake(load, value, "%s: wants a number above 0 (%s)", key->name,
			mr_alert_info((enum mr_alert_id)mr_alert_find(key->name))->unit);
	else
		load->settings->thresholds[mr_alert_find(key->name)] = number;
}

static void take_thresholds(struct load *load, const struct key *key, struct fy_node *value)
{
	struct key keys[MR_ALERT_ID_COUNT];

	(void)key;
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		keys[i] = (struct key){mr_alert_info((enum mr_alert_id)i)->name, take_threshold};
	take_map(load, value, keys, MR_ALERT_ID_COUNT);
}

// -- Receivers

static void take_name(struct load *load, const struct key *key, struct fy_node *value)
{
	take_text(load, key, value, load->receiver->name, sizeof(load->receiver->name));
}

static bool take_kind(struct load *load, struct fy_node *value, enum mr_receiver_kind kind)
{
	if (load->receiver->kind != 0)
		mistake(load, value, "a receiver has one of url, url_file, exec and syslog");
	load->receiver->kind = kind;
	return load->why[0] == 0;
}

// The first line of a file that only its owner and group may read.
static bool take_secret(struct load *load, const struct key *key, struct fy_node *value,
	char *ret_text, size_t size)
{
	char path[256];
	FILE *file;

	if (!take_text(load, key, value, path, sizeof(path)))
		return false;
	file = fopen(path, "re");
	if (!file || !fgets(ret_text, (int)size, file)) {
		mistake(load, value, "%s: %s: %s", key->name, path,
			file ? "is empty" : strerror(errno));
		ret_text[0] = 0;
	}
	if (file)
		fclose(file);
	ret_text[strcspn(ret_text, "\r\n")] = 0;
	return ret_text[0] != 0;
}

static void check_url(struct load *load, struct fy_node *value)
{
	const char *url = load->receiver->url;

	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		mistake(load, value, "url: wants http:// or https://");
}

static void take_url(struct load *load, const struct key *key, struct fy_node *value)
{
	if (take_kind(load, value, MR_RECEIVER_HTTP)
		&& take_text(load, key, value, load->receiver->url, sizeof(load->receiver->url)))
		check_url(load, value);
}

static void take_url_file(struct load *load, const struct key *key, struct fy_node *value)
{
	if (take_kind(load, value, MR_RECEIVER_HTTP)
		&& take_secret(load, key, value, load->receiver->url, sizeof(load->receiver->url)))
		check_url(load, value);
}

static void take_token_file(struct load *load, const struct key *key, struct fy_node *value)
{
	take_secret(load, key, value, load->receiver->token, sizeof(load->receiver->token));
}

static void take_exec(struct load *load, const struct key *key, struct fy_node *value)
{
	struct mr_receiver *receiver = load->receiver;
	const int count =
		value && fy_node_is_sequence(value) ? fy_node_sequence_item_count(value) : 0;
	char text[1024];

	if (!take_kind(load, value, MR_RECEIVER_EXEC))
		return;
	if (count < 1 || count > MR_RECEIVER_ARGUMENTS_MAX)
		mistake(load, value, "exec: wants a list: a program's path and its arguments");
	for (int i = 0; i < count && load->why[0] == 0; i++) {
		struct fy_node *item = fy_node_sequence_get_by_index(value, i);

		if (take_text(load, key, item, text, sizeof(text)))
			receiver->argv[i] = strdup(text);
		if (i == 0 && receiver->argv[0] && receiver->argv[0][0] != '/')
			mistake(load, item, "exec: wants an absolute path: no shell looks for it");
	}
}

static bool take_true(struct load *load, const struct key *key, struct fy_node *value)
{
	const bool is_true = value && fy_node_compare_string(value, "true", FY_NT);

	if (!is_true && !(value && fy_node_compare_string(value, "false", FY_NT)))
		mistake(load, value, "%s: wants true or false", key->name);
	return is_true;
}

static void take_syslog(struct load *load, const struct key *key, struct fy_node *value)
{
	if (take_true(load, key, value))
		take_kind(load, value, MR_RECEIVER_SYSLOG);
}

static void take_receiver_heartbeat(struct load *load, const struct key *key, struct fy_node *value)
{
	load->receiver->heartbeat = take_true(load, key, value);
}

static void take_receivers(struct load *load, const struct key *key, struct fy_node *value)
{
	static const struct key keys[] = {
		{"name", take_name},
		{"url", take_url},
		{"url_file", take_url_file},
		{"token_file", take_token_file},
		{"exec", take_exec},
		{"syslog", take_syslog},
		{"heartbeat", take_receiver_heartbeat},
	};
	struct mr_notifier_settings *notifier = &load->settings->notifier;
	void *iterator = NULL;
	struct fy_node *item;

	if (!value || !fy_node_is_sequence(value)
		|| fy_node_sequence_item_count(value) > MR_RECEIVERS_MAX) {
		mistake(load, value, "%s: wants a list of at most %d", key->name,
			(int)MR_RECEIVERS_MAX);
		return;
	}
	while (load->why[0] == 0 && (item = fy_node_sequence_iterate(value, &iterator)) != NULL) {
		load->receiver = &notifier->receivers[notifier->receivers_count++];
		take_map(load, item, keys, sizeof(keys) / sizeof(keys[0]));
		if (load->receiver->name[0] == 0)
			mistake(load, NULL, "receiver %u has no name", notifier->receivers_count);
		if (load->receiver->kind == 0)
			mistake(load, NULL,
				"receiver \"%s\" has none of url, url_file, exec, syslog",
				load->receiver->name);
	}
}

// -- The file

static void take_entry(struct load *load, struct fy_node_pair *pair, const struct key *keys,
	size_t count, uint64_t *seen)
{
	struct fy_node *name = fy_node_pair_key(pair);
	size_t length = 0;
	const char *text = name ? fy_node_get_scalar(name, &length) : NULL;
	struct mr_suggest suggest = mr_suggest_begin(text ? text : "", length);

	for (size_t i = 0; i < count; i++) {
		mr_suggest_offer(&suggest, keys[i].name);
		if (!text || strlen(keys[i].name) != length
			|| memcmp(keys[i].name, text, length) != 0)
			continue;
		if (*seen >> i & 1)
			mistake(load, name, "%s stands here twice", keys[i].name);
		*seen |= UINT64_C(1) << i;
		keys[i].take(load, &keys[i], fy_node_pair_value(pair));
		return;
	}
	mistake(load, name, "unknown key \"%.*s\"%s%s%s", (int)length, text ? text : "",
		suggest.best ? ": did you mean " : "", suggest.best ? suggest.best : "",
		suggest.best ? "?" : "");
}

static void take_map(struct load *load, struct fy_node *map, const struct key *keys, size_t count)
{
	void *iterator = NULL;
	struct fy_node_pair *pair;
	uint64_t seen = 0;

	if (!map || !fy_node_is_mapping(map)) {
		mistake(load, map, "wants keys and values: %s: ...", keys[0].name);
		return;
	}
	while (load->why[0] == 0 && (pair = fy_node_mapping_iterate(map, &iterator)) != NULL)
		take_entry(load, pair, keys, count, &seen);
}

static void take_document(struct load *load, struct fy_node *root)
{
	static const struct key keys[] = {
		{"receivers", take_receivers},
		{"thresholds", take_thresholds},
		{"repeat", take_repeat},
		{"heartbeat", take_heartbeat},
		{"retry", take_retry},
		{"instance", take_instance},
		{"runbook", take_runbook},
	};

	if (root && !fy_node_is_null(root)) // an empty file changes nothing
		take_map(load, root, keys, sizeof(keys) / sizeof(keys[0]));
}

// Without an error there was nothing but comments.
static void tell_syntax(struct load *load, struct fy_diag *diag)
{
	void *iterator = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);

	if (error)
		snprintf(load->why, MR_ALERT_SETTINGS_WHY_BYTES, "%s:%d:%d: %s", load->path,
			error->line, error->column, error->msg);
}

// The length of the text (heap), or negative errno.
static ssize_t read_file(const char *path, char **ret_text)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_BYTES_MAX) : NULL;
	const size_t length = text ? fread(text, 1, FILE_BYTES_MAX, file) : 0;
	const int error = !file ? -errno
		: !text         ? -ENOMEM
		: ferror(file)  ? -EIO
		: !feof(file)   ? -EFBIG
				: 0;

	if (file)
		fclose(file);
	if (error < 0) {
		free(text);
		return error;
	}
	*ret_text = text;
	return (ssize_t)length;
}

int mr_alert_settings_load(const char *path, struct mr_alert_settings *ret_settings, char *ret_why)
{
	struct load load = {.settings = ret_settings, .path = path, .why = ret_why};
	struct fy_diag *diag = fy_diag_create(NULL);
	const struct fy_parse_cfg config = {
		.flags = FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag};

	ret_why[0] = 0;
	mr_alert_settings_defaults(ret_settings);
	char *text = NULL;
	const ssize_t length = read_file(path, &text);

	if (length < 0) {
		snprintf(ret_why, MR_ALERT_SETTINGS_WHY_BYTES, "%s: %s", path,
			strerror((int)-length));
		fy_diag_destroy(diag);
		return (int)length;
	}
	fy_diag_set_collect_errors(diag, true);
	struct fy_document *document =
		length > 0 ? fy_document_build_from_string(&config, text, (size_t)length) : NULL;

	if (document)
		take_document(&load, fy_document_root(document));
	else if (length > 0)
		tell_syntax(&load, diag);
	fy_document_destroy(document);
	fy_diag_destroy(diag);
	free(text);
	return ret_why[0] == 0 ? 0 : -EINVAL;
}

void mr_alert_settings_free(struct mr_alert_settings *settings)
{
	for (uint32_t i = 0; i < MR_RECEIVERS_MAX; i++) {
		for (uint32_t k = 0; k < MR_RECEIVER_ARGUMENTS_MAX; k++)
			free(settings->notifier.receivers[i].argv[k]);
		explicit_bzero(
			&settings->notifier.receivers[i], sizeof(settings->notifier.receivers[i]));
	}
}
