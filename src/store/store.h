/* store/store.h: everything that the server remembers, behind one interface in the domain's words.
 *
 * SQLite is the backend now; every statement is plain SQL that PostgreSQL and the engines that speak its protocol run as well
 * (architecture.md decision 11), so a further backend is one file that implements store/backend.h.
 *
 * Shapes. Times are milliseconds since 1970 UTC. `vm` is the VM's UUID, canonical lower case. Text is UTF-8 ending in NUL; digests
 * and names written "hex" are lower case. A NULL text or BYTES_NONE means "none" where the field says so, otherwise it is required.
 * Ownership. What a function is given is borrowed for the call. What it reads lies in the caller's arena.
 * Threads. Every function may be called from any thread. A write is durable when its function (or the store_transaction around it)
 * has returned true.
 * Errors. NOT_FOUND: no such row. CONFLICT: it collides with what exists, or was changed meanwhile. LIMIT, MALFORMED: the row breaks a
 * rule below. LATE: the caller's time was up; nothing was stored, but for what store_on_abandoned says. IO: the database refused (full, damaged, not readable); the sentence says what to do. */
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

struct store; /* opaque; also the handle of a running transaction */

enum { STORE_ID_TEXT_LEN = 33 /* 128 random bits in hex, with the NUL */, STORE_SHA256_TEXT_LEN = 65 };

/* store_open opens or makes the database `file` (mode 0600) and brings its schema up to date. A schema made by a newer version is
 * refused. Close every store before the process forks children that use it. */
MUST_CHECK bool store_open(const char *file, struct store **ret, struct err *err);
void store_close(struct store *store); /* NULL is fine */

/* A write whose deadline (base/deadline.h) passes while the disk commits is ERR_LATE, and stored all the same when the disk comes round: `told` is called
 * then, on a thread of the store, and may read but not write. Whoever keeps in memory what the store holds reads it again. */
void store_on_abandoned(struct store *store, void (*told)(void *context), void *context);

/* store_transaction runs `work` so that all of its writes happen, or none. `work` must use the handle `tx` for everything it writes (and
 * reads, to see its own writes), and may run again from the start when the database asks for it: it changes nothing but the store and
 * what it overwrites on each run. Returning false rolls back. Every function below is itself all or nothing, inside a transaction too;
 * transactions may nest. Other writers wait meanwhile: compute first, then store. */
MUST_CHECK bool store_transaction(struct store *store, bool (*work)(struct store *tx, void *context, struct err *err), void *context,
                                  struct err *err);

/* ---- virtual machines -------------------------------------------------------------------------------------------------- */

enum store_power { STORE_POWER_UNKNOWN, STORE_POWER_RUNNING, STORE_POWER_OFF };

const char *store_power_name(enum store_power power); /* "unknown", "running", "off" */

struct store_vm {
    const char *vm;
    const char *name; /* 1 to LIMIT_NAME_BYTES; unique, ASCII letters compare in either case */
    int64_t created_ms;
    const char *security_type; /* "TrustedLaunch", "Standard", … */
    bool secure_boot;
    bool vtpm;
    int64_t monitoring_enabled_ms; /* 0: not monitored */
    enum store_power power;
    int64_t power_since_ms; /* 0: not known */
    const char *host;       /* NULL: not known */
    int64_t version;        /* grows by one with each update; 1 when created */
};

/* A new VM; `version` of the row is ignored. CONFLICT: UUID or name taken. */
MUST_CHECK bool store_vm_create(struct store *store, const struct store_vm *vm, struct err *err);
MUST_CHECK bool store_vm_get(struct store *store, struct arena *a, const char *vm, struct store_vm *ret, struct err *err);
MUST_CHECK bool store_vm_by_name(struct store *store, struct arena *a, const char *name, struct store_vm *ret, struct err *err);
/* Compare and set: the row must still have `version`, else CONFLICT; *ret_version is the new one (may be NULL). created_ms stays. */
MUST_CHECK bool store_vm_update(struct store *store, const struct store_vm *vm, int64_t *ret_version, struct err *err);
/* Deletes the VM, and everything kept about it when `with_history`; its identities are free for others either way. */
MUST_CHECK bool store_vm_delete(struct store *store, const char *vm, bool with_history, struct err *err);
/* Ordered by name; `after_name` NULL starts at the beginning. At most `limit` (1 to LIMIT_LIST_PAGE). */
MUST_CHECK bool store_vm_list(struct store *store, struct arena *a, const char *after_name, size_t limit, const struct store_vm **ret,
                              size_t *ret_n, struct err *err);
MUST_CHECK bool store_vm_count(struct store *store, int64_t *ret, struct err *err);

/* ---- TPM identities -------------------------------------------------------------------------------------------------- */

struct store_identity {
    const char *vm;
    const char *ak_name;        /* hex of the TPM name */
    struct bytes ak_cert;       /* DER; BYTES_NONE: no certificate */
    const char *ek_cert_sha256; /* hex; NULL: enrolled without an EK certificate */
    const char *ek_pub_name;    /* hex of the EK's TPM name; NULL: not known */
    int64_t enrolled_ms;
    bool active;
    const char *iak_sha256; /* hex, of the SubjectPublicKeyInfo of the initial attestation key that vouched for it; NULL: none did */

    /* Hex names of further endorsement keys that are this VM's and nobody else's. Claimed when it is registered, and not kept: they are no proof of a TPM. */
    const char *const *also_eks;
    size_t n_also_eks;
};

/* store_identity_register makes this the VM's active identity; earlier ones of the same VM stay as inactive rows, and the anti-replay
 * counter starts anew when the AK is another. An AK name, an EK certificate, an EK and an IAK belong to one VM at most: CONFLICT when another VM
 * has one, with that VM in `ret_owner` (may be NULL), and nothing changes. NOT_FOUND: no such VM. Registering again (a renewed
 * certificate) replaces ak_cert. `active` of the row is ignored. */
MUST_CHECK bool store_identity_register(struct store *store, const struct store_identity *identity, char ret_owner[UUID_TEXT_LEN],
                                        struct err *err);
/* The VM's active identity. */
MUST_CHECK bool store_identity_active(struct store *store, struct arena *a, const char *vm, struct store_identity *ret, struct err *err);
/* Whose AK this is, active or not. */
MUST_CHECK bool store_identity_by_ak(struct store *store, struct arena *a, const char *ak_name, struct store_identity *ret,
                                     struct err *err);
/* Which VM holds this EK certificate: NOT_FOUND when nobody does. */
MUST_CHECK bool store_identity_ek_owner(struct store *store, const char *ek_cert_sha256, char ret_vm[static UUID_TEXT_LEN],
                                        struct err *err);
/* All of a VM's identities, newest first. */
MUST_CHECK bool store_identity_list(struct store *store, struct arena *a, const char *vm, const struct store_identity **ret, size_t *ret_n,
                                    struct err *err);
/* An operator's act: the VM has no active identity any more, and its keys are free for others. */
MUST_CHECK bool store_identity_release(struct store *store, const char *vm, struct err *err);

/* ---- trusted roots --------------------------------------------------------------------------------------------------- */

enum store_root_kind { STORE_ROOT_AK, STORE_ROOT_EK };
enum store_root_role { STORE_ROOT_CA, STORE_ROOT_PIN, STORE_ROOT_INTERMEDIATE };

struct store_root {
    enum store_root_kind kind;
    const char *provider; /* attestation provider it counts for; "": the shared one */
    const char *sha256;   /* hex, of der */
    struct bytes der;
    enum store_root_role role;
    int64_t added_ms;
};

const char *store_root_kind_name(enum store_root_kind kind); /* "ak", "ek" */
const char *store_root_role_name(enum store_root_role role); /* "ca", "pin", "intermediate" */
/* Adding one that is there already changes its role only; *ret_added (may be NULL) says which. */
MUST_CHECK bool store_root_add(struct store *store, const struct store_root *root, bool *ret_added, struct err *err);
MUST_CHECK bool store_root_remove(struct store *store, enum store_root_kind kind, const char *provider, const char *sha256,
                                  struct err *err);
/* store_root_replace puts these in the place of all roots of the kind and provider; all or nothing. */
MUST_CHECK bool store_root_replace(struct store *store, enum store_root_kind kind, const char *provider, const struct store_root *roots,
                                   size_t n, struct err *err);
/* Those of `provider` only; ordered by time added. */
MUST_CHECK bool store_root_list(struct store *store, struct arena *a, enum store_root_kind kind, const char *provider,
                                const struct store_root **ret, size_t *ret_n, struct err *err);

/* ---- appraisals and evidence: append only ---------------------------------------------------------------------------- */

struct store_appraisal {
    const char *id; /* 32 hex digits, random, made by the caller */
    const char *vm;
    int64_t time_ms;
    const char *provider;
    const char *verdict; /* the appraiser's word for it */
    int64_t reset_count; /* of the TPM, as quoted: the boot's identity */
    int64_t restart_count;
    int64_t clock;               /* milliseconds, as quoted */
    const char *evidence_sha256; /* hex */
    const char *policy_hash;     /* b64u; NULL: no policy was reached */
    struct bytes record;         /* compact JWS */
    const char *token_id;        /* jti of the token issued; NULL: none */
};

/* Of each VM the newest LIMIT_APPRAISALS_KEPT stay, in the order in which they were added: a row whose time is not after the last one's gets the
 * millisecond after that (the record itself keeps its time).
 * Adds the appraisal and, unless `evidence` is BYTES_NONE, its evidence, keeping the newest `keep_evidence` per VM; all or nothing.
 * CONFLICT: the id is taken. The VM need not exist as a row (evidence may outlive it). */
MUST_CHECK bool store_appraisal_add(struct store *store, const struct store_appraisal *appraisal, struct bytes evidence,
                                    size_t keep_evidence, struct err *err);
MUST_CHECK bool store_appraisal_get(struct store *store, struct arena *a, const char *vm, const char *id, struct store_appraisal *ret,
                                    struct err *err);
MUST_CHECK bool store_appraisal_latest(struct store *store, struct arena *a, const char *vm, struct store_appraisal *ret, struct err *err);

/* Where a list goes on: the last row already seen. Zeroed: from the newest. */
struct store_cursor {
    int64_t time_ms;
    const char *id; /* NULL: from the newest */
};

/* Newest first. */
MUST_CHECK bool store_appraisal_list(struct store *store, struct arena *a, const char *vm, struct store_cursor before, size_t limit,
                                     const struct store_appraisal **ret, size_t *ret_n, struct err *err);
/* Oldest first, those behind the cursor; zeroed: from the oldest. */
MUST_CHECK bool store_appraisal_next(struct store *store, struct arena *a, const char *vm, struct store_cursor after, size_t limit,
                                     const struct store_appraisal **ret, size_t *ret_n, struct err *err);
MUST_CHECK bool store_evidence_get(struct store *store, struct arena *a, const char *vm, const char *appraisal_id, struct bytes *ret,
                                   struct err *err);

/* ---- judgements: append only ----------------------------------------------------------------------------------------- */

struct store_judgement {
    const char *vm;
    const char *appraisal_id; /* "" when no appraisal led to it */
    int64_t baseline_version; /* 0: none */
    const char *verdict;
    const char *reason; /* id of the worst finding; "" for none */
    int64_t judged_ms;
    const char *findings;     /* JSON */
    int64_t since_ms;         /* first time in a row that the VM had this verdict and reason; set by the store */
    int64_t baseline_changes; /* store_baseline_changes() when it was judged */
};

/* Of each VM the newest LIMIT_JUDGEMENTS_KEPT stay. store_judgement_add appends; `since_ms` of the row is ignored: it is taken from the previous judgement when verdict and reason are the
 * same, else it is judged_ms. *ret_since_ms and *ret_changed may be NULL. As with appraisals, a time that is not after the last one's becomes it. */
MUST_CHECK bool store_judgement_add(struct store *store, const struct store_judgement *judgement, int64_t *ret_since_ms, bool *ret_changed,
                                    struct err *err);
MUST_CHECK bool store_judgement_latest(struct store *store, struct arena *a, const char *vm, struct store_judgement *ret, struct err *err);
/* Newest first; the cursor's id is an appraisal id. */
MUST_CHECK bool store_judgement_list(struct store *store, struct arena *a, const char *vm, struct store_cursor before, size_t limit,
                                     const struct store_judgement **ret, size_t *ret_n, struct err *err);

/* ---- baselines: history kept ----------------------------------------------------------------------------------------- */

struct store_baseline {
    const char *vm;
    int64_t version;        /* 1, 2, … */
    const char *components; /* JSON */
    int64_t created_ms;
    const char *by;     /* who */
    const char *reason; /* why, in words */

    /* How long it is accepted: the rows of a VM are what was ever accepted; those that have not ended are. */
    bool pinned;            /* until somebody withdraws it */
    int64_t until_ms;       /* 0: no end is set */
    int64_t ended_ms;       /* 0: it is accepted */
    const char *ended_by;   /* NULL unless it ended */
    const char *end_reason; /* the same; in words */
};

/* The version must be the latest plus one, else CONFLICT: somebody was faster. */
MUST_CHECK bool store_baseline_add(struct store *store, const struct store_baseline *baseline, struct err *err);
MUST_CHECK bool store_baseline_latest(struct store *store, struct arena *a, const char *vm, struct store_baseline *ret, struct err *err);
MUST_CHECK bool store_baseline_get(struct store *store, struct arena *a, const char *vm, int64_t version, struct store_baseline *ret,
                                   struct err *err);
/* Those that have not ended, newest first. */
MUST_CHECK bool store_baseline_accepted(struct store *store, struct arena *a, const char *vm, size_t limit,
                                        const struct store_baseline **ret, size_t *ret_n, struct err *err);
/* store_baseline_change stores how long the row's version is accepted (pinned and what follows); what was accepted stays as it was.
 * CONFLICT: there is none, or it has ended, which is for good. */
MUST_CHECK bool store_baseline_change(struct store *store, const struct store_baseline *baseline, struct err *err);
/* A number that grows with everything that is added or changed here; 0 as long as there is nothing. */
MUST_CHECK bool store_baseline_changes(struct store *store, const char *vm, int64_t *ret, struct err *err);
/* The soonest until_ms of those that have not ended; 0: none has one. */
MUST_CHECK bool store_baseline_next_end(struct store *store, const char *vm, int64_t *ret_ms, struct err *err);
/* Newest first; before_version 0 starts at the newest. */
MUST_CHECK bool store_baseline_list(struct store *store, struct arena *a, const char *vm, int64_t before_version, size_t limit,
                                    const struct store_baseline **ret, size_t *ret_n, struct err *err);

/* ---- contacts: what an agent last said ------------------------------------------------------------------------------- */

struct store_contact {
    const char *vm;
    int64_t last_heartbeat_ms; /* 0: never; a put with one of the two sets that one, and the other no later */
    int64_t last_report_ms;    /* 0: never */
    const char *boot_id;       /* from here to notes: the agent's words; NULL: not told */
    const char *agent_version;
    const char *kernel_version;
    const char *state;
    const char *last_error;
    const char *notes;   /* what it noticed, a line each */
    int64_t reset_count; /* claimed; -1: not told */
    int64_t restart_count;
    /* Read only here; store_counter_advance writes them. */
    int64_t ak_counter; /* of the newest signed request; -1: none yet */
};

/* store_contact_put stores a heartbeat or report: times never go back (0 leaves one), a NULL text or a count of -1 leaves what is there,
 * except that last_error and notes NULL clear theirs. */
MUST_CHECK bool store_contact_put(struct store *store, const struct store_contact *contact, struct err *err);
MUST_CHECK bool store_contact_get(struct store *store, struct arena *a, const char *vm, struct store_contact *ret, struct err *err);

/* store_counter_advance is the anti-replay check of signed requests (architecture.md 8): `counter` must be higher than every one accepted from this VM's key. It is
 * one for all boots, as an agent begins at the time of day. DENIED otherwise, and nothing changes.
 * Of several concurrent calls with the same counter one wins. Enrolling another AK forgets the counter. */
MUST_CHECK bool store_counter_advance(struct store *store, const char *vm, int64_t counter, struct err *err);

/* ---- reported tokens ------------------------------------------------------------------------------------------------- */

struct store_token {
    const char *vm;
    const char *jti;
    const char *ak_name;
    const char *boot_id;
    int64_t reported_ms;
    int64_t expires_ms;
};

/* *ret_first is true when this token is new for the VM; the same token again by the same AK in the same boot is fine and changes nothing;
 * by another AK or in another boot it is CONFLICT. */
MUST_CHECK bool store_token_report(struct store *store, const struct store_token *token, bool *ret_first, struct err *err);
/* Forgets tokens that expired before `before_ms`; they are refused by time from then on. */
MUST_CHECK bool store_token_prune(struct store *store, int64_t before_ms, int64_t *ret_n, struct err *err);

/* ---- settings -------------------------------------------------------------------------------------------------------- */

/* Keys are ours ("attestation.signing_key"); values are bytes, at most 1 MiB. */
MUST_CHECK bool store_setting_get(struct store *store, struct arena *a, const char *key, struct bytes *ret, struct err *err);
MUST_CHECK bool store_setting_put(struct store *store, const char *key, struct bytes value, struct err *err);
/* store_setting_init stores `value` unless the key has one already, and gives what is stored: several servers agree on the first. */
MUST_CHECK bool store_setting_init(struct store *store, struct arena *a, const char *key, struct bytes value, struct bytes *ret,
                                   struct err *err);
MUST_CHECK bool store_setting_delete(struct store *store, const char *key, struct err *err);

/* Settings that more than one folder touches; %s is the VM. The last is what the attestation service knows of its IMA list. The first says which other VM it shares a TPM with: enrolment writes it, releasing
 * the identity removes it. The second is what the monitor remembers of its TPM: management removes it with the VM or its identity. */
#define STORE_SETTING_DUPLICATE "identity.duplicated.%s"
#define STORE_SETTING_REFUSED \
    "identity.refused.%s" /* the last TPM that was refused because the VM has another: {"time":ms,"cert":"SHA-256 in hex"} */
#define STORE_SETTING_BOOTS  "monitor.boots.%s" /* boots that take turns: monitor/turns.h */
#define STORE_SETTING_MEMORY "monitor.memory.%s"
#define STORE_SETTING_IMA    "attestation.ima.%s"
