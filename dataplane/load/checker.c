#include "checker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "delivered.h"
#include "hash.h"
#include "mr_assert.h"

int mr_checker_init(struct mr_checker *checker, struct mr_latency *latency)
{
	*checker = (struct mr_checker){.latency = latency};
	checker->paths = calloc(MR_CHECKER_PATHS_MAX, sizeof(*checker->paths));
	return checker->paths == NULL ? -ENOMEM : 0;
}

void mr_checker_fini(struct mr_checker *checker)
{
	for (uint32_t i = 0; i < checker->paths_count; i++) {
		mr_map_fini(&checker->paths[i].newest);
		mr_map_fini(&checker->paths[i].requests);
		free(checker->paths[i].delivered);
	}
	mr_map_fini(&checker->by_name);
	free(checker->paths);
	*checker = (struct mr_checker){0};
}

static uint64_t key_of(const void *bytes, size_t length)
{
	uint64_t hash = mr_hash_bytes(bytes, length, 0);
	return hash != 0 ? hash : 1;
}

static uint64_t resource_of(const char *name, size_t length)
{
	size_t at = length;
	while (at > 0 && name[at - 1] != '/')
		at--;
	uint64_t resource;
	return mr_parse_u64(name + at, length - at, &resource) == 0 ? resource : 0;
}

int mr_checker_path(struct mr_checker *checker, const char *name, size_t length)
{
	if (length >= MR_CHECKER_PATH_BYTES)
		return -ENAMETOOLONG;
	uint64_t *index = mr_map_at(&checker->by_name, key_of(name, length), NULL);
	if (index == NULL)
		return -ENOMEM;
	if (*index == 0) {
		if (checker->paths_count == MR_CHECKER_PATHS_MAX)
			return -ENOSPC;
		struct mr_checker_path *path = &checker->paths[checker->paths_count++];
		*path = (struct mr_checker_path){.resource = resource_of(name, length)};
		mr_copy_text(path->name, sizeof(path->name), name, length);
		*index = checker->paths_count;
	}
	return (int)(*index - 1);
}

// Sets the bit of an event number; *ret_was says whether it stood. -ENOMEM.
static int mark_delivered(struct mr_checker_path *path, uint64_t number, bool *ret_was)
{
	uint64_t word = number / 64;
	if (word >= path->delivered_words) {
		uint64_t words = (word + 1) * 2;
		uint64_t *bits = realloc(path->delivered, words * sizeof(*bits));
		if (bits == NULL)
			return -ENOMEM;
		memset(bits + path->delivered_words, 0,
			(words - path->delivered_words) * sizeof(*bits));
		path->delivered = bits;
		path->delivered_words = words;
	}
	uint64_t bit = UINT64_C(1) << (number % 64);
	*ret_was = (path->delivered[word] & bit) != 0;
	path->delivered[word] |= bit;
	return 0;
}

bool mr_checker_delivered(const struct mr_checker_path *path, uint64_t number)
{
	uint64_t word = number / 64;
	return word < path->delivered_words && (path->delivered[word] >> (number % 64) & 1) != 0;
}

struct scan {
	struct mr_checker *checker;
	struct mr_checker_path *path;
	uint64_t now_ns;
	int error;
};

// Whether the event is one that was offered; *ret_intended_ns is 0 without a ledger.
static bool is_known(const struct mr_checker *checker, const struct mr_delivered *event,
	uint64_t *ret_intended_ns)
{
	*ret_intended_ns = 0;
	if (checker->ledger == NULL)
		return event->number >> MR_CHECKER_NUMBER_MAX_BITS == 0;
	struct mr_ledger_view view;
	if (!mr_ledger_get(checker->ledger, event->number, &view) || view.object != event->object)
		return false;
	*ret_intended_ns = view.intended_ns;
	return true;
}

static void check_event(void *context, const struct mr_delivered *event)
{
	struct scan *scan = context;
	struct mr_checker *checker = scan->checker;
	struct mr_checker_path *path = scan->path;
	uint64_t intended_ns;
	if (!is_known(checker, event, &intended_ns)) {
		checker->counts.unknown++;
		return;
	}
	bool again = false;
	uint64_t *newest = mr_map_at(&path->newest, event->object, NULL);
	if (newest == NULL || mark_delivered(path, event->number, &again) < 0) {
		scan->error = -ENOMEM;
		return;
	}
	if (again) {
		checker->counts.duplicates_different++;
		return;
	}
	if (*newest > event->number)
		checker->counts.out_of_order++;
	else
		*newest = event->number;
	if (checker->ledger != NULL && path->resource != 0
		&& !mr_workload_reaches(
			&checker->ledger->header->workload, event->object, path->resource))
		checker->counts.misrouted++;
	checker->counts.events++;
	path->events++;
	if (intended_ns > 0 && scan->now_ns >= intended_ns)
		mr_latency_record(checker->latency, event->object, scan->now_ns - intended_ns);
}

static bool is_heartbeat(const struct mr_checked_request *request)
{
	static const char empty[] = "{\"events\":[]}";
	return request->body_length == sizeof(empty) - 1
		&& memcmp(request->body, empty, sizeof(empty) - 1) == 0;
}

int mr_checker_request(struct mr_checker *checker, const struct mr_checked_request *request)
{
	mr_assert(request->path < checker->paths_count);
	struct mr_checker_path *path = &checker->paths[request->path];
	struct mr_checker_counts *counts = &checker->counts;
	counts->requests += request->answered;
	if (is_heartbeat(request)) {
		counts->heartbeats++;
		return 0;
	}
	// What is remembered of a request: the body's hash with its lowest bit saying whether we
	// took it.
	uint64_t hash = key_of(request->body, request->body_length) | 1;
	uint64_t key = request->id_length > 0 ? key_of(request->id, request->id_length) : hash;
	uint64_t *seen = mr_map_at(&path->requests, key, NULL);
	if (seen == NULL)
		return -ENOMEM;
	if (*seen != 0 && (*seen | 1) != hash) {
		counts->changed_bodies++;
		return -EBADMSG;
	}
	if ((*seen & 1) != 0) {
		counts->redelivered++;
		int events = mr_delivered_scan(request->body, request->body_length, NULL);
		counts->duplicates_same += events > 0 ? (uint64_t)events : 0;
		return 0;
	}
	*seen = request->answered ? hash : hash & ~UINT64_C(1);
	struct scan scan = {.checker = checker, .path = path, .now_ns = request->now_ns};
	struct mr_delivered_sink sink = {.context = &scan, .event = check_event};
	if (mr_delivered_scan(request->body, request->body_length, request->answered ? &sink : NULL)
		< 0) {
		counts->bad_bodies++;
		return -EBADMSG;
	}
	return scan.error;
}

// Fills in what one event was owed and what came of it.
static void audit_event(const struct mr_checker *checker, uint64_t number,
	const struct mr_ledger_view *view, struct mr_checker_audit *audit)
{
	const struct mr_workload_options *workload = &checker->ledger->header->workload;
	bool accepted = view->state == MR_LEDGER_ACCEPTED;
	bool claimed = false;
	for (uint32_t i = 0; i < checker->paths_count; i++) {
		const struct mr_checker_path *path = &checker->paths[i];
		bool delivered = mr_checker_delivered(path, number);
		bool owed = path->resource != 0
			&& mr_workload_reaches(workload, view->object, path->resource);
		claimed |= owed || path->resource == 0;
		if (accepted && owed && !delivered) {
			audit->lost++;
			if (audit->first_lost == 0)
				audit->first_lost = number;
		}
		audit->phantom += delivered
			&& (view->state == MR_LEDGER_UNSENT || view->state >= MR_LEDGER_REFUSED);
	}
	audit->accepted += accepted;
	audit->unclaimed += accepted && !claimed;
	audit->unsettled += view->state == MR_LEDGER_OFFERED;
}

void mr_checker_audit(const struct mr_checker *checker, struct mr_checker_audit *ret_audit)
{
	mr_assert(checker->ledger != NULL);
	struct mr_checker_audit audit = {.offered = mr_ledger_offered(checker->ledger)};
	for (uint64_t number = 1; number <= audit.offered; number++) {
		struct mr_ledger_view view;
		if (mr_ledger_get(checker->ledger, number, &view))
			audit_event(checker, number, &view, &audit);
	}
	*ret_audit = audit;
}

bool mr_checker_clean(const struct mr_checker_counts *counts)
{
	return counts->bad_bodies + counts->changed_bodies + counts->duplicates_different
		+ counts->out_of_order + counts->unknown + counts->misrouted
		== 0;
}
