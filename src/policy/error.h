/* policy/error.h: errors of the policy language with the place to blame. */
#pragma once
#include "policy/policy.h"

struct policy_place {
    enum policy_error_kind kind;
    struct bytes text; /* of the policy */
    enum policy_section section;
    unsigned rule;
    size_t offset;
    const char *production; /* of the grammar, what was being read: "versionInfo"; NULL: nothing yet */
};

/* policy_fail fills *error and returns false. */
bool policy_fail(struct policy_error *error, struct policy_place place, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Adds what to write instead; returns false. */
bool policy_suggest(struct policy_error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool policy_no_memory(struct policy_error *error, struct policy_place place);
/* Column from 1, counting characters. */
unsigned policy_column(struct bytes text, size_t line_start, size_t offset);
/* Line from 1; *ret_line_start is where it begins. Lines end with LF, CR LF or CR; a byte order mark belongs to none. */
unsigned policy_line(struct bytes text, size_t offset, size_t *ret_line_start);
