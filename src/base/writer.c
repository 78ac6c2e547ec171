#include "base/writer.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void writer_done(struct writer *w)
{
    free(w->data);
    *w = (struct writer){ 0 };
}

void writer_done_secret(struct writer *w)
{
    wipe(w->data, w->capacity);
    writer_done(w);
}

void writer_reset(struct writer *w)
{
    w->len = 0;
    w->bad = false;
}

static bool grow_to(struct writer *w, size_t capacity)
{
    uint8_t *grown = realloc(w->data, capacity);

    if (!grown)
        return false;
    w->data = grown;
    w->capacity = capacity;
    return true;
}

/* room makes `more` bytes writable behind len, or turns the writer bad. */
static bool room(struct writer *w, size_t more)
{
    size_t wanted = w->capacity ? w->capacity : 256;

    if (w->bad)
        return false;
    if (more > SIZE_MAX / 2 - w->len || (w->limit && more > w->limit - w->len)) {
        w->bad = true;
        return false;
    }
    if (w->len + more <= w->capacity)
        return true;
    while (wanted < w->len + more)
        wanted *= 2;
    w->bad = !grow_to(w, wanted);
    return !w->bad;
}

void writer_reserve(struct writer *w, size_t more)
{
    if (!w->bad && more <= SIZE_MAX / 2 - w->len && (!w->limit || more <= w->limit - w->len) && w->len + more > w->capacity)
        (void)!grow_to(w, w->len + more);
}

uint8_t *write_space(struct writer *w, size_t len)
{
    uint8_t *space;

    if (!room(w, len))
        return NULL;
    space = w->data + w->len;
    w->len += len;
    return space;
}

void write_bytes(struct writer *w, struct bytes b)
{
    if (b.len == 0 || !room(w, b.len))
        return;
    memcpy(w->data + w->len, b.data, b.len);
    w->len += b.len;
}

void write_string(struct writer *w, const char *s) { write_bytes(w, bytes_of_string(s)); }

void write_printf(struct writer *w, const char *fmt, ...)
{
    va_list args, again;
    int needed;

    va_start(args, fmt);
    va_copy(again, args);
    needed = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (needed < 0)
        w->bad = true;
    else if (room(w, (size_t)needed + 1)) {
        vsnprintf((char *)w->data + w->len, (size_t)needed + 1, fmt, again);
        w->len += (size_t)needed;
    }
    va_end(again);
}

static void write_le(struct writer *w, uint64_t value, size_t width)
{
    uint8_t out[8];

    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    write_bytes(w, (struct bytes){ out, width });
}

static void write_be(struct writer *w, uint64_t value, size_t width)
{
    uint8_t out[8];

    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    write_bytes(w, (struct bytes){ out, width });
}

void write_u8(struct writer *w, uint8_t value) { write_le(w, value, 1); }
void write_u16le(struct writer *w, uint16_t value) { write_le(w, value, 2); }
void write_u32le(struct writer *w, uint32_t value) { write_le(w, value, 4); }
void write_u64le(struct writer *w, uint64_t value) { write_le(w, value, 8); }
void write_u16be(struct writer *w, uint16_t value) { write_be(w, value, 2); }
void write_u32be(struct writer *w, uint32_t value) { write_be(w, value, 4); }
void write_u64be(struct writer *w, uint64_t value) { write_be(w, value, 8); }

void write_u16be_prefixed(struct writer *w, struct bytes b)
{
    if (b.len > UINT16_MAX) {
        w->bad = true;
        return;
    }
    write_u16be(w, (uint16_t)b.len);
    write_bytes(w, b);
}

char *writer_take_string(struct writer *w)
{
    char *string;

    write_u8(w, 0);
    if (w->bad) {
        writer_done(w);
        return NULL;
    }
    string = (char *)w->data;
    *w = (struct writer){ 0 };
    return string;
}
