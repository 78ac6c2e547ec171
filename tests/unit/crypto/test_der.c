#include <stdlib.h>
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/der.h"
#include "support/test.h"

static struct bytes hex(struct arena *a, const char *text)
{
    struct bytes b = BYTES_NONE;
    struct err err = ERR_INIT;

    CHECK(hex_decode(a, bytes_of_string(text), &b, &err));
    return b;
}

TEST(an_element_is_read_with_its_header_and_content)
{
    static const uint8_t octets[] = { 0x04, 0x03, 1, 2, 3, 0x05, 0x00 };
    struct reader r = reader_over(BYTES_OF(octets));
    struct bytes content, whole;
    unsigned tag;

    REQUIRE(der_read_any(&r, &tag, &content, &whole));
    CHECK_INT(tag, DER_OCTET_STRING);
    CHECK_BYTES(content, ((struct bytes){ octets + 2, 3 }));
    CHECK_BYTES(whole, ((struct bytes){ octets, 5 }));
    CHECK(der_next_is(&r, DER_NULL));
    CHECK_INT(r.offset, 5);
}

TEST(a_reader_inside_counts_offsets_from_the_outside)
{
    static const uint8_t nested[] = { 0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x05 };
    struct reader r = reader_over(BYTES_OF(nested)), inside, more;
    uint32_t value;

    REQUIRE(der_read_into(&r, DER_SEQUENCE, &inside));
    CHECK_INT(inside.offset, 2);
    REQUIRE(der_read_into(&inside, DER_SEQUENCE, &more));
    CHECK_INT(more.offset, 4);
    CHECK(der_read_small(&more, &value) && value == 5);
}

TEST(an_element_cut_anywhere_does_not_move_the_reader)
{
    uint8_t whole[3 + 200] = { 0x30, 0x81, 200 };

    for (size_t n = 0; n < sizeof whole; n++) {
        struct bytes cut = exact_copy((struct bytes){ whole, n }), content;
        struct reader r = reader_over(cut);

        CHECK(!der_read(&r, DER_SEQUENCE, &content));
        CHECK_INT(r.offset, 0);
        free((void *)cut.data);
    }
}

TEST(a_second_encoding_of_the_same_value_is_refused)
{
    static const struct {
        const char *hex, *why;
        enum { ANY, INTEGER, UNSIGNED, BOOLEAN, OID, BITS, BYTES, TIME } as;
    } rows[] = {
        { "048100", "long length for a short one", ANY },
        { "04820001ff", "leading zero in a length", ANY },
        { "0480ff0000", "indefinite length", ANY },
        { "1f8101ff", "tag of several bytes", ANY },
        { "048500000000010f", "length of five bytes", ANY },
        { "0200", "empty integer", INTEGER },
        { "02020001", "padded integer", INTEGER },
        { "0202ff80", "padded negative integer", INTEGER },
        { "0201ff", "negative", UNSIGNED },
        { "010101", "TRUE that is not FF", BOOLEAN },
        { "01020000", "boolean of two bytes", BOOLEAN },
        { "0600", "empty OID", OID },
        { "06028001", "padded OID arc", OID },
        { "060181", "OID that does not end", OID },
        { "030205ff", "unused bits that are not zero", BITS },
        { "030200fe", "trailing zero bit", BITS },
        { "030208ff", "eight unused bits", BITS },
        { "030105", "unused bits of nothing", BITS },
        { "030201fe", "not whole bytes", BYTES },
        { "170b323131313231323134345a", "UTCTime without seconds", TIME },
        { "170d3231313332313231343430305a", "month 13", TIME },
        { "170d3231303233303231343430305a", "30 February", TIME },
        { "170d3231303232383234343430305a", "hour 24", TIME },
        { "1711323131313231323134343030", "not Z", TIME },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a = { 0 };
        struct reader r = reader_over(hex(&a, rows[i].hex));
        struct bytes b;
        unsigned bits;
        bool flag, read = false;
        int64_t ms;

        switch (rows[i].as) {
        case ANY:
            read = der_read_any(&r, &bits, &b, NULL) && reader_done(&r);
            break;
        case INTEGER:
            read = der_read_integer(&r, &b);
            break;
        case UNSIGNED:
            read = der_read_unsigned(&r, &b);
            break;
        case BOOLEAN:
            read = der_read_boolean(&r, &flag);
            break;
        case OID:
            read = der_read_oid(&r, &b);
            break;
        case BITS:
            read = der_read_named_bits(&r, &bits);
            break;
        case BYTES:
            read = der_read_bit_bytes(&r, &b);
            break;
        case TIME:
            read = der_read_time(&r, &ms);
            break;
        }
        if (read)
            test_note("accepted: %s", rows[i].why);
        CHECK(!read);
        arena_done(&a);
    }
}

TEST(named_bits_count_from_the_left)
{
    static const uint8_t key_usage[] = { 0x03, 0x02, 0x05, 0xa0 }; /* digitalSignature, keyEncipherment */
    struct reader r = reader_over(BYTES_OF(key_usage));
    unsigned bits;

    REQUIRE(der_read_named_bits(&r, &bits));
    CHECK_INT(bits, 1 << 0 | 1 << 2);
}

TEST(times_read_back_as_they_were_written)
{
    static const char *const times[] = { "1950-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z",
                                         "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z", "9999-12-31T23:59:59Z" };

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct writer w = { 0 };
        int64_t ms, back;

        REQUIRE(clock_parse(bytes_of_string(times[i]), &ms));
        der_write_time(&w, ms);
        struct reader r = reader_over(writer_bytes(&w));
        REQUIRE(der_read_time(&r, &back));
        CHECK_INT(back, ms);
        CHECK(reader_done(&r));
        CHECK_INT(w.data[0], i < 4 ? DER_UTC_TIME : DER_GENERALIZED_TIME);
        writer_done(&w);
    }
}

TEST(lengths_of_every_size_read_back)
{
    static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536 };

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct writer w = { 0 };
        uint8_t *content = calloc(lengths[i] + 1, 1);
        struct bytes back;

        REQUIRE(content);
        der_write(&w, DER_OCTET_STRING, (struct bytes){ content, lengths[i] });
        struct reader r = reader_over(writer_bytes(&w));
        CHECK(der_read(&r, DER_OCTET_STRING, &back) && back.len == lengths[i] && reader_done(&r));
        writer_done(&w);
        free(content);
    }
}

TEST(integers_are_written_minimal_and_positive)
{
    static const uint8_t padded[] = { 0, 0, 0x80, 1 }, zero[] = { 0, 0 };
    struct writer w = { 0 };

    der_write_unsigned(&w, BYTES_OF(padded));
    der_write_unsigned(&w, BYTES_OF(zero));
    CHECK_BYTES(writer_bytes(&w), BYTES_LIT("\x02\x03\x00\x80\x01\x02\x01\x00"));
    writer_done(&w);
}

TEST(an_oid_prints_with_dots)
{
    struct arena a = { 0 };

    CHECK_STRING(der_oid_text(&a, hex(&a, "6781050801")), "2.23.133.8.1");
    CHECK_STRING(der_oid_text(&a, hex(&a, "2a864886f70d01010b")), "1.2.840.113549.1.1.11");
    CHECK_STRING(der_oid_text(&a, hex(&a, "8837")), "2.999");
    CHECK(der_oid_text(&a, hex(&a, "ffffffffffffffffffffffff7f")) == NULL);
    arena_done(&a);
}
