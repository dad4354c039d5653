// What the traffic is: which object each event changes, what the event looks like, and which
// webhooks it must reach. Pure and reproducible: the same options and seed give the same traffic.
// docs/LOAD.md describes it for receivers written by others.
//
// Every event carries its event number, unique in the run and rising from 1: as the gid of the
// change value (changed), of the parent (added, removed), or of the user (deleted, undeleted). Per
// object, and per webhook, numbers rise.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/event.h>

#include "rng.h"
#include "zipf.h"

enum mr_lineage {
	MR_LINEAGE_FLAT = 0, // a task of one project
	MR_LINEAGE_STORY, // story -> task -> project
	MR_LINEAGE_DIAMOND, // story -> task -> two projects -> one initiative -> portfolio
	MR_LINEAGE_CYCLE, // story -> task -> project -> the same task
};

// Stands in the header of the ledger: fixed sizes, no pointers.
struct mr_workload_options {
	uint64_t seed;
	uint64_t objects; // cold objects: first_object .. first_object + objects - 1
	uint64_t first_object;
	uint64_t hot_object; // its share comes on top of what it draws as a cold one
	uint64_t workspaces;
	uint64_t workspace_base;
	uint64_t databases;
	uint64_t database_base;
	uint64_t projects;
	uint64_t project_base;
	uint64_t sessions; // for cold traffic
	double hot_share; // of all events: 0 .. 1
	double zipf; // exponent over the cold objects, 0: uniform
	uint32_t lineage; // enum mr_lineage
	uint32_t payload_bytes;
	uint32_t awkward; // 1: all actions and the values that break naive receivers
	uint32_t hot_session; // 1: hot traffic has a session of its own, after the cold ones
};

enum {
	MR_WORKLOAD_SHAPES_MAX = 16,
	MR_WORKLOAD_ANCESTORS_MAX = 6,
	MR_WORKLOAD_STORIES_PER_TASK = 8,
	MR_WORKLOAD_INITIATIVES = 3,
	MR_WORKLOAD_USERS = 50,
};
#define MR_WORKLOAD_TASK_BASE       (UINT64_C(1) << 44) // above any object of a run
#define MR_WORKLOAD_INITIATIVE_BASE UINT64_C(800001)
#define MR_WORKLOAD_PORTFOLIO       UINT64_C(900001)
#define MR_WORKLOAD_USER_BASE       UINT64_C(700001)
#define MR_WORKLOAD_OBJECT_MAX      ((UINT64_C(1) << 44) - 1)

// An encoded event whose ids are filled in for each use; they stand at fixed offsets.
struct mr_shape {
	uint32_t length;
	uint8_t action; // enum mr_action: says where the event number goes
	bool has_user;
	uint8_t bytes[MR_WIRE_BYTES_MAX];
};

struct mr_workload {
	struct mr_workload_options options;
	struct mr_rng rng;
	struct mr_zipf zipf;
	uint64_t hot_threshold; // of 2^32
	uint32_t shapes_count;
	struct mr_shape shapes[MR_WORKLOAD_SHAPES_MAX];
};

// 0, or negative errno with a text that names the option that is wrong.
int mr_workload_init(struct mr_workload *workload, const struct mr_workload_options *options,
	const char **ret_why);
void mr_workload_fini(struct mr_workload *workload);

// The object of the next event.
uint64_t mr_workload_draw(struct mr_workload *workload);
// The session that speaks for the object; one object never changes its session.
uint32_t mr_workload_session(const struct mr_workload *workload, uint64_t object);
uint32_t mr_workload_sessions(const struct mr_workload_options *options);
// Writes the event; bytes written, or 0 when `room` is too small. The same arguments give the same
// bytes.
uint32_t mr_workload_encode(const struct mr_workload *workload, uint64_t number, uint64_t object,
	int64_t created_at_ns, uint8_t *ret_bytes, uint32_t room);

uint64_t mr_workload_workspace(const struct mr_workload_options *options, uint64_t object);
// Whether a webhook on `resource` must be told of the object's events.
bool mr_workload_reaches(
	const struct mr_workload_options *options, uint64_t object, uint64_t resource);
