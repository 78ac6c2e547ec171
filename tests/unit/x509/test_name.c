#include "crypto/der.h"
#include "support/test.h"
#include "x509/name.h"

/* One RDN per (oid, tag, text). */
struct part {
    struct bytes oid;
    unsigned tag;
    struct bytes value;
};

static struct bytes make(struct arena *a, const struct part *parts, size_t n)
{
    struct writer w = { 0 };
    struct bytes der = BYTES_NONE;
    size_t outer = der_begin(&w);

    for (size_t i = 0; i < n; i++) {
        size_t set = der_begin(&w), one = der_begin(&w);
        der_write(&w, DER_OID, parts[i].oid);
        der_write(&w, parts[i].tag, parts[i].value);
        der_end(&w, one, DER_SEQUENCE);
        der_end(&w, set, DER_SET);
    }
    der_end(&w, outer, DER_SEQUENCE);
    CHECK(arena_copy(a, writer_bytes(&w), &der));
    writer_done(&w);
    return der;
}

#define CN BYTES_LIT("\x55\x04\x03")
#define O  BYTES_LIT("\x55\x04\x0a")

static void check_text(unsigned tag, struct bytes value, const char *want)
{
    struct arena a = { 0 };
    struct part part = { CN, tag, value };

    CHECK_STRING(name_text(&a, make(&a, &part, 1)), want);
    arena_done(&a);
}

TEST(a_name_prints_its_last_part_first)
{
    struct arena a = { 0 };
    const struct part parts[] = { { O, DER_UTF8_STRING, BYTES_LIT("Example") }, { CN, DER_PRINTABLE_STRING, BYTES_LIT("vm-1") } };
    struct bytes name = make(&a, parts, 2);

    CHECK(name_is_well_formed(name));
    CHECK_STRING(name_text(&a, name), "CN=vm-1,O=Example");
    CHECK_STRING(name_text(&a, make(&a, parts, 0)), "");
    arena_done(&a);
}

TEST(characters_that_mean_something_are_escaped)
{
    check_text(DER_UTF8_STRING, BYTES_LIT("a,b+c\"d\\e<f>g;h"), "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h");
    check_text(DER_UTF8_STRING, BYTES_LIT("#1"), "CN=\\#1");
    check_text(DER_UTF8_STRING, BYTES_LIT(" x "), "CN=\\ x\\ ");
    check_text(DER_UTF8_STRING, BYTES_LIT(" "), "CN=\\ ");
    check_text(DER_UTF8_STRING, BYTES_LIT("a\0b\x1b[2J"), "CN=a\\00b\\1b[2J");
    check_text(DER_UTF8_STRING,
               BYTES_LIT("\xe2\x80\xae"
                         "evil"),
               "CN=\\e2\\80\\aeevil");
    check_text(DER_UTF8_STRING, BYTES_LIT("F\xc5\x91"), "CN=F\xc5\x91");
}

TEST(what_is_not_text_prints_as_hex)
{
    check_text(DER_UTF8_STRING, BYTES_LIT("\xff"), "CN=#0c01ff");
    check_text(DER_BMP_STRING, BYTES_LIT("\0a"), "CN=#1e020061");
}

TEST(the_last_of_several_attributes_is_found)
{
    struct arena a = { 0 };
    const struct part parts[] = { { CN, DER_UTF8_STRING, BYTES_LIT("first") }, { CN, DER_UTF8_STRING, BYTES_LIT("second") } };
    struct bytes value;

    REQUIRE(name_find(make(&a, parts, 2), CN, &value));
    CHECK_BYTES(value, BYTES_LIT("second"));
    CHECK(!name_find(make(&a, parts, 2), O, &value));
    CHECK(!name_find(BYTES_LIT("\x30\x01"), O, &value));
    arena_done(&a);
}

TEST(malformed_names_are_told_apart)
{
    static const struct bytes rows[] = {
        BYTES_LIT(""),
        BYTES_LIT("\x30\x00\x00"),                                         /* longer */
        BYTES_LIT("\x30\x02\x31\x00"),                                     /* empty RDN */
        BYTES_LIT("\x30\x02\x30\x00"),                                     /* no set */
        BYTES_LIT("\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03"),         /* no value */
        BYTES_LIT("\x30\x0b\x31\x09\x30\x07\x06\x03\x55\x04\x03\x0c\x01"), /* cut */
        /* a set whose elements are not in ascending order */
        BYTES_LIT("\x30\x16\x31\x14\x30\x08\x06\x03\x55\x04\x0a\x0c\x01"
                  "a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
                  "a"),
    };
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(!name_is_well_formed(rows[i]));
        CHECK(name_text(&a, rows[i]) != NULL);
    }
    CHECK(name_is_well_formed(BYTES_LIT("\x30\x00")));
    arena_done(&a);
}
