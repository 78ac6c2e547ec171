#include "base/base64.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "support/test.h"

TEST(base64_reads_back_what_it_wrote_in_both_alphabets)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    uint8_t data[50];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 + 251);
    for (size_t n = 0; n <= sizeof data; n++) {
        struct bytes in = { data, n }, out;
        const char *standard = base64_in(&a, BASE64_STANDARD, in), *url = base64_in(&a, BASE64_URL, in);
        REQUIRE(standard && url);
        CHECK_INT(strlen(url), base64_encoded_len(BASE64_URL, n));
        REQUIRE_OK(base64_decode(&a, BASE64_STANDARD, bytes_of_string(standard), &out, &err), err);
        CHECK_BYTES(out, in);
        REQUIRE_OK(base64_decode(&a, BASE64_URL, bytes_of_string(url), &out, &err), err);
        CHECK_BYTES(out, in);
    }
}

TEST(base64_refuses_what_has_a_second_spelling)
{
    static const char *const bad[] = { "A", "AAA=A", "AB==C", "AB", "A===", "AA=", "A A=", "AA*A", "AAAA=" };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes out;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        CHECK(!base64_decode(&a, BASE64_STANDARD, bytes_of_string(bad[i]), &out, &err));
        CHECK(err.code == ERR_MALFORMED && err.text[0]);
    }
}

TEST(long_base64_text_is_read_as_short_text_is)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    uint8_t data[3000];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i / 7 + i);
    for (size_t n = 1500; n < 1560; n++) { /* around the length from which another way is taken */
        struct bytes out;
        REQUIRE_OK(base64_decode(&a, BASE64_URL, bytes_of_string(base64_in(&a, BASE64_URL, (struct bytes){ data, n })), &out, &err), err);
        CHECK_BYTES(out, ((struct bytes){ data, n }));
    }
    for (size_t i = 0; i < 4000; i += 7) {
        char *text = base64_in(&a, BASE64_STANDARD, BYTES_OF(data));
        struct bytes out;
        text[i] = "!-\0\xff"[i % 4];
        CHECK(!base64_decode(&a, BASE64_STANDARD, (struct bytes){ (const uint8_t *)text, 4000 }, &out, &err));
        CHECK(err.code == ERR_MALFORMED);
    }
}

TEST(the_two_alphabets_are_kept_apart_unless_asked)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes out;

    CHECK(!base64_decode(&a, BASE64_URL, BYTES_LIT("+/+/"), &out, &err));
    CHECK(!base64_decode(&a, BASE64_STANDARD, BYTES_LIT("-_-_"), &out, &err));
    CHECK(base64_decode_any(&a, BYTES_LIT("-/+_"), &out, &err));
    CHECK(!base64_decode(&a, BASE64_URL, BYTES_LIT("ab)c"), &out, &err));
    CHECK_STRING(err.text, "Unknown base64 character: 41 (')')");
}

TEST(hexadecimal_digits_come_in_pairs_and_in_either_case)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes out;

    REQUIRE_OK(hex_decode(&a, BYTES_LIT("00fFAb"), &out, &err), err);
    CHECK_BYTES(out, BYTES_LIT("\x00\xff\xab"));
    CHECK(!hex_decode(&a, BYTES_LIT("0"), &out, &err));
    CHECK(!hex_decode(&a, BYTES_LIT("0g"), &out, &err));
}

TEST(utf8_refuses_surrogates_overlong_forms_and_what_lies_beyond_unicode)
{
    CHECK(utf8_is_valid(BYTES_LIT("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
    CHECK(!utf8_is_valid(BYTES_LIT("\xc0\x80")));
    CHECK(!utf8_is_valid(BYTES_LIT("\xed\xa0\x80")));
    CHECK(!utf8_is_valid(BYTES_LIT("\xf4\x90\x80\x80")));
    CHECK(!utf8_is_valid(BYTES_LIT("\xe2\x82")));
    CHECK(!utf8_is_valid(BYTES_LIT("\x80")));
}

TEST(utf16_becomes_utf8_and_lone_surrogates_are_reported)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    bool clean;

    CHECK_STRING(utf8_from_utf16le(&a, BYTES_LIT("d\0b\0x\0"), &clean), "dbx");
    CHECK(clean);
    CHECK_STRING(utf8_from_utf16le(&a, BYTES_LIT("\x3d\xd8\x00\xde"), &clean), "\xf0\x9f\x98\x80");
    CHECK(clean);
    CHECK_STRING(utf8_from_utf16le(&a, BYTES_LIT("\x3d\xd8x\0"), &clean), "\xef\xbf\xbdx");
    CHECK(!clean);
    CHECK_STRING(utf8_from_utf16le(&a, BYTES_LIT("a\0b"), &clean), "a");
    CHECK(!clean);
}

TEST(text_for_people_cannot_move_a_terminal_or_turn_around_a_line)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    CHECK_STRING(text_for_people(&a, BYTES_LIT("ok \x1b[2J\n\xff\xe2\x80\xae")), "ok \\x1b[2J\\x0a\\xff\\u{202e}");
}

TEST(uuids_have_one_canonical_text_and_guids_their_mixed_byte_order)
{
    static const uint8_t global_variable[UUID_LEN] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                                       0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
    char text[UUID_TEXT_LEN];
    uint8_t back[UUID_LEN];

    guid_format(global_variable, text);
    CHECK_STRING(text, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
    CHECK(guid_parse(BYTES_LIT("8BE4DF61-93CA-11D2-AA0D-00E098032B8C"), back));
    CHECK(memcmp(back, global_variable, UUID_LEN) == 0);
    CHECK(!uuid_canonical(BYTES_LIT("8be4df61-93ca-11d2-aa0d-00e098032b8"), text));
    CHECK(!uuid_canonical(BYTES_LIT("8be4df61x93ca-11d2-aa0d-00e098032b8c"), text));
}

/* Long texts are decoded many characters at a time: every length around the widths, and a stranger at every place. */
TEST(base64_of_every_length_comes_back_and_a_stranger_at_any_place_is_refused)
{
    static const uint8_t strangers[] = { 0, ' ', '*', '@', '[', '`', '{', ':', '.', 0x80, 0xc3, 0xff };
    uint8_t raw[200];

    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(i * 151 + 7);
    for (enum base64_alphabet alphabet = BASE64_STANDARD; alphabet <= BASE64_URL; alphabet++)
        for (size_t len = 0; len <= sizeof raw; len++) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct bytes want = { raw, len }, got = BYTES_NONE;
            char *text = base64_in(&a, alphabet, want);
            struct err err = ERR_INIT;

            REQUIRE(text && base64_decode(&a, alphabet, bytes_of_string(text), &got, &err));
            CHECK_BYTES(got, want);
            CHECK(base64_decode_any(&a, bytes_of_string(text), &got, &err) && bytes_equal(got, want));
            for (size_t at = 0; len % 3 == 0 && at < strlen(text); at++) {
                char kept = text[at];
                text[at] = (char)strangers[(at + len) % sizeof strangers];
                CHECK(!base64_decode(&a, alphabet, (struct bytes){ (const uint8_t *)text, len / 3 * 4 }, &got, &err));
                text[at] = alphabet == BASE64_STANDARD ? '-' : '+';
                CHECK(!base64_decode(&a, alphabet, (struct bytes){ (const uint8_t *)text, len / 3 * 4 }, &got, &err));
                text[at] = kept;
            }
        }
}
