#include "truebootd/config.h"
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/ini.h"
#include "base/limits.h"
#include "support/test.h"

struct settings {
    struct arena a;
    struct config config;
    struct err err;
    char folder[64];
};

static void settings_done(struct settings *s)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", s->folder);
    if (s->folder[0] && system(command) != 0)
        test_note("%s is still there", s->folder);
    arena_done(&s->a);
}

static bool settings_begin(struct settings *s)
{
    snprintf(s->folder, sizeof s->folder, "/tmp/trueboot-config-XXXXXX");
    config_defaults(&s->a, &s->config);
    return mkdtemp(s->folder) != NULL;
}

#define SETTINGS(s)                                   \
    CLEANUP(settings_done) struct settings s = { 0 }; \
    REQUIRE(settings_begin(&s))

static const char *put_file(struct settings *s, const char *name, const char *text)
{
    const char *path = arena_printf(&s->a, "%s/%s", s->folder, name);
    struct err err;

    return path && file_write(path, bytes_of_string(text), 0600, &err) ? path : "";
}

static enum config_outcome run(struct settings *s, const char *file, int n, ...)
{
    char *argv[24] = { (char *)"truebootd", (char *)"--config", (char *)file };
    int argc = file ? 3 : 1;
    va_list words;

    va_start(words, n);
    for (int i = 0; i < n; i++)
        argv[argc++] = va_arg(words, char *);
    va_end(words);
    s->err = ERR_INIT;
    return config_read(&s->a, argc, argv, &s->config, &s->err);
}

TEST(without_a_file_the_defaults_hold)
{
    SETTINGS(s);
    const char *empty = put_file(&s, "empty.conf", "");

    REQUIRE(run(&s, empty, 0) == CONFIG_RUN);
    CHECK_STRING(s.config.listen, "0.0.0.0:8443");
    CHECK_STRING(s.config.profile, "default");
    CHECK(s.config.times == &health_times_default && s.config.attest_per_second == 20 && s.config.attest_burst == 60);
    CHECK(s.config.log_level == LOG_INFO && s.config.log_requests == LOG_REQUESTS_ERRORS && s.config.connections == 1024);
    CHECK(s.config.data[0] == '/' && s.config.socket[0] == '/');
}

TEST(drop_ins_come_after_the_file_in_order_of_name_and_the_command_line_wins)
{
    SETTINGS(s);
    const char *file = put_file(&s, "d.conf", "# ours\n[server]\nlisten = 127.0.0.1:1\nurl=https://a\n\n[limits]\nattest_burst = 5\n");
    char path[128];

    snprintf(path, sizeof path, "%s.d", file);
    REQUIRE(mkdir(path, 0700) == 0);
    put_file(&s, "d.conf.d/20-later.conf", "[server]\nurl = https://c\r\n[limits]\nattest_burst=7\n");
    put_file(&s, "d.conf.d/10-early.conf", "[server]\nurl = https://b\n");
    put_file(&s, "d.conf.d/30-ignored", "nonsense");
    put_file(&s, "d.conf.d/.hidden.conf", "nonsense");
    REQUIRE(run(&s, file, 4, "--set", "limits.attest_burst=9", "--data", "/x") == CONFIG_RUN);
    CHECK_STRING(s.config.listen, "127.0.0.1:1");
    CHECK_STRING(s.config.url, "https://c");
    CHECK_INT(s.config.attest_burst, 9);
    CHECK_STRING(s.config.data, "/x");
    CHECK_STRING(s.config.socket, "/x/truebootd.sock");
    REQUIRE(run(&s, file, 3, "--listen", "[::1]:2", "--verbose") == CONFIG_RUN);
    CHECK(s.config.log_requests == LOG_REQUESTS_ALL);
    CHECK_STRING(s.config.listen, "[::1]:2");
    CHECK_INT(s.config.attest_burst, 7);
}

/* What is written wrongly, and the words that the answer must hold: the place, and what was expected or meant. */
TEST(a_mistake_is_named_with_file_line_and_the_nearest_word)
{
    static const struct {
        const char *text, *place, *words;
    } rows[] = {
        { "[server]\nlissten = x\n", ":2", "there is no key \"lissten\" in [server]; did you mean listen?" },
        { "[server]\nListen = x\n", ":2", "did you mean listen?" },
        { "[server]\nquite_different = x\n", ":2", "there is no key \"quite_different\" in [server]" },
        { "\n[sever]\nlisten = x\n", ":3", "there is no section [sever]; did you mean server?" },
        { "[limits]\nlisten = x\n", ":2", "there is no key \"listen\" in [limits]" },
        { "listen = x\n", ":1", "before the first [SECTION]" },
        { "[server]\nlisten\n", ":2", "KEY = VALUE" },
        { "[server]\n= x\n", ":2", "KEY = VALUE" },
        { "[server\n", ":1", "[NAME]" },
        { "[]\n", ":1", "[NAME]" },
        { "[ ]\n", ":1", "[NAME]" },
        { "[server]\nprofile = fast\n", ":2", "profile is one of default|demo" },
        { "[server]\nprofile =\n", ":2", "profile is one of" },
        { "[server]\nlisten =\n", ":2", "listen is a text of 1 to" },
        { "[limits]\nattest_burst = 0\n", ":2", "attest_burst is a number from 1 to 1000000" },
        { "[limits]\nattest_burst = 1000001\n", ":2", "attest_burst is a number from 1 to" },
        { "[limits]\nattest_burst = 99999999999999999999999\n", ":2", "attest_burst is a number" },
        { "[limits]\nattest_burst = -1\n", ":2", "attest_burst is a number" },
        { "[limits]\nattest_burst = 5 # five\n", ":2", "attest_burst is a number" },
        { "[limits]\nrequest_seconds = 5x\n", ":2", "request_seconds is a time" },
        { "[limits]\nrequest_seconds = 2h\n", ":2", "request_seconds is a time" },
        { "[server]\nlisten = a\x01z\n", ":2", "not text" },
        { "[server]\nlisten = \xff\n", ":2", "not text" },
    };
    SETTINGS(s);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *file = put_file(&s, "wrong.conf", rows[i].text);

        CHECK(run(&s, file, 0) == CONFIG_WRONG);
        if (!strstr(s.err.text, rows[i].words) || !strstr(s.err.text, rows[i].place) || !strstr(s.err.text, "wrong.conf"))
            test_note("%zu: %s", i, s.err.text);
        CHECK(strstr(s.err.text, "wrong.conf") && strstr(s.err.text, rows[i].place) && strstr(s.err.text, rows[i].words));
    }
}

TEST(a_mistake_on_the_command_line_is_named)
{
    static const struct {
        const char *option, *value, *words;
    } rows[] = {
        { "--set", "limits.attest_birst=1", "command line: there is no key \"attest_birst\" in [limits]; did you mean attest_burst?" },
        { "--set", "limits.attest_burst", "write SECTION.KEY=VALUE" },
        { "--set", "attest_burst=1", "write SECTION.KEY=VALUE" },
        { "--set", "x=1.2", "write SECTION.KEY=VALUE" },
        { "--profile", "fast", "profile is one of default|demo" },
        { "--config", "/nonexistent/truebootd.conf", "/nonexistent/truebootd.conf" },
        { "--verbose", "more", "unexpected argument more" },
    };
    SETTINGS(s);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(run(&s, put_file(&s, "fine.conf", ""), 2, rows[i].option, rows[i].value) == CONFIG_WRONG);
        if (!strstr(s.err.text, rows[i].words))
            test_note("%zu: %s", i, s.err.text);
        CHECK(strstr(s.err.text, rows[i].words) != NULL);
    }
}

TEST(times_are_written_with_units)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = { { "45", 45 }, { "45s", 45 }, { "30m", 1800 }, { "1h", 3600 }, { "1M", 60 } };
    SETTINGS(s);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(config_set(&s.config, "x", BYTES_LIT("limits"), BYTES_LIT("request_seconds"), bytes_of_string(rows[i].text), &s.err));
        CHECK_INT(s.config.request_seconds, rows[i].seconds);
    }
}

TEST(a_file_beyond_the_limit_is_refused_and_one_at_the_limit_is_read)
{
    SETTINGS(s);
    char *text = arena_alloc(&s.a, LIMIT_CONFIG_BYTES + 2);
    const char *file;

    REQUIRE(text);
    memset(text, '\n', LIMIT_CONFIG_BYTES + 1);
    file = put_file(&s, "large.conf", text);
    CHECK(!config_read_files(&s.config, file, &s.err) && s.err.code == ERR_LIMIT);
    text[LIMIT_CONFIG_BYTES] = '\0';
    file = put_file(&s, "large.conf", text);
    CHECK(config_read_files(&s.config, file, &s.err));
}

TEST(a_reload_takes_live_settings_and_names_those_that_wait)
{
    SETTINGS(s);
    struct config fresh;
    const char *waiting = "";

    config_defaults(&s.a, &fresh);
    config_reload(&s.config, &fresh, &s.a, &waiting);
    CHECK(!waiting);
    REQUIRE(config_set(&fresh, "x", BYTES_LIT("limits"), BYTES_LIT("attest_burst"), BYTES_LIT("3"), &s.err));
    REQUIRE(config_set(&fresh, "x", BYTES_LIT("server"), BYTES_LIT("listen"), BYTES_LIT("127.0.0.1:9"), &s.err));
    REQUIRE(config_set(&fresh, "x", BYTES_LIT("server"), BYTES_LIT("url"), BYTES_LIT("https://x"), &s.err));
    config_reload(&s.config, &fresh, &s.a, &waiting);
    CHECK_INT(s.config.attest_burst, 3);
    CHECK_STRING(s.config.listen, "0.0.0.0:8443");
    CHECK_STRING(waiting, "server.listen, server.url");
}

/* docs/operations.md has a row for each key, with its default: | `section.key` | `default` | … */
TEST(the_documentation_lists_every_setting_with_its_default)
{
    SETTINGS(s);
    struct bytes text;

    REQUIRE_OK(file_read_in(&s.a, SOURCE_ROOT "/docs/operations.md", 1 << 20, &text, &s.err), s.err);
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        const char *row = arena_printf(&s.a, "| `%s.%s` | %s%s%s |", k->section, k->key, k->standard[0] ? "`" : "",
                                       k->standard[0] ? k->standard : "–", k->standard[0] ? "`" : "");

        if (bytes_find(text, bytes_of_string(row)) == SIZE_MAX)
            test_note("missing: %s", row);
        CHECK(bytes_find(text, bytes_of_string(row)) != SIZE_MAX);
    }
}

TEST(the_nearest_word_is_near)
{
    static const char *const words[] = { "listen", "socket", "url" };
    static const char long_word[100] = "listen";

    CHECK_STRING(nearest_word(BYTES_LIT("LISTEN"), words, 3), "listen");
    CHECK_STRING(nearest_word(BYTES_LIT("soket"), words, 3), "socket");
    CHECK(!nearest_word(BYTES_LIT("attestation"), words, 3));
    CHECK(!nearest_word(BYTES_OF(long_word), words, 3));
}
