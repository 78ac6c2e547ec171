#include "cli/manual.h"
#include <string.h>

/* Text for scdoc: what it would take for markup is escaped. */
static void put_plain(const char *text, FILE *to)
{
    for (const char *c = text; *c; c++) {
        if (strchr("\\*_#~`<>[]", *c))
            fputc('\\', to);
        fputc(*c, to);
    }
}

static void put_option(const struct cli_option *o, FILE *to)
{
    fprintf(to, "*--%s*", o->name);
    if (o->argument) {
        fputs(" ", to);
        put_plain(o->argument, to);
    }
    fputs("\n\t", to);
    put_plain(o->help, to);
    fputs("\n\n", to);
}

static void put_command(const struct cli_command *c, FILE *to)
{
    fprintf(to, "## trueboot %s %s\n\n", c->path, c->arguments); /* scdoc takes headings as they are */
    put_plain(c->summary, to);
    fputs(".\n\n", to);
    for (size_t i = 0; i < c->n_options; i++)
        put_option(&c->options[i], to);
}

static void put_exit_codes(FILE *to)
{
    static const struct {
        int code;
        const char *meaning;
    } codes[] = {
        { EXIT_OK, "done; what was judged is Healthy or matches" },
        { EXIT_ERROR, "error: of a file, an expression for *query*, or the server's answer" },
        { EXIT_USAGE, "wrong usage: no such command or option, or a value that the option does not take; nothing was done" },
        { EXIT_NOT_FOUND, "not found" },
        { EXIT_PERMISSION, "not allowed" },
        { EXIT_UNREACHABLE, "the server does not answer, or not in time" },
        { EXIT_CONFLICT, "conflict: it exists already, or changed meanwhile" },
        { EXIT_JUDGED_UNHEALTHY, "judged Unhealthy, or does not match" },
        { EXIT_JUDGED_UNKNOWN, "judged Unknown" },
    };

    fputs("# EXIT STATUS\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        fprintf(to, "*%d*\n\t%s\n\n", codes[i].code, codes[i].meaning);
}

void manual_print(FILE *to)
{
    fputs("trueboot(1)\n\n# NAME\n\n"
          "trueboot - says whether virtual machines started in a known good state\n\n"
          "# SYNOPSIS\n\n*trueboot* COMMAND \\[ARGUMENTS\\] \\[OPTIONS\\]\n\n"
          "# DESCRIPTION\n\n"
          "The operator's command line: makes and lists VMs, shows each one's health and why, approves boots, keeps policies, and judges "
          "evidence and "
          "logs off line, without a server.\n\n"
          "# OPTIONS OF ALL COMMANDS\n\n",
          to);
    for (size_t i = 0; i < cli_n_global_options; i++)
        put_option(&cli_global_options[i], to);
    fputs("# COMMANDS\n\n", to);
    for (size_t i = 0; i < cli_n_commands; i++)
        put_command(cli_commands[i], to);
    put_exit_codes(to);
    fputs("# ENVIRONMENT\n\n"
          "*TRUEBOOT\\_SERVER*\n\tthe server's local socket or URL\n\n"
          "*TRUEBOOT\\_TOKEN*\n\ta token for calls over the network\n\n"
          "*TRUEBOOT\\_CA*\n\tthe CA certificate of a server with a certificate of its own making\n\n"
          "# SEE ALSO\n\n*truebootd*(8), *trueboot-agent*(8)\n",
          to);
}

/* Completions. Each shell gets the same two facts: which words follow which, and which options a command has. */

static bool is_first_of_its_word(size_t i, const char *path, size_t len)
{
    for (size_t k = 0; k < i; k++)
        if (strncmp(cli_commands[k]->path, path, len) == 0 && (cli_commands[k]->path[len] == ' ' || cli_commands[k]->path[len] == '\0'))
            return false;
    return true;
}

static void put_first_words(const char *before, const char *after, FILE *to)
{
    for (size_t i = 0; i < cli_n_commands; i++) {
        size_t len = strcspn(cli_commands[i]->path, " ");

        if (is_first_of_its_word(i, cli_commands[i]->path, len))
            fprintf(to, "%s%.*s%s", before, (int)len, cli_commands[i]->path, after);
    }
}

static void put_option_names(const struct cli_command *c, FILE *to)
{
    for (size_t i = 0; i < c->n_options; i++)
        fprintf(to, "--%s ", c->options[i].name);
    for (size_t i = 0; i < cli_n_global_options; i++)
        fprintf(to, "--%s ", cli_global_options[i].name);
}

static void bash(FILE *to)
{
    fputs("_trueboot() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words=\"\"\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n", to);
    for (size_t i = 0; i < cli_n_commands; i++) {
        bool one_word = !strchr(cli_commands[i]->path, ' ');

        fprintf(to, "    \"%s%s\") words=\"", cli_commands[i]->path, one_word ? " \"*\"" : "");
        put_option_names(cli_commands[i], to);
        fputs("\" ;;\n", to);
    }
    fputs("    esac\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        words=\"help", to);
    put_first_words(" ", "", to);
    fputs("\"\n    elif [ \"$COMP_CWORD\" = 2 ]; then\n        case ${COMP_WORDS[1]} in\n", to);
    for (size_t i = 0; i < cli_n_commands; i++) {
        const char *path = cli_commands[i]->path, *space = strchr(path, ' ');

        if (!space || !is_first_of_its_word(i, path, (size_t)(space - path)))
            continue;
        fprintf(to, "        %.*s) words=\"", (int)(space - path), path);
        for (size_t k = i; k < cli_n_commands; k++)
            if (strncmp(cli_commands[k]->path, path, (size_t)(space - path) + 1) == 0)
                fprintf(to, "%s ", cli_commands[k]->path + (space - path) + 1);
        fputs("\" ;;\n", to);
    }
    fputs("        esac\n    fi\n"
          "    case $cur in\n    -* | '') mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
          "    *) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"; compgen -f -- \"$cur\") ;;\n    esac\n}\n"
          "complete -o filenames -F _trueboot trueboot\n",
          to);
}

/* zsh runs bash's completions; a second description of the same table would be a second place for mistakes. */
static void zsh(FILE *to)
{
    fputs("#compdef trueboot\nautoload -U +X bashcompinit && bashcompinit\n", to);
    bash(to);
}

static void put_fish_text(const char *text, FILE *to)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            fputc('\\', to);
        fputc(*c, to);
    }
}

static void fish(FILE *to)
{
    fputs(
        "function __trueboot_is\n    set -l words (commandline -opc)\n    test \"$words[2..(math 1 + (count $argv))]\" = \"$argv\"\nend\n",
        to);
    put_first_words("complete -c trueboot -n 'test (count (commandline -opc)) = 1' -f -a ", "\n", to);
    for (size_t i = 0; i < cli_n_commands; i++) {
        const struct cli_command *c = cli_commands[i];
        const char *space = strchr(c->path, ' ');

        if (space) {
            fprintf(to, "complete -c trueboot -n 'test (count (commandline -opc)) = 2; and __trueboot_is %.*s' -f -a %s -d '",
                    (int)(space - c->path), c->path, space + 1);
            put_fish_text(c->summary, to);
            fputs("'\n", to);
        }
        for (size_t k = 0; k < c->n_options; k++) {
            fprintf(to, "complete -c trueboot -n '__trueboot_is %s' -l %s%s -d '", c->path, c->options[k].name,
                    c->options[k].argument ? " -r" : "");
            put_fish_text(c->options[k].help, to);
            fputs("'\n", to);
        }
    }
}

bool completion_print(const char *shell, FILE *to)
{
    static const struct {
        const char *name;
        void (*print)(FILE *to);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

    for (size_t i = 0; i < ARRAY_LEN(shells); i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(to);
            return true;
        }
    return false;
}
