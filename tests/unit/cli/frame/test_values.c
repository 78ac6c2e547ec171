/* One rule for all commands: an option's value that is not of its kind is wrong usage, exit code 2, seen before anything is done (cli.h). */
#include <stdlib.h>
#include "cli/frame/cli.h"
#include "run.h"
#include "support/test.h"

/* For each kind what no option of that kind takes, and what every one does. */
static const struct {
    const char *wrong[8];
    const char *right[4];
} values[] = {
    [VALUE_TEXT] = { { NULL }, { NULL } },
    [VALUE_NUMBER] = { { "", "0", "-1", "+1", "1.5", "0x10", "many", "99999999999999999999" }, { "1", "07", NULL } },
    [VALUE_HEX] = { { "zz", "abc", "0x0", "00 11", NULL }, { "00ff", "0x00FF", "", NULL } },
    [VALUE_TIME] = { { "", "yesterday", "2026-11-21", "2026-13-21T12:00:00Z", "2026-11-21T12:00:00", NULL },
                     { "2026-11-21T12:00:00Z", NULL } },
    [VALUE_DATE] = { { "", "today", "2026-02-30", "2026-7-14", "2026-07-14 ", NULL }, { "2026-07-14", "2026-07-14T01:02:03Z", NULL } },
    [VALUE_UUID] = { { "", "web1", "12345678-1234-1234-1234-12345678901", NULL }, { "12345678-1234-1234-1234-123456789012", NULL } },
    [VALUE_REGISTERS] = { { "", "24", "7-4", "0,", ",0", "0-", "a", "0 1" }, { "0-9,14", "23", "007", NULL } },
    [VALUE_QUERY] = { { "", "foo[", "a ||", NULL }, { "a.b", "@", NULL } },
    [VALUE_ONE_OF] = { { "", "|", "neither", "o", NULL }, { NULL } }, /* what is right stands in the option's own words */
    [VALUE_PROVIDER] = { { "", "ab", "a/b", "-abc", "abc-", "this-name-is-far-too-long-for-one", "a.b", NULL },
                         { "contoso", "a-1", NULL } },
    [VALUE_SCOPE] = { { "", "contoso", "vm/", "provider/", "VM/web1", NULL }, { "vm/web1", "provider/contoso", NULL } },
    [VALUE_ADDRESS] = { { "", "contoso.example", "http://contoso.example", "https://", "https:///x", NULL },
                        { "https://contoso.example:8443", NULL } },
    [VALUE_SERVER] = { { "", "http://127.0.0.1:8443", "ftp://x", "https://", NULL },
                       { "/run/trueboot/truebootd.sock", "https://127.0.0.1:8443", NULL } },
};

/* The command with as many arguments as it needs, the option, and a place where no server is: nothing can be done, whatever is wrong. */
static struct ran with_value(struct arena *a, const struct cli_command *c, const struct cli_option *o, const char *value)
{
    struct command command = { .n = 0 };
    char *words = arena_printf(a, "%s", c->path), *rest;

    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        command_add(&command, word, NULL);
    for (int i = 0; i < c->min_arguments; i++)
        command_add(&command, "/nonexistent/argument", NULL);
    command_add(&command, "--server", "/nonexistent/socket", arena_printf(a, "--%s=%s", o->name, value), NULL);
    return run(a, &command, NULL);
}

/* Every option of every command, or the options of all commands at one of them. */
static void each_option(void (*check)(const struct cli_command *c, const struct cli_option *o))
{
    for (size_t i = 0; i < cli_n_commands; i++)
        for (size_t k = 0; k < cli_commands[i]->n_options; k++)
            check(cli_commands[i], &cli_commands[i]->options[k]);
    for (size_t k = 0; k < cli_n_global_options; k++)
        check(cli_commands[0], &cli_global_options[k]);
}

static void wrong_is_usage(const struct cli_command *c, const struct cli_option *o)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; o->argument && i < ARRAY_LEN(values[0].wrong) && values[o->value].wrong[i]; i++) {
        struct ran r = with_value(&a, c, o, values[o->value].wrong[i]);
        if (r.code != 2 || r.out.len || bytes_find(r.error, bytes_of_string(arena_printf(&a, "--%s", o->name))) == SIZE_MAX)
            test_note("trueboot %s --%s '%s': exit code %d: %.*s", c->path, o->name, values[o->value].wrong[i], r.code, BYTES_FMT(r.error));
        CHECK_INT(r.code, 2);
        CHECK_INT(r.out.len, 0);
        CHECK(bytes_find(r.error, bytes_of_string(arena_printf(&a, "--%s", o->name))) != SIZE_MAX);
    }
}

TEST(a_value_that_is_not_of_its_options_kind_is_wrong_usage_of_every_command) { each_option(wrong_is_usage); }

static unsigned kinds_seen;

static void right_is_taken(const struct cli_command *c UNUSED, const struct cli_option *o)
{
    struct cli cli = { .n_given = 0 };

    if (!o->argument)
        return;
    kinds_seen |= 1u << o->value;
    for (size_t i = 0; i < ARRAY_LEN(values[0].right) && values[o->value].right[i]; i++)
        CHECK(cli_value_fits(&cli, o, values[o->value].right[i]));
    if (o->value == VALUE_ONE_OF) {
        char *words = arena_printf(&cli.arena, "%s", o->argument), *rest;
        for (char *word = strtok_r(words, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
            CHECK(cli_value_fits(&cli, o, word));
    }
    if (o->value == VALUE_NUMBER && o->most)
        CHECK(cli_value_fits(&cli, o, arena_printf(&cli.arena, "%lld", (long long)o->most)));
    arena_done(&cli.arena);
}

TEST(a_value_of_its_kind_is_taken_up_to_its_limit)
{
    each_option(right_is_taken);
    CHECK_INT(kinds_seen, (1u << ARRAY_LEN(values)) - 1); /* every kind is some option's */
}

static void past_the_limit_is_usage(const struct cli_command *c, const struct cli_option *o)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    if (o->value == VALUE_NUMBER && o->most)
        CHECK_INT(with_value(&a, c, o, arena_printf(&a, "%lld", (long long)o->most + 1)).code, 2);
}

TEST(a_number_past_its_options_limit_is_wrong_usage) { each_option(past_the_limit_is_usage); }

/* Words that say what stands behind an option and the kind that is checked do not part. */
static void is_of_the_kind_it_says(const struct cli_command *c, const struct cli_option *o)
{
    static const struct {
        const char *argument;
        enum cli_value value;
    } words[] = { { "N", VALUE_NUMBER },  { "VERSION", VALUE_NUMBER }, { "HEX", VALUE_HEX },        { "TIME", VALUE_TIME },
                  { "DATE", VALUE_DATE }, { "UUID", VALUE_UUID },      { "LIST", VALUE_REGISTERS }, { "JMESPATH", VALUE_QUERY } };

    for (size_t i = 0; o->argument && i < ARRAY_LEN(words); i++)
        if ((strcmp(o->argument, words[i].argument) == 0) != (o->value == words[i].value) &&
            !(o->value == VALUE_NUMBER && words[i].value == VALUE_NUMBER)) {
            test_note("trueboot %s --%s %s is not checked as what it says", c->path, o->name, o->argument);
            CHECK(false);
        }
    if (o->argument && strcmp(o->name, "provider") == 0)
        CHECK(o->value == VALUE_PROVIDER);
}

TEST(an_option_is_checked_as_what_its_help_says_it_takes) { each_option(is_of_the_kind_it_says); }

/* The other side of the rule: what is wrong with a thing that a command works on is an error, exit code 1. */
TEST(a_file_or_an_expression_that_cannot_be_used_is_an_error_and_no_wrong_usage)
{
    static const char *const rows[][8] = {
        { "verify", "/nonexistent/x.evidence.json" },
        { "verify", "--quote", "/nonexistent/q", "--signature", "s", "--ak", "a" },
        { "eventlog", "show", "/nonexistent/log" },
        { "bootchain", "show", "/nonexistent/log" },
        { "quote", "verify", "--quote=/nonexistent/q", "--signature=s", "--ak=a" },
        { "evidence", "claims", "/nonexistent/x.evidence.json" },
        { "policy", "lint", "/nonexistent/policy" },
        { "query", "foo[" },
        { "data", "update", "/nonexistent/list" },
        { "data", "trust", "/nonexistent/key" },
        { "root", "add", "--kind", "ek", "/nonexistent/root.pem" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct command c = { .n = 0 };
        struct ran r;
        for (size_t k = 0; k < ARRAY_LEN(rows[i]) && rows[i][k]; k++)
            command_add(&c, rows[i][k], NULL);
        r = run(&a, &c, "{}");
        if (r.code != 1)
            test_note("trueboot %s %s: exit code %d: %.*s", rows[i][0], rows[i][1], r.code, BYTES_FMT(r.error));
        CHECK_INT(r.code, 1);
        CHECK(r.error.len > 0);
    }
}
