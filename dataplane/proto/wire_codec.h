// Messages of the ingest protocol between bytes and structs (layout: <millrace/wire.h>).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <millrace/discard.h>
#include <millrace/wire.h>

// Header checks in the order that rejects cheapest first: size, magic, version, type, length.
// MR_DISCARD_COUNT when the message is sound, else the reason. *ret_header is copied out; *ret_body
// and *ret_body_length exclude header and tag.
enum mr_discard mr_wire_parse(const uint8_t *datagram, size_t length,
	struct mr_wire_header *ret_header, const uint8_t **ret_body, size_t *ret_body_length);

// Lays out a message: header at the front, zero tag at the end; fills in magic, version and length.
// The body starts at MR_WIRE_HEADER_BYTES, is the caller's and a multiple of 8 long. Returns the
// whole length.
size_t mr_wire_finish(uint8_t *datagram, struct mr_wire_header *header, size_t body_length);

// HELLO: `known` has room for MR_FLOWS_MAX. 0 or -EBADMSG.
int mr_wire_parse_hello(
	const uint8_t *body, size_t length, struct mr_wire_hello *ret_hello, uint64_t *ret_known);
// WELCOME: grants for flows. 0 or -EBADMSG.
int mr_wire_parse_welcome(const uint8_t *body, size_t length, struct mr_wire_welcome *ret_welcome,
	struct mr_wire_grant *ret_grants);

struct mr_wire_ack_view { // pointers into the body
	struct mr_wire_ack ack;
	const uint8_t *bitmap; // ack.bitmap_words * 8 bytes
	const uint8_t *refused; // ack.refused_runs * 24 bytes
};
int mr_wire_parse_ack(
	const uint8_t *body, size_t length, struct mr_wire_ack_view *ret_view); // 0 or -EBADMSG
struct mr_wire_refused mr_wire_ack_refused(const struct mr_wire_ack_view *view, uint32_t index);
