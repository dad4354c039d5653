// docs/api/openapi.yaml as JSON, made at build time.
#pragma once

#include <stddef.h>

extern const char mr_openapi_text[];
extern const size_t mr_openapi_length;
