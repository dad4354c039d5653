// Three strengths of assertion, all of them on in production (strict=0 keeps the first).
#pragma once

#include <stdint.h>

// Prints the place to stderr and aborts: going on would make things worse.
_Noreturn void mr_assert_failed(const char *file, int line, const char *expression);
// Counts, and prints the place the first time: surprising, yet harmless.
void mr_expect_failed(const char *file, int line, const char *expression);
uint64_t mr_expect_failures(void);

// State is corrupt: always checked.
#define mr_assert(expression)                                              \
	do {                                                               \
		if (__builtin_expect(!(expression), 0))                    \
			mr_assert_failed(__FILE__, __LINE__, #expression); \
	} while (0)

#if MR_STRICT >= 1
#define mr_expect(expression)                                              \
	do {                                                               \
		if (__builtin_expect(!(expression), 0))                    \
			mr_expect_failed(__FILE__, __LINE__, #expression); \
	} while (0)
#else
#define mr_expect(expression) ((void)sizeof(expression))
#endif

// One per event and dearer: strict=2 builds only.
#if MR_STRICT >= 2
#define mr_assert_hot(expression) mr_assert(expression)
#else
#define mr_assert_hot(expression) ((void)sizeof(expression))
#endif
