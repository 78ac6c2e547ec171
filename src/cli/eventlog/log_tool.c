#include "cli/eventlog/log_tool.h"
#include "cli/files/pcrs_file.h"

static int read_part(struct cli *cli, const char *path, bool first, struct eventlog *log)
{
    struct err err = ERR_INIT;
    struct bytes content;

    if (!cli_read(cli, path, LIMIT_LOG_BYTES, &content, &err))
        return cli_fail_input(&err);
    if (eventlog_foreign(content))
        return cli_fail(EXIT_ERROR, "%s is no event log but %s", path, eventlog_foreign(content));
    if (first ? eventlog_parse(&cli->arena, content, log, &err) : eventlog_append(&cli->arena, log, content, &err))
        return EXIT_OK;
    err_within(&err, "%s", path);
    return cli_fail_input(&err);
}

static const char *why_no_events(const struct eventlog *log)
{
    const struct eventlog_part *part = log->n_parts ? &log->parts[0] : NULL;

    if (part && part->err.code)
        return part->err.text;
    return part && part->trailing != TRAILING_NONE ? "it holds nothing but fill" : "it is empty";
}

int log_tool_open(struct cli *cli, const char *const *paths, size_t n, struct log_tool *ret)
{
    ret->findings.arena = &cli->arena;
    for (size_t i = 0; i < n; i++) {
        int code = read_part(cli, paths[i], i == 0, &ret->log);
        if (code != EXIT_OK)
            return code;
    }
    if (!ret->log.n_events)
        return cli_fail(EXIT_ERROR, "%s: no event log: %s", paths[0], why_no_events(&ret->log));
    if (eventlog_looks_confidential(&ret->log))
        ret->log.registers = REGISTERS_CONFIDENTIAL;
    replay_compute(&ret->log, &ret->computed);
    return EXIT_OK;
}

int log_tool_state(const struct log_tool *t)
{
    for (size_t i = 0; i < t->log.n_parts; i++) {
        const struct eventlog_part *part = &t->log.parts[i];
        if (part->state == EVENTLOG_TRUNCATED || part->state == EVENTLOG_MALFORMED)
            return cli_fail(EXIT_ERROR, "the log is %s, only the events before that are known: %s", eventlog_state_name(part->state),
                            part->err.text);
    }
    return EXIT_OK;
}

int log_tool_registers(struct cli *cli, struct log_tool *t)
{
    const char *path = cli_option(cli, "pcrs");
    struct pcr_set *set = ARENA_NEW(&cli->arena, struct pcr_set);
    struct bytes content;
    struct err err = ERR_INIT;

    if (!path)
        return EXIT_OK;
    if (!set)
        return cli_fail(EXIT_ERROR, "out of memory");
    if (!cli_read(cli, path, PCRS_FILE_MAX, &content, &err))
        return cli_fail_input(&err);
    if (!pcrs_parse(&cli->arena, content, set, &err)) {
        err_within(&err, "%s", path);
        return cli_fail_input(&err);
    }
    t->pcrs = set;
    return EXIT_OK;
}

/* The register values that stand in for quoted ones. A log without any event gives none: nothing is to be judged then. */
static const struct pcr_set *values(const struct log_tool *t)
{
    const struct pcr_set *set = t->pcrs ? t->pcrs : &t->computed;

    for (size_t i = 0; i < set->n_banks; i++)
        if (set->banks[i].present)
            return set;
    return NULL;
}

/* Once, for marks and for the boot. */
static int replay(struct cli *cli, struct log_tool *t)
{
    struct err err = ERR_INIT;

    if (t->replayed || replay_verify(&cli->arena, &t->log, values(t), NULL, &t->findings, &t->replayed, &err))
        return EXIT_OK;
    return cli_fail_input(&err);
}

/* With --pcrs: what the registers prove. */
static int mark_by_registers(struct cli *cli, struct log_tool *t)
{
    struct event_mark *marks = ARENA_ARRAY(&cli->arena, t->log.n_events, struct event_mark);
    int code = marks ? replay(cli, t) : cli_fail(EXIT_ERROR, "out of memory");

    if (code != EXIT_OK)
        return code;
    for (size_t i = 0; i < t->log.n_events; i++)
        marks[i] = *replayed_mark(t->replayed, i);
    t->marks = marks;
    return EXIT_OK;
}

int log_tool_mark(struct cli *cli, struct log_tool *t)
{
    struct event_mark *marks;
    struct err err = ERR_INIT;
    int code = log_tool_registers(cli, t);

    if (code != EXIT_OK)
        return code;
    if (t->pcrs)
        return mark_by_registers(cli, t);
    if (!replay_marks(&cli->arena, &t->log, &marks, &err))
        return cli_fail_input(&err);
    t->marks = marks;
    return EXIT_OK;
}

int log_tool_boot(struct cli *cli, struct log_tool *t)
{
    const struct pcr_set *registers = values(t);
    struct err err = ERR_INIT;
    int code;

    if (!registers)
        return EXIT_OK;
    code = replay(cli, t);
    if (code != EXIT_OK || t->log.registers == REGISTERS_CONFIDENTIAL) /* shown and replayed; what it means is judged by nobody */
        return code;
    if (!bootchain_read(&cli->arena, t->replayed, t->reference, &t->findings, &t->chain, &err))
        return cli_fail_input(&err);
    t->record = (struct boot_record){ .has_log = true, .components = t->chain.components, .registers = *registers };
    return EXIT_OK;
}
