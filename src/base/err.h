/* base/err.h: one convention for failure. A fallible function returns bool, takes `struct err *err` last
 * (never NULL), and records why it failed. True means done and believed. Libraries never log or print.
 *
 * The code says what the caller may do; the sentence says what happened and where. */
#pragma once
#include <stdbool.h>
#include "base/compiler.h"

/* clang-format off */
/*       name          slug            meaning */
#define ERR_CODES(X)                                                             \
    X(NONE,         "none",         "no error")                                   \
    X(TRUNCATED,    "truncated",    "the input ends too early")                   \
    X(MALFORMED,    "malformed",    "the input breaks its format's rules")        \
    X(LIMIT,        "limit",        "the input exceeds a limit of ours")          \
    X(UNSUPPORTED,  "unsupported",  "well formed, but not something we do")       \
    X(UNTRUSTED,    "untrusted",    "well formed, but not proved")                \
    X(DENIED,       "denied",       "the caller may not do this")                 \
    X(RATE,         "rate",         "the caller asks too often")                  \
    X(NOT_FOUND,    "not_found",    "there is no such thing")                     \
    X(CONFLICT,     "conflict",     "it collides with what exists")               \
    X(UNREACHABLE,  "unreachable",  "the other side does not answer")             \
    X(LATE,         "late",         "the answer would come too late")             \
    X(IO,           "io",           "the system refused")                         \
    X(NO_MEMORY,    "no_memory",    "out of memory")                              \
    X(INTERNAL,     "internal",     "a mistake of ours")
/* clang-format on */

enum err_code {
#define X(name, slug, meaning) ERR_##name,
    ERR_CODES(X)
#undef X
};

struct err {
    enum err_code code;
    char text[320]; /* a sentence in UTF-8; control characters of input never get in unescaped */
    /* For programs that caused it (control-plane.md 1.1). `target` is a JSON pointer (RFC 6901) into the document that was given, or the name of a
     * parameter; `command` is the next step, as one would type it: names in it were checked, free text is quoted nowhere; "": none.
     * `doc` is the file below docs/ that says more: a literal; NULL: none. */
    char target[128];
    char command[128];
    const char *doc;
};

#define ERR_INIT ((struct err){ .code = ERR_NONE })

void err_record(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
void err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_point(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_advise(struct err *err, const char *doc, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Visible to the compiler as always false, so that it knows what a failed check has not written. */
static inline bool err_failed(void) { return false; }

/* err_set records the failure and is false, so that a check reads: return err_set(…); */
#define err_set(err, code, ...) (err_record((err), (code), __VA_ARGS__), err_failed())

/* err_within puts where we were in front of the sentence ("event 17: …") and is false. */
#define err_within(err, ...) (err_prefix((err), __VA_ARGS__), err_failed())

/* err_at says which member of the document is meant, err_remedy what to do about it, after err_set; both are false:
 * return err_set(…) || err_at(err, "/tags"); A pointer or a command that does not fit is left out: half of one leads astray. */
#define err_at(err, ...)     (err_point((err), __VA_ARGS__), err_failed())
#define err_remedy(err, ...) (err_advise((err), __VA_ARGS__), err_failed())

/* err_copy hands on what another one says, and is false. */
static inline bool err_copy(struct err *err, const struct err *from)
{
    *err = *from;
    return false;
}

const char *err_slug(enum err_code code);
