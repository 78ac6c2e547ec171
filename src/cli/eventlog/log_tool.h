/* cli/eventlog/log_tool.h: an event log as the log tools use it: read from files, marked, and read as a boot.
 *
 * Without --pcrs there is nothing but the log's own word: marks then say what its digests prove about its data, and the boot is what the
 * log claims. With --pcrs the registers decide which events count; those values were not signed either: `trueboot verify` takes quotes. */
#pragma once
#include "bootchain/compare/compare.h"
#include "cli/frame/cli.h"
#include "eventlog/replay/replay.h"

/* Everything lives in the command's arena. */
struct log_tool {
    struct eventlog log;
    struct pcr_set computed;
    const struct pcr_set *pcrs; /* --pcrs, or NULL */
    const struct event_mark *marks;
    const struct replayed_log *replayed;    /* against --pcrs, else against what the log itself gives; NULL before log_tool_boot */
    const struct boot_reference *reference; /* what revocations are judged by; the caller sets it, or leaves NULL: none */
    struct findings findings;               /* of replaying and of reading the boot; with --pcrs also that registers differ */
    struct bootchain chain;
    struct boot_record record;
};

/* log_tool_open joins the files, `paths[i]` "-" for standard input. A file that is no event log at all is an error. A log that ends early or
 * is broken somewhere has events up to there: log_tool_state says so. EXIT_OK, or the code of the sentence printed. */
int log_tool_open(struct cli *cli, const char *const *paths, size_t n, struct log_tool *ret);
/* Reads --pcrs. */
int log_tool_registers(struct cli *cli, struct log_tool *t);
/* Reads --pcrs, and marks each event. */
int log_tool_mark(struct cli *cli, struct log_tool *t);
/* Reads the boot: findings, chain, record. */
int log_tool_boot(struct cli *cli, struct log_tool *t);
/* EXIT_OK for a log read to its end; else prints where and why it stops, and gives EXIT_ERROR: what was shown is not the whole. */
int log_tool_state(const struct log_tool *t);

/* The whole log as tpm2_eventlog writes one (eventlog_yaml.c). */
void eventlog_yaml(struct writer *w, struct arena *a, const struct eventlog *log, const struct pcr_set *computed);
