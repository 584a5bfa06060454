// A C door to RE2, the linear-time regular expression library: what CEL's `matches` and its kin need, no more.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agentgw_re2 agentgw_re2;

/// Compiles `pattern` (UTF-8, not NUL-terminated) within `max_memory` bytes. Never NULL: ask `agentgw_re2_ok`.
agentgw_re2 *agentgw_re2_new(const uint8_t *pattern, size_t length, int64_t max_memory);
void agentgw_re2_free(agentgw_re2 *re);
bool agentgw_re2_ok(const agentgw_re2 *re);
/// The compile error's text; owned by `re`.
const char *agentgw_re2_error(const agentgw_re2 *re);
int agentgw_re2_group_count(const agentgw_re2 *re);
/// Unanchored search from `start`. Fills `count` pairs (begin, end) of byte offsets, -1 for a group that took no part.
bool agentgw_re2_match(
    const agentgw_re2 *re, const uint8_t *text, size_t length, size_t start, int64_t *offsets, int count);

#ifdef __cplusplus
}
#endif
