/* monitor/monitor.h: judges appraisals against baselines and says, whenever asked, how each VM is.
 *
 * It trusts records whose issuer and key it was configured with, never an agent's own words (architecture.md decision 4): a report
 * only tells it to look, and when the agent was last alive. */
#pragma once
#include "appraise/baseline.h"
#include "http/server/route.h"
#include "keystore/keyring.h"
#include "monitor/health.h"
#include "store/store.h"

/* A provider whose records and tokens count. */
struct trusted_provider {
    const char *issuer;      /* exact */
    const char *provider;    /* its name in stored rows */
    struct keyring *reports; /* keys of report tokens */
    struct keyring *records; /* keys of appraisal records */
};

struct monitor {
    struct store *store;
    const struct trusted_provider *providers;
    size_t n_providers;
    const struct health_times *times;
    const char *profile;                    /* "default", "demo": shown on every page */
    const struct boot_reference *reference; /* may be NULL */
    uint8_t nonce_key[32];                  /* shared by all servers of one store */
    int64_t (*now_ms)(void);
};

/* monitor_init takes the nonce key from the store, or puts one there. The other members are set by the caller. */
MUST_CHECK bool monitor_init(struct monitor *monitor, struct err *err);

/* ---- nonces for agents: nonce.c --------------------------------------------------------------------------------------- */

enum { MONITOR_NONCE_LEN = 32 };
/* time (8, big-endian) || random (8) || first half of HMAC-SHA-256 over them and the VM: no state, good for twice the interval. */
MUST_CHECK bool monitor_nonce_make(const struct monitor *monitor, const char *vm, int64_t now_ms, uint8_t ret[static MONITOR_NONCE_LEN],
                                   struct err *err);
MUST_CHECK bool monitor_nonce_check(const struct monitor *monitor, const char *vm, struct bytes nonce, int64_t now_ms, struct err *err);

/* ---- judging: judgement.c --------------------------------------------------------------------------------------------- */

/* A VM's latest appraisal, read back and proved to be a trusted provider's own. */
struct judged {
    bool any; /* false: nothing has been appraised yet; the rest is unset, but for findings about the VM's identity */
    struct appraisal appraisal;
    struct findings findings; /* under the baseline */
    enum verdict verdict;
    int64_t judged_ms, since_ms;
    int64_t baseline_version; /* of the accepted boot that it was compared with; 0: none */
    const char *token_id;     /* NULL: none was issued */
};

/* monitor_judge brings the judgement of a VM up to date with its appraisals, those before the latest included, and its baseline, learns the
 * first baseline, and reads it. Judging twice changes nothing. */
MUST_CHECK bool monitor_judge(const struct monitor *monitor, struct arena *a, const char *vm, struct judged *ret, struct err *err);
/* A finding if another VM claims the same TPM; for VMs that there is nothing else to judge of. */
MUST_CHECK bool monitor_duplicate(const struct monitor *monitor, struct arena *a, const char *vm, struct findings *ret, struct err *err);

struct approve_how {
    bool replace; /* it alone is accepted from now on; else beside those that are */
    bool pin;     /* until it is rejected, whatever is approved after it */
};

/* monitor_approve accepts the latest appraisal's boot (monitor/baselines.h), in an operator's name, and judges again. `appraisal` (may be empty) is the
 * one that the operator has looked at: CONFLICT when it is not the latest any more, or when there is no room for one more. */
MUST_CHECK bool monitor_approve(const struct monitor *monitor, struct arena *a, const char *vm, struct bytes appraisal,
                                struct approve_how how, const char *by, const char *reason, struct judged *ret, struct err *err);
/* monitor_reject withdraws what was accepted as `version`, monitor_pin keeps it whatever is approved after it, or no longer so; both judge again.
 * NOT_FOUND: no such version. CONFLICT: it is not accepted any more. */
MUST_CHECK bool monitor_reject(const struct monitor *monitor, struct arena *a, const char *vm, int64_t version, const char *by,
                               const char *reason, struct judged *ret, struct err *err);
MUST_CHECK bool monitor_pin(const struct monitor *monitor, struct arena *a, const char *vm, int64_t version, bool pinned,
                            struct judged *ret, struct err *err);

/* What judging one boot must know of earlier ones: kept apart from appraisals and judgements, so that no number of later ones pushes it
 * out of sight (attack-suite.md I9, S6): the setting STORE_SETTING_MEMORY. */
struct vm_memory {
    bool has_counters; /* of the newest genuine quote that did not go back */
    uint32_t reset_count, restart_count;
    int64_t clock_ms;
    int64_t quoted_ms; /* when that quote was appraised, by the server's clock; 0: not known */
    bool rolled_back;  /* and nobody has approved that yet */
    bool has_settled;  /* the last verdict that was Healthy or Unhealthy, and when that evidence was appraised */
    enum verdict settled;
    int64_t settled_ms;
};

/* Nothing remembered is no error: *ret is then empty. */
MUST_CHECK bool monitor_memory_get(struct store *store, struct arena *a, const char *vm, struct vm_memory *ret, struct err *err);
MUST_CHECK bool monitor_memory_put(struct store *store, struct arena *a, const char *vm, const struct vm_memory *memory, struct err *err);
/* monitor_verify verifies by the ring's key that `jws` names: ERR_UNTRUSTED when it is unknown, after a second look, or revoked. */
MUST_CHECK bool monitor_verify(const struct monitor *monitor, struct arena *a, struct keyring *ring, const struct jws *jws,
                               const struct verified_jws **ret, struct err *err);
/* An error of monitor_read_record's that is about this record: it is damaged, or not ours; no other VM's trouble (attack-suite.md S3). */
bool monitor_is_about_record(const struct err *err);
/* monitor_read_record verifies and reads one stored record. */
MUST_CHECK bool monitor_read_record(const struct monitor *monitor, struct arena *a, const struct store_appraisal *row,
                                    struct appraisal *ret, struct err *err);

/* ---- status: status.c ------------------------------------------------------------------------------------------------- */

struct vm_status {
    struct store_vm vm;
    const char *trouble; /* why the stored evidence cannot be judged, or NULL; `judged` is empty then */
    struct judged judged;
    bool has_contact;
    struct store_contact contact;
    struct health health;
    int64_t refused_ms;         /* when another TPM last wanted to be this VM; 0: never since its identity was released */
    const char *refused_sha256; /* of that one's certificate */
};

MUST_CHECK bool monitor_status(const struct monitor *monitor, struct arena *a, const struct store_vm *vm, int64_t now_ms,
                               struct vm_status *ret, struct err *err);
/* attestationStatus as published, with ours under properties.trueboot (control-plane.md 1.7); `brief` leaves out findings' prose,
 * components and facts, for lists. */
void monitor_status_write(struct json_out *out, struct arena *a, const struct monitor *monitor, const struct vm_status *status, bool brief);

/* ---- agents: agent_auth.c, report.c ------------------------------------------------------------------------------------- */

/* For the server's `identify`: a request with `Authorization: TrueBoot-AK …` (architecture.md 8). *ret_is_agent false: it has none.
 * NOT_FOUND: no VM has this key (the agent enrols again). UNTRUSTED: it does not hold. */
MUST_CHECK bool monitor_identify_agent(const struct monitor *monitor, const struct http_request *request, bool *ret_is_agent,
                                       struct http_caller *ret, struct err *err);

/* Routes; the context is the monitor. {vm} of agent routes is the UUID, of the others a name or UUID. */
extern const struct http_route monitor_routes[];
extern const size_t monitor_n_routes;

/* A VM by name or UUID. */
MUST_CHECK bool monitor_find_vm(const struct monitor *monitor, struct arena *a, struct bytes name_or_uuid, struct store_vm *ret,
                                struct err *err);
/* The VM that the request's {vm} names, and what to do where there is none. */
MUST_CHECK bool monitor_request_vm(const struct monitor *monitor, const struct http_request *request, struct store_vm *ret,
                                   struct err *err);
