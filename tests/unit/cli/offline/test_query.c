#include "base/writer.h"
#include "run.h"
#include "support/test.h"

static struct ran query(struct arena *a, const char *expression, const char *input)
{
    struct command c = { .n = 0 };
    command_add(&c, "query", expression, NULL);
    return run(a, &c, input);
}

TEST(a_query_prints_what_it_finds)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = query(&a, "a[?b > `1`].c", "{\"a\":[{\"b\":1,\"c\":\"x\"},{\"b\":2,\"c\":\"y\"}]}");

    CHECK_INT(r.code, 0);
    CHECK_BYTES(r.out, BYTES_LIT("[\n  \"y\"\n]\n"));
}

TEST(an_error_names_kind_and_place_and_shows_a_caret)
{
    static const struct {
        const char *expression, *input;
        const char *says[3];
    } rows[] = {
        { "a[", "{}", { "syntax", "column 3", "\n    ^" } },
        { "length(a)", "{\"a\":1}", { "invalid-type", "column", "^" } },
        { "nope(a)", "{}", { "unknown-function", "column 1", "^" } },
        { "a", "{", { "/dev/stdin", "line 1", "" } },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct ran r = query(&a, rows[i].expression, rows[i].input);
        CHECK_INT(r.code, 1);
        CHECK_INT(r.out.len, 0);
        for (size_t k = 0; k < 3; k++)
            CHECK(bytes_find(r.error, bytes_of_string(rows[i].says[k])) != SIZE_MAX);
    }
}

TEST(words_that_yaml_takes_for_something_else_are_quoted)
{
    static const char input[] =
        "{\"on\":\"On\",\"y\":\"NO\",\"Null\":\"~\",\"d\":\"2026-11-30\",\"e\":\"1e3\",\"f\":\".inf\",\"g\":\"-1\",\"h\":\"only\"}";
    struct arena a CLEANUP(arena_done) = { 0 };
    struct command c = { .n = 0 };
    struct ran r;

    command_add(&c, "query", "@", "-o", "yaml", NULL);
    r = run(&a, &c, input);
    CHECK_BYTES(
        r.out,
        BYTES_LIT("---\n\"on\": \"On\"\n\"y\": \"NO\"\n\"Null\": \"~\"\nd: \"2026-11-30\"\ne: \"1e3\"\nf: \".inf\"\ng: \"-1\"\nh: only\n"));
}

TEST(a_table_is_made_of_any_value)
{
    static const struct {
        const char *expression, *input, *want;
    } rows[] = {
        { "@", "[{\"a\":1,\"b\":\"x\"},{\"a\":22,\"c\":[1]}]", "a   b  c\n1   x  -\n22  -  [1]\n" },
        { "@", "{\"a\":1,\"b\":null}", "NAME  VALUE\na     1\nb     -\n" },
        { "@", "[1,\"two\",null,[3]]", "1\ntwo\n-\n[3]\n" },
        { "@", "[]", "" },
        { "a", "{}", "-\n" },
        { "'x'", "{}", "x\n" },
        { "@", "\"\\u001b[31m\"", "\\x1b[31m\n" },
        { "@", "9223372036854775807", "9223372036854775807\n" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct command c = { .n = 0 };
        struct ran r;

        command_add(&c, "query", rows[i].expression, "-", "-o", "table", NULL);
        r = run(&a, &c, rows[i].input);
        CHECK_INT(r.code, 0);
        CHECK_BYTES(r.out, bytes_of_string(rows[i].want));
    }
}

TEST(a_caret_stands_under_its_place_behind_tabs_wide_letters_and_long_lines)
{
    static const struct {
        const char *expression, *want;
    } rows[] = {
        { "a.\t\"\u00fc\u4e2d\" = b",
          "line 1, column 9: a single '='; comparison is written '=='\n  a. \"\u00fc\u4e2d\" = b\n          ^" },
        { "a\n.b\n= c", "line 3, column 1: a single '='; comparison is written '=='\n  = c\n  ^" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = "
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          "column 102: a single '='; comparison is written '=='\n"
          "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
          "                                                              ^" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct ran r = query(&a, rows[i].expression, "{}");
        CHECK_INT(r.code, 1);
        test_note("%.*s", BYTES_FMT(r.error));
        CHECK(bytes_find(r.error, bytes_of_string(rows[i].want)) != SIZE_MAX);
    }
}

/* Small in memory, and endless or bottomless on paper. */
TEST(a_result_that_cannot_be_written_is_an_error)
{
    static const char *const ends[] = { "", " | to_string(@)" };

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 };
        struct ran r;
        write_string(&w, "@");
        for (int k = 0; k < 40; k++)
            write_string(&w, " | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[@]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        write_string(&w, ends[i]);
        r = query(&a, arena_string(&a, writer_bytes(&w)), "1");
        CHECK_INT(r.code, 1);
        CHECK_INT(r.out.len, 0);
        CHECK(bytes_find(r.error, BYTES_LIT("too deeply")) != SIZE_MAX);
    }
}
