#include "base/reader.h"

static void advance(struct reader *r, size_t len)
{
    r->rest.data = len ? r->rest.data + len : r->rest.data;
    r->rest.len -= len;
    r->offset += len;
}

bool read_bytes(struct reader *r, size_t len, struct bytes *ret)
{
    if (len > r->rest.len) /* compare with what is left: nothing is added, nothing wraps */
        return false;
    *ret = (struct bytes){ r->rest.data, len };
    advance(r, len);
    return true;
}

bool read_sub(struct reader *r, size_t len, struct reader *ret)
{
    struct reader sub = { .offset = r->offset };

    if (!read_bytes(r, len, &sub.rest))
        return false;
    *ret = sub;
    return true;
}

bool read_skip(struct reader *r, size_t len)
{
    struct bytes skipped;
    return read_bytes(r, len, &skipped);
}

struct bytes read_rest(struct reader *r)
{
    struct bytes all = r->rest;
    advance(r, all.len);
    return all;
}

static bool read_le(struct reader *r, size_t width, uint64_t *ret)
{
    struct bytes b;
    uint64_t value = 0;

    if (!read_bytes(r, width, &b))
        return false;
    for (size_t i = width; i-- > 0;)
        value = value << 8 | b.data[i];
    *ret = value;
    return true;
}

static bool read_be(struct reader *r, size_t width, uint64_t *ret)
{
    struct bytes b;
    uint64_t value = 0;

    if (!read_bytes(r, width, &b))
        return false;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | b.data[i];
    *ret = value;
    return true;
}

#define DEFINE_READ(name, type, order)             \
    bool read_##name(struct reader *r, type *ret)  \
    {                                              \
        uint64_t wide;                             \
        if (!read_##order(r, sizeof(type), &wide)) \
            return false;                          \
        *ret = (type)wide;                         \
        return true;                               \
    }
DEFINE_READ(u8, uint8_t, le)
DEFINE_READ(u16le, uint16_t, le)
DEFINE_READ(u32le, uint32_t, le)
DEFINE_READ(u64le, uint64_t, le)
DEFINE_READ(u16be, uint16_t, be)
DEFINE_READ(u32be, uint32_t, be)
DEFINE_READ(u64be, uint64_t, be)
#undef DEFINE_READ

bool read_u16be_prefixed(struct reader *r, struct bytes *ret)
{
    struct reader ahead = *r;
    uint16_t len;

    if (!read_u16be(&ahead, &len) || !read_bytes(&ahead, len, ret))
        return false;
    *r = ahead;
    return true;
}

bool read_u32le_prefixed(struct reader *r, struct bytes *ret)
{
    struct reader ahead = *r;
    uint32_t len;

    if (!read_u32le(&ahead, &len) || !read_bytes(&ahead, len, ret))
        return false;
    *r = ahead;
    return true;
}
