// Named points at which a test build (-Dfailpoints=true) can die: MILLRACE_FAILPOINT=name:count in
// the environment of millraced kills the process (SIGKILL, nothing is flushed) when it passes the
// point for the count-th time. tests/fault kills at every one of them. In other builds a point is
// nothing.
//
// A name is listed here and stands once in the code, as MR_FAILPOINT(name).
#pragma once

#include <stdbool.h>

// X(name, when)
#define MR_FAILPOINTS(X)                                                                 \
	X(commit_before_submit, "a commit frame is built and not given to the disk")     \
	X(commit_under_way, "a commit frame is with the disk and not yet durable")       \
	X(commit_after_completion, "a commit frame is durable and nobody knows")         \
	X(segment_before_header, "a spare segment becomes the newest and has no header") \
	X(segment_after_header, "a segment has its header and no frame")                 \
	X(segment_before_index, "a segment is full and has no closing index")            \
	X(spare_made, "a new segment file is there and nobody knows")                    \
	X(retire_before_recycle, "a retired segment is still there")                     \
	X(retire_after_recycle, "a retired segment is a spare one, or gone")             \
	X(checkpoint_begin, "the owners are asked for a checkpoint")                     \
	X(checkpoint_end, "a checkpoint is durable and no frame says so")                \
	X(snapshot_before_frame, "a start is about to write a frame of its snapshot")    \
	X(snapshot_counts, "a snapshot counts and nothing else is written")              \
	X(ban_sent, "the stages have a ban that is not recorded")                        \
	X(ban_recorded, "a ban is durable and nobody was told")                          \
	X(session_recorded, "a session is durable and has no WELCOME")                   \
	X(batch_recorded, "a batch is recorded and not attempted")                       \
	X(attempt_succeeded, "an endpoint took a batch and no record says so")

enum mr_failpoint {
#define X(name, when) MR_FAILPOINT_##name,
	MR_FAILPOINTS(X)
#undef X
		MR_FAILPOINT_COUNT
};

struct mr_failpoint_info {
	const char *name;
	const char *when;
};

const struct mr_failpoint_info *mr_failpoint_info(enum mr_failpoint point);

// Before the threads start, with the text "name:count". 0, -EINVAL when it is no such text, or
// -ENOTSUP when the build has no failpoints.
int mr_failpoint_arm(const char *text);
bool mr_failpoint_built(void);

#ifdef MR_FAILPOINTS_BUILT
void mr_failpoint_pass(enum mr_failpoint point); // any thread
#define MR_FAILPOINT(name) mr_failpoint_pass(MR_FAILPOINT_##name)
#else
#define MR_FAILPOINT(name) ((void)0)
#endif
