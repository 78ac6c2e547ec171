/* trueboot eventlog explain, eventlog diff: what a boot's events mean, and what changed between two boots, in words. */
#include "bootchain/chain/plain.h"
#include "cli/eventlog/commands.h"
#include "cli/eventlog/confidential_diff.h"
#include "cli/eventlog/log_tool.h"
#include "cli/frame/table.h"
#include "cli/frame/terminal.h"
#include "cli/show/findings.h"
#include "eventlog/describe/describe.h"

/* ---- explain ---- */

static const struct json *explanation(struct cli *cli, const struct log_tool *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "state", eventlog_state_name(t->log.state));
    json_put_string(&out, "registersAre", t->log.registers == REGISTERS_CONFIDENTIAL ? "measurement registers" : "PCRs");
    json_put_boolean(&out, "registersGiven", t->pcrs != NULL);
    json_put_string(&out, "boot", plain_boot_summary(&cli->arena, &t->chain));
    json_put_string(&out, "secureBoot", secure_boot_name(t->chain.secure_boot));
    json_begin_array(&out, "events");
    for (size_t i = 0; i < t->log.n_events; i++) {
        const struct event *e = &t->log.events[i];
        json_begin_object(&out, NULL);
        json_put_integer(&out, "number", e->number);
        json_put_integer(&out, "pcr", e->pcr);
        json_put_string(&out, "type", event_type_name(e->type));
        json_put_string(&out, "proof", proof_name(t->marks[i].proof));
        json_put_string(&out, "rule", proof_rule_name(t->marks[i].rule));
        json_put_string(&out, "text", event_describe(&cli->arena, &t->log, e, &t->marks[i]));
        json_end(&out);
    }
    json_end(&out);
    findings_put(&cli->arena, &out, "findings", &t->findings, NULL);
    json_end(&out);
    return cli_json(cli, &w);
}

static void explain_table(struct cli *cli, const struct json *v)
{
    const struct json *events = json_get(v, "events");
    const char *unit = json_is_string(json_get(v, "registersAre"), "PCRs") ? "PCR" : "MR";
    bool given = false;

    for (size_t i = 0; i < events->array.n; i++) {
        const struct json *e = events->array.items[i];
        const char *proof = show_member(cli, e, "proof"), *text = show_member(cli, e, "text");
        int64_t number = 0, pcr = 0;
        int column;
        if (json_as_integer(json_get(e, "number"), &number) && json_as_integer(json_get(e, "pcr"), &pcr) && pcr < LIMIT_PCRS)
            column = printf("%4lld  %-3s %-2lld  %-8s  ", (long long)number, unit, (long long)pcr, proof);
        else
            column = printf("%4lld  %-6s  %-8s  ", (long long)number, "-", proof);
        print_folded(column, column, text ? text : "");
    }
    if (strcmp(unit, "MR") == 0)
        for (unsigned i = 1; i <= 4; i++)
            printf("%sMR %u: %s", i == 1 ? "\n" : "; ", i, measurement_register_purpose(i));
    printf("\nBoot: %s; Secure Boot: %s\n", show_member(cli, v, "boot"), show_member(cli, v, "secureBoot"));
    if (!json_as_boolean(json_get(v, "registersGiven"), &given) || !given)
        puts("No register values were given: this is what the log says of itself. Compare with --pcrs, or judge a quote with `trueboot "
             "verify`.");
    findings_section(cli, "Findings", json_get(v, "findings"), FINDINGS_JUDGED);
}

static int run_explain(struct cli *cli)
{
    struct log_tool *t = ARENA_NEW(&cli->arena, struct log_tool);
    const struct json *v;
    int code = t ? log_tool_open(cli, cli->arguments, (size_t)cli->n_arguments, t) : cli_fail(EXIT_ERROR, "out of memory");

    if (code == EXIT_OK)
        code = log_tool_mark(cli, t);
    if (code == EXIT_OK)
        code = log_tool_boot(cli, t);
    if (code != EXIT_OK)
        return code;
    v = explanation(cli, t);
    code = v ? cli_print(cli, v, explain_table) : EXIT_ERROR;
    return code == EXIT_OK ? log_tool_state(t) : code;
}

/* ---- diff ---- */

struct two_boots {
    struct log_tool was, is;
    struct findings differences;
};

static void put_command_line(struct cli *cli, struct json_out *out, const char *was, const char *is)
{
    struct cmdline_diff diff = { "", "", false };

    if (!plain_cmdline_diff(&cli->arena, was ? was : "", is ? is : "", &diff))
        diff = (struct cmdline_diff){ "", "", false };
    json_begin_object(out, "commandLine");
    json_put_string(out, "was", was);
    json_put_string(out, "is", is);
    json_put_string(out, "added", diff.added);
    json_put_string(out, "removed", diff.removed);
    json_put_boolean(out, "reordered", diff.reordered);
    json_end(out);
}

static void put_registers(struct json_out *out, const struct pcr_set *was, const struct pcr_set *is)
{
    json_begin_array(out, "registers");
    for (size_t b = 0; b < was->n_banks; b++) {
        const struct pcr_bank *old = &was->banks[b], *new = pcr_bank_find(is, old->algorithm);
        for (unsigned pcr = 0; new &&pcr < LIMIT_PCRS; pcr++) {
            if (digest_equal(&old->value[pcr], &new->value[pcr]))
                continue;
            json_begin_object(out, NULL);
            json_put_string(out, "bank", digest_name(old->algorithm));
            json_put_integer(out, "pcr", pcr);
            json_put_hex(out, "was", digest_bytes(&old->value[pcr]));
            json_put_hex(out, "is", digest_bytes(&new->value[pcr]));
            json_end(out);
        }
    }
    json_end(out);
}

static const struct json *difference(struct cli *cli, const struct two_boots *b)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *was = b->was.chain.command_line, *is = b->is.chain.command_line;

    json_begin_object(&out, NULL);
    json_put_boolean(&out, "same", b->differences.n == 0);
    findings_put(&cli->arena, &out, "differences", &b->differences, NULL);
    if (was || is)
        put_command_line(cli, &out, was, is);
    else
        json_put_null(&out, "commandLine");
    put_registers(&out, &b->was.computed, &b->is.computed);
    json_end(&out);
    return cli_json(cli, &w);
}

static void print_registers(struct cli *cli, const struct json *registers, const char *kind, const char *(*purpose)(unsigned))
{
    if (registers->array.n)
        puts("\nRegisters that differ");
    for (size_t i = 0; i < registers->array.n; i++) {
        int64_t number = 0;
        if (json_as_integer(json_get(registers->array.items[i], "pcr"), &number))
            printf("  %-8s %s %-2lld  %s\n", show_member(cli, registers->array.items[i], "bank"), kind, (long long)number,
                   purpose((unsigned)number));
    }
}

static void diff_table(struct cli *cli, const struct json *v)
{
    const struct json *line = json_get(v, "commandLine"), *registers = json_get(v, "registers");
    const char *added = show_member(cli, line, "added"), *removed = show_member(cli, line, "removed");
    bool same = false;

    if (json_as_boolean(json_get(v, "same"), &same) && same) {
        puts("The same boot: nothing that was measured differs in meaning.");
    } else {
        findings_section(cli, "What changed", json_get(v, "differences"), FINDINGS_LISTED);
    }
    if ((added && *added) || (removed && *removed)) {
        puts("\nKernel command line");
        if (removed && *removed)
            printf("  - %s\n", removed);
        if (added && *added)
            printf("  + %s\n", added);
    }
    print_registers(cli, registers, "PCR", pcr_purpose);
}

/* ---- diff of a confidential VM's logs ---- */

static void put_measured(struct cli *cli, struct json_out *out, const char *name, const struct eventlog *log, const struct event *event)
{
    if (!event) {
        json_put_null(out, name);
        return;
    }
    json_begin_object(out, name);
    json_put_integer(out, "event", event->number);
    json_put_string(out, "type", event_type_name(event->type));
    json_put_string(out, "text", event_describe(&cli->arena, log, event, NULL));
    json_end(out);
}

static const struct json *confidential_difference(struct cli *cli, const struct two_boots *b, const struct measured_difference *found,
                                                  size_t n)
{
    static const char *const changes[] = { [MEASURED_NEW] = "new", [MEASURED_MISSING] = "missing", [MEASURED_CHANGED] = "changed" };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_boolean(&out, "same", n == 0);
    json_put_string(&out, "registersAre", "measurement registers");
    json_begin_array(&out, "differences");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "change", changes[found[i].change]);
        json_put_integer(&out, "register", found[i].is ? found[i].is->pcr : found[i].was->pcr);
        put_measured(cli, &out, "was", &b->was.log, found[i].was);
        put_measured(cli, &out, "is", &b->is.log, found[i].is);
        json_end(&out);
    }
    json_end(&out);
    put_registers(&out, &b->was.computed, &b->is.computed);
    json_end(&out);
    return cli_json(cli, &w);
}

static void confidential_diff_table(struct cli *cli, const struct json *v)
{
    const struct json *differences = json_get(v, "differences"), *registers = json_get(v, "registers");

    if (!differences->array.n)
        puts(registers->array.n ? "The same was measured, in another order." : "The same boot: nothing that was measured differs.");
    for (size_t i = 0; i < differences->array.n; i++) {
        const struct json *d = differences->array.items[i];
        const char *was = show_member(cli, json_get(d, "was"), "text"), *is = show_member(cli, json_get(d, "is"), "text");
        struct cmdline_diff words;
        int64_t number = 0;
        if (json_as_integer(json_get(d, "register"), &number))
            printf("MR %lld, %s\n", (long long)number, show_member(cli, d, "change"));
        if (was)
            printf("  was  %s\n", was);
        if (is)
            printf("  is   %s\n", is);
        if (was && is && strchr(is, '=') && plain_cmdline_diff(&cli->arena, was, is, &words) && (words.added[0] || words.removed[0]))
            printf("  words removed: %s; added: %s\n", words.removed[0] ? words.removed : "none", words.added[0] ? words.added : "none");
    }
    print_registers(cli, registers, "MR", measurement_register_purpose);
}

static int diff_confidential(struct cli *cli, const struct two_boots *b)
{
    const struct measured_difference *found;
    struct err err = ERR_INIT;
    const struct json *v;
    size_t n;
    int code;

    if (!confidential_differences(&cli->arena, &b->was.log, &b->is.log, &n, &found, &err))
        return cli_fail_input(&err);
    v = confidential_difference(cli, b, found, n);
    code = v ? cli_print(cli, v, confidential_diff_table) : EXIT_ERROR;
    return code == EXIT_OK && (n || json_get(v, "registers")->array.n) ? EXIT_JUDGED_UNHEALTHY : code;
}

static bool is_confidential(const struct log_tool *t) { return t->log.registers == REGISTERS_CONFIDENTIAL; }

static int open_boot(struct cli *cli, const char *path, struct log_tool *t)
{
    int code = log_tool_open(cli, &path, 1, t);

    if (code == EXIT_OK)
        code = log_tool_state(t); /* what a broken log leaves out would look like a change */
    return code == EXIT_OK && !is_confidential(t) ? log_tool_boot(cli, t) : code;
}

static int run_diff(struct cli *cli)
{
    struct two_boots *b = ARENA_NEW(&cli->arena, struct two_boots);
    struct err err = ERR_INIT;
    const struct json *v;
    int code = b ? open_boot(cli, cli->arguments[0], &b->was) : cli_fail(EXIT_ERROR, "out of memory");

    if (code == EXIT_OK)
        code = open_boot(cli, cli->arguments[1], &b->is);
    if (code != EXIT_OK)
        return code;
    if (is_confidential(&b->was) != is_confidential(&b->is))
        return cli_fail(EXIT_ERROR, "one is the log of a TPM's registers, the other of a confidential VM's own: they cannot be compared");
    if (is_confidential(&b->was))
        return diff_confidential(cli, b);
    b->differences.arena = &cli->arena;
    if (!bootchain_compare(&cli->arena, &b->was.record, &b->is.record, &b->is.chain, NULL, &b->differences, &err))
        return cli_fail_input(&err);
    v = difference(cli, b);
    code = v ? cli_print(cli, v, diff_table) : EXIT_ERROR;
    return code == EXIT_OK && b->differences.n ? EXIT_JUDGED_UNHEALTHY : code;
}

static const struct cli_option options[] = { { "pcrs", "FILE", "register values: which events they explain" } };
const struct cli_command command_eventlog_explain = {
    "eventlog explain", "FILE…",    1, LIMIT_LOGS, "What each event of a log means, and what proves it", options,
    ARRAY_LEN(options), run_explain
};
const struct cli_command command_eventlog_diff = {
    "eventlog diff", "A B", 2, 2, "What changed between two boots; exit code 10 if anything did", NULL, 0, run_diff
};
