/* attestation/protocol/ear.h: appraisals as EAT Attestation Results (draft-ietf-rats-ear), for providers with the token profile "ear".
 *
 * The spelling is the one that the deployed verifiers and relying parties read: profile tag:github.com,2023:veraison/ear, names with a
 * dot ("ear.status"). Values are those of AR4SI (draft-ietf-rats-ar4si, "Specific Claims"). How findings become values is one table,
 * explained in docs/ear.md. Pure. */
#pragma once
#include "appraise/appraise.h"

#define EAR_PROFILE   "tag:github.com,2023:veraison/ear"
#define EAR_DEVELOPER "trueboot"

/* clang-format off */
#define EAR_CLAIMS(X)                                 \
    X(INSTANCE_IDENTITY, "instance-identity")         \
    X(CONFIGURATION,     "configuration")             \
    X(EXECUTABLES,       "executables")               \
    X(FILE_SYSTEM,       "file-system")               \
    X(HARDWARE,          "hardware")                  \
    X(RUNTIME_OPAQUE,    "runtime-opaque")            \
    X(STORAGE_OPAQUE,    "storage-opaque")            \
    X(SOURCED_DATA,      "sourced-data")
/* clang-format on */

enum ear_claim {
#define X(name, text) EAR_##name,
    EAR_CLAIMS(X)
#undef X
        EAR_CLAIM_COUNT
};

enum ear_tier { EAR_NONE, EAR_AFFIRMING, EAR_WARNING, EAR_CONTRAINDICATED };

struct ear_vector {
    int8_t values[EAR_CLAIM_COUNT]; /* -128 … 127 */
    enum ear_tier status;           /* never better than the worst value, nor than the verdict */
};

enum ear_tier ear_tier_of(int8_t value);
const char *ear_tier_name(enum ear_tier tier); /* "none", "affirming", "warning", "contraindicated" */

/* `secure_boot` is UNKNOWN where no log proves it. */
void ear_judge(const struct appraisal *appraisal, enum secure_boot secure_boot, struct ear_vector *ret);

/* {"ear.status":…,"ear.trustworthiness-vector":{…},"ear.appraisal-policy-id":…}: one attester's entry of submods. */
void ear_write_appraisal(struct json_out *out, const char *label, const struct ear_vector *vector, const char *policy_id);
/* eat_profile and ear.verifier-id. */
void ear_write_head(struct json_out *out);
/* "findings":[{"id","severity"}]: what `ear.status` and the vector come from, and smaller ones. */
void ear_write_findings(struct json_out *out, const struct findings *findings);
/* eat_nonce, if the text can be one: 8 to 88 characters (RFC 9711, 4.1). */
void ear_write_nonce(struct json_out *out, struct bytes text);
