#include "base/clock.h"
#include "support/test.h"

TEST(times_print_as_rfc3339_and_read_back)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00Z" },     { 1795297445123, "2026-11-21T21:44:05.123Z" }, { 951782400000, "2000-02-29T00:00:00Z" },
        { -1000, "1969-12-31T23:59:59Z" }, { 253402300799000, "9999-12-31T23:59:59Z" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CLOCK_TEXT_LEN];
        int64_t back;
        clock_format(cases[i].ms, text);
        CHECK_STRING(text, cases[i].text);
        CHECK(clock_parse(bytes_of_string(text), &back) && back == cases[i].ms);
    }
}

TEST(offsets_and_fractions_are_read)
{
    int64_t t;

    CHECK(clock_parse(BYTES_LIT("2026-11-21T22:44:05.1239+01:00"), &t) && t == 1795297445123);
    CHECK(clock_parse(BYTES_LIT("1970-01-01t00:00:00z"), &t) && t == 0);
}

TEST(dates_that_do_not_exist_are_refused)
{
    static const char *const bad[] = { "2026-02-29T00:00:00Z",  "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",  "2026-01-01T00:00:00",
                                       "2026-01-01T00:00:00.Z", "2026-1-01T00:00:00Z",  "2026-01-01T00:00:00Zx", "" };
    int64_t t;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!clock_parse(bytes_of_string(bad[i]), &t));
}
