/* findings/finding.h: what a check has to say against (or about) a boot.
 *
 * One list holds every finding: stable id, default severity, boot phase, a title, why it matters, what to do.
 * Ids are an API: they stand in tokens, records, logs, docs and tests; never rename one. Findings are collected, all
 * of them; the worst decides. Severity and verdict: architecture.md 8. Published reason codes map from ids in one
 * table of the monitor. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };

/* control-plane.md 4.4: the four phases that a person can act on; EVIDENCE is about the proof itself. */
enum phase { PHASE_EVIDENCE, PHASE_FIRMWARE, PHASE_SECURE_BOOT_POLICY, PHASE_LOADER, PHASE_OS };

struct finding_kind {
    const char *id;
    enum severity severity; /* unless the check that raises it knows better */
    enum phase phase;
    const char *title;  /* a few words */
    const char *why;    /* why it matters, one sentence */
    const char *remedy; /* what to do, one or two sentences; "{vm}" stands for the VM's name */
};

enum finding_id {
#define X(name, id, severity, phase, title, why, remedy) FINDING_##name,
#include "findings/list.h"
#undef X
    FINDING_ID_COUNT
};

enum { FINDING_NO_PCR = -1, FINDING_NO_EVENT = -1 };

struct finding {
    enum finding_id id;
    enum severity severity;
    int pcr;              /* FINDING_NO_PCR when it is about no register */
    int64_t event;        /* number in the joined log, or FINDING_NO_EVENT */
    const char *text;     /* a sentence; safe to show; in the arena, never NULL */
    const char *was, *is; /* old and new in words, or NULL; safe to show */
    bool unsettled;       /* true: evidence could not be judged (it makes Unknown, not Unhealthy) */
    /* One change is one thing to look at: this is part of what the finding of this kind says that is part of nothing. NULL: it is none. It
     * weighs no less for it. */
    const struct finding_kind *follows;
};

/* A growing list in an arena. Zeroed storage with `arena` set is an empty list. When LIMIT_FINDINGS is reached, or memory
 * runs out, `overflow` is set and stays: a list that overflowed is never Healthy. */
struct findings {
    struct arena *arena;
    struct finding *items;
    size_t n, capacity;
    bool overflow;
};

const struct finding_kind *finding_kind(enum finding_id id);
/* The remedy for the VM of that name. NULL: nobody named it, and it is "this VM" in a sentence and NAME in a command, which stands between
 * backquotes. Never NULL. */
const char *finding_remedy(struct arena *a, const struct finding_kind *kind, const char *vm);
MUST_CHECK bool finding_id_from_text(struct bytes text, enum finding_id *ret);

/* findings_add appends with the kind's own severity and returns the new finding so that the caller can set more
 * of it. It never returns NULL: on overflow it returns a scratch finding. The text is made safe to show. */
struct finding *findings_add(struct findings *list, enum finding_id id, int pcr, int64_t event, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* finding_was_is sets both texts, made safe to show; NULL leaves one unset. */
void finding_was_is(struct findings *list, struct finding *finding, const char *was, const char *is);

bool findings_have(const struct findings *list, enum finding_id id);
enum severity findings_worst(const struct findings *list); /* SEVERITY_INFO for an empty list; CRITICAL on overflow */

const char *severity_name(enum severity severity); /* "info" … "critical" */
MUST_CHECK bool severity_from_text(struct bytes text, enum severity *ret);
const char *phase_name(enum phase phase);  /* "evidence", "firmware", "secureBootPolicy", "loader", "os" */
const char *phase_title(enum phase phase); /* "Evidence", "Firmware", "Secure Boot policy", "Loader", "OS" */
MUST_CHECK bool phase_from_text(struct bytes text, enum phase *ret);
