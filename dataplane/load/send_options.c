#include "send_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <millrace/limits.h>

#define AT(field) offsetof(struct mr_send_options, field)
#define COUNT(name, field, value, help, min, max)                                \
	{                                                                        \
		name, 0, MR_OPTION_COUNT, AT(field), value, help, min, max, NULL \
	}
#define REAL(name, field, value, help, min, max)                                \
	{                                                                       \
		name, 0, MR_OPTION_REAL, AT(field), value, help, min, max, NULL \
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
	TEXT("port", 'p', port, "DEVICE",
		"DPDK device: 'net_memif0,role=client,socket=PATH', a PCI address, ..."),
	TEXT("to", 't', to, "ADDRESS",
		"the router, with its UDP port: 10.74.0.1:7400 or [fd74::1]:7400"),
	TEXT("from", 'f', from, "ADDRESS", "our own address on that link"),
	COUNT("key", key, "ID", "key id: says which app we are (default 1)", 1, 0),
	REAL("rate", rate, "N",
		"events per second, open loop; 0: as fast as the router takes them (default 50k)",
		0, 1e8),
	TIME("ramp", ramp_ns, "raise the rate from nothing during this time"),
	TIME("duration", duration_ns,
		"stop offering after this time (default 20s unless --events)"),
	COUNT("events", events, "N", "stop offering after this many events", 1, 1e10),
	COUNT("objects", workload.objects, "N", "cold objects (default 10k)", 1, MR_ZIPF_RANKS_MAX),
	COUNT("first-object", workload.first_object, "GID", "the first of them (default 1000000)",
		1, 0),
	REAL("zipf", workload.zipf, "S", "skew over the objects; 0: uniform (default)", 0, 10),
	REAL("hot-share", workload.hot_share, "P",
		"share of all events that goes to one hot object", 0, 1),
	COUNT("hot-object", workload.hot_object, "GID",
		"the hot object (default: one past the cold ones)", 1, 0),
	FLAG("hot-session", hot_session, "the hot object's events in a session of their own"),
	FLAG("hot-beside-first", hot_beside_first,
		"move the hot object on until it shares the slot of the first cold one"),
	COUNT("sessions", workload.sessions, "N", "sessions; an object keeps to one (default 1)", 1,
		63),
	COUNT("workspaces", workload.workspaces, "N", "workspaces (default 4)", 1, 1e6),
	COUNT("databases", workload.databases, "N", "source databases (default 4)", 1, 1e6),
	COUNT("projects", workload.projects, "N", "projects: these have the webhooks (default 4)",
		1, 1e6),
	COUNT("project-base", workload.project_base, "GID",
		"gid of the first project (default 5001)", 1, 0),
	{"ancestors", 0, MR_OPTION_TEXT_MAYBE, AT(lineage), "SHAPE",
		"story -> task -> project; or diamond, cycle (default: task -> project)", 0, 0,
		"story"},
	COUNT("payload", payload_bytes, "BYTES", "payload per event", 0, MR_WIRE_BYTES_MAX),
	FLAG("awkward", awkward, "all actions, null users, values that break naive receivers"),
	COUNT("seed", workload.seed, "N", "of the random choices (default 1)", 0, 0),
	COUNT("events-per-packet", events_per_packet, "N", "at most (default 20)", 1,
		MR_PACKET_EVENTS_MAX),
	TIME("linger", linger_ns,
		"how long an event waits for company in its packet (default 200us)"),
	COUNT("buffer", buffer_events, "N",
		"events kept per flow until settled, a power of two (default 32768)", 64, 1 << 20),
	FLAG("ignore-credits", ignore_credits, "send beyond the window the router grants"),
	FLAG("retry-refused", retry_refused,
		"submit refused events again, as new ones, when the router says so"),
	TEXT("ledger", 'l', ledger, "FILE",
		"write what was offered and its fate, for `millrace-load sink`"),
	COUNT("queues", queues, "N", "queue pairs, at most what the router's port has (default 1)",
		1, 32),
	COUNT("mtu", mtu, "BYTES", "of the link (default 1500)", 576, MR_MTU_JUMBO),
	COUNT("vlan", vlan, "ID", "tag our frames", 1, 4094),
	COUNT("from-port", from_port, "PORT", "UDP port of the first session (default 47400)", 1024,
		65000),
	FLAG("flow-ports", flow_ports, "send flow f to the router's port + f"),
	TIME("settle-wait", settle_wait_ns, "wait so long for the last fates (default 10s)"),
	TIME("connect-wait", connect_wait_ns, "wait so long for link and router (default 10s)"),
	TIME("reconnect", reconnect_ns,
		"resume a session that hears nothing for this time; 0: never (default 1s)"),
	COUNT("cpu", cpu, "N", "run on this CPU (default 0)", 0, 1023),
	FLAG("busy", busy, "never sleep between sends"),
	FLAG("hugepages", hugepages, "use hugepages"),
	COUNT("memory", memory_mib, "MIB", "EAL memory (default 64)", 16, 65536),
	TEXT("file-prefix", 0, file_prefix, "NAME", "EAL file prefix (default: by process id)"),
	FLAG("progress", progress, "one line per second on stderr"),
	FLAG("quiet", quiet, "no report"),
	TEXT("output", 'o', output, "FORM", "text (default) or json"),
};

static const struct mr_option_set option_set = {
	.command = "millrace-load send",
	.summary =
		"Sends change events to a router through a DPDK port, open loop, and says what became of each.",
	.examples =
		"  millrace-load send -p net_memif0,role=client,socket=/run/millrace/memif.sock \\\n"
		"      -t 10.74.0.1:7400 -f 10.74.0.2 --rate 50k --duration 20s --ledger /tmp/run.ledger\n"
		"  ... --events 1M --awkward                 a million events that break naive receivers\n"
		"  ... --rate 400k --hot-share 0.9 --hot-session   one runaway object beside the others\n",
	.options = options,
	.count = sizeof(options) / sizeof(options[0]),
};

static const struct mr_send_options defaults = {
	.output = "text",
	.rate = 50e3,
	.key = 1,
	.events_per_packet = 20,
	.linger_ns = 200000,
	.buffer_events = 32768,
	.queues = 1,
	.mtu = MR_MTU,
	.from_port = 47400,
	.settle_wait_ns = UINT64_C(10000000000),
	.connect_wait_ns = UINT64_C(10000000000),
	.reconnect_ns = UINT64_C(1000000000),
	.memory_mib = 64,
	.workload = {.seed = 1,
		.objects = 10000,
		.first_object = 1000000,
		.workspaces = 4,
		.workspace_base = 301,
		.databases = 4,
		.database_base = 101,
		.projects = 4,
		.project_base = 5001,
		.sessions = 1},
};

static int fail(const char *text)
{
	fprintf(stderr, "%s: %s\n", option_set.command, text);
	return -EINVAL;
}

static int parse_lineage(struct mr_send_options *ret_options)
{
	static const char *const names[] = {
		[MR_LINEAGE_FLAT] = "flat",
		[MR_LINEAGE_STORY] = "story",
		[MR_LINEAGE_DIAMOND] = "diamond",
		[MR_LINEAGE_CYCLE] = "cycle",
	};
	if (ret_options->lineage == NULL)
		return 0;
	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(ret_options->lineage, names[i]) == 0) {
			ret_options->workload.lineage = i;
			return 0;
		}
	}
	return fail("--ancestors is flat, story, diamond or cycle");
}

int mr_send_options_parse(int argc, char **argv, struct mr_send_options *ret_options)
{
	*ret_options = defaults;
	int r = mr_options_parse(&option_set, argc, argv, ret_options);
	if (r != 0)
		return r;
	struct mr_workload_options *workload = &ret_options->workload;
	if (ret_options->port == NULL || ret_options->to == NULL || ret_options->from == NULL)
		return fail("--port, --to and --from are needed; see the example of --help");
	if (strcmp(ret_options->output, "text") != 0 && strcmp(ret_options->output, "json") != 0)
		return fail("--output is text or json");
	if ((ret_options->buffer_events & (ret_options->buffer_events - 1)) != 0)
		return fail("--buffer must be a power of two: 16384, 32768, 65536");
	if (ret_options->duration_ns == 0 && ret_options->events == 0)
		ret_options->duration_ns = UINT64_C(20000000000);
	if (workload->hot_object == 0)
		workload->hot_object = workload->first_object + workload->objects;
	workload->payload_bytes = (uint32_t)ret_options->payload_bytes;
	workload->awkward = ret_options->awkward;
	workload->hot_session = ret_options->hot_session;
	return parse_lineage(ret_options);
}
