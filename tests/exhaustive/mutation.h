/* tests/exhaustive/mutation.h: one log with its quote, and what the appraisal says of it and of every change to it.
 *
 * A fact is what the appraisal holds for proved: a component by register and digests, a proved text by its digest, each known statement
 * of struct bootchain, each claim of the policy language that says something. What no digest covers (event types, GRUB's prefixes, paths,
 * EV_NO_ACTION, fill, the order of events of different registers) decides only how facts are named, so kinds and names are not
 * part of a fact. */
#pragma once
#include "appraise/appraise.h"
#include "appraise/baseline.h"

/* What a byte of a sound log is to the quote. */
enum byte_role {
    BYTE_LABEL,   /* no quoted digest covers it */
    BYTE_FORM,    /* it says where other bytes are: lengths, counts, algorithm numbers */
    BYTE_COVERED, /* a register, a digest of a quoted bank, or data that such a digest proves */
};

struct fact_hash {
    uint64_t hash;
    const char *what; /* static: which kind of statement */
};

struct facts { /* ascending, without duplicates */
    size_t n;
    const struct fact_hash *items;
};

struct outcome {
    enum verdict alone, judged; /* without a baseline, and under the original's own */
    enum decision decision;
    enum severity worst, worst_judged;
    size_t n_serious; /* findings of medium or worse, judged */
    struct facts facts;
};

struct span {
    size_t from, to;
};

struct subject {
    struct arena a;
    const char *name;
    struct bytes log;
    struct pcr_set quoted;
    uint8_t *roles; /* log.len of enum byte_role */
    size_t n_events;
    struct span *events;   /* the bytes of each */
    struct eventlog *read; /* the log itself */
    bool has_baseline;
    struct baseline baseline;
    struct outcome original;
    struct facts known; /* the original's, and each of its measurements */
    struct evidence evidence;
    struct bytes nonce;
    const struct policy *policy;
};

/* subject_begin takes log and registers (views), signs a quote with a software key and appraises. False with a note. */
bool subject_begin(struct subject *s, const char *name, struct bytes log, const struct pcr_set *quoted);
void subject_done(struct subject *s);
/* Appraises another log with the subject's quote. Memory of `a`; safe on any thread. */
bool subject_try(const struct subject *s, struct arena *a, struct bytes log, struct outcome *ret);

/* The quote judges this register: it is quoted, and neither an application's nor IMA's nor one of dynamic launch. */
bool subject_judges(const struct subject *s, uint32_t pcr);

/* NULL when `now` is no better than the original; else what is better: a verdict, or a fact that was not there. `labels_only`: what
 * changed is a label. */
const char *outcome_better(const struct subject *s, const struct outcome *now, bool labels_only);
/* A worse verdict, a worse finding or one more that counts, or a fact less. */
bool outcome_worse(const struct subject *s, const struct outcome *now);
