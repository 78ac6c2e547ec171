/* json/value.h: JSON values in an arena.
 *
 * A parsed value keeps views into its input, which must outlive it; strings with escapes are unescaped into the arena.
 * `raw` is the exact text a parsed value had in its input (needed where a signature or a digest covers the characters, not the
 * value: attestation-service.md 6.4.2); it is empty for values that we built, but for json_unsigned's large ones.
 * Values are immutable once built and may be shared. Objects keep document order. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json;

struct json_member {
    struct bytes name; /* UTF-8, unescaped */
    const struct json *value;
};

struct json {
    enum json_type type;
    struct bytes raw;
    union {
        bool boolean;
        struct {
            double value;
            int64_t integer; /* exact when is_integer */
            bool is_integer; /* written without fraction or exponent, and fits; larger integers keep their digits in `raw` */
        } number;
        struct bytes string; /* UTF-8 without NUL at the end; may contain NUL characters */
        struct {
            const struct json *const *items;
            size_t n;
        } array;
        struct {
            const struct json_member *members;
            size_t n;
        } object;
    };
};

/* Building. NULL: no memory. Strings are not copied. */
extern const struct json json_null, json_true, json_false;
const struct json *json_boolean(bool value);
MUST_CHECK const struct json *json_integer(struct arena *a, int64_t value);
MUST_CHECK const struct json *json_unsigned(struct arena *a, uint64_t value);
MUST_CHECK const struct json *json_real(struct arena *a, double value);
MUST_CHECK const struct json *json_string(struct arena *a, struct bytes text);
MUST_CHECK const struct json *json_string_of(struct arena *a, const char *text);
MUST_CHECK const struct json *json_array(struct arena *a, const struct json *const *items, size_t n);
MUST_CHECK const struct json *json_object(struct arena *a, const struct json_member *members, size_t n);

/* Reading. json_get returns NULL when v is no object or has no such member (the last one wins where duplicates were
 * allowed); all of these take NULL for v. */
const struct json *json_get(const struct json *v, const char *name);
const struct json *json_get_bytes(const struct json *v, struct bytes name);
/* json_get_no_case matches ASCII letters in either case; an exact match wins (attestation-service.md 2.3). */
const struct json *json_get_no_case(const struct json *v, const char *name);
/* JSON Pointer-less path: json_at(v, "a", "b", NULL) is v.a.b or NULL. */
const struct json *json_at(const struct json *v, ...) __attribute__((sentinel));
bool json_is_string(const struct json *v, const char *text);
/* json_text gives the string of a string value, `otherwise` for anything else. */
struct bytes json_text(const struct json *v, struct bytes otherwise);
MUST_CHECK bool json_as_integer(const struct json *v, int64_t *ret);
MUST_CHECK bool json_as_boolean(const struct json *v, bool *ret);

/* Required members of an object, with an error that names the member. */
MUST_CHECK bool json_need_string(const struct json *v, const char *name, struct bytes *ret, struct err *err);
/* A text that people will read: 1 to `most` bytes, and no character that could change what stands around it (base/utf8.h), NUL included. */
MUST_CHECK bool json_need_words(const struct json *v, const char *name, size_t most, struct bytes *ret, struct err *err);
/* At most `most` bytes in base64 of either alphabet (base/base64.h). */
MUST_CHECK bool json_need_base64(struct arena *a, const struct json *v, const char *name, size_t most, struct bytes *ret, struct err *err);
MUST_CHECK bool json_need_integer(const struct json *v, const char *name, int64_t *ret, struct err *err);
MUST_CHECK bool json_need_object(const struct json *v, const char *name, const struct json **ret, struct err *err);
MUST_CHECK bool json_need_array(const struct json *v, const char *name, const struct json **ret, struct err *err);

/* The parser takes \u0000; where texts go into rows, files, commands and headers it would end one early. MALFORMED: a value or a member's name holds one. */
MUST_CHECK bool json_refuse_nul(const struct json *v, struct err *err);

/* json_is_big_integer: an integer beyond 64 bits, whose digits are in `raw`. */
bool json_is_big_integer(const struct json *number);
/* json_number_order is negative, 0 or positive, and exact: integers of any size are not rounded to doubles. */
int json_number_order(const struct json *a, const struct json *b);
/* json_equal compares values: numbers by value, objects as sets of members, strings by characters. */
bool json_equal(const struct json *a, const struct json *b);
