#include "etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"

void mr_etag_of(uint64_t id, uint64_t version, char ret_etag[MR_ETAG_BYTES])
{
	snprintf(ret_etag, MR_ETAG_BYTES, "\"%" PRIx64 "-%" PRIx64 "\"", id, version);
}

bool mr_etag_fits(struct mr_request *request, uint64_t id, uint64_t version)
{
	const char *wanted = mr_request_header(request, "If-Match");
	char etag[MR_ETAG_BYTES];

	mr_etag_of(id, version, etag);
	if (!wanted || strcmp(wanted, "*") == 0 || strstr(wanted, etag))
		return true;
	mr_problem(request, 412, "it has changed since you read it: read it again (its ETag is %s)",
		etag);
	return false;
}
