#include "x509/name.h"
#include "base/utf8.h"
#include "base/writer.h"
#include "crypto/der.h"
#include "x509/oids.h"

struct attribute {
    struct bytes oid, value; /* content bytes */
    unsigned tag;            /* of the value */
    struct bytes whole;      /* the value with its header */
};

static bool read_attribute(struct reader *set, struct attribute *ret)
{
    struct reader r;

    return der_read_into(set, DER_SEQUENCE, &r) && der_read_oid(&r, &ret->oid) && der_read_any(&r, &ret->tag, &ret->value, &ret->whole) &&
           reader_done(&r);
}

/* X.690 11.6: the elements of a SET OF stand in ascending order. */
static bool is_sorted_rdn(struct reader set)
{
    struct bytes last = BYTES_NONE;

    if (reader_done(&set))
        return false;
    while (!reader_done(&set)) {
        struct reader before = set;
        struct attribute attribute;
        struct bytes whole;

        if (!read_attribute(&set, &attribute))
            return false;
        whole = bytes_slice(before.rest, 0, set.offset - before.offset);
        if (bytes_compare(last, whole) > 0)
            return false;
        last = whole;
    }
    return true;
}

bool name_is_well_formed(struct bytes name_der)
{
    struct reader outer = reader_over(name_der), r, set;

    if (!der_read_into(&outer, DER_SEQUENCE, &r) || !reader_done(&outer))
        return false;
    while (!reader_done(&r))
        if (!der_read_into(&r, DER_SET, &set) || !is_sorted_rdn(set))
            return false;
    return true;
}

/* TeletexString is read as ASCII only: nobody agrees on what its other characters are. */
static bool is_text(const struct attribute *attribute)
{
    switch (attribute->tag) {
    case DER_UTF8_STRING:
        return utf8_is_valid(attribute->value);
    case DER_PRINTABLE_STRING:
    case DER_IA5_STRING:
    case DER_TELETEX_STRING:
        for (size_t i = 0; i < attribute->value.len; i++)
            if (attribute->value.data[i] >= 0x80)
                return false;
        return true;
    default:
        return false;
    }
}

bool name_find(struct bytes name_der, struct bytes oid, struct bytes *ret)
{
    struct reader outer = reader_over(name_der), r, set;
    struct attribute attribute, found = { 0 };

    if (!der_read_into(&outer, DER_SEQUENCE, &r))
        return false;
    while (der_read_into(&r, DER_SET, &set))
        while (read_attribute(&set, &attribute))
            if (bytes_equal(attribute.oid, oid))
                found = attribute;
    if (!found.oid.data || !is_text(&found))
        return false;
    *ret = found.value;
    return true;
}

/* RFC 4514 3, and the one of RFC 4519 that people know from OpenSSL and GnuTLS. */
static const struct {
    struct bytes oid;
    const char *name;
} short_names[] = {
    { OID_COMMON_NAME, "CN" },
    { BYTES_LIT("\x55\x04\x07"), "L" },
    { BYTES_LIT("\x55\x04\x08"), "ST" },
    { BYTES_LIT("\x55\x04\x0a"), "O" },
    { BYTES_LIT("\x55\x04\x0b"), "OU" },
    { BYTES_LIT("\x55\x04\x06"), "C" },
    { BYTES_LIT("\x55\x04\x09"), "STREET" },
    { BYTES_LIT("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"), "DC" },
    { BYTES_LIT("\x55\x04\x05"), "serialNumber" },
    { BYTES_LIT("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"), "UID" },
};

static bool must_hide(uint32_t codepoint)
{
    return codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0) || (codepoint >= 0x200b && codepoint <= 0x200f) ||
           (codepoint >= 0x2028 && codepoint <= 0x202e) || (codepoint >= 0x2066 && codepoint <= 0x2069) || codepoint == 0xfeff;
}

/* RFC 4514 2.4 */
static void write_text_value(struct writer *w, struct bytes text)
{
    const uint8_t *start = text.data;
    uint32_t codepoint;
    struct bytes rest = text;

    while (rest.len > 0) {
        struct bytes at = rest;
        bool first = rest.data == start, last;

        if (!utf8_next(&rest, &codepoint))
            return;
        last = rest.len == 0;
        if (must_hide(codepoint)) {
            for (size_t i = 0; i < at.len - rest.len; i++)
                write_printf(w, "\\%02x", at.data[i]);
            continue;
        }
        if ((codepoint < 0x80 && strchr("\"+,;<>\\", (int)codepoint)) || (first && (codepoint == '#' || codepoint == ' ')) ||
            (last && codepoint == ' '))
            write_u8(w, '\\');
        utf8_write(w, codepoint);
    }
}

static void write_attribute(struct writer *w, struct arena *a, const struct attribute *attribute)
{
    for (size_t i = 0; i < ARRAY_LEN(short_names); i++)
        if (bytes_equal(attribute->oid, short_names[i].oid)) {
            write_printf(w, "%s=", short_names[i].name);
            if (is_text(attribute)) {
                write_text_value(w, attribute->value);
                return;
            }
        }
    if (w->len == 0 || w->data[w->len - 1] != '=') {
        char *dotted = der_oid_text(a, attribute->oid);
        write_printf(w, "%s=", dotted ? dotted : "?");
        if (is_text(attribute)) {
            write_text_value(w, attribute->value);
            return;
        }
    }
    write_u8(w, '#');
    for (size_t i = 0; i < attribute->whole.len; i++)
        write_printf(w, "%02x", attribute->whole.data[i]);
}

/* The RDN that begins at `at`, prefixed to what is printed already: RFC 4514 2.1 starts with the last one. */
static bool prepend_rdns(struct writer *w, struct arena *a, struct reader r)
{
    enum { RDNS_MAX = 64 };
    struct reader sets[RDNS_MAX];
    size_t n = 0;

    while (!reader_done(&r))
        if (n == RDNS_MAX || !der_read_into(&r, DER_SET, &sets[n++]))
            return false;
    while (n-- > 0) {
        struct attribute attribute;
        bool first = true;

        while (read_attribute(&sets[n], &attribute)) {
            if (!first)
                write_u8(w, '+');
            write_attribute(w, a, &attribute);
            first = false;
        }
        if (n > 0)
            write_u8(w, ',');
    }
    return true;
}

char *name_text(struct arena *a, struct bytes name_der)
{
    struct reader outer = reader_over(name_der), r;
    struct writer w = { 0 };
    char *text = NULL;

    if (der_read_into(&outer, DER_SEQUENCE, &r) && prepend_rdns(&w, a, r) && writer_ok(&w))
        text = arena_string(a, writer_bytes(&w));
    else if (writer_ok(&w))
        text = arena_string(a, BYTES_LIT("(unreadable name)"));
    writer_done(&w);
    return text;
}
