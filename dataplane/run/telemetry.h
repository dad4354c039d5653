// DPDK's own telemetry socket: /millrace/status, /millrace/stats, /millrace/webhooks, from the
// statistics segment.
#pragma once

#include "segment.h"

// After the EAL's start; once per process. The segment must live as long as the EAL. 0 or negative
// errno.
int mr_telemetry_open(const struct mr_segment *segment);
