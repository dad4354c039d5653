// A webhook receiver in a process of its own: epoll, one thread, answers every POST with 200 and
// looks at nothing else. It is there so that a benchmark of senders is not one of receivers: it
// says how busy it was.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mr_receiver;

struct mr_receiver_use {
	uint64_t requests;
	double cpu_s;
	double queued_s; // it could have run, and something else had its CPU
};

// Forks; the child ends when the parent does. It waits `delay_us` before each answer. NULL: no
// memory, no socket, no process.
struct mr_receiver *mr_receiver_start(unsigned cpu, uint32_t delay_us);
void mr_receiver_stop(struct mr_receiver *receiver);
uint16_t mr_receiver_port(const struct mr_receiver *receiver); // on 127.0.0.1
struct mr_receiver_use mr_receiver_use(const struct mr_receiver *receiver); // so far
// The first request that came whole, headers and body; 0 bytes: none yet.
uint32_t mr_receiver_first(const struct mr_receiver *receiver, const char **ret_request);
