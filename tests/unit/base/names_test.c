// Every enum value has its name, every name is fit for a metric label, and unknown values are
// harmless.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/discard.h>
#include <millrace/event.h>
#include <millrace/reason.h>
#include <millrace/scope.h>
#include <millrace/stats.h>

static bool is_label(const char *text)
{
	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text)
			&& *text != '_')
			return false;
	}
	return true;
}

static void every_reason_has_a_row(void **state)
{
	(void)state;
	static const unsigned values[] = {
#define X(symbol, value, label, kind, http, retry, text) MR_REASON_##symbol,
		MR_REASONS(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct mr_reason_info *info = mr_reason_info(values[i]);
		assert_true(is_label(info->label));
		assert_string_not_equal(info->label, "unknown");
		assert_true(strlen(info->text) > 5);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(info->label, mr_reason_info(values[j])->label);
	}
}

static void reasons_carry_kind_retry_and_status(void **state)
{
	(void)state;
	const struct mr_reason_info *full = mr_reason_info(MR_REASON_OBJECT_FULL);
	assert_string_equal(full->label, "object_full");
	assert_int_equal(full->kind, MR_REASON_REFUSED);
	assert_int_equal(full->retry, MR_RETRY_AFTER);
	assert_int_equal(full->http_status, 429);
	assert_int_equal(mr_reason_info(MR_REASON_EXPIRED)->kind, MR_REASON_DROPPED);
	assert_int_equal(mr_reason_info(MR_REASON_OK)->kind, MR_REASON_NONE);
}

static void unknown_values_are_harmless(void **state)
{
	(void)state;
	static const unsigned values[] = {16, 31, 47, 48, 255, 65535, ~0U};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_string_equal(mr_reason_info(values[i])->label, "unknown");
		assert_string_equal(mr_scope_kind_name(values[i]), "none");
		assert_string_equal(mr_action_name(values[i]), "none");
		assert_string_equal(mr_stage_kind_name(values[i]), "none");
		assert_string_equal(mr_attempt_kind_name(values[i]), "none");
		assert_string_equal(mr_outcome_name(values[i]), "unknown");
		assert_string_equal(mr_tap_step_name(values[i]), "none");
	}
	assert_string_equal(mr_discard_label(MR_DISCARD_COUNT), "unknown");
	assert_null(mr_counter_info(MR_COUNTER_COUNT));
	assert_null(mr_counter_info(~0U));
}

static void small_enums_are_named_in_their_order(void **state)
{
	(void)state;
	assert_string_equal(mr_action_name(MR_ACTION_ADDED), "added");
	assert_string_equal(mr_action_name(MR_ACTION_REMOVED), "removed");
	assert_string_equal(mr_action_name(MR_ACTION_CHANGED), "changed");
	assert_string_equal(mr_action_name(MR_ACTION_DELETED), "deleted");
	assert_string_equal(mr_action_name(MR_ACTION_UNDELETED), "undeleted");
	assert_string_equal(mr_attempt_kind_name(MR_ATTEMPT_BATCH), "batch");
	assert_string_equal(mr_attempt_kind_name(MR_ATTEMPT_HANDSHAKE), "handshake");
	assert_string_equal(mr_attempt_kind_name(MR_ATTEMPT_TEST), "test");
	assert_string_equal(mr_outcome_name(MR_OUTCOME_OK), "ok");
	assert_string_equal(mr_outcome_name(MR_OUTCOME_TIMEOUT), "timeout");
	assert_string_equal(mr_outcome_name(MR_OUTCOME_CANCELED), "canceled");
	assert_string_equal(mr_tap_step_name(MR_TAP_ACCEPTED), "accepted");
	assert_string_equal(mr_tap_step_name(MR_TAP_MATCHED), "matched");
	assert_string_equal(mr_tap_step_name(MR_TAP_DROPPED), "dropped");
	assert_string_equal(mr_scope_kind_name(MR_SCOPE_APP), "app");
	assert_string_equal(mr_scope_kind_name(MR_SCOPE_OBJECT), "object");
	assert_string_equal(mr_scope_kind_name(MR_SCOPE_WORKSPACE), "workspace");
	assert_string_equal(mr_scope_kind_name(MR_SCOPE_DATABASE), "database");
	assert_string_equal(mr_scope_kind_name(MR_SCOPE_USER), "user");
	assert_string_equal(mr_stage_kind_name(MR_STAGE_INGEST), "ingest");
	assert_string_equal(mr_stage_kind_name(MR_STAGE_SHARD), "shard");
	assert_string_equal(mr_stage_kind_name(MR_STAGE_JOURNAL), "journal");
	assert_string_equal(mr_stage_kind_name(MR_STAGE_DELIVERY), "delivery");
	assert_string_equal(mr_stage_kind_name(MR_STAGE_STEWARD), "steward");
}

static void every_discard_has_its_own_label(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MR_DISCARD_COUNT; i++) {
		assert_true(is_label(mr_discard_label(i)));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(mr_discard_label(i), mr_discard_label(j));
	}
}

static void every_counter_is_described_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MR_COUNTER_COUNT; i++) {
		const struct mr_counter_info *info = mr_counter_info(i);
		assert_true(is_label(info->metric));
		assert_true(is_label(info->unit));
		assert_true(strcmp(info->type, "counter") == 0 || strcmp(info->type, "gauge") == 0);
		assert_true(info->kind > MR_STAGE_NONE && info->kind < MR_STAGE_KIND_COUNT);
		assert_true(strlen(info->help) > 5);
		for (unsigned j = 0; j < i; j++) {
			const struct mr_counter_info *earlier = mr_counter_info(j);
			assert_true(earlier->kind != info->kind
				|| strcmp(earlier->metric, info->metric) != 0);
		}
	}
	assert_string_equal(mr_counter_info(MR_SHARD_QUEUED)->type, "gauge");
	assert_string_equal(mr_counter_info(MR_SHARD_QUEUED)->unit, "events");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_row),
		cmocka_unit_test(reasons_carry_kind_retry_and_status),
		cmocka_unit_test(unknown_values_are_harmless),
		cmocka_unit_test(small_enums_are_named_in_their_order),
		cmocka_unit_test(every_discard_has_its_own_label),
		cmocka_unit_test(every_counter_is_described_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
