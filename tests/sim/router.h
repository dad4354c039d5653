// The router under test: the product's own wiring and steward over a port and a network in memory,
// in one thread, under a clock that the world moves.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends.h"
#include "journal_disk.h"
#include "net_fake.h"
#include "nic_fake.h"
#include "options.h"
#include "steward.h"
#include "wiring.h"

struct sim_router {
	struct mr_config *config; // the router's
	struct mr_topology topology;
	struct mr_segment segment;
	struct mr_arena arena;
	struct mr_wiring wiring;
	struct mr_steward steward;
	struct sim_disk disk; // without a journal
	struct sim_journal *journal; // NULL: a volatile router
	struct mr_nic *nic;
	struct mr_net *net; // of all stages
};

uint64_t sim_hash_seed(const struct sim_options *options);
// The configuration that the options ask for, without webhooks.
struct mr_config *sim_config(const struct sim_options *options);
struct sim_boot {
	const struct sim_options *options;
	struct mr_config *config; // the router's from then on
	struct sim_journal *journal; // NULL: a volatile router
	uint64_t number; // of the boot
	uint64_t now_ns;
};
// False: the journal gave nothing; why stands in journal->boot.why. To be closed in any case.
bool sim_router_open(struct sim_router *router, const struct sim_boot *boot);
void sim_router_close(struct sim_router *router);

// One step of a stage by its number.
enum mr_poll sim_router_step(
	struct sim_router *router, uint32_t stage, uint64_t now_ns, uint32_t units);
bool sim_router_steward(struct sim_router *router, uint64_t now_ns);
// The journal has failed; whether the router has had its time since.
bool sim_router_fails(const struct sim_router *router);
bool sim_router_has_failed(const struct sim_router *router, uint64_t now_ns);
uint32_t sim_router_stages(const struct sim_router *router); // the steward is none of them
uint64_t sim_router_next_due(const struct sim_router *router);

uint64_t sim_sum(const struct sim_router *router, enum mr_counter_id id);
// Every ledger of every stage balances. On false, says why.
bool sim_router_audit(const struct sim_router *router, char *ret_why, size_t why_size);
// Nothing is under way any more.
bool sim_router_is_done(const struct sim_router *router);
// Totals of the whole router agree with each other. On false, says why.
bool sim_router_balances(const struct sim_router *router, char *ret_why, size_t why_size);
