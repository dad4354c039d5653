#include "sink_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct mr_sink_options, field)
#define COUNT(name, field, value, help, min, max)                                \
	{                                                                        \
		name, 0, MR_OPTION_COUNT, AT(field), value, help, min, max, NULL \
	}
#define TIME(name, field, help)                                              \
	{                                                                    \
		name, 0, MR_OPTION_TIME, AT(field), "TIME", help, 0, 0, NULL \
	}
#define TEXT(name, letter, field, value, help)                                   \
	{                                                                        \
		name, letter, MR_OPTION_TEXT, AT(field), value, help, 0, 0, NULL \
	}
#define FLAG(name, field, help)                                            \
	{                                                                  \
		name, 0, MR_OPTION_FLAG, AT(field), NULL, help, 0, 0, NULL \
	}

static const struct mr_option options[] = {
	TEXT("listen", 'L', listen, "ADDRESS",
		"address and port of the first endpoint (default 127.0.0.1:9000)"),
	COUNT("endpoints", endpoints, "N", "endpoints, on ports that follow (default 1)", 1, 256),
	TEXT("ledger", 'l', ledger, "FILE",
		"of the sender: needed for loss and latency; may appear later"),
	TEXT("secret-file", 0, secret_file, "FILE", "secret of webhooks that make no handshake"),
	COUNT("paths", paths, "N", "fail unless so many webhooks delivered something", 0, 4096),
	COUNT("shards", shards, "N", "shards of the router, to split latency by them (default 1)",
		1, 32),
	FLAG("until-settled", until_settled,
		"end when the sender is done and everything accepted is here"),
	TIME("wait", wait_ns, "give up so long after the sender is done (default 30s)"),
	FLAG("allow-unclaimed", allow_unclaimed,
		"events may belong to webhooks that never came here"),
	COUNT("misbehave", misbehaving, "N",
		"only the last N endpoints do what follows (default: all)", 0, 256),
	TIME("delay", delay_ns, "answer each request so late"),
	FLAG("hang", hang, "never answer a delivery"),
	COUNT("status", status, "CODE", "answer deliveries with this status", 100, 599),
	{"fail-share", 0, MR_OPTION_REAL, AT(fail_share), "P",
		"answer this share of deliveries with 503", 0, 1, NULL},
	COUNT("close-after", close_after, "N",
		"close each connection at its N-th request, unanswered", 1, 1e9),
	COUNT("seed", seed, "N", "of the random choices (default 1)", 0, 0),
	FLAG("progress", progress, "one line per second on stderr"),
	FLAG("quiet", quiet, "no report"),
	TEXT("output", 'o', output, "FORM", "text (default) or json"),
};

static const struct mr_option_set option_set = {
	.command = "millrace-load sink",
	.summary =
		"Receives webhooks and holds them to what was accepted: signatures, order, loss, duplicates, latency.\n"
		"The last part of a webhook's URL path is the gid of its resource: http://127.0.0.1:9000/project/5001.\n"
		"Exit 0 only if all was verified and nothing was lost, doubled or out of order.",
	.examples =
		"  millrace-load sink --listen 127.0.0.1:9000 --ledger /tmp/run.ledger --until-settled -o json\n"
		"  millrace-load sink --endpoints 8 --hang --misbehave 4      half of the endpoints hang\n"
		"  millrace-load sink --fail-share 0.1 --delay 5ms\n",
	.options = options,
	.count = sizeof(options) / sizeof(options[0]),
};

static const struct mr_sink_options defaults = {
	.listen = "127.0.0.1:9000",
	.output = "text",
	.endpoints = 1,
	.shards = 1,
	.wait_ns = UINT64_C(30000000000),
	.seed = 1,
};

static int fail(const char *text)
{
	fprintf(stderr, "%s: %s\n", option_set.command, text);
	return -EINVAL;
}

int mr_sink_options_parse(int argc, char **argv, struct mr_sink_options *ret_options)
{
	*ret_options = defaults;
	int r = mr_options_parse(&option_set, argc, argv, ret_options);
	if (r != 0)
		return r;
	if (strcmp(ret_options->output, "text") != 0 && strcmp(ret_options->output, "json") != 0)
		return fail("--output is text or json");
	if (ret_options->until_settled && ret_options->ledger == NULL)
		return fail("--until-settled needs the --ledger of the sender");
	if (ret_options->misbehaving == 0)
		ret_options->misbehaving = ret_options->endpoints;
	return 0;
}
