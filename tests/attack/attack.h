/* tests/attack/attack.h: one attack: sound evidence of a sound boot, of which a test changes what the attacker changes.
 *
 * attack_begin makes a stock boot (Secure Boot, shim, GRUB, Linux) that the TPM quotes in bank SHA-256. A test edits `log` (what the attacker
 * sends), calls attack_measure where the TPM really recorded the edited events, and attack_send runs the complete appraisal, the
 * built-in policy included, and the judgement. A software key stands in for the TPM where a real one refuses to misbehave. */
#pragma once
#include "appraise/appraise.h"
#include "appraise/baseline.h"
#include "appraise/verdict.h"
#include "support/quote_builder.h"
#include "support/test.h"
#include "unit/bootchain/log_builder.h"

struct attack {
    struct arena a;
    struct err err;

    /* the machine */
    struct built_log log;
    struct stock at;
    enum digest_algorithm banks[LIMIT_LOG_BANKS]; /* of the log */
    size_t n_banks;
    enum digest_algorithm forged_bank; /* the log's digests of this bank are all wrong; DIGEST_NONE: none */
    struct pcr_set quoted;             /* what the TPM signs */

    /* the evidence */
    const struct privkey *key; /* signs; the service expects attack_key() */
    struct quote_builder quote;
    const struct pcr_set *shown; /* values sent along; NULL: the quoted ones */
    struct bytes raw_log;        /* instead of `log`, unless it is empty */
    struct bytes more_logs[2];   /* sent behind it */
    size_t n_more_logs;
    bool no_log;
    struct bytes attest, signature; /* instead of the built ones, unless empty */

    /* the service */
    struct bytes nonce; /* the challenge that is expected */
    bool ak_untrusted;
    const char *policy; /* NULL: the built-in one */
    bool no_policy;
    const struct boot_reference *reference;
    const struct baseline *baseline;

    /* the answer */
    struct appraised out;
    struct findings findings; /* after the judgement */
    enum verdict verdict;
};

/* The attestation key (P-256), and another one that nobody expects. The same in every test of a program. */
const struct privkey *attack_key(void);
const struct privkey *attack_other_key(void);

bool attack_begin(struct attack *x);
void attack_done(struct attack *x);
/* attack_use_banks starts over: the stock boot measured into other banks, all of them quoted. */
bool attack_use_banks(struct attack *x, const enum digest_algorithm *banks, size_t n);
/* The log in bytes, in the arena. */
struct bytes attack_log(const struct attack *x);
/* attack_measure lets the TPM record the log as it stands now, and quotes all 24 registers of every bank. */
bool attack_measure(struct attack *x);
/* attack_quote quotes what `quoted` has by now. */
void attack_quote(struct attack *x);
/* attack_select quotes these registers of the first bank only, and shows their values. */
void attack_select(struct attack *x, uint32_t mask);
bool attack_send(struct attack *x);
/* attack_learn makes a baseline of the last answer. */
bool attack_learn(struct attack *x, struct baseline *ret);

/* Inserts or moves an event of the log to before place `at`. */
void attack_move(struct attack *x, size_t from, size_t to);

/* The answer after attack_send: not Healthy, by the appraisal alone and after the judgement, and no token. */
bool attack_refused(const struct attack *x);
/* The severity of the worst finding of the kind, or -1. */
int attack_severity(const struct attack *x, enum finding_id id);
void attack_show(const struct attack *x); /* findings, as notes */

#define ATTACK(x)                         \
    CLEANUP(attack_done) struct attack x; \
    REQUIRE_OK(attack_begin(&x), x.err)

/* Sends, and expects a refusal that names the finding. */
#define CHECK_NEVER_HEALTHY(x, id_)                                              \
    do {                                                                         \
        bool fine_;                                                              \
        REQUIRE_OK(attack_send(&x), x.err);                                      \
        fine_ = attack_refused(&x) && findings_have(&x.findings, FINDING_##id_); \
        test_check(fine_, __FILE__, __LINE__, "never Healthy, and " #id_);       \
        if (!fine_)                                                              \
            attack_show(&x);                                                     \
    } while (0)

/* Sends, and expects Healthy with a token. */
#define CHECK_HEALTHY(x)                                                                        \
    do {                                                                                        \
        bool fine_;                                                                             \
        REQUIRE_OK(attack_send(&x), x.err);                                                     \
        fine_ = x.verdict == VERDICT_HEALTHY && x.out.appraisal.decision == DECISION_PERMITTED; \
        test_check(fine_, __FILE__, __LINE__, "Healthy and permitted");                         \
        if (!fine_)                                                                             \
            attack_show(&x);                                                                    \
    } while (0)
