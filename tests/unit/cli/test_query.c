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
