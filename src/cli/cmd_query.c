/* trueboot query: a JMESPath expression over a JSON file. */
#include "base/file.h"
#include "cli/commands.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"

enum { QUERY_INPUT_MAX = 64 * 1024 * 1024 };

/* Kind, place, the expression and a caret under the place. */
static int fail(struct cli *cli, struct bytes text, const struct jmespath_error *error)
{
    const char *shown = jmespath_error_show(&cli->arena, text, error);

    return cli_fail(EXIT_ERROR, "%s: %s", jmespath_error_slug(error->kind), shown ? shown : error->text);
}

static int run_query(struct cli *cli)
{
    const char *path = cli->n_arguments > 1 && strcmp(cli->arguments[1], "-") != 0 ? cli->arguments[1] : "/dev/stdin";
    struct bytes text = bytes_of_string(cli->arguments[0]), content;
    const struct jmespath_expr *expr;
    const struct json *v;
    struct jmespath_error error = { .offset = 0 };
    struct err err = ERR_INIT;

    if (!jmespath_parse(&cli->arena, text, &expr, &error))
        return fail(cli, text, &error);
    if (!file_read_in(&cli->arena, path, QUERY_INPUT_MAX, &content, &err))
        return cli_fail_err(&err);
    if (!json_parse(&cli->arena, content, NULL, &v, &err)) {
        err_within(&err, "%s", path);
        return cli_fail_err(&err);
    }
    if (!jmespath_search(&cli->arena, expr, v, NULL, &v, &error))
        return fail(cli, text, &error);
    if (cli->output == OUTPUT_TABLE)
        cli->output = OUTPUT_JSON; /* any value, not only a table's */
    return cli_print(cli, v, NULL);
}

const struct cli_command command_query = {
    "query", "EXPRESSION [FILE]", 1, 2, "Apply a JMESPath expression to JSON (FILE or standard input)", NULL, 0, run_query
};
