#include "appraise/claimed.h"
#include "base/deadline.h"
#include "eventlog/replay/replay.h"
#include "eventlog/software/systemd_log.h"

struct joining {
    struct arena *a;
    struct findings *findings;
    struct eventlog *log;
    bool any;
};

/* One more log; what cannot be read is a finding, and the events up to that place count. */
static bool append_log(struct joining *j, struct bytes content, struct err *err)
{
    bool fits = j->any ? eventlog_append(j->a, j->log, content, err) : eventlog_parse(j->a, content, j->log, err);

    if (!fits && err_ends_work(err))
        return false;
    if (!fits)
        findings_add(j->findings, FINDING_LOG_MALFORMED, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", err->text);
    else
        j->any = true;
    return true;
}

/* systemd's own log becomes one more TCG log, as the agent would have sent it (guest-agent.md 3.7). */
static bool append_systemd_log(struct joining *j, struct bytes text, struct err *err)
{
    struct writer events CLEANUP(writer_done) = { .limit = LIMIT_LOG_BYTES };
    struct systemd_log records;
    struct bytes content;

    if (text.len == 0)
        return true;
    if (!systemd_log_parse(j->a, text, &records, err) || !systemd_log_as_events(&records, &events, err)) {
        if (err_ends_work(err))
            return false;
        findings_add(j->findings, FINDING_SYSTEMD_LOG_MALFORMED, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", err->text);
        return true;
    }
    if (!writer_ok(&events) || !arena_copy(j->a, writer_bytes(&events), &content))
        return err_set(err, ERR_NO_MEMORY, "no memory for systemd's log");
    return append_log(j, content, err);
}

bool evidence_join_logs(struct arena *a, const struct evidence *evidence, struct findings *findings, struct eventlog *ret, bool *ret_any,
                        struct err *err)
{
    struct joining j = { .a = a, .findings = findings, .log = ret };

    for (size_t i = 0; i < evidence->n_logs; i++)
        if (evidence->logs[i].kind == EVIDENCE_LOG_TCG && evidence->logs[i].content.len && !append_log(&j, evidence->logs[i].content, err))
            return false;
    if (!append_systemd_log(&j, evidence->systemd_log, err) || (!j.any && !eventlog_parse(a, BYTES_NONE, ret, err)))
        return false;
    if (eventlog_looks_confidential(ret)) /* a guess, and the worse of the two */
        ret->registers = REGISTERS_CONFIDENTIAL;
    *ret_any = j.any;
    return true;
}

bool claimed_boot_read(struct arena *a, const struct evidence *evidence, const struct boot_reference *reference, struct claimed_boot *ret,
                       struct err *err)
{
    struct findings unreadable = { .arena = a }; /* a log that breaks off is for who sees the whole of it: behind a quote that holds */
    struct eventlog *log = ARENA_NEW(a, struct eventlog);
    struct bootchain *chain = ARENA_NEW(a, struct bootchain);
    const struct replayed_log *replayed;
    bool any;

    *ret = (struct claimed_boot){ .findings = { .arena = a } };
    if (!log || !chain)
        return err_set(err, ERR_NO_MEMORY, "no memory for the event log");
    if (!evidence_join_logs(a, evidence, &unreadable, log, &any, err))
        return false;
    if (!any)
        return true;
    replay_compute(log, &ret->record.registers);
    if (!replay_verify(a, log, &ret->record.registers, NULL, &ret->findings, &replayed, err))
        return !err_ends_work(err); /* no event at all */
    if (!bootchain_read(a, replayed, reference, &ret->findings, chain, err))
        return false;
    ret->record.has_log = ret->has_log = true;
    ret->record.components = chain->components;
    ret->chain = chain;
    return true;
}
