#include "config_key.h"

#include <string.h>

#include "suggest.h"

const struct mr_config_key *mr_config_key_find(
	const struct mr_config_key *keys, uint32_t count, const char *key, size_t length)
{
	for (uint32_t i = 0; i < count; i++)
		if (strncmp(keys[i].key, key, length) == 0 && keys[i].key[length] == '\0')
			return &keys[i];
	return NULL;
}

const char *mr_config_key_suggest(
	const struct mr_config_key *keys, uint32_t count, const char *key, size_t length)
{
	struct mr_suggest suggest = mr_suggest_begin(key, length);
	for (uint32_t i = 0; i < count; i++)
		mr_suggest_offer(&suggest, keys[i].key);
	return suggest.best;
}

const char *mr_value_type_name(enum mr_value_type type)
{
	static const char *const names[MR_VALUE_TYPE_COUNT] = {
		[MR_VALUE_COUNT] = "count",
		[MR_VALUE_ID] = "id",
		[MR_VALUE_BYTES] = "bytes",
		[MR_VALUE_DURATION] = "duration",
		[MR_VALUE_BOOL] = "yes or no",
		[MR_VALUE_CHOICE] = "word",
		[MR_VALUE_TEXT] = "text",
		[MR_VALUE_IPV4] = "IPv4 address",
		[MR_VALUE_IPV6] = "IPv6 address",
		[MR_VALUE_WORDS] = "list of words",
		[MR_VALUE_FILTERS] = "list of filters",
	};
	return names[type];
}
