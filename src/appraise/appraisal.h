/* appraise/appraisal.h: the appraisal: what one piece of evidence was found to be.
 *
 * It is what appraise() makes, what the attestation service signs and stores for refused evidence too, and what the monitor
 * judges from (architecture.md decision 4). appraisal_write and appraisal_read are each other's mirror. */
#pragma once
#include "appraise/kernel.h"
#include "base/uuid.h"
#include "bootchain/compare/compare.h"
#include "findings/finding.h"
#include "json/write.h"

enum verdict { VERDICT_HEALTHY, VERDICT_UNHEALTHY, VERDICT_UNKNOWN };

const char *verdict_name(enum verdict verdict); /* "Healthy", "Unhealthy", "Unknown" */
MUST_CHECK bool verdict_from_text(struct bytes text, enum verdict *ret);

enum decision { DECISION_NOT_RUN, DECISION_PERMITTED, DECISION_REFUSED }; /* of the policy */

const char *decision_name(enum decision decision); /* "notRun", "permitted", "refused" */

#define APPRAISAL_RECORD_TYPE "trueboot-appraisal+jws" /* "typ" of the JWS that a signed one is */

enum { APPRAISAL_ID_LEN = 33 /* 128 random bits in hexadecimal, and a NUL */ };

/* Facts for people and for status fields. Each is proved unless its name says otherwise. NULL: not known. */
struct appraisal_facts {
    enum secure_boot secure_boot;
    enum fact setup_mode;
    const char *kernel_label; /* the loader's name for the kernel file: a label, not proved */
    const char *command_line;
    const char *os_release;
    const char *boot_summary;     /* "Linux vmlinuz-… through shim and GRUB" */
    const char *phase_summary[5]; /* by enum phase */
    bool has_log;
    struct kernel_facts running; /* of the kernel that runs; each says whether it is proved */
};

/* How a machine is known (attack-suite.md I6): the first four are of VMs that enrolled here. */
#define ASSURANCE_EK_CERTIFIED   "ek-certified"   /* a CA that is registered vouches for its TPM */
#define ASSURANCE_EK_PINNED      "ek-pinned"      /* an operator does, for this one TPM */
#define ASSURANCE_IAK_CERTIFIED  "iak-certified"  /* such a CA vouches for its initial attestation key, and that for the attestation key */
#define ASSURANCE_IAK_PINNED     "iak-pinned"     /* an operator does, for this one IAK */
#define ASSURANCE_CLOUD_AK       "cloud-ak-cert"  /* somebody else's CA vouches for the attestation key alone */
#define ASSURANCE_ADMIN_APPROVED "admin-approved" /* an operator does, for this one key */

struct appraisal {
    char id[APPRAISAL_ID_LEN]; /* "" until the service names it */
    char vm[UUID_TEXT_LEN];    /* "" when the evidence belongs to no known VM */
    const char *provider;      /* issuer URL, or NULL off line */
    int64_t time_ms;
    int64_t asked_ms;     /* when the challenge was handed out that the quote answers: it is no older; 0: not known */
    enum verdict verdict; /* without any baseline */
    enum decision decision;
    const char *policy_hash; /* b64u, or NULL */
    bool quote_verified;     /* registers and everything below rest on a genuine quote; the counters also of one that was raced */
    bool ak_trusted;
    const char *assurance; /* what says that the key lives in a TPM, and in whose: ASSURANCE_…; NULL: nothing, or not known */
    uint64_t clock_ms;     /* TPM clock */
    uint32_t reset_count, restart_count;
    bool clock_safe;
    uint64_t firmware_version;
    struct digest evidence_digest; /* SHA-256 of the evidence as received */
    struct appraisal_facts facts;
    struct findings findings;
    struct boot_record boot; /* components and registers: what baselines are made of */
    const char *reference;   /* name, date and age of the reference knowledge used, or NULL */
};

/* The JSON object of an appraisal; the caller has begun it (and may add members of its own). */
void appraisal_write(struct json_out *out, const struct appraisal *appraisal);
/* Texts and components live in `a` or in the JSON's input. The error names the member. */
MUST_CHECK bool appraisal_read(struct arena *a, const struct json *v, struct appraisal *ret, struct err *err);

/* Pieces, for baselines, status and the offline tools. */
void facts_write(struct json_out *out, const struct appraisal_facts *facts); /* members of the object that is open */
void findings_write(struct json_out *out, const char *name, const struct findings *findings);
MUST_CHECK bool findings_read(struct arena *a, const struct json *v, struct findings *ret, struct err *err);
void boot_record_write(struct json_out *out, const char *name, const struct boot_record *boot);
MUST_CHECK bool boot_record_read(struct arena *a, const struct json *v, struct boot_record *ret, struct err *err);
