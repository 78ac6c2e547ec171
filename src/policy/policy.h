/* policy/policy.h: the attestation policy language, versions 1.0, 1.1 and 1.2 (attestation-service.md section 8).
 *
 * A policy is parsed once and immutable from then on: any number of threads may evaluate it at once. Use:
 *     policy_parse()      text -> policy
 *     policy_configure()  its configuration rules -> how the evidence is to be verified (8.4 steps 1, 2)
 *     policy_evaluate()   verified claims -> permit or deny, claims for the token, properties (8.4 steps 3 to 6)
 * Evaluation is pure: no clock, no I/O; work is bounded in steps, claims, bytes and memory, and who hits a bound gets an error of that
 * evaluation: the arena has room left for telling it. Everything returned lives in the arena handed in
 * and may point into the policy and into the incoming claims, which must outlive it. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

struct json;
struct json_out;
struct policy;
struct policy_trace;
struct rule;
struct value_set;

/* ---- claims: 8.3 ---- */

enum policy_value_type { POLICY_BOOLEAN, POLICY_INTEGER, POLICY_STRING };

struct policy_value {
    enum policy_value_type type;
    union {
        bool boolean;
        int64_t integer;
        struct bytes string; /* UTF-8 */
    };
};

enum policy_issuer { POLICY_ISSUER_SERVICE, POLICY_ISSUER_POLICY, POLICY_ISSUER_CUSTOM };

struct policy_claim {
    struct bytes type;
    struct policy_value value;
    enum policy_issuer issuer;
    bool read_only;          /* may be tested but not issued: pcrs, bootPcrs */
    const struct json *json; /* the parsed form of a string value, where the caller has it anyway; may be NULL */
};

/* "AttestationService", "AttestationPolicy", "CustomClaim"; "Boolean", "Integer", "String" */
const char *policy_issuer_name(enum policy_issuer issuer);
const char *policy_value_type_name(enum policy_value_type type);
bool policy_value_equal(struct policy_value a, struct policy_value b);

/* Shorthands for claims of the service; all borrow. */
struct policy_claim policy_claim_boolean(const char *type, bool value);
struct policy_claim policy_claim_integer(const char *type, int64_t value);
struct policy_claim policy_claim_string(const char *type, struct bytes value);

/* ---- errors ---- */

enum policy_section { POLICY_CONFIGURATION, POLICY_AUTHORIZATION, POLICY_ISSUANCE, POLICY_NO_SECTION };

const char *policy_section_name(enum policy_section section); /* "configurationrules" …; "" for none */

enum policy_error_kind { POLICY_PARSING_ERROR, POLICY_EVALUATION_ERROR };

struct policy_error {
    enum policy_error_kind kind;
    struct err
        err; /* the sentence: of a parsing error symbol, line, column, what is wrong, failing rule (2.5); of an evaluation section, rule, line, column */
    enum policy_section section;      /* POLICY_NO_SECTION outside of rules */
    unsigned rule;                    /* number in its section from 1; 0 outside of rules */
    unsigned line, column;            /* from 1; columns count characters; 0 when no place is to blame */
    char source[128];                 /* that line of the policy, or the part of it around the column; safe to show */
    unsigned caret;                   /* characters of `source` before the place */
    char symbol[64];                  /* of a parsing error: what stands there, "'['", "'<EOF>'"; safe to show */
    char failing_rule[48];            /* and what of the grammar was being read: "policy > versionInfo" */
    char fix[160];                    /* what to write instead; "" when that cannot be guessed */
    const struct policy_trace *trace; /* of an evaluation: the rules before the one that failed */
    size_t n_trace;
};

/* "PolicyParsingError", "PolicyEvaluationError" */
const char *policy_error_kind_name(enum policy_error_kind kind);
/* For people: sentence, source line, caret, and the fix where there is one; several lines. NULL: no memory. */
MUST_CHECK char *policy_error_show(struct arena *a, const struct policy_error *error);

/* ---- parsing ---- */

/* policy_parse reads and checks the text, which is copied; *ret lives as long as the arena. Literal JMESPath queries are parsed
 * here too. */
MUST_CHECK bool policy_parse(struct arena *a, struct bytes text, const struct policy **ret, struct policy_error *error);

struct bytes policy_text(const struct policy *policy);
/* The base64url of the text: SHA-256 over these characters is the policy hash of tokens (4.5). */
struct bytes policy_hash_input(const struct policy *policy);
/* 10, 11 or 12 for 1.0, 1.1 and 1.2. */
unsigned policy_version(const struct policy *policy);
size_t policy_rule_count(const struct policy *policy, enum policy_section section);
/* One rule, number `i` from 0: where it begins, and its tokens joined by single blanks, without comments, so that rules that mean the same
 * letter by letter are equal. NULL: no memory. */
unsigned policy_rule_line(const struct policy *policy, enum policy_section section, size_t i);
MUST_CHECK char *policy_rule_canonical(struct arena *a, const struct policy *policy, enum policy_section section, size_t i);
/* Whether some condition could match a claim of this type: without one the claim's presence changes nothing. */
bool policy_may_use(const struct policy *policy, struct bytes type);

/* ---- evaluation ---- */

enum policy_verb { POLICY_PERMIT, POLICY_DENY, POLICY_ADD, POLICY_ISSUE, POLICY_ISSUEPROPERTY };

const char *policy_verb_name(enum policy_verb verb);

/* One row for every rule that was looked at, in order: why it fired or did not. */
struct policy_trace {
    enum policy_section section;
    unsigned rule; /* number in its section from 1 */
    unsigned line; /* where the rule begins */
    enum policy_verb verb;
    bool fired;
    unsigned unmet_condition; /* number from 1 of the first condition that did not hold; 0 when it fired */
    unsigned unmet_line;
    size_t n_claims;     /* how many claims its action made */
    struct bytes source; /* the rule's text */

    /* For explaining, in the arena of the evaluation: the parsed rule, the right sides of its conditions as far as they were tried, the
     * claims there were when it began and, behind them, those that it made. */
    const struct rule *parsed;
    const struct value_set *const *right_sides;
    const struct policy_claim *const *claims;
    size_t n_seen;
};

struct policy_limits {
    uint64_t steps;     /* 0: LIMIT_POLICY_STEPS */
    size_t claims;      /* incoming, outgoing and properties together; 0: LIMIT_POLICY_CLAIMS */
    size_t value_bytes; /* made by rules; 0: LIMIT_POLICY_VALUE_BYTES */
    size_t memory;      /* that the arena gives to this evaluation; 0: LIMIT_POLICY_MEMORY_BYTES */
};

struct policy_configuration {
    bool require_valid_aik_cert; /* default true */
    uint32_t required_pcr_mask;  /* bit i: PCR i must be quoted; default 0xffffff */
    const struct policy_claim *properties;
    size_t n_properties;
    const struct policy_trace *trace;
    size_t n_trace;
};

/* policy_configure runs the configuration rules over no claims. Always succeeds for a policy without them. */
MUST_CHECK bool policy_configure(struct arena *a, const struct policy *policy, const struct policy_limits *limits /* may be NULL */,
                                 struct policy_configuration *ret, struct policy_error *error);

/* Whether 8.7 gives this property a meaning here; others are accepted and worth a warning. */
bool policy_property_is_known(struct bytes name);

enum policy_decision { POLICY_PERMITTED, POLICY_DENIED_BY_RULE, POLICY_NO_PERMIT };

struct policy_outcome {
    enum policy_decision decision;
    const struct policy_trace *decided_by; /* the first deny that fired, else the first permit; NULL for POLICY_NO_PERMIT */

    /* The rest is set only when permitted. Claims for the token in issue order; exact duplicates (type and value) are
     * collapsed (section 11). */
    const struct policy_claim *outgoing;
    size_t n_outgoing;
    const struct policy_claim *properties;
    size_t n_properties;
    int64_t report_validity_minutes; /* default 1440; 1 to 525600 */
    bool omit_x5c;                   /* default false */

    const struct policy_trace *trace; /* authorization and, when permitted, issuance rules */
    size_t n_trace;
    uint64_t steps_used;
};

/* policy_evaluate: true means that the rules ran, not that they permit: look at ret->decision. False is a PolicyEvaluationError. */
MUST_CHECK bool policy_evaluate(struct arena *a, const struct policy *policy, const struct policy_claim *claims, size_t n_claims,
                                const struct policy_limits *limits /* may be NULL */, struct policy_outcome *ret,
                                struct policy_error *error);

/* Names of the service's own in tokens of type Tpm (6.6): what a policy issues under one is left out. */
bool policy_name_is_reserved(struct bytes name);

/* "A Deny claim was issued, authorization failed." and the like: what a PolicyEvaluationError for this decision says, with the
 * rule to blame. NULL: no memory. */
MUST_CHECK char *policy_refusal_text(struct arena *a, const struct policy_outcome *outcome);

/* What `trueboot policy test` and the service's dry run show: each one object of the array that is open. A rule is told with its
 * conditions: each that was tried, whether it held, and which claims made it hold or kept it from holding; and with what it made. */
void policy_trace_write(struct json_out *out, const struct policy_trace *rule);
/* An error with its place, as one object. */
void policy_error_write(struct json_out *out, const char *name, const struct policy_error *error);
void policy_claim_write(struct json_out *out, const struct policy_claim *claim);
/* The members "claims", what a token would hold, and "leftOut", the names that are reserved. NULL: none was made. */
void policy_outgoing_write(struct json_out *out, const struct policy_outcome *outcome);
