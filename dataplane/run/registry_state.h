// Inside of the registry: registry.c brings the stages where they should be, registry_ask.c answers
// what others ask of it.
#pragma once

#include "registry.h"

enum mr_registry_state {
	STATE_FREE = 0,
	STATE_ADD_LANE, // or tell it what has changed
	STATE_ASKING, // a posted one, until its endpoint has shaken hands
	STATE_ADD_SUBSCRIPTION, // or replace it
	STATE_ACTIVE,
	STATE_REMOVE_SUBSCRIPTION,
	STATE_REMOVE_LANE,
	STATE_DISABLED, // given up; the lane stays taken so that we remember why
};

struct mr_registry_entry {
	const struct mr_config_webhook *wanted; // of the configuration
	bool posted; // wanted, and not of the configuration
	uint64_t wanted_print;
	uint64_t wanted_lane_print;
	uint64_t id; // of what the stages know
	uint64_t resource;
	uint64_t print;
	uint64_t lane_print;
	uint16_t shard;
	uint16_t delivery;
	// enum mr_registry_state; but for ACTIVE, ASKING and DISABLED the message for it waits or
	// is under way
	uint8_t state;
	bool given_up;
	bool has_lane; // it was sent
	bool has_subscription; // likewise
	bool asks; // its subscription waits for a handshake
	bool shaken;
};

static inline bool mr_registry_is_wanted(const struct mr_registry_entry *entry)
{
	return entry->wanted != NULL || entry->posted;
}

static inline bool mr_registry_is_changed(const struct mr_registry_entry *entry)
{
	return entry->wanted_print != entry->print;
}

// -- registry_ask.c
struct mr_registry_entry *mr_registry_find(const struct mr_registry *registry, uint64_t webhook);
// As it is wanted, for the stages; until the next call.
const struct mr_webhook *mr_registry_as_wanted(
	const struct mr_registry *registry, const struct mr_registry_entry *entry);
uint16_t mr_registry_delivery_of(
	const struct mr_registry *registry, const struct mr_webhook *webhook);
void mr_registry_describe(
	const struct mr_registry *registry, uint32_t lane, const struct mr_webhook *webhook);
