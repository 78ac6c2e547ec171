#include <stdio.h>
#include <stdlib.h>
#include "base/limits.h"
#include "json/parse.h"
#include "json/write.h"
#include "support/test.h"

static const char sample[] =
    " { \"name\" : \"tr\\u00fcb\\n\\ud83d\\ude00\" , \"list\" : [ 1 , -2.5e3 , true , false , null ] ,\r\n\t\"o\":{} , \"a\":[]}\n";

TEST(a_sample_is_read_value_by_value)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v, *list;

    REQUIRE_OK(json_parse(&a, bytes_of_string(sample), NULL, &v, &err), err);
    CHECK_INT(v->object.n, 4);
    CHECK(json_is_string(json_get(v, "name"), "tr\u00fcb\n\U0001F600"));
    list = json_get(v, "list");
    REQUIRE(list && list->array.n == 5);
    CHECK(list->array.items[0]->number.is_integer && list->array.items[0]->number.integer == 1);
    CHECK(!list->array.items[1]->number.is_integer && list->array.items[1]->number.value == -2500);
    CHECK(list->array.items[2]->boolean && !list->array.items[3]->boolean && list->array.items[4]->type == JSON_NULL);
    CHECK(json_get(v, "o")->object.n == 0 && json_get(v, "a")->array.n == 0);
}

TEST(raw_is_the_exact_text_of_a_value)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;

    REQUIRE_OK(json_parse(&a, bytes_of_string(sample), NULL, &v, &err), err);
    CHECK_BYTES(json_get(v, "list")->raw, BYTES_LIT("[ 1 , -2.5e3 , true , false , null ]"));
    CHECK_BYTES(json_get(v, "name")->raw, BYTES_LIT("\"tr\\u00fcb\\n\\ud83d\\ude00\""));
    CHECK_BYTES(json_get(v, "list")->array.items[1]->raw, BYTES_LIT("-2.5e3"));
    CHECK_BYTES(v->raw, bytes_slice(bytes_of_string(sample), 1, sizeof sample - 3));
}

TEST(a_sample_cut_anywhere_is_refused_as_truncated)
{
    for (size_t n = 0; n < sizeof sample - 2; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(bytes_of_string(sample), 0, n));
        struct err err = ERR_INIT;
        const struct json *v;

        CHECK(!json_parse(&a, cut, NULL, &v, &err));
        CHECK(err.code == ERR_TRUNCATED);
        if (err.code != ERR_TRUNCATED)
            test_note("%zu: %s", n, err.text);
        free((void *)cut.data);
    }
}

TEST(a_sample_with_any_byte_changed_never_crashes)
{
    for (size_t n = 0; n < sizeof sample - 1; n++) {
        static const char other[] = "\0\"\\{}[],:e-9\x80\xff\n";

        for (size_t i = 0; i < sizeof other - 1; i++) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct bytes copy = exact_copy(bytes_of_string(sample));
            struct err err = ERR_INIT;
            const struct json *v;

            ((uint8_t *)copy.data)[n] = (uint8_t)other[i];
            CHECK(json_parse(&a, copy, NULL, &v, &err) || err.code != ERR_NONE);
            free((void *)copy.data);
        }
    }
}

/* clang-format off */
static const struct {
    const char *what, *text, *error;
} bad[] = {
    { "nothing", "", "JSON line 1, column 1: the text ends too early" },
    { "white space only", " \n ", "JSON line 2, column 2: the text ends too early" },
    { "a byte order mark", "\xef\xbb\xbf{}", "JSON line 1, column 1: expected a value" },
    { "a trailing comma", "[1,]", "JSON line 1, column 4: expected a value" },
    { "a missing comma", "[1\n 2]", "JSON line 2, column 2: expected ',' or ']'" },
    { "a missing colon", "{\"a\" 1}", "JSON line 1, column 6: expected ':'" },
    { "a bare name", "{a:1}", "JSON line 1, column 2: expected a member name in quotes" },
    { "something behind the value", "{} x", "JSON line 1, column 4: something follows the value" },
    { "a lone low surrogate", "\"\\udc00\"", "JSON line 1, column 2: bad \\u escape or half a surrogate pair" },
    { "a lone high surrogate", "\"\\ud800\"", "JSON line 1, column 2: bad \\u escape or half a surrogate pair" },
    { "a high surrogate before a letter", "\"\\ud800\\u0041\"", "JSON line 1, column 2: bad \\u escape or half a surrogate pair" },
    { "an unknown escape", "\"a\\x\"", "JSON line 1, column 3: unknown escape" },
    { "a tab in a string", "\"a\tb\"", "JSON line 1, column 3: a control character in a string" },
    { "an overlong form", "\"\xc0\x80\"", "JSON line 1, column 2: a string that is not UTF-8" },
    { "an encoded surrogate", "\"\xed\xa0\x80\"", "JSON line 1, column 2: a string that is not UTF-8" },
    { "a backslash before a broken character", "\"\\\xff\"", "JSON line 1, column 2: a string that is not UTF-8" },
    { "a leading zero", "[01]", "JSON line 1, column 2: a number with a leading zero" },
    { "a leading plus", "+1", "JSON line 1, column 1: expected a value" },
    { "a fraction without digits", "[1.]", "JSON line 1, column 4: a fraction needs digits" },
    { "an exponent without digits", "[1e+]", "JSON line 1, column 5: an exponent needs digits" },
    { "a number beyond a double", "1e999", "JSON line 1, column 1: a number too large for a double" },
    { "a word in the wrong case", "True", "JSON line 1, column 1: expected a value" },
    { "a comment", "[1,/**/2]", "JSON line 1, column 4: expected a value" },
};
/* clang-format on */

TEST(bad_texts_are_refused_with_their_place)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        const struct json *v;

        test_note("%s", bad[i].what);
        CHECK(!json_parse(&a, bytes_of_string(bad[i].text), NULL, &v, &err));
        CHECK_STRING(err.text, bad[i].error);
    }
}

TEST(integers_are_exact_to_the_edge_of_64_bits)
{
    static const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
    } rows[] = {
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "99999999999999999999999", false, 0 },
        { "-0", true, 0 },
        { "1.0", false, 0 },
        { "1e2", false, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        const struct json *v;
        int64_t integer = 0;

        REQUIRE_OK(json_parse(&a, bytes_of_string(rows[i].text), NULL, &v, &err), err);
        CHECK_INT(json_as_integer(v, &integer), rows[i].is_integer);
        CHECK_INT(integer, rows[i].integer);
    }
}

TEST(a_long_number_is_read_like_a_short_one)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;
    char text[400];

    memset(text, '0', sizeof text);
    text[0] = '1';
    text[1] = '.';
    text[350] = '5';
    text[396] = 'e';
    text[397] = '+';
    text[398] = '2';
    REQUIRE_OK(json_parse(&a, (struct bytes){ (uint8_t *)text, 399 }, NULL, &v, &err), err);
    CHECK(v->number.value == 100.0);
}

TEST(duplicate_members_are_refused_only_when_asked)
{
    static const char text[] = "{\"a\":1,\n \"b\":{\"x\":1,\"\\u0078\":2},\"a\":3}";
    static const struct json_options strict = { .refuse_duplicates = true };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;
    int64_t value = 0;

    REQUIRE_OK(json_parse(&a, bytes_of_string(text), NULL, &v, &err), err);
    CHECK(json_as_integer(json_get(v, "a"), &value) && value == 3);
    CHECK(!json_parse(&a, bytes_of_string(text), &strict, &v, &err));
    CHECK_STRING(err.text, "JSON line 2, column 22: member \"x\" appears twice");
    CHECK(json_parse(&a, BYTES_LIT("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), &strict, &v, &err));
}

TEST(a_hundred_thousand_opening_arrays_are_refused)
{
    static const struct json_options greedy = { .max_depth = UINT32_MAX };
    static char text[100000];
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;

    memset(text, '[', sizeof text);
    CHECK(!json_parse(&a, BYTES_OF(text), NULL, &v, &err) && err.code == ERR_LIMIT);
    CHECK(!json_parse(&a, BYTES_OF(text), &greedy, &v, &err) && err.code == ERR_LIMIT);
}

TEST(depth_is_accepted_to_the_limit_and_refused_past_it)
{
    char text[2 * (LIMIT_JSON_DEPTH + 1)];

    for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        const struct json *v;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        CHECK_INT(json_parse(&a, (struct bytes){ (uint8_t *)text, 2 * depth }, NULL, &v, &err), depth == LIMIT_JSON_DEPTH);
    }
}

TEST(a_prefix_ends_where_its_value_ends)
{
    struct bytes text = BYTES_LIT(" {\"a\":1} \n{\"b\":2}");
    static const struct json_options trailing = { .allow_trailing = true };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;
    size_t used = 0;

    REQUIRE_OK(json_parse_prefix(&a, text, NULL, &v, &used, &err), err);
    CHECK_INT(used, 8);
    CHECK(json_get(v, "a"));
    REQUIRE_OK(json_parse(&a, text, &trailing, &v, &err), err);
    REQUIRE_OK(json_parse_prefix(&a, bytes_slice(text, used, text.len), NULL, &v, &used, &err), err);
    CHECK(json_get(v, "b"));
}

TEST(an_arena_budget_bounds_the_value)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;

    arena_init(&a, 1000);
    CHECK(!json_parse(&a, BYTES_LIT("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26]"), NULL, &v, &err));
    CHECK(err.code == ERR_NO_MEMORY);
}

TEST(strings_without_escapes_are_not_copied)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes text = BYTES_LIT("\"0123456789abcdef\xc3\xbc\"");
    struct err err = ERR_INIT;
    const struct json *v;

    REQUIRE_OK(json_parse(&a, text, NULL, &v, &err), err);
    CHECK(v->string.data == text.data + 1);
    CHECK_INT(v->string.len, text.len - 2);
}
