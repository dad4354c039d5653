// A small HTTP server on loopback that remembers what is posted to it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sink;

struct sink *sink_open(void);
void sink_close(struct sink *sink);
uint16_t sink_port(const struct sink *sink);
void sink_answer(struct sink *sink, int status); // from now on; 0: never answers
uint32_t sink_count(struct sink *sink); // requests that were answered
// Waits at most two seconds until that many were; false: they were not.
bool sink_wait(struct sink *sink, uint32_t count);
// Head and body of the request, until the next call.
const char *sink_request(struct sink *sink, uint32_t index);
