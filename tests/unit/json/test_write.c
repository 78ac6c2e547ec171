#include <math.h>
#include <stdlib.h>
#include "json/parse.h"
#include "json/write.h"
#include "support/test.h"

static char *written(struct arena *a, const char *text, enum json_layout layout)
{
    struct err err = ERR_INIT;
    const struct json *v;

    return json_parse(a, bytes_of_string(text), NULL, &v, &err) ? json_to_string(a, v, layout) : NULL;
}

TEST(values_are_written_compactly)
{
    /* clang-format off */
    static const struct { const char *text, *want; } rows[] = {
        { " [ 1 , 2.50 , -0.0 , 1e2, 1E400e ]", NULL },
        { " [ 1 , 2.50 , 1e2, 0.1, 1e300, -9223372036854775808 ]", "[1,2.5,100,0.1,1e+300,-9223372036854775808]" },
        { "{ \"a\" : { } , \"b\" : [ ] }", "{\"a\":{},\"b\":[]}" },
        { "\"\\u0000\\u001f\\u007f \\/ \\\" \\\\ \\b\\f\\n\\r\\t \\u2028\\u2029 \\u00fc\"",
          "\"\\u0000\\u001f\\u007f / \\\" \\\\ \\b\\f\\n\\r\\t \\u2028\\u2029 \u00fc\"" },
        /* what could move the text around it; the characters of languages stay */
        { "\"\\u009b \\u202e \\u2066 \\u200b \\ufeff \\u05d0 \\u20ac\"", "\"\\u009b \\u202e \\u2066 \\u200b \\ufeff \u05d0 \u20ac\"" },
        { "[true,false,null]", "[true,false,null]" },
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };

        CHECK_STRING(written(&a, rows[i].text, JSON_COMPACT), rows[i].want);
    }
}

TEST(values_are_written_indented)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    CHECK_STRING(written(&a, "{\"a\":[1,{\"b\":2}],\"c\":{},\"d\":[]}", JSON_INDENTED),
                 "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}");
}

TEST(invalid_bytes_in_strings_become_replacement_characters)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    json_write_string(&w, BYTES_LIT("a\xff\xc3(\xed\xa0\x80z\xc3"));
    CHECK_BYTES(writer_bytes(&w), BYTES_LIT("\"a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFDz\uFFFD\""));
}

static void write_all(struct json_out *out)
{
    json_begin_object(out, NULL);
    json_put_string(out, "name", "v\"1\"");
    json_put_string(out, "none", NULL);
    json_begin_array(out, "items");
    json_put_integer(out, NULL, -7);
    json_put_boolean(out, NULL, true);
    json_put_value(out, NULL, &json_null);
    json_begin_object(out, NULL);
    json_end(out);
    json_end(out);
    json_put_hex(out, "hex", BYTES_LIT("\x01\xff"));
    json_put_base64url(out, "b64", BYTES_LIT("\xfb\xff\xfe"));
    json_put_time(out, "time", 0);
    json_put_time_or_null(out, "never", 0);
    json_put_time_or_null(out, "then", 1);
    json_put_raw(out, "raw", BYTES_LIT("{\"x\":1}"));
    json_end(out);
}

TEST(members_are_streamed_with_commas_and_colons)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    write_all(&out);
    CHECK_BYTES(writer_bytes(&w), BYTES_LIT("{\"name\":\"v\\\"1\\\"\",\"none\":null,\"items\":[-7,true,null,{}],\"hex\":\"01ff\","
                                            "\"b64\":\"-__-\",\"time\":\"1970-01-01T00:00:00Z\",\"never\":null,"
                                            "\"then\":\"1970-01-01T00:00:00.001Z\",\"raw\":{\"x\":1}}"));
}

TEST(streaming_indented_and_writing_the_same_value_agree)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);
    struct err err = ERR_INIT;
    const struct json *v;
    char *again;

    json_begin_object(&out, NULL);
    json_begin_array(&out, "items");
    json_put_integer(&out, NULL, 1);
    json_begin_object(&out, NULL);
    json_put_string(&out, "a", "b");
    json_end(&out);
    json_end(&out);
    json_begin_array(&out, "empty");
    json_end(&out);
    json_end(&out);
    REQUIRE_OK(json_parse(&a, writer_bytes(&w), NULL, &v, &err), err);
    again = json_to_string(&a, v, JSON_INDENTED);
    REQUIRE(again);
    CHECK_BYTES(writer_bytes(&w), bytes_of_string(again));
}

TEST(nesting_too_deep_turns_the_writer_bad)
{
    for (unsigned depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);

        for (unsigned i = 0; i < depth; i++)
            json_begin_array(&out, NULL);
        CHECK_INT(writer_ok(&w), depth == LIMIT_JSON_DEPTH);
    }
}

TEST(an_end_without_a_beginning_turns_the_writer_bad)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_end(&out);
    CHECK(!writer_ok(&w));
}

TEST(numbers_are_written_so_that_they_read_back_the_same)
{
    static const double rows[] = { 0.1,   1.0 / 3,           5e-324, 1.7976931348623157e308, 123456789.125, 2.2250738585072011e-308,
                                   -1e21, 4503599627370497.5 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        const struct json *v = json_real(&a, rows[i]), *back;

        REQUIRE(v);
        REQUIRE_OK(json_parse(&a, bytes_of_string(json_to_string(&a, v, JSON_COMPACT)), NULL, &back, &err), err);
        CHECK(json_equal(v, back));
    }
}

TEST(what_is_no_number_is_written_as_null)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    CHECK_STRING(json_to_string(&a, json_real(&a, NAN), JSON_COMPACT), "null");
    CHECK_STRING(json_to_string(&a, json_real(&a, INFINITY), JSON_COMPACT), "null");
}
