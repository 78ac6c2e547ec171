/* json/write.h: JSON out: whole values, or member by member without building a value first.
 *
 * The streaming form puts commas and colons itself:
 *     struct json_out out = json_out_to(&writer, JSON_COMPACT);
 *     json_begin_object(&out, NULL);
 *     json_put_string(&out, "name", text);
 *     json_begin_array(&out, "items"); … json_end(&out);
 *     json_end(&out);
 * The name is NULL inside arrays and at the top. Nesting deeper than LIMIT_JSON_DEPTH turns the writer bad. Output is always
 * valid JSON in UTF-8: invalid bytes in strings become U+FFFD; control characters, and U+2028/2029, are escaped. */
#pragma once
#include "base/limits.h"
#include "base/writer.h"
#include "json/value.h"

enum json_layout { JSON_COMPACT, JSON_INDENTED /* two spaces, "key": value */ };

struct json_out {
    struct writer *to;
    enum json_layout layout;
    unsigned depth;
    bool any[LIMIT_JSON_DEPTH + 1]; /* something was written at this depth */
    bool is_object[LIMIT_JSON_DEPTH + 1];
};

struct json_out json_out_to(struct writer *w, enum json_layout layout);
void json_begin_object(struct json_out *out, const char *name);
void json_begin_array(struct json_out *out, const char *name);
void json_end(struct json_out *out);
void json_put_null(struct json_out *out, const char *name);
void json_put_boolean(struct json_out *out, const char *name, bool value);
void json_put_integer(struct json_out *out, const char *name, int64_t value);
void json_put_bytes(struct json_out *out, const char *name, struct bytes text); /* as a string */
void json_put_string(struct json_out *out, const char *name, const char *text); /* NULL writes null */
void json_put_hex(struct json_out *out, const char *name, struct bytes b);
void json_put_base64url(struct json_out *out, const char *name, struct bytes b);
void json_put_time(struct json_out *out, const char *name, int64_t time_ms);         /* RFC 3339 */
void json_put_time_or_null(struct json_out *out, const char *name, int64_t time_ms); /* null for 0 */
void json_put_value(struct json_out *out, const char *name, const struct json *v);
/* json_put_raw writes text that is already valid JSON, unchanged. */
void json_put_raw(struct json_out *out, const char *name, struct bytes json_text);

/* A whole value. Integers print without fraction, those of any size exactly as they came; other numbers in the shortest form that reads back the same. */
void json_write(struct writer *w, const struct json *v, enum json_layout layout);
/* Into the arena; NULL: no memory. */
MUST_CHECK char *json_to_string(struct arena *a, const struct json *v, enum json_layout layout);
/* json_write_string writes one quoted, escaped string. */
void json_write_string(struct writer *w, struct bytes text);
