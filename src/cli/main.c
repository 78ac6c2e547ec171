/* trueboot: the operator's command line. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/manual.h"

static void print_commands(void)
{
    puts("usage: trueboot COMMAND [ARGUMENTS] [OPTIONS]\n");
    for (size_t i = 0; i < cli_n_commands; i++)
        printf("  %-18s %-12s %s\n", cli_commands[i]->path, cli_commands[i]->arguments, cli_commands[i]->summary);
    puts("\nEvery command has --help. Options of all commands:");
    for (size_t i = 0; i < cli_n_global_options; i++)
        printf("  --%s %s\n      %s\n", cli_global_options[i].name, cli_global_options[i].argument ? cli_global_options[i].argument : "",
               cli_global_options[i].help);
}

/* The commands of one noun (`trueboot vm`); false when there is none. */
static bool print_noun(const char *noun)
{
    size_t len = strlen(noun);
    bool any = false;

    for (size_t i = 0; i < cli_n_commands; i++) {
        const struct cli_command *c = cli_commands[i];

        if (strncmp(c->path, noun, len) != 0 || c->path[len] != ' ')
            continue;
        if (!any)
            printf("usage: trueboot %s COMMAND [ARGUMENTS] [OPTIONS]\n\n", noun);
        any = true;
        printf("  %-18s %-12s %s\n", c->path, c->arguments, c->summary);
    }
    return any;
}

static void print_help(const struct cli_command *c)
{
    printf("usage: trueboot %s %s [OPTIONS]\n\n%s\n", c->path, c->arguments, c->summary);
    for (size_t i = 0; i < c->n_options; i++)
        printf("%s  --%s%s%s\n      %s\n", i ? "" : "\n", c->options[i].name, c->options[i].argument ? " " : "",
               c->options[i].argument ? c->options[i].argument : "", c->options[i].help);
}

/* A command's path is one or two words; the longest match wins. */
static const struct cli_command *find_command(int argc, char **argv, int *ret_used)
{
    for (int words = 2; words >= 1; words--) {
        char path[128];
        if (argc < 1 + words)
            continue;
        snprintf(path, sizeof path, words == 2 ? "%s %s" : "%s", argv[1], words == 2 ? argv[2] : "");
        for (size_t i = 0; i < cli_n_commands; i++)
            if (strcmp(cli_commands[i]->path, path) == 0) {
                *ret_used = 1 + words;
                return cli_commands[i];
            }
    }
    return NULL;
}

static const struct cli_option *find_option(const struct cli_command *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->n_options; i++)
        if (strlen(c->options[i].name) == len && strncmp(c->options[i].name, name, len) == 0)
            return &c->options[i];
    for (size_t i = 0; i < cli_n_global_options; i++)
        if (strlen(cli_global_options[i].name) == len && strncmp(cli_global_options[i].name, name, len) == 0)
            return &cli_global_options[i];
    return NULL;
}

static bool is_boolean(const char *text) { return text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0); }

/* take_option reads argv[*i], and its value from the same or the next argument. */
static bool take_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    const struct cli_option *option;

    if (strcmp(argv[*i], "-o") == 0) {
        name = "output";
        equals = NULL;
        value = NULL;
    }
    option = find_option(cli->command, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!option)
        return cli_fail(EXIT_USAGE, "unknown option %s; see trueboot %s --help", argv[*i], cli->command->path), false;
    if (!option->argument) {
        if (!value)
            value = *i + 1 < argc && is_boolean(argv[*i + 1]) ? argv[++*i] : "true";
        if (!is_boolean(value))
            return cli_fail(EXIT_USAGE, "--%s takes true or false", option->name), false;
    } else if (!value) {
        if (*i + 1 >= argc)
            return cli_fail(EXIT_USAGE, "--%s wants a value: %s", option->name, option->argument), false;
        value = argv[++*i];
    }
    if (option->argument && !cli_value_fits(cli, option, value))
        return false;
    if (cli->n_given == CLI_OPTIONS_MAX)
        return cli_fail(EXIT_USAGE, "too many options"), false;
    cli->given[cli->n_given].option = option;
    cli->given[cli->n_given++].value = value;
    return true;
}

static bool take_arguments(struct cli *cli, int argc, char **argv, int first)
{
    bool only_arguments = false;

    for (int i = first; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && (strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-o") == 0)) {
            if (!take_option(cli, argc, argv, &i))
                return false;
        } else if (cli->n_arguments == CLI_ARGUMENTS_MAX) {
            return cli_fail(EXIT_USAGE, "too many arguments"), false;
        } else {
            cli->arguments[cli->n_arguments++] = argv[i];
        }
    }
    return true;
}

static void choose_output(struct cli *cli)
{
    const char *name = cli_option(cli, "output");

    cli->query = cli_option(cli, "query");
    cli->server = cli_option(cli, "server");
    if (!name)
        cli->output = isatty(STDOUT_FILENO) && !cli->query ? OUTPUT_TABLE : OUTPUT_JSON;
    else
        cli->output = strcmp(name, "yaml") == 0 ? OUTPUT_YAML : strcmp(name, "table") == 0 ? OUTPUT_TABLE : OUTPUT_JSON;
}

/* trueboot help [COMMAND… | --man | --completion SHELL] */
static int help(int argc, char **argv)
{
    const struct cli_command *c;
    int used;

    if (argc == 3 && strcmp(argv[2], "--man") == 0) {
        manual_print(stdout);
        return EXIT_OK;
    }
    if (argc == 4 && strcmp(argv[2], "--completion") == 0)
        return completion_print(argv[3], stdout) ? EXIT_OK
                                                 : cli_fail(EXIT_USAGE, "no completions for %s; there are bash, zsh and fish", argv[3]);
    if (argc < 3) {
        print_commands();
        return EXIT_OK;
    }
    c = find_command(argc - 1, argv + 1, &used);
    if (!c && argc == 3 && print_noun(argv[2]))
        return EXIT_OK;
    if (!c)
        return cli_fail(EXIT_USAGE, "no such command: trueboot %s; see trueboot help", argv[2]);
    print_help(c);
    return EXIT_OK;
}

static int run(struct cli *cli, int argc, char **argv)
{
    int used;

    if (argc < 2) {
        print_commands();
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(argc, argv);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        puts("trueboot " TRUEBOOT_VERSION);
        return EXIT_OK;
    }
    cli->command = find_command(argc, argv, &used);
    if (!cli->command && (argc == 2 || strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) && print_noun(argv[1]))
        return argc == 2 ? EXIT_USAGE : EXIT_OK;
    if (!cli->command)
        return cli_fail(EXIT_USAGE, "no such command: trueboot %s%s%s; see trueboot help", argv[1], argc > 2 ? " " : "",
                        argc > 2 ? argv[2] : "");
    if (!take_arguments(cli, argc, argv, used))
        return EXIT_USAGE;
    if (cli_flag(cli, "help", false)) {
        print_help(cli->command);
        return EXIT_OK;
    }
    if (cli->n_arguments < cli->command->min_arguments || cli->n_arguments > cli->command->max_arguments)
        return cli_fail(EXIT_USAGE, "usage: trueboot %s %s", cli->command->path, cli->command->arguments);
    choose_output(cli);
    return cli->command->run(cli);
}

int main(int argc, char **argv)
{
    struct cli cli = { .n_arguments = 0 };
    int code = run(&cli, argc, argv);

    arena_done(&cli.arena);
    /* Output that could not be written is not a success. */
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = cli_fail(EXIT_ERROR, "cannot write the result");
    return code;
}
