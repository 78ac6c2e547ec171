/* trueboot eventlog show, eventlog replay: a log as it is, and the register values that it gives. */
#include "base/hex.h"
#include "cli/eventlog/commands.h"
#include "cli/eventlog/log_tool.h"
#include "cli/files/pcrs_file.h"
#include "cli/frame/table.h"
#include "eventlog/describe/describe.h"

/* ---- show ---- */

static void put_digests(struct json_out *out, const struct eventlog *log, const struct event *e)
{
    struct bytes value;
    uint16_t tpm_id;
    char unknown[8];

    json_begin_object(out, "digests");
    for (size_t i = 0; event_digest_at(log, e, i, &tpm_id, &value); i++) {
        enum digest_algorithm algorithm = digest_from_tpm_id(tpm_id);
        snprintf(unknown, sizeof unknown, "0x%04x", tpm_id);
        json_put_hex(out, algorithm == DIGEST_NONE ? unknown : digest_name(algorithm), value);
    }
    json_end(out);
}

static void put_event(struct cli *cli, struct json_out *out, const struct log_tool *t, size_t i)
{
    const struct event *e = &t->log.events[i];

    json_begin_object(out, NULL);
    json_put_integer(out, "number", e->number);
    json_put_integer(out, "pcr", e->pcr);
    json_put_string(out, "type", event_type_name(e->type));
    json_put_integer(out, "typeNumber", e->type);
    put_digests(out, &t->log, e);
    json_put_string(out, "proof", proof_name(t->marks[i].proof));
    json_put_string(out, "rule", proof_rule_name(t->marks[i].rule));
    json_put_string(out, "title", event_title(&cli->arena, &t->log, e));
    json_put_string(out, "text", event_describe(&cli->arena, &t->log, e, &t->marks[i]));
    json_put_integer(out, "part", e->part);
    json_put_integer(out, "offset", e->offset);
    json_put_hex(out, "data", e->data);
    json_end(out);
}

static void put_parts(struct json_out *out, const struct eventlog *log)
{
    json_begin_array(out, "parts");
    for (size_t i = 0; i < log->n_parts; i++) {
        const struct eventlog_part *part = &log->parts[i];
        json_begin_object(out, NULL);
        json_put_string(out, "format", part->format == EVENTLOG_SHA1 ? "sha1" : "cryptoAgile");
        json_put_string(out, "state", eventlog_state_name(part->state));
        json_put_string(out, "problem", part->err.code ? part->err.text : NULL);
        json_put_integer(out, "events", part->n_events);
        json_put_integer(out, "bytes", (int64_t)part->input.len);
        json_put_integer(out, "trailingBytes", (int64_t)part->trailing_bytes.len);
        json_end(out);
    }
    json_end(out);
}

static const struct json *log_value(struct cli *cli, const struct log_tool *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "state", eventlog_state_name(t->log.state));
    json_put_string(&out, "registersAre", t->log.registers == REGISTERS_CONFIDENTIAL ? "measurement registers" : "PCRs");
    put_parts(&out, &t->log);
    json_begin_array(&out, "events");
    for (size_t i = 0; i < t->log.n_events; i++)
        put_event(cli, &out, t, i);
    json_end(&out);
    json_begin_object(&out, "registers");
    pcrs_write(&out, &t->computed);
    json_end(&out);
    json_end(&out);
    return cli_json(cli, &w);
}

static const char *number_at(struct cli *cli, const struct json *v, const char *name)
{
    int64_t n = 0;

    if (!json_as_integer(json_get(v, name), &n))
        return NULL;
    return n > INT32_MAX ? "-" : arena_printf(&cli->arena, "%lld", (long long)n); /* a register that is none: Windows' last records */
}

static void show_table(struct cli *cli, const struct json *v)
{
    const bool pcrs = json_is_string(json_get(v, "registersAre"), "PCRs");
    const char *const headings[] = { "EVENT", pcrs ? "PCR" : "MR", "TYPE", "PROOF", "WHAT" };
    const struct json *events = json_get(v, "events");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; i < events->array.n; i++) {
        const struct json *e = events->array.items[i];
        table_row(t, (const char *const[]){ number_at(cli, e, "number"), number_at(cli, e, "pcr"), show_member(cli, e, "type"),
                                            show_member(cli, e, "proof"), show_member(cli, e, "title") });
    }
    table_print(t);
}

/* YAML straight from the log: no value is built, nothing is described. */
static int show_yaml(struct cli *cli, const struct log_tool *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    eventlog_yaml(&w, &cli->arena, &t->log, &t->computed);
    if (!writer_ok(&w))
        return cli_fail(EXIT_ERROR, "out of memory");
    return fwrite(w.data, 1, w.len, stdout) == w.len ? EXIT_OK : cli_fail(EXIT_ERROR, "cannot write the result");
}

static int run_show(struct cli *cli)
{
    struct log_tool *t = ARENA_NEW(&cli->arena, struct log_tool);
    const struct json *v;
    int code;

    digest_start_lean();
    code = t ? log_tool_open(cli, cli->arguments, (size_t)cli->n_arguments, t) : cli_fail(EXIT_ERROR, "out of memory");
    if (code != EXIT_OK)
        return code;
    if (cli->output == OUTPUT_YAML && !cli->query) {
        code = show_yaml(cli, t);
        return code == EXIT_OK ? log_tool_state(t) : code;
    }
    code = log_tool_mark(cli, t);
    if (code != EXIT_OK)
        return code;
    v = log_value(cli, t);
    code = v ? cli_print(cli, v, show_table) : EXIT_ERROR;
    return code == EXIT_OK ? log_tool_state(t) : code;
}

/* ---- replay ---- */

/* Who owns a register: 10 is IMA's, 16 and 23 belong to programs, 17 to 22 to a dynamic launch: no boot log explains them. */
static bool log_explains(unsigned pcr) { return pcr < 16 && pcr != 10; }

/* A register without events must have its reset value. */
static bool register_differs(const struct pcr_bank *computed, const struct pcr_bank *read, unsigned pcr)
{
    if (!(read->present >> pcr & 1))
        return false;
    if (!(computed->present >> pcr & 1) && !log_explains(pcr))
        return false;
    return !digest_equal(&computed->value[pcr], &read->value[pcr]);
}

static size_t put_mismatches(struct json_out *out, const struct log_tool *t)
{
    size_t n = 0;

    json_begin_array(out, "mismatch");
    for (size_t b = 0; b < t->computed.n_banks; b++) {
        const struct pcr_bank *computed = &t->computed.banks[b], *read = pcr_bank_find(t->pcrs, computed->algorithm);
        for (unsigned pcr = 0; read && pcr < LIMIT_PCRS; pcr++) {
            if (!register_differs(computed, read, pcr))
                continue;
            json_begin_object(out, NULL);
            json_put_string(out, "bank", digest_name(computed->algorithm));
            json_put_integer(out, "pcr", pcr);
            json_put_hex(out, "replayed", digest_bytes(&computed->value[pcr]));
            json_put_hex(out, "pcrs", digest_bytes(&read->value[pcr]));
            json_end(out);
            n++;
        }
    }
    json_end(out);
    return n;
}

static bool banks_meet(const struct log_tool *t)
{
    for (size_t b = 0; b < t->computed.n_banks; b++)
        if (pcr_bank_find(t->pcrs, t->computed.banks[b].algorithm))
            return true;
    return false;
}

static void registers_table(struct cli *cli, const struct json *v, const char *unit, const char *(*purpose)(unsigned))
{
    const char *const headings[] = { "BANK", unit, "VALUE", "FOR" };
    const struct json *mismatch = json_get(v, "mismatch");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t b = 0; b < v->object.n; b++) {
        const struct json_member *bank = &v->object.members[b];
        for (size_t i = 0; bank->value->type == JSON_OBJECT && i < bank->value->object.n; i++) {
            const struct json_member *m = &bank->value->object.members[i];
            unsigned pcr = 0;
            for (size_t k = 0; k < m->name.len; k++)
                pcr = pcr * 10 + (m->name.data[k] - '0');
            table_row(t, (const char *const[]){ arena_string(&cli->arena, bank->name), arena_string(&cli->arena, m->name),
                                                arena_string(&cli->arena, m->value->string), purpose(pcr) });
        }
    }
    table_print(t);
    for (size_t i = 0; mismatch && i < mismatch->array.n; i++) {
        const struct json *m = mismatch->array.items[i];
        printf("%s %s %s differs: the log gives %s, the register has %s\n", show_member(cli, m, "bank"), unit, number_at(cli, m, "pcr"),
               show_member(cli, m, "replayed"), show_member(cli, m, "pcrs"));
    }
}

static void replay_table(struct cli *cli, const struct json *v) { registers_table(cli, v, "PCR", pcr_purpose); }
static void measurement_table(struct cli *cli, const struct json *v) { registers_table(cli, v, "MR", measurement_register_purpose); }

static int print_registers(struct cli *cli, const struct log_tool *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    size_t mismatches = 0;
    const struct json *v;
    int code;

    json_begin_object(&out, NULL);
    pcrs_write(&out, &t->computed);
    if (t->pcrs)
        mismatches = put_mismatches(&out, t);
    json_end(&out);
    v = cli_json(cli, &w);
    code = v ? cli_print(cli, v, t->log.registers == REGISTERS_CONFIDENTIAL ? measurement_table : replay_table) : EXIT_ERROR;
    return code == EXIT_OK && mismatches ? EXIT_JUDGED_UNHEALTHY : code;
}

static int run_replay(struct cli *cli)
{
    struct log_tool *t = ARENA_NEW(&cli->arena, struct log_tool);
    int code;

    digest_start_lean();
    code = t ? log_tool_open(cli, cli->arguments, (size_t)cli->n_arguments, t) : cli_fail(EXIT_ERROR, "out of memory");
    /* Values of half a log are no values. */
    if (code == EXIT_OK)
        code = log_tool_state(t);
    if (code == EXIT_OK)
        code = log_tool_registers(cli, t);
    if (code != EXIT_OK)
        return code;
    if (t->pcrs && !banks_meet(t))
        return cli_fail(EXIT_ERROR, "log and --pcrs have no bank in common");
    return print_registers(cli, t);
}

static const struct cli_option options[] = { { "pcrs", "FILE", "register values to compare with: JSON, tpm2-tools' YAML or serialized" } };
const struct cli_command command_eventlog_show = {
    "eventlog show", "FILE…", 1, LIMIT_LOGS, "The events of a log; YAML as tpm2_eventlog writes it", options, ARRAY_LEN(options), run_show
};
const struct cli_command command_eventlog_replay = {
    "eventlog replay", "FILE…", 1, LIMIT_LOGS, "The register values that a log gives", options, ARRAY_LEN(options), run_replay
};
