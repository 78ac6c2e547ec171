#include "crypto/der.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/arena.h"

/* X.690 8.1.3 and 10.1: definite, and as short as possible. */
static bool read_length(struct reader *r, size_t *ret)
{
    uint8_t first, next;
    size_t len = 0;

    if (!read_u8(r, &first))
        return false;
    if (first < 0x80) {
        *ret = first;
        return true;
    }
    if (first < 0x81 || first > 0x84)
        return false;
    for (unsigned i = 0; i < (first & 0x7fu); i++) {
        if (!read_u8(r, &next) || (i == 0 && next == 0))
            return false;
        len = len << 8 | next;
    }
    if (len < 0x80)
        return false;
    *ret = len;
    return true;
}

bool der_read_any(struct reader *r, unsigned *ret_tag, struct bytes *ret_content, struct bytes *ret_whole)
{
    struct reader at = *r;
    uint8_t tag;
    size_t len;
    struct bytes content;

    if (!read_u8(&at, &tag) || (tag & 0x1f) == 0x1f || !read_length(&at, &len) || !read_bytes(&at, len, &content))
        return false;
    if (ret_whole)
        *ret_whole = bytes_slice(r->rest, 0, at.offset - r->offset);
    *ret_tag = tag;
    *ret_content = content;
    *r = at;
    return true;
}

bool der_read(struct reader *r, unsigned tag, struct bytes *ret_content)
{
    struct reader at = *r;
    unsigned found;
    struct bytes content;

    if (!der_read_any(&at, &found, &content, NULL) || found != tag)
        return false;
    *ret_content = content;
    *r = at;
    return true;
}

bool der_read_into(struct reader *r, unsigned tag, struct reader *ret_inside)
{
    struct bytes content;

    if (!der_read(r, tag, &content))
        return false;
    *ret_inside = (struct reader){ content, r->offset - content.len };
    return true;
}

bool der_next_is(const struct reader *r, unsigned tag) { return r->rest.len > 0 && r->rest.data[0] == tag; }

/* X.690 8.3.2: the first nine bits are not all equal. */
static bool is_minimal_integer(struct bytes b)
{
    if (b.len == 0)
        return false;
    if (b.len == 1)
        return true;
    return !(b.data[0] == 0x00 && b.data[1] < 0x80) && !(b.data[0] == 0xff && b.data[1] >= 0x80);
}

bool der_read_integer(struct reader *r, struct bytes *ret)
{
    struct reader at = *r;
    struct bytes content;

    if (!der_read(&at, DER_INTEGER, &content) || !is_minimal_integer(content))
        return false;
    *ret = content;
    *r = at;
    return true;
}

bool der_read_unsigned(struct reader *r, struct bytes *ret)
{
    struct reader at = *r;
    struct bytes content;

    if (!der_read_integer(&at, &content) || content.data[0] >= 0x80)
        return false;
    if (content.len > 1 && content.data[0] == 0)
        content = bytes_slice(content, 1, content.len);
    *ret = content;
    *r = at;
    return true;
}

bool der_read_small(struct reader *r, uint32_t *ret)
{
    struct reader at = *r;
    struct bytes content;
    uint32_t value = 0;

    if (!der_read_unsigned(&at, &content) || content.len > 4 || (content.len == 4 && content.data[0] >= 0x80))
        return false;
    for (size_t i = 0; i < content.len; i++)
        value = value << 8 | content.data[i];
    *ret = value;
    *r = at;
    return true;
}

bool der_read_boolean(struct reader *r, bool *ret)
{
    struct reader at = *r;
    struct bytes content;

    if (!der_read(&at, DER_BOOLEAN, &content) || content.len != 1 || (content.data[0] != 0x00 && content.data[0] != 0xff))
        return false;
    *ret = content.data[0] != 0;
    *r = at;
    return true;
}

/* X.690 8.19: groups of seven bits, none beginning with an empty group, the last one ended. */
static bool is_oid(struct bytes b)
{
    bool begins = true;

    for (size_t i = 0; i < b.len; i++) {
        if (begins && b.data[i] == 0x80)
            return false;
        begins = b.data[i] < 0x80;
    }
    return b.len > 0 && begins;
}

bool der_read_oid(struct reader *r, struct bytes *ret)
{
    struct reader at = *r;
    struct bytes content;

    if (!der_read(&at, DER_OID, &content) || !is_oid(content))
        return false;
    *ret = content;
    *r = at;
    return true;
}

bool der_read_bit_bytes(struct reader *r, struct bytes *ret)
{
    struct reader at = *r;
    struct bytes content;

    if (!der_read(&at, DER_BIT_STRING, &content) || content.len < 1 || content.data[0] != 0)
        return false;
    *ret = bytes_slice(content, 1, content.len);
    *r = at;
    return true;
}

bool der_read_named_bits(struct reader *r, unsigned *ret)
{
    struct reader at = *r;
    struct bytes content;
    unsigned unused, bits = 0;

    if (!der_read(&at, DER_BIT_STRING, &content) || content.len < 1 || content.len > 3)
        return false;
    unused = content.data[0];
    if (content.len == 1) {
        if (unused != 0)
            return false;
    } else {
        uint8_t last = content.data[content.len - 1];
        /* X.690 11.2.2: the last bit used is a one, those behind it are zeros. */
        if (unused > 7 || (last & ((1u << unused) - 1)) || !(last & (1u << unused)))
            return false;
    }
    for (size_t i = 1; i < content.len; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            if (content.data[i] & (0x80u >> bit))
                bits |= 1u << ((i - 1) * 8 + bit);
    *ret = bits;
    *r = at;
    return true;
}

static bool digits(const uint8_t *text, size_t n, int *ret)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret = value;
    return true;
}

static int days_in_month(int year, int month)
{
    return month == 12 ? 31 : (int)(clock_days_from_date(year, month + 1, 1) - clock_days_from_date(year, month, 1));
}

/* MMDDHHMMSSZ */
static bool time_in_year(int year, const uint8_t *text, int64_t *ret_ms)
{
    int month, day, hour, minute, second;

    if (!digits(text, 2, &month) || !digits(text + 2, 2, &day) || !digits(text + 4, 2, &hour) || !digits(text + 6, 2, &minute) ||
        !digits(text + 8, 2, &second) || text[10] != 'Z')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_ms = (clock_days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000;
    return true;
}

bool der_read_time(struct reader *r, int64_t *ret_ms)
{
    struct reader at = *r;
    struct bytes text;
    int year;

    if (der_next_is(r, DER_UTC_TIME)) {
        if (!der_read(&at, DER_UTC_TIME, &text) || text.len != 13 || !digits(text.data, 2, &year))
            return false;
        year += year < 50 ? 2000 : 1900; /* RFC 5280 4.1.2.5.1 */
        text = bytes_slice(text, 2, text.len);
    } else {
        if (!der_read(&at, DER_GENERALIZED_TIME, &text) || text.len != 15 || !digits(text.data, 4, &year) || year < 1)
            return false;
        text = bytes_slice(text, 4, text.len);
    }
    if (!time_in_year(year, text.data, ret_ms))
        return false;
    *r = at;
    return true;
}

size_t der_begin(struct writer *w) { return w->len; }

void der_end(struct writer *w, size_t begin, unsigned tag)
{
    size_t len = w->len - begin, n = 0;
    uint8_t header[6];

    header[n++] = (uint8_t)tag;
    if (len < 0x80) {
        header[n++] = (uint8_t)len;
    } else {
        unsigned octets = len < 0x100 ? 1 : len < 0x10000 ? 2 : len < 0x1000000 ? 3 : 4;
        header[n++] = (uint8_t)(0x80 | octets);
        for (unsigned i = octets; i-- > 0;)
            header[n++] = (uint8_t)(len >> (8 * i));
    }
    write_bytes(w, (struct bytes){ header, n }); /* makes room */
    if (!writer_ok(w))
        return;
    memmove(w->data + begin + n, w->data + begin, len);
    memcpy(w->data + begin, header, n);
}

void der_write(struct writer *w, unsigned tag, struct bytes content)
{
    size_t at = der_begin(w);

    write_bytes(w, content);
    der_end(w, at, tag);
}

void der_write_unsigned(struct writer *w, struct bytes big_endian)
{
    size_t at = der_begin(w);

    while (big_endian.len > 0 && big_endian.data[0] == 0)
        big_endian = bytes_slice(big_endian, 1, big_endian.len);
    if (big_endian.len == 0 || big_endian.data[0] >= 0x80)
        write_u8(w, 0);
    write_bytes(w, big_endian);
    der_end(w, at, DER_INTEGER);
}

void der_write_bit_bytes(struct writer *w, struct bytes b)
{
    size_t at = der_begin(w);

    write_u8(w, 0);
    write_bytes(w, b);
    der_end(w, at, DER_BIT_STRING);
}

void der_write_time(struct writer *w, int64_t time_ms)
{
    char rfc3339[CLOCK_TEXT_LEN], packed[16];
    size_t n = 0;

    clock_format(time_ms - time_ms % 1000, rfc3339);
    for (const char *c = rfc3339; *c && n < sizeof packed - 1; c++)
        if (*c >= '0' && *c <= '9')
            packed[n++] = *c;
    packed[n++] = 'Z';
    /* RFC 5280 4.1.2.5: years 1950 to 2049 as UTCTime */
    if (memcmp(packed, "1950", 4) >= 0 && memcmp(packed, "2050", 4) < 0)
        der_write(w, DER_UTC_TIME, (struct bytes){ (const uint8_t *)packed + 2, n - 2 });
    else
        der_write(w, DER_GENERALIZED_TIME, (struct bytes){ (const uint8_t *)packed, n });
}

char *der_oid_text(struct arena *a, struct bytes oid)
{
    struct writer w = { 0 };
    uint64_t value = 0;
    bool first = true;
    char *text;

    if (!is_oid(oid))
        return NULL;
    for (size_t i = 0; i < oid.len; i++) {
        if (value >> 57)
            w.bad = true;
        value = value << 7 | (oid.data[i] & 0x7f);
        if (oid.data[i] & 0x80)
            continue;
        if (first) { /* the first two arcs share a number: X.690 8.19.4 */
            uint64_t root = value < 40 ? 0 : value < 80 ? 1 : 2;
            write_printf(&w, "%llu.%llu", (unsigned long long)root, (unsigned long long)(value - root * 40));
        } else {
            write_printf(&w, ".%llu", (unsigned long long)value);
        }
        first = false;
        value = 0;
    }
    text = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    writer_done(&w);
    return text;
}
