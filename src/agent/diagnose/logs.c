#include <unistd.h>
#include "agent/diagnose/diagnose.h"
#include "agent/evidence/log_check.h"
#include "agent/machine/collect.h"
#include "agent/machine/log_place.h"
#include "eventlog/ima/list.h"
#include "eventlog/replay/replay.h"

/* By the log's state: what to do. */
static const char *const absent_remedies[] = {
    [LOG_STATE_EMPTY] = "give the VM firmware that measures its boot (OVMF with TPM 2.0 support), and restart it",
    [LOG_STATE_TOO_LARGE] = "measure less before the OS (fewer Secure Boot keys, option ROMs); log.firmware has to be the firmware's log",
};

static const char *absent_remedy(enum log_state state)
{
    return state == LOG_STATE_MISSING      ? machine_words.no_log
           : state == LOG_STATE_UNREADABLE ? machine_words.be_privileged
                                           : absent_remedies[state];
}

static const char *list_banks(struct diagnosis *d, const struct eventlog_part *part)
{
    const char *banks = "";

    for (size_t i = 0; i < part->n_banks && banks; i++)
        banks = arena_printf(d->arena, "%s%s%s", banks, i ? ", " : "",
                             part->banks[i].algorithm == DIGEST_NONE ? "unknown" : digest_name(part->banks[i].algorithm));
    return banks ? banks : "";
}

/* The same order as log_check.c's, which the daemon's notes come from; a log that is broken is worse than one that is old. */
static void judge_firmware(struct diagnosis *d, const struct evidence_logs *logs, const struct eventlog *log, const char *path)
{
    const struct eventlog_part *part = &log->parts[0];
    const char *what = arena_printf(d->arena, "%s, %zu bytes, %s, banks %s, %zu event%s", path, logs->firmware.len,
                                    part->format == EVENTLOG_SHA1 ? "TCG 1.2 (SHA-1 only)" : "crypto-agile", list_banks(d, part),
                                    (size_t)part->n_events, part->n_events == 1 ? "" : "s");
    struct checked *c;

    what = what ? what : path;
    if (part->state == EVENTLOG_TRUNCATED) {
        c = diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "%s; %s [LOG_TRUNCATED]", what, part->err.text);
        checked_remedy(d, c, "give the firmware a larger log area, or measure less before the OS (fewer Secure Boot keys, option ROMs)");
    } else if (part->state != EVENTLOG_COMPLETE) {
        c = diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "%s; %s", what, part->err.text);
        checked_remedy(d, c,
                       "this is no firmware's log, or a damaged one: restart the VM; log.firmware has to be binary_bios_measurements");
    } else if (log_has_only_header(log)) {
        c = diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "%s: it holds no event [LOG_EMPTY]", what);
        checked_remedy(d, c, "%s", absent_remedies[LOG_STATE_EMPTY]);
    } else if (part->format == EVENTLOG_SHA1) {
        c = diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_WARN, "%s: SHA-1 digests only [LOG_SHA1]", what);
        checked_remedy(d, c,
                       "update the kernel (Linux 4.16 to 5.2 could deliver no other log) or the firmware: the verifier cannot replay it");
    } else if (logs->firmware_may_be_cut) {
        c = diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_WARN, "%s; it may be cut off", what);
        checked_remedy(d, c, "if LOG.02 fails, too: give the firmware a larger log area, or measure less before the OS");
    } else {
        diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_PASS, "%s", what);
    }
}

static void check_firmware(struct diagnosis *d, const struct evidence_logs *logs, const struct eventlog *log, const char *path)
{
    static const char *const ids[] = { [LOG_STATE_MISSING] = "LOG_MISSING",
                                       [LOG_STATE_EMPTY] = "LOG_EMPTY",
                                       [LOG_STATE_TOO_LARGE] = "LOG_TOO_LARGE",
                                       [LOG_STATE_UNREADABLE] = "LOG_MISSING" };
    struct checked *c;

    if (logs->firmware_state == LOG_STATE_PRESENT && log->n_parts) {
        judge_firmware(d, logs, log, path);
        return;
    }
    c = diagnosis_add(d, CHECK_LOG_FIRMWARE, RESULT_FAIL, "%s [%s]", logs->note[0] ? logs->note : path,
                      logs->firmware_state == LOG_STATE_PRESENT ? "LOG_TOO_LARGE" : ids[logs->firmware_state]);
    if (logs->firmware_state == LOG_STATE_UNREADABLE)
        c->cause = CAUSE_PERMISSIONS;
    checked_remedy(d, c, "%s", absent_remedy(logs->firmware_state == LOG_STATE_PRESENT ? LOG_STATE_TOO_LARGE : logs->firmware_state));
}

/* Registers whose values the log does not give, by number. */
static void check_replay(struct diagnosis *d, const struct eventlog *log, const struct diagnose_findings *seen)
{
    struct findings *findings = ARENA_NEW(d->arena, struct findings);
    const struct replayed_log *replayed;
    const char *bad = "", *good = "";
    struct err err = ERR_INIT;
    struct checked *c;

    if (!seen->has_pcrs || !log->n_events || !findings) {
        diagnosis_add(d, CHECK_LOG_REPLAY, RESULT_SKIP, seen->has_pcrs ? "no log" : "no register values");
        return;
    }
    if (log->parts[0].format == EVENTLOG_SHA1 || log_has_only_header(log)) {
        diagnosis_add(d, CHECK_LOG_REPLAY, RESULT_SKIP, "the log has %s",
                      log_has_only_header(log) ? "no event" : "no digests of the quoted bank");
        return;
    }
    findings->arena = d->arena;
    if (!replay_verify(d->arena, log, &seen->pcrs, NULL, findings, &replayed, &err)) {
        diagnosis_add(d, CHECK_LOG_REPLAY, RESULT_SKIP, "%s", err.text);
        return;
    }
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        enum register_state state = replayed_register(replayed, pcr);

        if (state == REGISTER_MISMATCH || state == REGISTER_UNEXPLAINED)
            bad = arena_printf(d->arena, "%s %u", bad ? bad : "", pcr);
        else if (state == REGISTER_EXPLAINED)
            good = arena_printf(d->arena, "%s %u", good ? good : "", pcr);
    }
    if (!bad || !*bad) {
        diagnosis_add(d, CHECK_LOG_REPLAY, RESULT_PASS, "the log gives registers%s", good ? good : "");
        return;
    }
    c = diagnosis_add(d, CHECK_LOG_REPLAY, RESULT_FAIL, "registers%s have other values than the log gives", bad);
    checked_remedy(d, c, "after kexec that is expected: restart the VM; else something extends registers without writing to the log");
}

static void check_ima(struct diagnosis *d, const struct agent_config *config, const struct evidence_logs *logs)
{
    struct ima_list list;
    struct err err = ERR_INIT;
    size_t violations = 0;
    struct checked *c;

    if (!config->ima) {
        diagnosis_add(d, CHECK_LOG_IMA, RESULT_SKIP, "not sent (ima.enable)");
        return;
    }
    if (!logs->ima.len) {
        c = diagnosis_add(d, CHECK_LOG_IMA, RESULT_WARN, "ima.enable is on, but there is no list");
        checked_remedy(d, c, "run as root; boot with ima_policy=tcb, or switch ima.enable off");
        return;
    }
    if (!ima_parse(d->arena, logs->ima, &list, &err)) {
        c = diagnosis_add(d, CHECK_LOG_IMA, RESULT_FAIL, "%zu bytes: %s", logs->ima.len, err.text);
        checked_remedy(d, c, "this is no list of the kernel's: ima.log has to be its binary_runtime_measurements");
        return;
    }
    for (size_t i = 0; i < list.n; i++)
        violations += list.entries[i].violation;
    c = diagnosis_add(d, CHECK_LOG_IMA, violations ? RESULT_WARN : RESULT_PASS, "%zu bytes, %zu entries, %zu violation%s", logs->ima.len,
                      list.n, violations, violations == 1 ? "" : "s");
    if (violations)
        checked_remedy(d, c, "files were written while they were measured: exclude such files (logs, databases) from the IMA policy");
}

void diagnose_logs(struct diagnosis *d, const struct agent_config *config, struct diagnose_findings *ret)
{
    struct evidence_sources sources = {
        .firmware_log = config->firmware_log, .systemd_log = config->systemd_log, .ima_log = config->ima_log, .with_ima = config->ima
    };
    struct collected collected = { 0 };
    struct host host;
    struct eventlog *log = ARENA_NEW(d->arena, struct eventlog);
    struct evidence_logs logs;
    struct failure why = FAILURE_INIT;
    struct err ignored;

    host_learn(&host, config->run_dir);
    if (collect_find(d->arena, config->run_dir, host.boot_id, &collected)) { /* as the daemon does, root or not */
        sources.firmware_log = sources.firmware_log ? sources.firmware_log : collected.firmware_log;
        sources.ima_log = sources.ima_log ? sources.ima_log : collected.ima_log;
    }
    if (!sources.firmware_log)
        sources.firmware_log = log_place_of_tpm(d->arena, config->tcti);
    if (!log || !evidence_collect_logs(&sources, d->arena, &logs, &why)) {
        diagnose_failed(d, CHECK_LOG_FIRMWARE, RESULT_FAIL, &why);
        return;
    }
    ret->firmware_log = logs.firmware;
    ret->systemd_log = logs.systemd_text;
    /* What cannot be read is said by the parts' states. */
    if (logs.firmware.len && eventlog_parse(d->arena, logs.firmware, log, &ignored) && logs.systemd_events.len)
        (void)!eventlog_append(d->arena, log, logs.systemd_events, &ignored);
    check_firmware(d, &logs, log, sources.firmware_log ? sources.firmware_log : log_place_firmware(d->arena));
    check_replay(d, log, ret);
    check_ima(d, config, &logs);
}
