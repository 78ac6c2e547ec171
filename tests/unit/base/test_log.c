/* One line per event, whatever is in it: input cannot forge a line or a member. */
#include "base/log.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "json/parse.h"
#include "json/value.h"
#include "support/test.h"

/* What one event writes to standard error. */
static struct bytes written(struct arena *a, enum log_format format, enum log_level level, const char *message, const char *key,
                            const char *value)
{
    char path[] = "/tmp/trueboot-log-XXXXXX";
    int file = mkstemp(path), kept = dup(STDERR_FILENO);
    uint8_t *content = arena_alloc(a, 8192);
    ssize_t n = -1;

    if (file >= 0 && kept >= 0 && content && dup2(file, STDERR_FILENO) >= 0) {
        log_set_format(format);
        log_event(level, message, key, value, "last", NULL, NULL);
        log_set_format(LOG_TEXT);
        dup2(kept, STDERR_FILENO);
        n = pread(file, content, 8192, 0);
    }
    if (file >= 0)
        close(file);
    if (kept >= 0)
        close(kept);
    unlink(path);
    return n < 0 ? BYTES_NONE : (struct bytes){ content, (size_t)n };
}

static const char *const values[] = {
    "plain",
    "",
    "a \"quoted\" \\ word",
    "two\nlines\r\n",
    "\x1b[31mred\x7f",
    "caf\xc3\xa9",
    "bad \xff\xfe utf-8",
    "\xe2\x80\xa8line separator",
    ("\xc2\x9b"
     "control"),
    "time=forged level=info",
    "\",\"level\":\"forged",
};

TEST(a_line_in_json_is_one_object_with_the_same_words)
{
    const struct json_options strict = { .refuse_duplicates = true };

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes line = written(&a, LOG_JSON, LOG_WARNING, "something", "value", values[i]);
        const struct json *v;
        struct err err = ERR_INIT;
        int64_t time;

        REQUIRE(line.len > 0 && line.data[line.len - 1] == '\n');
        CHECK(bytes_find(line, BYTES_LIT("\n")) == line.len - 1);
        REQUIRE_OK(json_parse(&a, line, &strict, &v, &err), err);
        CHECK(json_is_string(json_get(v, "level"), "warning") && json_is_string(json_get(v, "msg"), "something"));
        CHECK(clock_parse(json_text(json_get(v, "time"), BYTES_NONE), &time));
        CHECK(json_get(v, "last") && json_get(v, "last")->type == JSON_NULL);
        CHECK(i == 6 || json_is_string(json_get(v, "value"), values[i])); /* what is no UTF-8 cannot come back */
    }
}

TEST(a_line_of_text_has_no_control_characters_and_its_quotes_are_escaped)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes line = written(&a, LOG_TEXT, LOG_ERROR, values[i], "value", values[i]);

        REQUIRE(line.len > 0);
        for (size_t k = 0; k + 1 < line.len; k++)
            CHECK(line.data[k] >= 0x20 && line.data[k] != 0x7f);
        CHECK(bytes_starts_with(line, BYTES_LIT("time=")) && bytes_find(line, BYTES_LIT(" level=error msg=\"")) != SIZE_MAX);
        CHECK(bytes_ends_with(line, BYTES_LIT(" last=\"-\"\n")));
    }
}

TEST(what_is_below_the_level_is_not_written)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    CHECK_INT(written(&a, LOG_TEXT, LOG_DEBUG, "x", "k", "v").len, 0);
    log_set_level(LOG_ERROR);
    CHECK_INT(written(&a, LOG_TEXT, LOG_WARNING, "x", "k", "v").len, 0);
    CHECK(written(&a, LOG_TEXT, LOG_ERROR, "x", "k", "v").len > 0);
    log_set_level(LOG_DEBUG);
    CHECK(written(&a, LOG_JSON, LOG_DEBUG, "x", "k", "v").len > 0);
    log_set_level(LOG_INFO);
}
