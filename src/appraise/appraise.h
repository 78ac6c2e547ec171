/* appraise/appraise.h: evidence in, appraisal out. Pure: no files, no network, no clock but the one passed in.
 *
 * The one function that every path shares: the attestation service, the offline `trueboot verify`, tests, benchmarks.
 * Order (attestation-service.md 6.5): how the policy wants it verified → whose key → quote and the register values under it → boot logs
 * replayed against them and what their events mean → IMA list → what the registers alone say → the kernel's own words → policy. Behind the
 * quote nothing is looked at unless it holds, and each step takes only what the ones before have verified; every refusal is a finding, and
 * all are collected. */
#pragma once
#include "appraise/appraisal.h"
#include "appraise/evidence.h"
#include "crypto/pubkey.h"
#include "eventlog/ima/replay.h"
#include "policy/policy.h"
#include "tpm/quote.h"

struct appraise_request {
    const struct evidence *evidence;
    enum signature_form form;
    const struct pubkey *ak;            /* whose signature it must be; whether to believe in it is ak_trusted */
    const struct tpm_public *ak_public; /* what its public area says, or NULL (tpm/quote.h) */
    bool ak_trusted;                    /* a certificate chains to a root that the provider trusts */
    bool any_nonce;
    struct bytes nonce;                /* exact qualifying data, unless any_nonce */
    const struct policy *policy;       /* NULL: none is set, which is never Healthy... */
    bool no_policy_needed;             /* ...unless the caller judges by findings alone (offline) */
    const struct policy_claim *claims; /* from the caller: custom claims, keys; may be NULL */
    size_t n_claims;
    bool no_ima_entries;                    /* nobody will look at single entries of the IMA list: memory does not grow with it */
    const struct ima_replay *ima_state;     /* what the entries before a piece of it come to; NULL: not known */
    uint32_t required_pcr_mask;             /* 0: as the policy configures, else 0xFFFFFF */
    const struct boot_reference *reference; /* may be NULL */
    int64_t now_ms;
};

/* What became of the IMA list that was sent. */
struct ima_progress {
    bool proved;              /* the quoted register 10 has the value after replay.n entries */
    bool broken;              /* the list cannot be read */
    bool detached;            /* a piece, and what came before it is not known */
    struct ima_replay replay; /* up to the quoted value, or to the end */
    struct ima_fit fit;       /* when proved */
};

struct appraised {
    struct appraisal appraisal;
    const struct verified_quote *quote;      /* NULL when refused */
    const struct replayed_log *replayed;     /* the log against the quote; NULL when refused */
    const struct verified_ima *ima;          /* entries of the kernel's list of files; NULL without a whole one that register 10 proves */
    const struct ima_progress *ima_progress; /* NULL: no list came, or register 10 is not quoted */
    const struct bootchain *chain;           /* NULL without a log */
    const struct policy_outcome *outcome;    /* NULL when the policy did not run, or failed */
    const struct policy_error *fault;        /* what it failed with; NULL: it did not */
    const struct policy_trace *configured;   /* its configuration rules */
    size_t n_configured;
};

/* appraise fills *ret with memory of `a` (views into the evidence, which must outlive it). False only when no appraisal could be
 * made at all (ERR_NO_MEMORY, ERR_LIMIT): never for what the evidence says. */
MUST_CHECK bool appraise(struct arena *a, const struct appraise_request *request, struct appraised *ret, struct err *err);

struct json_out;
/* appraised_put_rules puts what the policy did, rule by rule, as the members "rules" and, where it failed, "policyError". */
void appraised_put_rules(struct json_out *out, const struct appraised *appraised);
