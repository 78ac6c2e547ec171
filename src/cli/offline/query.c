/* trueboot query: a JMESPath expression over a JSON file. */
#include <stdio.h>
#include "base/file.h"
#include "base/utf8.h"
#include "cli/frame/table.h"
#include "cli/offline/commands.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"

enum { QUERY_INPUT_MAX = 64 * 1024 * 1024 };

/* Kind, place, the expression and a caret under the place. */
static int fail(struct cli *cli, struct bytes text, const struct jmespath_error *error)
{
    const char *shown = jmespath_error_show(&cli->arena, text, error);

    return cli_fail(EXIT_ERROR, "%s: %s", jmespath_error_slug(error->kind), shown ? shown : error->text);
}

/* ---- tables: rows of objects, key and value of an object, else a value a line ---- */

enum { COLUMNS_MAX = 16 };

static const char *cell(struct cli *cli, const struct json *v)
{
    if (!v || v->type == JSON_NULL)
        return NULL;
    return v->type == JSON_STRING ? arena_string(&cli->arena, v->string) : json_to_string(&cli->arena, v, JSON_COMPACT);
}

static bool all_are_objects(const struct json *v)
{
    for (size_t i = 0; i < v->array.n; i++)
        if (v->array.items[i]->type != JSON_OBJECT)
            return false;
    return v->array.n > 0;
}

/* The names of the first object, and what later ones add. */
static size_t columns_of(struct cli *cli, const struct json *rows, const char *names[static COLUMNS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < rows->array.n; i++)
        for (size_t k = 0; k < rows->array.items[i]->object.n && n < COLUMNS_MAX; k++) {
            struct bytes name = rows->array.items[i]->object.members[k].name;
            size_t c = 0;
            while (c < n && !bytes_equal_string(name, names[c]))
                c++;
            if (c == n && (names[n] = arena_string(&cli->arena, name)))
                n++;
        }
    return n;
}

static void rows_table(struct cli *cli, const struct json *rows)
{
    const char *names[COLUMNS_MAX], *cells[COLUMNS_MAX];
    size_t n = columns_of(cli, rows, names);
    struct table *t = table_new(&cli->arena, names, n);

    for (size_t i = 0; i < rows->array.n; i++) {
        for (size_t c = 0; c < n; c++)
            cells[c] = cell(cli, json_get(rows->array.items[i], names[c]));
        table_row(t, cells);
    }
    table_print(t);
}

static void print_value(struct cli *cli, const struct json *v)
{
    const char *text = cell(cli, v), *shown = text ? text_for_people(&cli->arena, bytes_of_string(text)) : NULL;

    puts(shown ? shown : "-");
}

/* Only when a table was asked for: a query's result is JSON otherwise, on a terminal too. */
static void value_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "NAME", "VALUE" };
    struct table *t;

    if (v->type == JSON_ARRAY && all_are_objects(v)) {
        rows_table(cli, v);
    } else if (v->type == JSON_ARRAY) {
        for (size_t i = 0; i < v->array.n; i++)
            print_value(cli, v->array.items[i]);
    } else if (v->type == JSON_OBJECT) {
        t = table_new(&cli->arena, headings, ARRAY_LEN(headings));
        for (size_t i = 0; i < v->object.n; i++)
            table_row(t,
                      (const char *const[]){ arena_string(&cli->arena, v->object.members[i].name), cell(cli, v->object.members[i].value) });
        table_print(t);
    } else {
        print_value(cli, v);
    }
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
    if (cli->output == OUTPUT_TABLE && !cli_was_given(cli, "output"))
        cli->output = OUTPUT_JSON;
    return cli_print(cli, v, value_table);
}

const struct cli_command command_query = {
    "query", "EXPRESSION [FILE|-]", 1, 2, "Apply a JMESPath expression to JSON (FILE or standard input)", NULL, 0, run_query
};
