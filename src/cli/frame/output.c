#include "cli/frame/cli.h"
#include "cli/frame/yaml.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"

enum { OUTPUT_MAX = 1024 * 1024 * 1024 };

static int apply_query(struct cli *cli, const struct json **value)
{
    struct jmespath_error error = { .offset = 0 };
    const struct jmespath_expr *expr;
    struct bytes text = bytes_of_string(cli->query);
    const char *shown;

    if (jmespath_parse(&cli->arena, text, &expr, &error) && jmespath_search(&cli->arena, expr, *value, NULL, value, &error))
        return EXIT_OK;
    shown = jmespath_error_show(&cli->arena, text, &error);
    return cli_fail(EXIT_ERROR, "--query: %s: %s", jmespath_error_slug(error.kind), shown ? shown : error.text);
}

static int print_json(const struct json *value)
{
    struct writer w CLEANUP(writer_done) = { .limit = OUTPUT_MAX };

    json_write(&w, value, JSON_INDENTED);
    if (!writer_ok(&w)) /* a query can make a value that is small in memory and endless on paper */
        return cli_fail(EXIT_ERROR, "the result is longer than 1 GiB when it is written, or nests too deeply");
    fwrite(w.data, 1, w.len, stdout);
    fputc('\n', stdout);
    return EXIT_OK;
}

int cli_print(struct cli *cli, const struct json *value, void (*table)(struct cli *cli, const struct json *value))
{
    int code = cli->query ? apply_query(cli, &value) : EXIT_OK;

    if (code != EXIT_OK)
        return code;
    if (cli->output == OUTPUT_TABLE && table && !cli->query)
        table(cli, value);
    else if (cli->output == OUTPUT_JSON)
        return print_json(value);
    else
        yaml_print(value, stdout);
    return EXIT_OK;
}

const struct json *cli_json(struct cli *cli, const struct writer *w)
{
    const struct json *v = NULL;
    struct err err = ERR_INIT;
    struct bytes text;

    if (!writer_ok(w) || !arena_copy(&cli->arena, writer_bytes(w), &text))
        cli_fail(EXIT_ERROR, "out of memory");
    else if (!json_parse(&cli->arena, text, NULL, &v, &err))
        cli_fail(EXIT_ERROR, "%s", err.text);
    return v;
}
