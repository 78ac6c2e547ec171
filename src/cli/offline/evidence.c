#include "appraise/claimed.h"
#include "cli/files/pcrs_file.h"
#include "cli/files/quoted_values.h"
#include "cli/offline/offline.h"
#include "cli/offline/run.h"
#include "eventlog/replay/replay.h"
#include "eventlog/software/systemd_log.h"
#include "tpm/tools_format.h"

/* ---- logs ---- */

static bool add_log(struct offline_run *r, enum evidence_log_kind kind, struct bytes content)
{
    struct evidence *e = &r->out->evidence;

    if (e->n_logs == LIMIT_LOGS)
        return err_set(&r->err, ERR_LIMIT, "more than %d logs", LIMIT_LOGS);
    e->logs[e->n_logs++] = (struct evidence_log){ kind, content };
    return true;
}

/* systemd's records join as a further TCG log, as the agent sends them (guest-agent.md 3.7). */
static bool add_systemd_log(struct offline_run *r, struct bytes text)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct systemd_log log;
    struct bytes events;

    if (!text.len) /* systemd is there and has measured nothing */
        return true;
    if (!systemd_log_parse(&r->cli->arena, text, &log, &r->err) || !systemd_log_as_events(&log, &w, &r->err))
        return err_within(&r->err, "systemd's log");
    if (!arena_copy(&r->cli->arena, writer_bytes(&w), &events))
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for systemd's log");
    r->out->evidence.systemd_log = BYTES_NONE; /* it is among the logs now */
    return add_log(r, EVIDENCE_LOG_TCG, events);
}

static bool read_ima(struct offline_run *r)
{
    struct ima_list *list = NULL;
    struct evidence *e = &r->out->evidence;

    for (size_t i = 0; i < e->n_logs; i++) {
        if (e->logs[i].kind != EVIDENCE_LOG_IMA)
            continue;
        if (list)
            return err_set(&r->err, ERR_UNSUPPORTED, "more than one IMA list");
        list = ARENA_NEW(&r->cli->arena, struct ima_list);
        if (!list || !ima_parse(&r->cli->arena, e->logs[i].content, list, &r->err))
            return list ? err_within(&r->err, "IMA list") : err_set(&r->err, ERR_NO_MEMORY, "no memory for an IMA list");
        if (!list->n && list->truncated) { /* not even one entry: never was a list */
            r->err = list->err;
            return err_within(&r->err, "IMA list");
        }
    }
    r->out->ima = list;
    return true;
}

/* What is broken in a log is a finding; what never was a log is the wrong file. */
static bool read_log(struct offline_run *r, const char *path)
{
    struct bytes content;
    const char *foreign;

    if (!offline_read_path(r, path, LIMIT_LOG_BYTES, &content))
        return false;
    foreign = eventlog_foreign(content);
    if (foreign)
        return err_set(&r->err, ERR_MALFORMED, "%s is no event log but %s", path, foreign);
    return add_log(r, EVIDENCE_LOG_TCG, content);
}

bool offline_read_logs(struct offline_run *r)
{
    struct bytes content;

    for (size_t i = 0; cli_option_at(r->cli, "log", i); i++)
        if (!read_log(r, cli_option_at(r->cli, "log", i)))
            return false;
    if (cli_was_given(r->cli, "systemd-log")) {
        if (!offline_read_option(r, "systemd-log", LIMIT_LOG_BYTES, &content) || !add_systemd_log(r, content))
            return false;
    } else if (r->out->evidence.systemd_log.len && !add_systemd_log(r, r->out->evidence.systemd_log)) {
        return false;
    }
    if (cli_was_given(r->cli, "ima") &&
        (!offline_read_option(r, "ima", LIMIT_IMA_BYTES, &content) || !add_log(r, EVIDENCE_LOG_IMA, content)))
        return false;
    return read_ima(r);
}

/* ---- quote and values ---- */

/* What the joined logs give, as claimed: for a quote without values beside it. */
static bool replay_logs(struct offline_run *r, struct pcr_set *ret)
{
    struct findings unreadable = { .arena = &r->cli->arena }; /* appraise() will say so */
    struct eventlog log;
    bool any;

    if (!evidence_join_logs(&r->cli->arena, &r->out->evidence, &unreadable, &log, &any, &r->err))
        return false;
    if (any)
        replay_compute(&log, ret);
    return true;
}

bool offline_read_quote(struct offline_run *r)
{
    struct evidence *e = &r->out->evidence;
    struct pcr_set *replayed = ARENA_NEW(&r->cli->arena, struct pcr_set);
    struct value_sources sources = { .replayed = replayed, .ima = r->out->ima };
    struct bytes content;

    if (!replayed)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for register values");
    if (cli_was_given(r->cli, "quote") && !offline_read_option(r, "quote", LIMIT_SMALL_BODY_BYTES, &e->quote))
        return false;
    if (cli_was_given(r->cli, "signature") && !offline_read_option(r, "signature", LIMIT_SMALL_BODY_BYTES, &e->signature))
        return false;
    r->request.form = SIGNATURE_FORM_TPMT;
    if (!r->out->has_file) {
        if (!tools_binary(&r->cli->arena, e->quote, "quoted", &e->quote, &r->err) ||
            !tools_binary(&r->cli->arena, e->signature, "sig", &e->signature, &r->err))
            return false;
        e->quote = tools_attest(e->quote);
        if (!tools_signature(&r->cli->arena, e->signature, r->ak, r->request.ak_public, e->quote, &e->signature, &r->request.form, &r->err))
            return false;
    }
    if (!e->digest.algorithm)
        digest_compute(DIGEST_SHA256, e->quote, &e->digest);
    if (cli_was_given(r->cli, "pcrs")) {
        r->given = ARENA_NEW(&r->cli->arena, struct pcr_set);
        if (!r->given)
            return err_set(&r->err, ERR_NO_MEMORY, "no memory for register values");
        if (!offline_read_option(r, "pcrs", PCRS_FILE_MAX, &content))
            return false;
        if (!pcrs_parse_quoted(&r->cli->arena, content, e->quote, r->given, &r->err))
            return err_within(&r->err, "%s", cli_option(r->cli, "pcrs"));
        sources.given = r->given;
    } else if (r->out->has_file) {
        return true; /* the values came with it, and must fit exactly */
    }
    return replay_logs(r, replayed) && quoted_values(&r->cli->arena, e->quote, e->signature, r->request.form, &sources, &e->pcrs, &r->err);
}
