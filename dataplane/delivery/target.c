#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bytes.h"
#include "mr_assert.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

// What is not the public Internet (IANA's special-purpose registries). An IPv4 network stands in
// its mapped form; the rest of ::/96 and the transition prefixes, in which an IPv4 address hides,
// are refused whole.
#define V4(a, b, c, prefix, what)                                          \
	{                                                                  \
		{{[10] = 0xff, [11] = 0xff, a, b, c}, 96 + (prefix)}, what \
	}
static const struct {
	struct mr_network network;
	const char *what;
} internal_networks[] = {
	V4(0, 0, 0, 8, "this host"),
	V4(10, 0, 0, 8, "a private network"),
	V4(100, 64, 0, 10, "a carrier's shared network"),
	V4(127, 0, 0, 8, "loopback"),
	V4(169, 254, 0, 16, "link-local or a metadata service"),
	V4(172, 16, 0, 12, "a private network"),
	V4(192, 0, 0, 24, "a protocol assignment"),
	V4(192, 0, 2, 24, "a documentation network"),
	V4(192, 88, 99, 24, "a 6to4 relay"),
	V4(192, 168, 0, 16, "a private network"),
	V4(198, 18, 0, 15, "a benchmarking network"),
	V4(198, 51, 100, 24, "a documentation network"),
	V4(203, 0, 113, 24, "a documentation network"),
	V4(224, 0, 0, 4, "multicast"),
	V4(240, 0, 0, 4, "reserved or broadcast"),
	{{{0}, 96}, "loopback, unspecified or IPv4-compatible"},
	{{{0x00, 0x64, 0xff, 0x9b}, 96}, "an IPv4 address behind NAT64"},
	{{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, "an IPv4 address behind NAT64"},
	{{{0x01, 0x00}, 64}, "a discard prefix"},
	{{{0x20, 0x01}, 32}, "Teredo"},
	{{{0x20, 0x01, 0x0d, 0xb8}, 32}, "a documentation network"},
	{{{0x20, 0x02}, 16}, "6to4"},
	{{{0x3f, 0xff}, 20}, "a documentation network"},
	{{{0x5f, 0x00}, 16}, "segment routing"},
	{{{0xfc, 0x00}, 7}, "a unique local network"},
	{{{0xfe, 0x80}, 10}, "link-local"},
	{{{0xfe, 0xc0}, 10}, "site-local"},
	{{{0xff, 0x00}, 8}, "multicast"},
};

static bool network_has(const struct mr_network *network, const uint8_t ip[16])
{
	uint32_t whole = network->bits / 8;
	uint32_t rest = network->bits % 8;

	mr_assert(network->bits <= 128);
	if (memcmp(network->ip, ip, whole) != 0)
		return false;
	return rest == 0 || ((network->ip[whole] ^ ip[whole]) >> (8 - rest)) == 0;
}

// Canonical literals only: what is parsed must print the same. inet_pton takes neither octal, hex,
// short nor zoned forms, and the comparison refuses what it does take in a second spelling.
static int parse_ip(const char *text, uint8_t ret_ip[16], bool *ret_v4)
{
	char again[INET6_ADDRSTRLEN];
	uint8_t ip[16];

	if (inet_pton(AF_INET, text, ip) == 1) {
		if (inet_ntop(AF_INET, ip, again, sizeof(again)) == NULL
			|| strcmp(text, again) != 0)
			return -EINVAL;
		memmove(ret_ip + 12, ip, 4);
		memcpy(ret_ip, mapped_prefix, sizeof(mapped_prefix));
		*ret_v4 = true;
		return 0;
	}
	if (inet_pton(AF_INET6, text, ip) != 1
		|| inet_ntop(AF_INET6, ip, again, sizeof(again)) == NULL
		|| strcmp(text, again) != 0)
		return -EINVAL;
	memcpy(ret_ip, ip, 16);
	*ret_v4 = false;
	return 0;
}

// The host stands in target->host already.
static int parse_host(struct mr_target *target, const char **ret_why)
{
	char text[INET6_ADDRSTRLEN];
	const char *host = target->host;
	size_t length = strlen(host);
	bool v4;

	bool bracketed = length >= 2 && host[0] == '[' && host[length - 1] == ']';
	if (bracketed) {
		host++;
		length -= 2;
	}
	*ret_why = "the host must be a canonical IP address; names are not resolved";
	if (!mr_copy_text(text, sizeof(text), host, length)
		|| parse_ip(text, target->address.ip, &v4) < 0)
		return -EINVAL;
	*ret_why = "an IPv6 address stands in brackets, an IPv4 address does not";
	return bracketed == !v4 ? 0 : -EINVAL;
}

static int parse_authority(
	const char *at, size_t length, struct mr_target *target, const char **ret_why)
{
	const char *bracket = memchr(at, ']', length);
	const char *after = bracket != NULL ? bracket : at;
	const char *colon = memchr(after, ':', length - (size_t)(after - at));
	size_t host_length = colon != NULL ? (size_t)(colon - at) : length;
	uint64_t port = 80;

	*ret_why = "a target carries no user or password";
	if (memchr(at, '@', length) != NULL)
		return -EINVAL;
	*ret_why = "the port must be between 1 and 65535";
	if (colon != NULL
		&& (mr_parse_u64(colon + 1, length - host_length - 1, &port) < 0 || port == 0
			|| port > 65535))
		return -EINVAL;
	target->address.port = (uint16_t)port;
	*ret_why = "the host is missing or too long";
	if (host_length == 0 || !mr_copy_text(target->host, sizeof(target->host), at, host_length))
		return -EINVAL;
	return parse_host(target, ret_why);
}

int mr_target_parse(const char *url, struct mr_target *ret_target, const char **ret_why)
{
	static const char scheme[] = "http://";
	struct mr_target target = {0};
	size_t length = strlen(url);

	*ret_why = "the target is too long";
	if (length >= MR_URL_BYTES_MAX)
		return -EINVAL;
	*ret_why = "only printable ASCII without blanks may stand in a target";
	for (size_t i = 0; i < length; i++) {
		if (url[i] <= ' ' || url[i] > '~' || url[i] == '\\')
			return -EINVAL;
	}
	*ret_why = "the target must begin with http://";
	if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return -EINVAL;
	*ret_why = "a target carries no fragment";
	if (strchr(url, '#') != NULL)
		return -EINVAL;
	const char *authority = url + sizeof(scheme) - 1;
	size_t authority_length = strcspn(authority, "/?");
	int r = parse_authority(authority, authority_length, &target, ret_why);
	if (r < 0)
		return r;
	const char *path = authority + authority_length;
	target.path[0] = '/';
	size_t slash = path[0] == '/' ? 0 : 1;
	*ret_why = "the target is too long";
	if (!mr_copy_text(target.path + slash, sizeof(target.path) - slash, path, strlen(path)))
		return -EINVAL;
	*ret_target = target;
	*ret_why = NULL;
	return 0;
}

static int parse_network(const char *at, size_t length, struct mr_network *ret_network)
{
	char text[INET6_ADDRSTRLEN];
	struct mr_network network;
	uint64_t bits;
	bool v4;

	const char *slash = memchr(at, '/', length);
	size_t ip_length = slash != NULL ? (size_t)(slash - at) : length;
	if (!mr_copy_text(text, sizeof(text), at, ip_length) || parse_ip(text, network.ip, &v4) < 0)
		return -EINVAL;
	uint64_t bits_max = v4 ? 32 : 128;
	bits = bits_max;
	if (slash != NULL && mr_parse_u64(slash + 1, length - ip_length - 1, &bits) < 0)
		return -EINVAL;
	if (bits > bits_max)
		return -EINVAL;
	network.bits = (uint8_t)(v4 ? bits + 96 : bits);
	for (uint32_t bit = network.bits; bit < 128; bit++) {
		if ((network.ip[bit / 8] >> (7 - bit % 8) & 1) != 0)
			return -EINVAL;
	}
	*ret_network = network;
	return 0;
}

int mr_guard_allow(struct mr_guard *guard, const char *networks, const char **ret_why)
{
	static const char separators[] = ", \t";
	struct mr_guard result = *guard;

	const char *at = networks + strspn(networks, separators);
	while (*at != '\0') {
		size_t length = strcspn(at, separators);
		*ret_why = "too many networks";
		if (result.count == MR_GUARD_NETWORKS_MAX)
			return -ENOSPC;
		*ret_why =
			"not a network: write 10.0.0.0/8 or fd00::/8, with zeros behind the prefix";
		if (parse_network(at, length, &result.networks[result.count]) < 0)
			return -EINVAL;
		result.count++;
		at += length;
		at += strspn(at, separators);
	}
	*guard = result;
	*ret_why = NULL;
	return 0;
}

bool mr_guard_permits(
	const struct mr_guard *guard, const struct mr_address *address, const char **ret_why)
{
	const char *what = NULL;

	mr_assert(guard->count <= MR_GUARD_NETWORKS_MAX);
	for (size_t i = 0; i < sizeof(internal_networks) / sizeof(internal_networks[0]); i++) {
		if (network_has(&internal_networks[i].network, address->ip))
			what = internal_networks[i].what;
	}
	for (uint32_t i = 0; what != NULL && i < guard->count; i++) {
		if (network_has(&guard->networks[i], address->ip))
			what = NULL;
	}
	*ret_why = what;
	return what == NULL;
}
