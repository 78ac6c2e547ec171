/* tests/unit/eventlog/replay/replay_trial.h: a log parsed, and replayed against the registers of a quote. */
#pragma once
#include "eventlog/replay/replay.h"

/* One replay of a log against register values. */
struct trial {
    struct arena a;
    struct findings findings;
    struct eventlog log;
    const struct replayed_log *replayed;
};

static bool run(struct trial *t, struct bytes log, const struct pcr_set *quoted)
{
    struct err err = ERR_INIT;

    memset(t, 0, sizeof *t);
    t->findings.arena = &t->a;
    return eventlog_parse(&t->a, log, &t->log, &err) && replay_verify(&t->a, &t->log, quoted, NULL, &t->findings, &t->replayed, &err);
}

static void done(struct trial *t) { arena_done(&t->a); }
