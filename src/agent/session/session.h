/* agent/session/session.h: what one run of the program holds, and the pieces of work done with it: enrol, attest, report, beat.
 *
 * Each piece opens the TPM, does its work and closes it again. States ENROLL, COLLECT, ATTEST and REPORT of guest-agent.md 1.3 are one
 * session_cycle(); when to call what is run.h's. Nothing here waits or repeats. */
#pragma once
#include "agent/machine/collect.h"
#include "agent/machine/host.h"
#include "agent/protocol/attest.h"
#include "agent/protocol/report.h"
#include "agent/session/watch.h"
#include "agent/settings/config.h"
#include "agent/state/state.h"
#include "crypto/digest.h"

/* A token that the monitor has not got yet: sent again until 80 % of its life (8.3). */
struct pending_report {
    char *token, *appraisal;
    char event_log_sha256[65];
    int64_t until_ms;
};

/* What the TPM need not be asked again before its next reset; forgotten after a failure and after a sleep. */
struct tpm_memory {
    bool has_facts;
    struct tpm_facts facts;
    struct pcr_set pcrs; /* of the last quote */
    bool pcrs_rest;      /* the last two quotes covered the same values */
};

/* What the certificate of the attestation key said when it was last decoded. */
struct certificate_memory {
    bool known, fits;
    struct digest of;                   /* DER */
    char key[2 * TPM_NAME_MAX_LEN + 1]; /* the key's Name, hex, that it was held against */
    char vm_id[UUID_TEXT_LEN];          /* as it says, where it fits; what follows, too */
    int64_t from_ms, until_ms;
};

struct session {
    const struct agent_config *config;
    struct agent_state state;
    struct host host;
    struct arena arena;                      /* of what lives as long as the session */
    struct collected collected;              /* what root copied for us; empty when nobody did: then we look ourselves */
    struct server *attest, *enroll, *report; /* one and the same when the endpoints are equal */
    struct request_keys request_keys;
    uint8_t nonce[LIMIT_NONCE_BYTES];
    size_t nonce_len;         /* 0: none */
    struct ima_sent ima_sent; /* what of the IMA list the service has */
    struct pending_report pending;
    struct arena missed_arena;
    struct report_missed missed; /* reports that did not get through; told with the next one that does */
    char *enroll_id;             /* of an enrolment that awaits approval */
    bool nv_certificate_is_stale;
    struct certificate_memory certificate;
    int64_t renewal_ms;                     /* when the certificate that was judged last is to be renewed; 0: none was */
    bool look_only;                         /* diagnose: nothing is made persistent, nobody is enrolled */
    bool has_counters;                      /* state's counters are of this boot */
    char ak_name[2 * TPM_NAME_MAX_LEN + 1]; /* hex; "" until a key was opened */
    char tpm_name[64];
    struct tpm_memory memory;
    struct watch watch;            /* what was noticed and stopped nothing */
    unsigned pending_certificates; /* how often in a row the platform had none yet */
    int64_t rekey_since_ms;        /* the platform makes its key anew since then; 0: it does not */
    unsigned failed_cycles;        /* in a row that did not reach the attestation service (session_give_up) */
    unsigned refused_entry;        /* cycles in a row, those aside that did not reach the server, that ended with 401 or 403 (3.8) */
    bool token_was_told; /* the last that a relying party with the product's names took was the token in state: it may be repeated */

    /* Opens the TPM; NULL: tpm_device_open() with the configured TCTI. */
    bool (*open_tpm)(void *tpm_context, struct tpm_device **ret, struct failure *why);
    void *tpm_context;
    void (*progress)(void *context, const char *step, const char *detail); /* may be NULL */
    void *context;
};

/* `config` is borrowed. A missing endpoint is no error here, but where a server is needed. */
void session_init(struct session *ret, const struct agent_config *config);
/* The same for somebody who only looks: look_only is set, and no state is written. */
void session_look(struct session *ret, const struct agent_config *config);
void session_done(struct session *session);
/* Connections to servers end, others are made when they are wanted: the way there may be another one. */
void session_hang_up(struct session *session);
/* The machine was copied or restored: nothing is used any more that a copy may hold, too: nonce, connections, request key, random numbers
 * (9.4 VMGENID). */
void session_part_from_copies(struct session *session);

/* Which key the configuration is about; `look_only`: nothing is made persistent. */
struct ak_options session_ak_options(const struct agent_config *config, bool look_only);

/* session_enrol runs an enrolment whether or not there is a certificate; `anew` forgets the recorded key first. */
MUST_CHECK bool session_enrol(struct session *session, bool anew, struct failure *why);

/* One attestation, enrolled first if need be, not reported. ret->token lives in the arena. */
MUST_CHECK bool session_attest(struct session *session, struct arena *a, struct attest_result *ret, struct failure *why);

/* One cycle: certificate, nonce, attestation, report. A refusal is reported, too. *ret_answer has what the monitor said, also on
 * failure (zeroed when it said nothing); its nonce has already been kept. */
MUST_CHECK bool session_cycle(struct session *session, struct report_answer *ret_answer, struct failure *why);
/* The same for somebody who knows only afterwards when the next one is due, and calls session_save then. */
MUST_CHECK bool session_cycle_unsaved(struct session *session, struct report_answer *ret_answer, struct failure *why);
/* state.json; `waits_for`: the failure after which it is tried again; NULL: none. `due_*`: the next cycle. */
void session_save(struct session *session, const struct failure *waits_for, int64_t due_boot_clock_ms, int64_t due_ms);

/* A whole cycle, its attempts included, came to nothing: what it could not deliver is kept over a restart (spool.h), and a relying party that expects the
 * product's names is told of the second one in a row in which the attestation service was not reached; after the first it gets the last token once more,
 * while that is valid, of this boot, and still the last word about the machine (8.2). */
void session_give_up(struct session *session, const struct failure *why);

/* FAILURE_NOT_ENROLLED when there is no certificate yet. `last_error` may be NULL. */
MUST_CHECK bool session_heartbeat(struct session *session, const char *state, const struct failure *last_error,
                                  struct report_answer *ret_answer, struct failure *why);

/* notAfter of the attestation key's certificate; 0: there is none. */
int64_t session_certificate_until(const struct session *session);

/* What stands in status and reports besides failures. */
void session_notes(const struct session *session, struct notes *ret);

/* Evidence as a file, no server needed. An empty nonce means 32 random bytes. */
MUST_CHECK bool session_evidence(struct session *session, struct bytes nonce, struct writer *w, struct failure *why);
