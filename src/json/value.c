#include "json/value.h"
#include <stdarg.h>
#include "base/base64.h"
#include "base/utf8.h"

const struct json json_null = { .type = JSON_NULL };
const struct json json_true = { .type = JSON_BOOLEAN, .boolean = true };
const struct json json_false = { .type = JSON_BOOLEAN, .boolean = false };

const struct json *json_boolean(bool value) { return value ? &json_true : &json_false; }

static struct json *make(struct arena *a, enum json_type type)
{
    struct json *v = ARENA_NEW(a, struct json);

    if (v)
        v->type = type;
    return v;
}

const struct json *json_integer(struct arena *a, int64_t value)
{
    struct json *v = make(a, JSON_NUMBER);

    if (v) {
        v->number.value = (double)value;
        v->number.integer = value;
        v->number.is_integer = true;
    }
    return v;
}

const struct json *json_unsigned(struct arena *a, uint64_t value)
{
    struct json *v;
    char *digits;

    if (value <= INT64_MAX)
        return json_integer(a, (int64_t)value);
    v = make(a, JSON_NUMBER);
    digits = arena_printf(a, "%llu", (unsigned long long)value);
    if (!v || !digits)
        return NULL;
    v->number.value = (double)value;
    v->raw = bytes_of_string(digits);
    return v;
}

const struct json *json_real(struct arena *a, double value)
{
    struct json *v = make(a, JSON_NUMBER);

    if (v)
        v->number.value = value;
    return v;
}

const struct json *json_string(struct arena *a, struct bytes text)
{
    struct json *v = make(a, JSON_STRING);

    if (v)
        v->string = text;
    return v;
}

const struct json *json_string_of(struct arena *a, const char *text) { return json_string(a, bytes_of_string(text)); }

const struct json *json_array(struct arena *a, const struct json *const *items, size_t n)
{
    struct json *v = make(a, JSON_ARRAY);

    if (v) {
        v->array.items = items;
        v->array.n = n;
    }
    return v;
}

const struct json *json_object(struct arena *a, const struct json_member *members, size_t n)
{
    struct json *v = make(a, JSON_OBJECT);

    if (v) {
        v->object.members = members;
        v->object.n = n;
    }
    return v;
}

const struct json *json_get_bytes(const struct json *v, struct bytes name)
{
    if (!v || v->type != JSON_OBJECT)
        return NULL;
    for (size_t i = v->object.n; i-- > 0;)
        if (bytes_equal(v->object.members[i].name, name))
            return v->object.members[i].value;
    return NULL;
}

const struct json *json_get(const struct json *v, const char *name) { return json_get_bytes(v, bytes_of_string(name)); }

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c; }

static bool same_but_for_case(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

const struct json *json_get_no_case(const struct json *v, const char *name)
{
    const struct json *exact = json_get(v, name);

    if (exact || !v || v->type != JSON_OBJECT)
        return exact;
    for (size_t i = v->object.n; i-- > 0;)
        if (same_but_for_case(v->object.members[i].name, bytes_of_string(name)))
            return v->object.members[i].value;
    return NULL;
}

const struct json *json_at(const struct json *v, ...)
{
    va_list names;
    const char *name;

    va_start(names, v);
    while (v && (name = va_arg(names, const char *)) != NULL)
        v = json_get(v, name);
    va_end(names);
    return v;
}

bool json_is_string(const struct json *v, const char *text) { return v && v->type == JSON_STRING && bytes_equal_string(v->string, text); }

struct bytes json_text(const struct json *v, struct bytes otherwise) { return v && v->type == JSON_STRING ? v->string : otherwise; }

bool json_as_integer(const struct json *v, int64_t *ret)
{
    if (!v || v->type != JSON_NUMBER || !v->number.is_integer)
        return false;
    *ret = v->number.integer;
    return true;
}

bool json_as_boolean(const struct json *v, bool *ret)
{
    if (!v || v->type != JSON_BOOLEAN)
        return false;
    *ret = v->boolean;
    return true;
}

static const char *type_name(const struct json *v)
{
    static const char *const names[] = { "null", "a boolean", "a number", "a string", "an array", "an object" };

    return v ? names[v->type] : "missing";
}

/* The member, or NULL and the reason. */
static const struct json *need(const struct json *v, const char *name, enum json_type type, struct err *err)
{
    static const char *const wanted[] = { "null", "a boolean", "an integer", "a string", "an array", "an object" };
    const struct json *member = json_get(v, name);

    if (member && member->type == type)
        return member;
    err_set(err, ERR_MALFORMED, "\"%s\" must be %s, but is %s", name, wanted[type], type_name(member));
    err_point(err, "/%s", name);
    return NULL;
}

bool json_need_string(const struct json *v, const char *name, struct bytes *ret, struct err *err)
{
    const struct json *member = need(v, name, JSON_STRING, err);

    if (!member)
        return false;
    *ret = member->string;
    return true;
}

bool json_need_words(const struct json *v, const char *name, size_t most, struct bytes *ret, struct err *err)
{
    struct bytes text, rest;
    uint32_t c;

    if (!json_need_string(v, name, &text, err))
        return false;
    if (text.len == 0 || text.len > most)
        return err_set(err, ERR_MALFORMED, "%s has to have 1 to %zu bytes", name, most) || err_at(err, "/%s", name);
    for (rest = text; utf8_next(&rest, &c);)
        if (utf8_is_unsafe(c))
            return err_set(err, ERR_MALFORMED, "%s holds the character U+%04X, which could change what stands around it", name, c) ||
                   err_at(err, "/%s", name);
    *ret = text;
    return true;
}

bool json_need_base64(struct arena *a, const struct json *v, const char *name, size_t most, struct bytes *ret, struct err *err)
{
    struct bytes text;

    return json_need_string(v, name, &text, err) && (base64_decode_most(a, text, name, most, ret, err) || err_at(err, "/%s", name));
}

static bool has_nul(struct bytes text) { return text.len && memchr(text.data, 0, text.len); }

bool json_refuse_nul(const struct json *v, struct err *err)
{
    switch (v->type) {
    case JSON_STRING:
        return has_nul(v->string) ? err_set(err, ERR_MALFORMED, "a NUL character in a value") : true;
    case JSON_ARRAY:
        for (size_t i = 0; i < v->array.n; i++)
            if (!json_refuse_nul(v->array.items[i], err))
                return false;
        return true;
    case JSON_OBJECT:
        for (size_t i = 0; i < v->object.n; i++) {
            if (has_nul(v->object.members[i].name))
                return err_set(err, ERR_MALFORMED, "a NUL character in a key");
            if (!json_refuse_nul(v->object.members[i].value, err))
                return false;
        }
        return true;
    default:
        return true;
    }
}

bool json_need_integer(const struct json *v, const char *name, int64_t *ret, struct err *err)
{
    const struct json *member = need(v, name, JSON_NUMBER, err);

    if (!member)
        return false;
    if (!json_as_integer(member, ret))
        return err_set(err, ERR_MALFORMED, "\"%s\" must be an integer of 64 bits", name);
    return true;
}

bool json_need_object(const struct json *v, const char *name, const struct json **ret, struct err *err)
{
    const struct json *member = need(v, name, JSON_OBJECT, err);

    if (!member)
        return false;
    *ret = member;
    return true;
}

bool json_need_array(const struct json *v, const char *name, const struct json **ret, struct err *err)
{
    const struct json *member = need(v, name, JSON_ARRAY, err);

    if (!member)
        return false;
    *ret = member;
    return true;
}
