#include "workload.h"

#include <errno.h>
#include <string.h>

#include <millrace/wire.h>

#include "awkward.h"
#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"

// Who the ancestors of an object are. `via` is the index of the one it was reached through.
struct parent {
	uint64_t gid;
	const char *type;
	uint8_t via;
};

static uint64_t project_of(const struct mr_workload_options *options, uint64_t number)
{
	return options->project_base + number % options->projects;
}

static uint32_t lineage_of(const struct mr_workload_options *options, uint64_t object,
	struct parent ret_parents[MR_WORKLOAD_ANCESTORS_MAX])
{
	uint64_t index = object / MR_WORKLOAD_STORIES_PER_TASK;
	uint64_t task = MR_WORKLOAD_TASK_BASE + index;
	uint64_t initiative = MR_WORKLOAD_INITIATIVE_BASE + index % MR_WORKLOAD_INITIATIVES;
	switch ((enum mr_lineage)options->lineage) {
	case MR_LINEAGE_FLAT:
		ret_parents[0] =
			(struct parent){project_of(options, object), "project", MR_VIA_OBJECT};
		return 1;
	case MR_LINEAGE_STORY:
		ret_parents[0] = (struct parent){task, "task", MR_VIA_OBJECT};
		ret_parents[1] = (struct parent){project_of(options, index), "project", 0};
		return 2;
	case MR_LINEAGE_DIAMOND:
		ret_parents[0] = (struct parent){task, "task", MR_VIA_OBJECT};
		ret_parents[1] = (struct parent){project_of(options, index), "project", 0};
		ret_parents[2] = (struct parent){project_of(options, index + 1), "project", 0};
		ret_parents[3] = (struct parent){initiative, "initiative", 1};
		ret_parents[4] = (struct parent){initiative, "initiative", 2};
		ret_parents[5] = (struct parent){MR_WORKLOAD_PORTFOLIO, "portfolio", 3};
		return 6;
	case MR_LINEAGE_CYCLE:
		ret_parents[0] = (struct parent){task, "task", MR_VIA_OBJECT};
		ret_parents[1] = (struct parent){project_of(options, index), "project", 0};
		ret_parents[2] = (struct parent){task, "task", 1};
		return 3;
	}
	return 0;
}

static struct mr_text text_of(const char *text)
{
	return (struct mr_text){.data = text, .length = (uint16_t)strlen(text)};
}

// Encodes a shape with placeholders in the places of the ids: present where the id will be.
static int shape_init(struct mr_shape *shape, const struct mr_shape_text *text,
	const struct mr_workload_options *options, const char *payload)
{
	struct parent parents[MR_WORKLOAD_ANCESTORS_MAX];
	uint32_t count = lineage_of(options, options->first_object, parents);
	bool is_flat = options->lineage == MR_LINEAGE_FLAT;
	struct mr_event event = {
		.action = text->action,
		.change_action = text->change_action,
		.ancestors_count = (uint8_t)count,
		.object = 1,
		.type = text_of(is_flat || options->awkward ? text->type : "story"),
		.subtype = text_of(text->subtype),
		.field = text_of(text->field),
		.payload = {.data = payload, .length = (uint16_t)options->payload_bytes},
	};
	for (uint32_t i = 0; i < count; i++)
		event.ancestors[i] = (struct mr_ancestor){
			parents[i].gid, text_of(parents[i].type), parents[i].via};
	if (text->action == MR_ACTION_CHANGED) {
		event.value_gid = 1;
		event.value_type = text_of(text->number_type);
	}
	if (text->action == MR_ACTION_ADDED || text->action == MR_ACTION_REMOVED) {
		event.parent_gid = 1;
		event.parent_type = text_of(text->number_type);
	}
	size_t room = MR_WIRE_BYTES_MAX - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES;
	ssize_t length = mr_event_encode(&event, shape->bytes, room);
	if (length < 0)
		return (int)length;
	shape->length = (uint32_t)length;
	shape->action = text->action;
	shape->has_user = !text->null_user;
	return 0;
}

static const char *options_error(const struct mr_workload_options *options)
{
	if (options->objects == 0 || options->objects > MR_ZIPF_RANKS_MAX)
		return "--objects must be 1 to 16777216";
	if (options->first_object == 0
		|| options->first_object + options->objects > MR_WORKLOAD_OBJECT_MAX)
		return "--first-object must be at least 1, and all objects below 2^44";
	if (options->hot_object == 0 || options->hot_object > MR_WORKLOAD_OBJECT_MAX)
		return "--hot-object must be 1 to 2^44 - 1";
	if (options->workspaces == 0 || options->databases == 0 || options->projects == 0)
		return "--workspaces, --databases and --projects must be at least 1";
	if (options->sessions == 0)
		return "--sessions must be at least 1";
	if (!(options->hot_share >= 0 && options->hot_share <= 1))
		return "--hot-share must be 0 to 1: 0.5 sends every second event to the hot object";
	if (!(options->zipf >= 0 && options->zipf <= 10))
		return "--zipf must be 0 (uniform) to 10";
	if (options->payload_bytes == 1 || options->payload_bytes > MR_WIRE_BYTES_MAX)
		return "--payload must be 0, or 2 bytes to what fits a packet";
	return NULL;
}

int mr_workload_init(struct mr_workload *workload, const struct mr_workload_options *options,
	const char **ret_why)
{
	memset(workload, 0, sizeof(*workload)); // too large for a literal on the stack
	workload->options = *options;
	const char *why = options_error(options);
	if (why != NULL) {
		*ret_why = why;
		return -EINVAL;
	}
	char payload[MR_WIRE_BYTES_MAX]; // one JSON string
	memset(payload, 'x', sizeof(payload));
	if (options->payload_bytes > 0) {
		payload[0] = '"';
		payload[options->payload_bytes - 1] = '"';
	}
	uint32_t shapes = options->awkward ? mr_shape_texts_count : 1;
	mr_assert(shapes <= MR_WORKLOAD_SHAPES_MAX);
	for (uint32_t i = 0; i < shapes; i++) {
		int r = shape_init(&workload->shapes[i], &mr_shape_texts[i], options, payload);
		if (r < 0) {
			*ret_why = "--payload leaves an event no room in a packet: make it smaller";
			return r;
		}
	}
	workload->shapes_count = shapes;
	workload->hot_threshold = (uint64_t)(options->hot_share * 4294967296.0);
	mr_rng_seed(&workload->rng, options->seed);
	int r = mr_zipf_init(&workload->zipf, options->objects, options->zipf);
	if (r < 0)
		*ret_why = "no memory for the table of --zipf: use fewer --objects";
	return r;
}

void mr_workload_fini(struct mr_workload *workload)
{
	mr_zipf_fini(&workload->zipf);
}

uint64_t mr_workload_draw(struct mr_workload *workload)
{
	if (workload->hot_threshold > 0
		&& (mr_rng_next(&workload->rng) >> 32) < workload->hot_threshold)
		return workload->options.hot_object;
	return workload->options.first_object + mr_zipf_draw(&workload->zipf, &workload->rng);
}

uint32_t mr_workload_sessions(const struct mr_workload_options *options)
{
	return (uint32_t)options->sessions + (options->hot_session ? 1 : 0);
}

uint32_t mr_workload_session(const struct mr_workload *workload, uint64_t object)
{
	const struct mr_workload_options *options = &workload->options;
	if (options->hot_session && object == options->hot_object)
		return (uint32_t)options->sessions;
	return (uint32_t)(object % options->sessions);
}

uint64_t mr_workload_workspace(const struct mr_workload_options *options, uint64_t object)
{
	return options->workspace_base + object % options->workspaces;
}

static void put_u64(uint8_t *bytes, size_t at, uint64_t value)
{
	memcpy(bytes + at, &value, sizeof(value));
}

uint32_t mr_workload_encode(const struct mr_workload *workload, uint64_t number, uint64_t object,
	int64_t created_at_ns, uint8_t *ret_bytes, uint32_t room)
{
	const struct mr_workload_options *options = &workload->options;
	const struct mr_shape *shape = &workload->shapes[number % workload->shapes_count];
	if (shape->length > room)
		return 0;
	memcpy(ret_bytes, shape->bytes, shape->length);

	uint64_t user = shape->has_user ? MR_WORKLOAD_USER_BASE + number % MR_WORKLOAD_USERS : 0;
	if (shape->action == MR_ACTION_CHANGED)
		put_u64(ret_bytes, offsetof(struct mr_event_fixed, value_gid), number);
	else if (shape->action == MR_ACTION_ADDED || shape->action == MR_ACTION_REMOVED)
		put_u64(ret_bytes, offsetof(struct mr_event_fixed, parent_gid), number);
	else
		user = number;
	put_u64(ret_bytes, offsetof(struct mr_event_fixed, object), object);
	put_u64(ret_bytes, offsetof(struct mr_event_fixed, workspace),
		mr_workload_workspace(options, object));
	put_u64(ret_bytes, offsetof(struct mr_event_fixed, database),
		options->database_base + object % options->databases);
	put_u64(ret_bytes, offsetof(struct mr_event_fixed, user), user);
	put_u64(ret_bytes, offsetof(struct mr_event_fixed, created_at_ns), (uint64_t)created_at_ns);

	struct parent parents[MR_WORKLOAD_ANCESTORS_MAX];
	uint32_t count = lineage_of(options, object, parents);
	for (uint32_t i = 0; i < count; i++)
		put_u64(ret_bytes, MR_EVENT_FIXED_BYTES + 8 * i, parents[i].gid);
	return shape->length;
}

bool mr_workload_reaches(
	const struct mr_workload_options *options, uint64_t object, uint64_t resource)
{
	if (object == resource)
		return true;
	struct parent parents[MR_WORKLOAD_ANCESTORS_MAX];
	uint32_t count = lineage_of(options, object, parents);
	for (uint32_t i = 0; i < count; i++) {
		if (parents[i].gid == resource)
			return resource != MR_WORKLOAD_PORTFOLIO; // tasks do not propagate there
	}
	return false;
}
