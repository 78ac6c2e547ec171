/* agent/state/state.h: what outlives the process: the folder /var/lib/trueboot-agent, mode 0700 (guest-agent.md 12).
 *
 *   ak.json        {"schema":1,"profile":"selfhosted","profileAsked":bool,"templateId":"ak-rsa2048-e-1","rotation":0,"name":"000b…","handle":2164260867,
 *                   "nvIndex":29426128|null: where a copy of the certificate lies,"createdTime":"RFC 3339"|null: when the key came into this state}
 *   ak.ctx         of a key that cannot be persistent: what its TPM gives it back from until it is reset (TPMS_CONTEXT); else it is not there, or empty
 *   ak.crt         DER certificate;  ak.chain  its issuers, concatenated DER
 *   identity.json  {"schema":1,"vmUuid":"…","ekPublicSha256":"hex"|null: of the TPMT_PUBLIC, as diagnose shows it,"ekCertSha256":"hex"|null,"ekCertSerial":"hex"|null,
 *                   "ekCertSubject":"RFC 4514"|null,"machineIdSha256":"hex, host.h"|null,"firstSeen":"RFC 3339"}
 *   state.json     {"schema":1,"bootId":"…","lastVerdict":"accepted"|"refused"|null,"resetCount":n,"restartCount":n,"safe":bool,"pcrs":"hex"|null,
 *                   "bootNotes":[as in note.h], where there are some,
 *                   "counter":n,"sequence":n,"lastVerdictTime":…|null,"clockMs":n,"backoff":"IN_CYCLE"|"AGAIN"|"LATER"|"PERIOD"|"PROBE"|null,
 *                   "nextDueMonotonicMs":n (of the clock that counts suspended time),"nextDueTime":…|null,
 *                   "tokenId":"jti"|null,"tokenExpiryTime":…|null,"tokenSha256":"hex"|null}
 *   token.jwt      the last token, mode 0600; gone when it expires. Whoever reads it compares it with tokenSha256: it is written where it
 *                   lies, and waited for by nobody
 *
 * A folder that cannot be made or written is no obstacle: the state lives in memory, the key is derived anew and its certificate lies
 * in NV. A file that cannot be read, or is none, is renamed to *.bad; where one has a newer schema, nothing is renamed, written or removed. */
#pragma once
#include "agent/tpm/ak.h"
#include "agent/tpm/lifecycle.h"
#include "base/uuid.h"

enum { STATE_SCHEMA = 1 };

struct agent_state {
    const char *dir;    /* borrowed; NULL: memory only */
    bool in_memory;     /* nothing is (any more) written */
    bool look_only;     /* nothing is renamed either: state_look */
    bool damaged;       /* a file was set aside */
    bool identity_lost; /* one of those that state_save_identity writes */
    bool newer;         /* a file has a newer schema: read only */
    char note[200];     /* why, or which file was bad; "" when all is well */

    struct ak_record ak;
    uint32_t ak_nv_index;            /* 0: nowhere */
    int64_t ak_created_ms;           /* 0: not known */
    struct writer ak_cert, ak_chain; /* DER; len 0: none */
    struct writer ak_context;        /* ak_context(); len 0: none */
    char vm_id[UUID_TEXT_LEN];
    char ek_public_sha256[65], ek_cert_sha256[65], machine_id_sha256[65]; /* "": not known */
    char ek_cert_serial[2 * 20 + 1], ek_cert_subject[256];
    int64_t first_seen_ms;

    char boot_id[UUID_TEXT_LEN];
    uint64_t counter, sequence;
    char last_verdict[16];
    int64_t last_verdict_ms;
    uint64_t clock_ms;
    uint32_t reset_count, restart_count;
    bool safe;
    char pcrs[65];                     /* hex, lifecycle.h; "": none */
    struct notes boot_notes;           /* of the boot `boot_id` (agent/session/watch.h) */
    char backoff[12];                  /* class of the failure that is waited for; "": none */
    int64_t due_boot_clock_ms, due_ms; /* the next attestation; 0: not known */
    char token_id[64];                 /* jti of the last token, "": none; for people to find it elsewhere */
    int64_t token_until_ms;            /* its exp; 0: none */
    char token_sha256[65];
    bool has_token; /* token.jwt is there */

    struct writer lasting; /* the part of state.json that is on the disk for certain; len 0: none yet */
};

/* `dir` NULL or "": memory only. */
void state_load(struct agent_state *ret, const char *dir);
/* The same for somebody who only looks: no folder is made, damaged files stay where they are, nothing is ever written. */
void state_look(struct agent_state *ret, const char *dir);
void state_done(struct agent_state *state);

/* What the last attestation saw; known once there was one. */
struct life_point state_life_point(const struct agent_state *state);

/* Each writes its files and falls back to memory with a note when it cannot. */
void state_save_identity(struct agent_state *state);                      /* ak.json, ak.crt, ak.chain, identity.json */
void state_keep_context(struct agent_state *state, struct bytes context); /* ak.ctx; nothing is written when it is the same */
/* state.json. Written to the disk, and waited for, when anything but its times and counters is another; else in place: a cycle like the one before is not
 * worth two journeys to the disk. A process that starts again finds it either way; a machine that stops within half a minute has the one before. */
void state_save_progress(struct agent_state *state);

/* What the last run left: kept if it is whole, the one that state.json tells of, and not expired. For the one process that writes the state. */
void state_check_token(struct agent_state *state);
/* token.jwt: `token` is the one that token_id and token_until_ms are of. One that does not say when it expires is not kept. */
void state_keep_token(struct agent_state *state, struct bytes token);
/* The token read back, to go away with the arena (arena_done_secret); empty: there is none, or another than state.json tells of. */
struct bytes state_read_token(const struct agent_state *state, struct arena *a);
/* Removes it once it has expired. */
void state_drop_old_token(struct agent_state *state, int64_t now_ms);

/* state_forget drops the identity in memory (state_save_identity makes it lasting); state_erase deletes the files (verb reset). */
void state_forget_certificate(struct agent_state *state);
/* For a TPM that was made anew (9.4 SEED_CHANGED): the files go to DIR/state.DATE, where people may look at them, and the machine has no identity any more.
 * state_erase takes such folders away as well (state_erase_aside). */
MUST_CHECK bool state_set_aside(struct agent_state *state, struct err *err);
void state_erase_aside(const char *dir);
MUST_CHECK bool state_erase(const char *dir, struct err *err);
