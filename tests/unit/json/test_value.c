#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"
#include "support/test.h"

static struct arena arena;

static const struct json *parsed(const char *text)
{
    struct err err = ERR_INIT;
    const struct json *v = NULL;

    CHECK(json_parse(&arena, bytes_of_string(text), NULL, &v, &err));
    return v ? v : &json_null;
}

TEST(members_are_found_by_name_path_and_case)
{
    const struct json *v = parsed("{\"a\":{\"b\":{\"c\":\"deep\"}},\"Quote\":1,\"quote\":2,\"POLICY\":3}");
    int64_t n = 0;

    CHECK(json_is_string(json_at(v, "a", "b", "c", NULL), "deep"));
    CHECK(!json_at(v, "a", "x", "c", NULL) && !json_get(NULL, "a") && !json_get(&json_true, "a"));
    CHECK(json_as_integer(json_get_no_case(v, "quote"), &n) && n == 2);
    CHECK(json_as_integer(json_get_no_case(v, "Policy"), &n) && n == 3);
    CHECK(!json_get_no_case(v, "polic"));
    CHECK_BYTES(json_text(json_get(v, "Quote"), BYTES_LIT("none")), BYTES_LIT("none"));
    arena_done(&arena);
}

TEST(a_needed_member_that_is_missing_or_of_another_type_is_named)
{
    const struct json *v = parsed("{\"s\":1,\"i\":1.5,\"o\":[],\"a\":{}}"), *member;
    struct err err = ERR_INIT;
    struct bytes text;
    int64_t n;

    CHECK(!json_need_string(v, "s", &text, &err));
    CHECK_STRING(err.text, "\"s\" must be a string, but is a number");
    CHECK(!json_need_string(v, "t", &text, &err));
    CHECK_STRING(err.text, "\"t\" must be a string, but is missing");
    CHECK(!json_need_integer(v, "i", &n, &err));
    CHECK_STRING(err.text, "\"i\" must be an integer of 64 bits");
    CHECK(!json_need_object(v, "o", &member, &err) && json_need_array(v, "o", &member, &err));
    CHECK(!json_need_array(v, "a", &member, &err) && json_need_object(v, "a", &member, &err));
    arena_done(&arena);
}

TEST(base64_of_a_member_is_taken_up_to_its_limit_and_not_past_it)
{
    const struct json *v = parsed("{\"four\":\"AQIDBA\",\"five\":\"AQIDBAU=\",\"either\":\"-_+/\",\"no\":\"A!\",\"n\":1}");
    struct err err = ERR_INIT;
    struct bytes decoded = BYTES_LIT("as it was");

    CHECK(json_need_base64(&arena, v, "four", 4, &decoded, &err));
    CHECK_BYTES(decoded, BYTES_LIT("\x01\x02\x03\x04"));
    CHECK(!json_need_base64(&arena, v, "five", 4, &decoded, &err) && err.code == ERR_LIMIT);
    CHECK_STRING(err.text, "five is larger than 4 bytes");
    CHECK_STRING(err.target, "/five");
    CHECK(!json_need_base64(&arena, v, "five", 1, &decoded, &err) && err.code == ERR_LIMIT);
    CHECK_BYTES(decoded, BYTES_LIT("\x01\x02\x03\x04"));
    CHECK(json_need_base64(&arena, v, "either", 3, &decoded, &err) && decoded.len == 3);
    CHECK(!json_need_base64(&arena, v, "no", 100, &decoded, &err) && err.code == ERR_MALFORMED);
    CHECK(!json_need_base64(&arena, v, "n", 100, &decoded, &err));
    CHECK_STRING(err.text, "\"n\" must be a string, but is a number");
    CHECK(!json_need_base64(&arena, v, "absent", 100, &decoded, &err));
    arena_done(&arena);
}

TEST(values_are_equal_by_value)
{
    /* clang-format off */
    static const struct { const char *a, *b; bool equal; } rows[] = {
        { "1", "1.0", true }, { "1", "1e0", true }, { "9007199254740993", "9007199254740992", false }, { "0", "-0", true },
        { "\"\\u0061\"", "\"a\"", true }, { "\"a\"", "\"A\"", false }, { "null", "false", false }, { "[1,2]", "[2,1]", false },
        { "[1]", "[1,1]", false }, { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true }, { "{\"a\":1}", "{\"a\":2}", false },
        { "{\"a\":1,\"a\":2}", "{\"a\":2}", true }, { "{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":2}", true },
        { "{\"a\":1,\"a\":2}", "{\"a\":1}", false }, { "{\"a\":1,\"b\":1}", "{\"a\":1,\"c\":1}", false }, { "{}", "{}", true },
        { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":1,\"k\":2,\"l\":3,\"m\":4,\"n\":5,\"o\":6,\"p\":7,\"q\":8}",
          "{\"q\":8,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":1,\"k\":2,\"l\":3,\"m\":4,\"n\":5,\"o\":6,\"p\":7,\"a\":1}", true },
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_note("%s and %s", rows[i].a, rows[i].b);
        CHECK_INT(json_equal(parsed(rows[i].a), parsed(rows[i].b)), rows[i].equal);
        CHECK_INT(json_equal(parsed(rows[i].b), parsed(rows[i].a)), rows[i].equal);
    }
    arena_done(&arena);
}

/* Nested pairs that differ only at the bottom would cost 2^depth if a level compared its children twice. */
TEST(deep_unequal_objects_are_compared_once)
{
    struct json_member left[2], right[2];
    const struct json *a = json_integer(&arena, 1), *b = json_integer(&arena, 2);

    for (int depth = 0; depth < 60; depth++) {
        left[0] = left[1] = (struct json_member){ BYTES_LIT("x"), a };
        right[0] = right[1] = (struct json_member){ BYTES_LIT("x"), b };
        a = json_object(&arena, arena_grow(&arena, left, 2, 2, sizeof *left), 2);
        b = json_object(&arena, arena_grow(&arena, right, 2, 2, sizeof *right), 2);
        REQUIRE(a && b);
    }
    CHECK(!json_equal(a, b));
    arena_done(&arena);
}

/* What a double cannot tell apart. */
TEST(numbers_are_compared_exactly_and_large_integers_keep_their_digits)
{
    static const char *const rising[] = { "-1e300",
                                          "-18446744073709551616",
                                          "-18446744073709551615",
                                          "-9223372036854775809",
                                          "-9223372036854775808",
                                          "-9007199254740993",
                                          "-9007199254740992.0",
                                          "-1.5",
                                          "-1",
                                          "-0.5",
                                          "0",
                                          "0.5",
                                          "1",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "1e300" };

    for (size_t i = 0; i < ARRAY_LEN(rising); i++)
        for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
            int order = json_number_order(parsed(rising[i]), parsed(rising[k]));
            test_note("%s against %s", rising[i], rising[k]);
            CHECK_INT((order > 0) - (order < 0), (i > k) - (i < k));
            CHECK_INT(json_equal(parsed(rising[i]), parsed(rising[k])), i == k);
        }
    CHECK(json_equal(parsed("1"), parsed("1.0")) && json_equal(parsed("0"), parsed("-0")) && json_equal(parsed("0"), parsed("-0.0")));
    CHECK_STRING(json_to_string(&arena, json_unsigned(&arena, UINT64_MAX), JSON_COMPACT), "18446744073709551615");
    CHECK_STRING(json_to_string(&arena, json_unsigned(&arena, INT64_MAX), JSON_COMPACT), "9223372036854775807");
    CHECK_STRING(json_to_string(&arena, parsed(" 123456789012345678901234567890 "), JSON_COMPACT), "123456789012345678901234567890");
    arena_done(&arena);
}
