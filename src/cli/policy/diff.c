/* trueboot policy diff: a local text against the policy of the server, or two versions of its history; as a patch, and in words. */
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"
#include "cli/frame/table.h"
#include "cli/policy/commands.h"
#include "cli/policy/policy.h"
#include "cli/policy/text_diff.h"

/* One side: a text with a name for people. */
struct side {
    const char *name;
    struct bytes text;
    const struct policy *policy; /* NULL: it does not parse */
};

/* ---- where texts come from ---- */

static const struct json *version_in(const struct json *history, int64_t version)
{
    const struct json *list = json_get(history, "value");
    int64_t number;

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++)
        if (json_as_integer(json_get(list->array.items[i], "version"), &number) && (version == number || version == 0))
            return list->array.items[i]; /* the newest first */
    return NULL;
}

static int side_of_version(struct cli *cli, const struct json *history, int64_t version, struct side *ret)
{
    const struct json *row = version_in(history, version);
    int64_t number = 0;

    if (!row)
        return cli_fail(EXIT_NOT_FOUND, "there is no version %lld of this policy", (long long)version);
    if (!json_as_integer(json_get(row, "version"), &number))
        number = version;
    ret->name = arena_printf(&cli->arena, "version %lld", (long long)number);
    ret->text = json_text(json_get(row, "policy"), BYTES_NONE); /* none: a reset */
    return ret->name ? EXIT_OK : cli_fail(EXIT_ERROR, "out of memory");
}

/* The text in force: of a version, or built in. */
static int side_in_force(struct cli *cli, struct side *ret)
{
    struct err err = ERR_INIT;
    int code = policy_in_force(cli, &ret->text, &err);

    if (code == EXIT_OK && err.code)
        code = cli_fail_err(&err);
    ret->name = "in force";
    return code;
}

static int side_of_file(struct cli *cli, const char *file, struct side *ret)
{
    struct err err = ERR_INIT;

    if (!cli_read(cli, file, LIMIT_POLICY_TEXT_BYTES, &ret->text, &err))
        return cli_fail_input(&err);
    ret->name = file;
    return EXIT_OK;
}

/* FILE: what is in force (or --from) against it. Else --from and --to, or the last version and the one before. */
static int read_sides(struct cli *cli, struct side *before, struct side *after)
{
    const struct json *history = &json_null, *newest;
    int64_t from = cli_number(cli, "from", 0), to = cli_number(cli, "to", 0), latest = 0;
    bool file = cli->n_arguments == 2;
    int code;

    if (file && to)
        return cli_fail(EXIT_USAGE, "FILE and --to exclude each other");
    if (!file || from) {
        code = policy_call(cli, "GET", cli->arguments[0], "/history", NULL, &history);
        if (code != EXIT_OK)
            return code;
    }
    newest = version_in(history, 0);
    if (newest && !json_as_integer(json_get(newest, "version"), &latest))
        latest = 0;
    if (!file && !from && !to && latest < 2)
        return cli_fail(EXIT_NOT_FOUND, "this policy has no two versions to compare: name a FILE");
    to = to ? to : latest;
    code = file && !from ? side_in_force(cli, before) : side_of_version(cli, history, from ? from : to - 1, before);
    if (code != EXIT_OK)
        return code;
    return file ? side_of_file(cli, cli->arguments[1], after) : side_of_version(cli, history, to, after);
}

/* ---- in words ---- */

struct rule_text {
    const char *text;
    unsigned line;
    bool matched;
};

static struct rule_text *rules_of(struct cli *cli, const struct policy *policy, enum policy_section section, size_t *ret_n)
{
    size_t n = policy ? policy_rule_count(policy, section) : 0;
    struct rule_text *rules = ARENA_ARRAY(&cli->arena, n + 1, struct rule_text);

    for (size_t i = 0; rules && i < n; i++) {
        rules[i] =
            (struct rule_text){ policy_rule_canonical(&cli->arena, policy, section, i), policy_rule_line(policy, section, i), false };
        if (!rules[i].text)
            return NULL;
    }
    *ret_n = n;
    return rules;
}

static void put_change(struct json_out *out, enum policy_section section, const char *change, size_t i, const struct rule_text *rule)
{
    json_begin_object(out, NULL);
    json_put_string(out, "section", policy_section_name(section));
    json_put_string(out, "change", change);
    json_put_integer(out, "rule", (int64_t)i + 1);
    json_put_integer(out, "line", rule->line);
    json_put_string(out, "text", rule->text);
    json_end(out);
}

/* Rules that are in both are the same wherever they stand; when those come in another order, that is said once. */
static bool put_section(struct cli *cli, struct json_out *out, const struct side *before, const struct side *after,
                        enum policy_section section)
{
    size_t n, m, last = 0;
    struct rule_text *x = rules_of(cli, before->policy, section, &n), *y = rules_of(cli, after->policy, section, &m);
    bool moved = false;

    if (!x || !y)
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m && !x[i].matched; k++)
            if (!y[k].matched && strcmp(x[i].text, y[k].text) == 0) {
                x[i].matched = y[k].matched = true;
                moved |= k < last;
                last = k;
            }
    for (size_t i = 0; i < n; i++)
        if (!x[i].matched)
            put_change(out, section, "removed", i, &x[i]);
    for (size_t i = 0; i < m; i++)
        if (!y[i].matched)
            put_change(out, section, "added", i, &y[i]);
    if (moved) {
        json_begin_object(out, NULL);
        json_put_string(out, "section", policy_section_name(section));
        json_put_string(out, "change", "reordered");
        json_end(out);
    }
    return true;
}

static bool put_words(struct cli *cli, struct json_out *out, const struct side *before, const struct side *after)
{
    const struct side *const sides[] = { before, after };
    bool fine = true;

    json_begin_array(out, "changes");
    for (size_t i = 0; i < ARRAY_LEN(sides); i++)
        if (!sides[i]->policy && sides[i]->text.len) {
            json_begin_object(out, NULL);
            json_put_string(out, "change", arena_printf(&cli->arena, "%s does not parse: only the lines are compared", sides[i]->name));
            json_end(out);
            json_end(out);
            return true;
        }
    if (before->policy && after->policy && policy_version(before->policy) != policy_version(after->policy)) {
        json_begin_object(out, NULL);
        json_put_string(
            out, "change",
            arena_printf(&cli->arena, "version 1.%u became 1.%u", policy_version(before->policy) - 10, policy_version(after->policy) - 10));
        json_end(out);
    }
    for (enum policy_section s = POLICY_CONFIGURATION; fine && s < POLICY_NO_SECTION; s++)
        fine = put_section(cli, out, before, after, s);
    json_end(out);
    return fine;
}

/* ---- the command ---- */

/* Policies come from anybody: control characters must not reach the terminal. */
static void print_lines(struct cli *cli, struct bytes text)
{
    for (size_t end; text.len; text = bytes_slice(text, end + 1, text.len)) {
        struct bytes line;
        char *plain;
        end = bytes_find(text, BYTES_LIT("\n"));
        if (end == SIZE_MAX)
            end = text.len;
        line = bytes_slice(text, 0, end);
        if (bytes_ends_with(line, BYTES_LIT("\r")))
            line.len--;
        plain = arena_string(&cli->arena, line);
        for (size_t i = 0; plain && i < line.len; i++)
            if (plain[i] == '\t')
                plain[i] = ' ';
        plain = plain ? text_for_people(&cli->arena, (struct bytes){ (const uint8_t *)plain, line.len }) : NULL;
        puts(plain ? plain : "");
    }
}

static void diff_table(struct cli *cli, const struct json *v)
{
    const struct json *changes = json_get(v, "changes");
    bool equal = false;

    if (json_as_boolean(json_get(v, "equal"), &equal) && equal) {
        printf("%s and %s are the same.\n", show_member(cli, v, "before"), show_member(cli, v, "after"));
        return;
    }
    print_lines(cli, json_text(json_get(v, "unified"), BYTES_NONE));
    if (changes->array.n == 0)
        puts("\nThe rules are the same: only white space or comments differ.");
    else
        putchar('\n');
    for (size_t i = 0; i < changes->array.n; i++) {
        const struct json *c = changes->array.items[i];
        const char *section = show_member(cli, c, "section"), *text = show_member(cli, c, "text");
        int64_t rule = 0, line = 0;
        if (text && json_as_integer(json_get(c, "rule"), &rule) && json_as_integer(json_get(c, "line"), &line))
            printf("%s: rule %lld (line %lld) %s: %s\n", section, (long long)rule, (long long)line, show_member(cli, c, "change"), text);
        else if (section)
            printf("%s: the same rules in another order\n", section);
        else
            printf("%s\n", show_member(cli, c, "change"));
    }
}

static void parse_side(struct cli *cli, struct side *side)
{
    struct policy_error error;

    if (!side->text.len || !policy_parse(&cli->arena, side->text, &side->policy, &error))
        side->policy = NULL;
}

static int run_policy_diff(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 }, unified CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct side before = { .name = "" }, after = { .name = "" };
    int code = read_sides(cli, &before, &after);
    const struct json *v;
    bool equal, fine;

    if (code != EXIT_OK)
        return code;
    parse_side(cli, &before);
    parse_side(cli, &after);
    fine = text_diff_unified(&cli->arena, before.text, after.text, before.name, after.name, &unified, &equal);
    json_begin_object(&out, NULL);
    json_put_string(&out, "before", before.name);
    json_put_string(&out, "after", after.name);
    json_put_boolean(&out, "equal", equal);
    json_put_bytes(&out, "unified", writer_bytes(&unified));
    fine = fine && put_words(cli, &out, &before, &after);
    json_end(&out);
    v = fine ? cli_json(cli, &w) : NULL;
    if (!v)
        return cli_fail(EXIT_ERROR, "out of memory");
    code = cli_print(cli, v, diff_table);
    return code == EXIT_OK && !equal ? EXIT_JUDGED_UNHEALTHY : code;
}

static const struct cli_option diff_options[] = {
    { "from", "VERSION", "the older side (default: what is in force, or the version before --to)", VALUE_NUMBER },
    { "to", "VERSION", "the newer side (default: the last one)", VALUE_NUMBER },
    PROVIDER_OPTION,
};
const struct cli_command command_policy_diff = {
    "policy diff",
    "TYPE [FILE]",
    1,
    2,
    "How a text, or a version, differs from the policy: as a patch and rule by rule; exits with 10 if so",
    diff_options,
    ARRAY_LEN(diff_options),
    run_policy_diff
};
