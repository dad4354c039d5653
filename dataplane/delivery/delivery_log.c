// Attempts for who reads along: the newest ones, in a ring of rows that anybody may read while they
// are written.
#include "delivery_parts.h"
#include "mr_assert.h"

static void write_body(struct mr_stats_attempt *row, const struct mr_result *result)
{
	uint64_t words[MR_ATTEMPT_BODY_BYTES / 8] = {0};
	mr_assert(result->excerpt_length <= sizeof(words));
	memcpy(words, result->excerpt, result->excerpt_length);
	for (uint32_t i = 0; i < MR_ATTEMPT_BODY_BYTES / 8; i++)
		mr_gauge(&row->body[i], words[i]);
}

void mr_delivery_log(struct mr_delivery *delivery, const struct mr_attempt *attempt)
{
	struct mr_stats_attempts *attempts = delivery->config.attempts;
	if (attempts == NULL)
		return;
	const struct mr_result *result = &attempt->result;
	uint64_t took_ns = delivery->now.mono_ns - attempt->begun_ns;
	uint64_t number = mr_read(&attempts->next);
	number = number != 0 ? number : 1;
	struct mr_stats_attempt *row = &attempts->rows[number % MR_ATTEMPT_ROWS];
	mr_gauge(&row->number, 0);
	atomic_thread_fence(memory_order_release); // a reader that sees anything new sees the 0
	mr_gauge(&row->webhook, attempt->recipient->webhook);
	mr_gauge(&row->at_ns, (uint64_t)delivery->now.wall_ns - took_ns);
	mr_gauge(&row->took_ns, took_ns);
	mr_gauge(&row->batch, attempt->sublane != NULL ? attempt->sublane->number : 0);
	mr_gauge(&row->what,
		(uint64_t)result->status | (uint64_t)attempt->kind << 16
			| (uint64_t)result->outcome << 24 | (uint64_t)result->excerpt_length << 32);
	mr_gauge(&row->events, mr_lane_sum(attempt->taken));
	write_body(row, result);
	atomic_store_explicit(&row->number, number, memory_order_release);
	atomic_store_explicit(&attempts->next, number + 1, memory_order_release);
}
