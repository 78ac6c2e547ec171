#define _GNU_SOURCE /* memmem */
#include "base/bytes.h"

bool bytes_equal_ct(struct bytes a, struct bytes b)
{
    uint8_t difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (uint8_t)(a.data[i] ^ b.data[i]);
    return difference == 0;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;

    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool bytes_starts_with(struct bytes b, struct bytes prefix)
{
    return b.len >= prefix.len && bytes_equal(bytes_slice(b, 0, prefix.len), prefix);
}

bool bytes_ends_with(struct bytes b, struct bytes suffix)
{
    return b.len >= suffix.len && bytes_equal(bytes_slice(b, b.len - suffix.len, suffix.len), suffix);
}

bool bytes_are_all(struct bytes b, uint8_t value)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] != value)
            return false;
    return true;
}

/* memmem is linear whatever the needle. */
size_t bytes_find(struct bytes haystack, struct bytes needle)
{
    const uint8_t *found;

    if (needle.len == 0)
        return 0;
    found = haystack.len ? memmem(haystack.data, haystack.len, needle.data, needle.len) : NULL;
    return found ? (size_t)(found - haystack.data) : SIZE_MAX;
}

struct bytes bytes_slice(struct bytes b, size_t from, size_t len)
{
    if (from >= b.len)
        return BYTES_NONE;
    if (len > b.len - from)
        len = b.len - from;
    return (struct bytes){ b.data + from, len };
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct bytes bytes_trim(struct bytes b)
{
    while (b.len && is_space(b.data[0]))
        b = (struct bytes){ b.data + 1, b.len - 1 };
    while (b.len && is_space(b.data[b.len - 1]))
        b.len--;
    return b;
}

void wipe(void *p, size_t len)
{
    if (len)
        explicit_bzero(p, len);
}

bool bytes_equal_no_case(struct bytes a, const char *s)
{
    if (a.len != strlen(s))
        return false;
    for (size_t i = 0; i < a.len; i++) {
        uint8_t c = a.data[i];

        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)s[i])
            return false;
    }
    return true;
}
