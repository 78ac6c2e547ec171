#include <stdarg.h>
#include <string.h>
#include "cli/frame/cli.h"

const char *cli_option_at(const struct cli *cli, const char *name, size_t i)
{
    for (size_t k = 0; k < cli->n_given; k++)
        if (strcmp(cli->given[k].option->name, name) == 0 && i-- == 0)
            return cli->given[k].value;
    return NULL;
}

/* The last use wins. */
const char *cli_option(const struct cli *cli, const char *name)
{
    const char *value = NULL;

    for (size_t k = 0; k < cli->n_given; k++)
        if (strcmp(cli->given[k].option->name, name) == 0)
            value = cli->given[k].value;
    return value;
}

bool cli_flag(const struct cli *cli, const char *name, bool otherwise)
{
    const char *value = cli_option(cli, name);
    return value ? strcmp(value, "true") == 0 : otherwise;
}

bool cli_was_given(const struct cli *cli, const char *name) { return cli_option(cli, name) != NULL; }

int cli_fail(enum exit_code code, const char *fmt, ...)
{
    va_list args;

    fflush(stdout);
    fputs("trueboot: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return (int)code;
}

int cli_fail_err(const struct err *err)
{
    static const struct {
        enum err_code code;
        enum exit_code exit;
    } codes[] = { { ERR_NOT_FOUND, EXIT_NOT_FOUND },
                  { ERR_DENIED, EXIT_PERMISSION },
                  { ERR_UNREACHABLE, EXIT_UNREACHABLE },
                  { ERR_CONFLICT, EXIT_CONFLICT } };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == err->code)
            return cli_fail(codes[i].exit, "%s", err->text);
    return cli_fail(EXIT_ERROR, "%s", err->text);
}

int cli_fail_input(const struct err *err) { return cli_fail(EXIT_ERROR, "%s", err->text); }
