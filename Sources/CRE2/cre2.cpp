#include "cre2.h"

#include <re2/re2.h>

#include <new>

struct agentgw_re2 {
    re2::RE2 pattern;
    agentgw_re2(re2::StringPiece text, const re2::RE2::Options &options) : pattern(text, options) {}
};

extern "C" {

agentgw_re2 *agentgw_re2_new(const uint8_t *pattern, size_t length, int64_t max_memory) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    return new agentgw_re2(re2::StringPiece(reinterpret_cast<const char *>(pattern), length), options);
}

void agentgw_re2_free(agentgw_re2 *re) { delete re; }

bool agentgw_re2_ok(const agentgw_re2 *re) { return re->pattern.ok(); }

const char *agentgw_re2_error(const agentgw_re2 *re) { return re->pattern.error().c_str(); }

int agentgw_re2_group_count(const agentgw_re2 *re) { return re->pattern.NumberOfCapturingGroups(); }

bool agentgw_re2_match(
    const agentgw_re2 *re, const uint8_t *text, size_t length, size_t start, int64_t *offsets, int count) {
    // RE2 wants its own array of pieces; 17 covers the whole match and \0…\16, more than any rewrite can name.
    constexpr int kMaxGroups = 17;
    re2::StringPiece groups[kMaxGroups];
    if (count > kMaxGroups) count = kMaxGroups;
    const char *base = reinterpret_cast<const char *>(text);
    if (!re->pattern.Match(re2::StringPiece(base, length), start, length, re2::RE2::UNANCHORED, groups, count))
        return false;
    for (int i = 0; i < count; i++) {
        if (groups[i].data() == nullptr) {
            offsets[2 * i] = offsets[2 * i + 1] = -1;
        } else {
            offsets[2 * i] = groups[i].data() - base;
            offsets[2 * i + 1] = offsets[2 * i] + static_cast<int64_t>(groups[i].size());
        }
    }
    return true;
}

}  // extern "C"
