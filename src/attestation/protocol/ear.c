#include "attestation/protocol/ear.h"

static const char *const claim_names[] = {
#define X(name, text) text,
    EAR_CLAIMS(X)
#undef X
};

enum { NONCE_MIN = 8, NONCE_MAX = 88 };

/* AR4SI 2.3.4; the words are the draft's, shortened. */
enum {
    UNKNOWN_ELEMENTS = 1,
    RECOGNIZED = 2,         /* instance-identity, hardware: recognized, genuine */
    NO_VULNERABILITY = 3,   /* configuration */
    APPROVED_AT_BOOT = 3,   /* executables: only approved ones during the boot */
    VULNERABLE = 32,        /* configuration, hardware */
    UNRECOGNIZED_CODE = 33, /* executables */
    PARTS_UNAVAILABLE = 36, /* configuration */
    UNACCEPTABLE = 96,
    NOT_RECOGNIZED = 97,
    CRYPTO_FAILED = 99,
};

/* What a finding of medium, high, or critical severity says about which claim; by phase… */
static const struct {
    enum ear_claim claim;
    int8_t medium, high;
} by_phase[] = {
    [PHASE_EVIDENCE] = { EAR_EXECUTABLES, UNRECOGNIZED_CODE, CRYPTO_FAILED },
    [PHASE_FIRMWARE] = { EAR_HARDWARE, VULNERABLE, UNACCEPTABLE },
    [PHASE_SECURE_BOOT_POLICY] = { EAR_CONFIGURATION, VULNERABLE, UNACCEPTABLE },
    [PHASE_LOADER] = { EAR_EXECUTABLES, UNRECOGNIZED_CODE, UNACCEPTABLE },
    [PHASE_OS] = { EAR_EXECUTABLES, UNRECOGNIZED_CODE, UNACCEPTABLE },
};

/* …unless it speaks of something else than its phase does. */
static const struct {
    enum finding_id id;
    enum ear_claim claim;
    int8_t value;
} by_finding[] = {
    { FINDING_AK_UNTRUSTED, EAR_INSTANCE_IDENTITY, NOT_RECOGNIZED },
    { FINDING_AK_REPLACED, EAR_INSTANCE_IDENTITY, UNACCEPTABLE },
    { FINDING_TPM_IDENTITY_DUPLICATED, EAR_INSTANCE_IDENTITY, UNACCEPTABLE },
    { FINDING_TPM_ROLLBACK, EAR_INSTANCE_IDENTITY, UNACCEPTABLE },
    { FINDING_IMA_MISMATCH, EAR_FILE_SYSTEM, CRYPTO_FAILED },
    { FINDING_IMA_RESUMED, EAR_FILE_SYSTEM, CRYPTO_FAILED },
    { FINDING_IMA_MALFORMED, EAR_FILE_SYSTEM, CRYPTO_FAILED },
    { FINDING_SECUREBOOT_UNPROVED, EAR_CONFIGURATION, PARTS_UNAVAILABLE },
    { FINDING_SECUREBOOT_AUTHORITY_MISSING, EAR_EXECUTABLES, UNRECOGNIZED_CODE },
    { FINDING_BOOT_CMDLINE_FORBIDDEN, EAR_CONFIGURATION, UNACCEPTABLE },
    { FINDING_BOOT_CMDLINE_CHANGED, EAR_CONFIGURATION, VULNERABLE },
    { FINDING_BOOT_CONFIG_CHANGED, EAR_CONFIGURATION, VULNERABLE },
    { FINDING_OS_TEST_SIGNING, EAR_CONFIGURATION, UNACCEPTABLE },
    { FINDING_OS_BOOT_DEBUGGING, EAR_CONFIGURATION, UNACCEPTABLE },
    { FINDING_OS_KERNEL_DEBUGGING, EAR_CONFIGURATION, UNACCEPTABLE },
    { FINDING_OS_SAFE_MODE, EAR_CONFIGURATION, VULNERABLE },
    { FINDING_OS_CODE_INTEGRITY, EAR_CONFIGURATION, UNACCEPTABLE },
};

/* AR4SI 2.3.2 and 2.3.3: the ranges of the tiers, ours among the negative values included. */
enum ear_tier ear_tier_of(int8_t value)
{
    if (value >= 96 || value <= -97)
        return EAR_CONTRAINDICATED;
    if (value >= 32 || value <= -33)
        return EAR_WARNING;
    return value >= 2 || value <= -2 ? EAR_AFFIRMING : EAR_NONE;
}

const char *ear_tier_name(enum ear_tier tier)
{
    static const char *const names[] = { "none", "affirming", "warning", "contraindicated" };
    return names[tier];
}

/* How much a value holds against an attester: what is not known outweighs what is affirmed. */
static int weight(int8_t value)
{
    static const int weights[] = { [EAR_NONE] = 1, [EAR_AFFIRMING] = 0, [EAR_WARNING] = 2, [EAR_CONTRAINDICATED] = 3 };
    return weights[ear_tier_of(value)];
}

static void lower(struct ear_vector *v, enum ear_claim claim, int8_t value)
{
    if (weight(value) > weight(v->values[claim]) || (weight(value) == weight(v->values[claim]) && value > v->values[claim]))
        v->values[claim] = value;
}

static void apply(struct ear_vector *v, const struct finding *f)
{
    enum phase phase = finding_kind(f->id)->phase;
    enum ear_claim claim = by_phase[phase].claim;
    int8_t value = f->severity >= SEVERITY_HIGH ? by_phase[phase].high : by_phase[phase].medium;

    for (size_t i = 0; i < ARRAY_LEN(by_finding); i++)
        if (by_finding[i].id == f->id) {
            claim = by_finding[i].claim;
            value = by_finding[i].value;
        }
    lower(v, claim, f->unsettled ? UNKNOWN_ELEMENTS : value);
}

/* What holds when nothing speaks against it. A TPM that nobody vouches for proves nothing about anything. */
static void affirm(const struct appraisal *a, enum secure_boot secure_boot, struct ear_vector *v)
{
    bool genuine = a->ak_trusted && a->quote_verified, known = a->facts.has_log && secure_boot != SECURE_BOOT_UNKNOWN;

    v->values[EAR_INSTANCE_IDENTITY] = v->values[EAR_HARDWARE] = genuine ? RECOGNIZED : NOT_RECOGNIZED;
    v->values[EAR_CONFIGURATION] = !known ? PARTS_UNAVAILABLE : secure_boot == SECURE_BOOT_ENABLED ? NO_VULNERABILITY : UNACCEPTABLE;
    v->values[EAR_EXECUTABLES] = known && secure_boot == SECURE_BOOT_ENABLED ? APPROVED_AT_BOOT : UNRECOGNIZED_CODE;
}

static enum ear_tier status_of(const struct ear_vector *v, enum verdict verdict)
{
    enum ear_tier worst = EAR_NONE;

    for (size_t i = 0; i < EAR_CLAIM_COUNT; i++)
        if (ear_tier_of(v->values[i]) > worst)
            worst = ear_tier_of(v->values[i]);
    if (worst <= EAR_AFFIRMING && verdict != VERDICT_HEALTHY)
        worst = verdict == VERDICT_UNHEALTHY ? EAR_WARNING : EAR_NONE;
    return worst;
}

void ear_judge(const struct appraisal *a, enum secure_boot secure_boot, struct ear_vector *ret)
{
    struct ear_vector v = { .status = EAR_NONE };

    affirm(a, secure_boot, &v);
    for (size_t i = 0; i < a->findings.n; i++)
        if (a->findings.items[i].severity >= SEVERITY_MEDIUM)
            apply(&v, &a->findings.items[i]);
    if (a->findings.overflow)
        lower(&v, EAR_EXECUTABLES, UNACCEPTABLE);
    v.status = status_of(&v, a->verdict);
    *ret = v;
}

void ear_write_appraisal(struct json_out *out, const char *label, const struct ear_vector *vector, const char *policy_id)
{
    json_begin_object(out, label);
    json_put_string(out, "ear.status", ear_tier_name(vector->status));
    json_begin_object(out, "ear.trustworthiness-vector");
    for (size_t i = 0; i < EAR_CLAIM_COUNT; i++)
        json_put_integer(out, claim_names[i], vector->values[i]);
    json_end(out);
    json_put_string(out, "ear.appraisal-policy-id", policy_id);
    json_end(out);
}

void ear_write_head(struct json_out *out)
{
    json_put_string(out, "eat_profile", EAR_PROFILE);
    json_begin_object(out, "ear.verifier-id");
    json_put_string(out, "developer", EAR_DEVELOPER);
    json_put_string(out, "build", "trueboot " TRUEBOOT_VERSION);
    json_end(out);
}

void ear_write_nonce(struct json_out *out, struct bytes text)
{
    if (text.len >= NONCE_MIN && text.len <= NONCE_MAX)
        json_put_bytes(out, "eat_nonce", text);
}

void ear_write_findings(struct json_out *out, const struct findings *findings)
{
    json_begin_array(out, "findings");
    for (size_t i = 0; i < findings->n; i++) {
        json_begin_object(out, NULL);
        json_put_string(out, "id", finding_kind(findings->items[i].id)->id);
        json_put_string(out, "severity", severity_name(findings->items[i].severity));
        json_end(out);
    }
    json_end(out);
}
