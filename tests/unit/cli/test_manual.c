#include <stdio.h>
#include <stdlib.h>
#include "cli/manual.h"
#include "support/test.h"

static char *printed(const char *shell)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    if (!shell)
        manual_print(to);
    else if (!completion_print(shell, to))
        fputs("refused", to);
    fclose(to);
    return text;
}

TEST(the_man_page_names_every_command_with_every_option)
{
    char *page = printed(NULL);

    REQUIRE(page);
    for (size_t i = 0; i < cli_n_commands; i++) {
        const struct cli_command *c = cli_commands[i];
        char heading[200];
        const char *at;

        snprintf(heading, sizeof heading, "## trueboot %s ", c->path);
        at = strstr(page, heading);
        CHECK(at != NULL);
        for (size_t k = 0; at && k < c->n_options; k++) {
            char option[200];

            snprintf(option, sizeof option, "*--%s*", c->options[k].name);
            at = strstr(at, option); /* in the order of the table, below its own command */
            CHECK(at != NULL);
        }
    }
    free(page);
}

TEST(every_shell_completes_every_command)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };

    for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
        char *script = printed(shells[s]);

        REQUIRE(script);
        for (size_t i = 0; i < cli_n_commands; i++) {
            const char *space = strchr(cli_commands[i]->path, ' ');
            CHECK(strstr(script, space ? space + 1 : cli_commands[i]->path) != NULL);
            for (size_t k = 0; k < cli_commands[i]->n_options; k++)
                CHECK(strstr(script, cli_commands[i]->options[k].name) != NULL);
        }
        free(script);
    }
}

TEST(an_unknown_shell_is_refused)
{
    char *script = printed("csh");

    CHECK_STRING(script, "refused");
    free(script);
}

/* What a person types, and what bash offers. */
TEST(bash_offers_what_fits)
{
    static const struct {
        const char *words, *want;
        unsigned at;
    } rows[] = {
        { "trueboot st", "status\n", 1 },
        { "trueboot vm cr", "create\n", 2 },
        { "trueboot vm create --enable-s", "--enable-secure-boot\n", 3 },
        { "trueboot status web1 --exp", "--explain\n", 3 },
        { "trueboot nonsense --x", "", 2 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char command[600], got[400] = "";
        FILE *from;

        snprintf(command, sizeof command,
                 "bash -c 'source <(%s help --completion bash); COMP_WORDS=(%s); COMP_CWORD=%u; _trueboot; "
                 "for w in \"${COMPREPLY[@]}\"; do echo \"$w\"; done'",
                 getenv("TRUEBOOT_PROGRAM"), rows[i].words, rows[i].at);
        from = popen(command, "r");
        REQUIRE(from);
        got[fread(got, 1, sizeof got - 1, from)] = '\0';
        CHECK_INT(pclose(from), 0);
        CHECK_STRING(got, rows[i].want);
    }
}
