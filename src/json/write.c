#include "json/write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "json/plain.h"

/* Built values may nest deeper than parsed ones. */
enum { MAX_WRITE_DEPTH = 2 * LIMIT_JSON_DEPTH_SUITE };

/* ---- scalars ---- */

static const char short_escape[256] = { ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };

/* What cannot be copied as it is: 1 needs an escape, 2 may be part of a character to look at. */
static const uint8_t needs_care[256] = { [0 ... 0x1f] = 1, ['"'] = 1, ['\\'] = 1, [0x7f] = 1, [0x80 ... 0xff] = 2 };

static void write_escape(struct writer *w, uint32_t codepoint)
{
    if (codepoint < 0x80 && short_escape[codepoint]) {
        write_u8(w, '\\');
        write_u8(w, (uint8_t)short_escape[codepoint]);
        return;
    }
    write_printf(w, "\\u%04x", (unsigned)codepoint);
}

/* Nearly every string: one piece between quotes. False: it has something to look at. */
static bool write_plain(struct writer *w, struct bytes text)
{
    uint8_t *space;

    if (text.len > SIZE_MAX / 4 || (text.len && json_skip_plain(text.data, text.data + text.len, true) != text.data + text.len))
        return false;
    space = write_space(w, text.len + 2);
    if (!space)
        return true;
    space[0] = space[text.len + 1] = '"';
    if (text.len)
        memcpy(space + 1, text.data, text.len);
    return true;
}

void json_write_string(struct writer *w, struct bytes text)
{
    if (write_plain(w, text))
        return;
    write_u8(w, '"');
    while (text.len) {
        size_t plain = 0;
        uint32_t codepoint;
        struct bytes rest;

        while (plain < text.len && !needs_care[text.data[plain]])
            plain++;
        write_bytes(w, bytes_slice(text, 0, plain));
        text = bytes_slice(text, plain, text.len);
        rest = text;
        if (!text.len)
            break;
        if (!utf8_next(&rest, &codepoint)) {
            write_string(w, "\xef\xbf\xbd");
            text = bytes_slice(text, 1, text.len);
            continue;
        }
        /* An escape says the same; as itself, a stranger's word could move what stands around it on a terminal (attack-suite.md S18). */
        if (needs_care[text.data[0]] == 1 || utf8_is_unsafe(codepoint))
            write_escape(w, codepoint);
        else
            write_bytes(w, bytes_slice(text, 0, text.len - rest.len));
        text = rest;
    }
    write_u8(w, '"');
}

static void write_real(struct writer *w, double value)
{
    char text[40];

    if (!__builtin_isfinite(value)) { /* JSON has no word for it */
        write_string(w, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    write_string(w, text);
}

static void write_integer(struct writer *w, int64_t value)
{
    char text[24], *p = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--p = '-';
    write_bytes(w, (struct bytes){ (const uint8_t *)p, (size_t)(text + sizeof text - p) });
}

/* ---- whole values ---- */

static void new_line(struct writer *w, enum json_layout layout, unsigned depth)
{
    if (layout == JSON_COMPACT)
        return;
    write_u8(w, '\n');
    for (unsigned i = 0; i < depth; i++)
        write_string(w, "  ");
}

static void write_name(struct writer *w, enum json_layout layout, struct bytes name)
{
    json_write_string(w, name);
    write_string(w, layout == JSON_COMPACT ? ":" : ": ");
}

static void write_value(struct writer *w, const struct json *v, enum json_layout layout, unsigned depth);

static void write_container(struct writer *w, const struct json *v, enum json_layout layout, unsigned depth)
{
    bool is_object = v->type == JSON_OBJECT;
    size_t n = is_object ? v->object.n : v->array.n;

    if (depth >= MAX_WRITE_DEPTH) {
        w->bad = true;
        return;
    }
    write_u8(w, is_object ? '{' : '[');
    for (size_t i = 0; i < n && writer_ok(w); i++) {
        if (i)
            write_u8(w, ',');
        new_line(w, layout, depth + 1);
        if (is_object)
            write_name(w, layout, v->object.members[i].name);
        write_value(w, is_object ? v->object.members[i].value : v->array.items[i], layout, depth + 1);
    }
    if (n)
        new_line(w, layout, depth);
    write_u8(w, is_object ? '}' : ']');
}

static void write_value(struct writer *w, const struct json *v, enum json_layout layout, unsigned depth)
{
    switch (v->type) {
    case JSON_NULL:
        write_string(w, "null");
        break;
    case JSON_BOOLEAN:
        write_string(w, v->boolean ? "true" : "false");
        break;
    case JSON_NUMBER:
        if (v->number.is_integer)
            write_integer(w, v->number.integer);
        else if (json_is_big_integer(v))
            write_bytes(w, v->raw);
        else
            write_real(w, v->number.value);
        break;
    case JSON_STRING:
        json_write_string(w, v->string);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_container(w, v, layout, depth);
    }
}

void json_write(struct writer *w, const struct json *v, enum json_layout layout) { write_value(w, v, layout, 0); }

char *json_to_string(struct arena *a, const struct json *v, enum json_layout layout)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    if (a->budget)
        w.limit = a->budget;
    json_write(&w, v, layout);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

/* ---- member by member ---- */

struct json_out json_out_to(struct writer *w, enum json_layout layout) { return (struct json_out){ .to = w, .layout = layout }; }

/* begin_item puts what comes before an item: comma, new line, name. */
static void begin_item(struct json_out *out, const char *name)
{
    if (out->any[out->depth])
        write_u8(out->to, ',');
    if (out->depth)
        new_line(out->to, out->layout, out->depth);
    out->any[out->depth] = true;
    if (name)
        write_name(out->to, out->layout, bytes_of_string(name));
}

static void begin_container(struct json_out *out, const char *name, bool is_object)
{
    begin_item(out, name);
    write_u8(out->to, is_object ? '{' : '[');
    if (out->depth == LIMIT_JSON_DEPTH) {
        out->to->bad = true;
        return;
    }
    out->depth++;
    out->any[out->depth] = false;
    out->is_object[out->depth] = is_object;
}

void json_begin_object(struct json_out *out, const char *name) { begin_container(out, name, true); }

void json_begin_array(struct json_out *out, const char *name) { begin_container(out, name, false); }

void json_end(struct json_out *out)
{
    bool any = out->any[out->depth];

    if (out->depth == 0) {
        out->to->bad = true;
        return;
    }
    out->depth--;
    if (any)
        new_line(out->to, out->layout, out->depth);
    write_u8(out->to, out->is_object[out->depth + 1] ? '}' : ']');
}

void json_put_null(struct json_out *out, const char *name) { json_put_raw(out, name, BYTES_LIT("null")); }

void json_put_boolean(struct json_out *out, const char *name, bool value)
{
    json_put_raw(out, name, value ? BYTES_LIT("true") : BYTES_LIT("false"));
}

void json_put_integer(struct json_out *out, const char *name, int64_t value)
{
    begin_item(out, name);
    write_integer(out->to, value);
}

void json_put_bytes(struct json_out *out, const char *name, struct bytes text)
{
    begin_item(out, name);
    json_write_string(out->to, text);
}

void json_put_string(struct json_out *out, const char *name, const char *text)
{
    if (text)
        json_put_bytes(out, name, bytes_of_string(text));
    else
        json_put_null(out, name);
}

void json_put_hex(struct json_out *out, const char *name, struct bytes b)
{
    begin_item(out, name);
    write_u8(out->to, '"');
    for (size_t from = 0; from < b.len; from += 64) {
        char text[2 * 64 + 1];

        hex_encode(bytes_slice(b, from, 64), text);
        write_string(out->to, text);
    }
    write_u8(out->to, '"');
}

void json_put_base64url(struct json_out *out, const char *name, struct bytes b)
{
    begin_item(out, name);
    write_u8(out->to, '"');
    base64_write(out->to, BASE64_URL, b);
    write_u8(out->to, '"');
}

void json_put_time(struct json_out *out, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_LEN];

    clock_format(time_ms, text);
    json_put_string(out, name, text);
}

void json_put_time_or_null(struct json_out *out, const char *name, int64_t time_ms)
{
    if (time_ms)
        json_put_time(out, name, time_ms);
    else
        json_put_null(out, name);
}

void json_put_value(struct json_out *out, const char *name, const struct json *v)
{
    begin_item(out, name);
    write_value(out->to, v, out->layout, out->depth);
}

void json_put_raw(struct json_out *out, const char *name, struct bytes json_text)
{
    begin_item(out, name);
    write_bytes(out->to, json_text);
}
