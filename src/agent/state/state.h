/* agent/state/state.h: what outlives the process: the folder /var/lib/trueboot-agent, mode 0700 (guest-agent.md 12).
 *
 *   ak.json        {"schema":1,"profile":"selfhosted","profileAsked":bool,"templateId":"ak-rsa2048-e-1","rotation":0,"name":"000b…","handle":2164260867}
 *   ak.crt         DER certificate;  ak.chain  its issuers, concatenated DER
 *   identity.json  {"schema":1,"vmUuid":"…","ekCertSha256":"hex"|null,"firstSeen":"RFC 3339"}
 *   state.json     {"schema":1,"bootId":"…","counter":n,"sequence":n,"lastVerdict":"accepted"|"refused"|null,"lastVerdictTime":…|null,
 *                   "clockMs":n,"resetCount":n,"restartCount":n,"safe":bool,"pcrs":"hex"|null,
 *                   "bootNotes":[as in note.h], where there are some}
 *
 * A folder that cannot be made or written is no obstacle: the state lives in memory, the key is derived anew and its certificate lies
 * in NV. A file that cannot be read, or is none, is renamed to *.bad; one with a newer schema is left alone and nothing is written. */
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
    bool newer;         /* a file has a newer schema */
    char note[200];     /* why, or which file was bad; "" when all is well */

    struct ak_record ak;
    struct writer ak_cert, ak_chain; /* DER; len 0: none */
    char vm_id[UUID_TEXT_LEN];
    char ek_cert_sha256[65];
    int64_t first_seen_ms;

    char boot_id[UUID_TEXT_LEN];
    uint64_t counter, sequence;
    char last_verdict[16];
    int64_t last_verdict_ms;
    uint64_t clock_ms;
    uint32_t reset_count, restart_count;
    bool safe;
    char pcrs[65];           /* hex, lifecycle.h; "": none */
    struct notes boot_notes; /* of the boot `boot_id` (session/watch.h) */

    uint8_t lasting[512]; /* the part of state.json that is on the disk for certain */
    size_t lasting_len;   /* 0: none yet */
};

/* `dir` NULL or "": memory only. */
void state_load(struct agent_state *ret, const char *dir);
/* The same for somebody who only looks: no folder is made, damaged files stay where they are, nothing is ever written. */
void state_look(struct agent_state *ret, const char *dir);
void state_done(struct agent_state *state);

/* What the last attestation saw; known once there was one. */
struct life_point state_life_point(const struct agent_state *state);

/* Each writes its files and falls back to memory with a note when it cannot. */
void state_save_identity(struct agent_state *state); /* ak.json, ak.crt, ak.chain, identity.json */
/* state.json. Written to the disk, and waited for, when anything but its times and counters is another; else in place: a cycle like the one before is not
 * worth two journeys to the disk. A process that starts again finds it either way; a machine that stops within half a minute has the one before. */
void state_save_progress(struct agent_state *state);

/* state_forget drops the identity in memory (state_save_identity makes it lasting); state_erase deletes the files (verb reset). */
void state_forget_certificate(struct agent_state *state);
/* For a TPM that was made anew (9.4 SEED_CHANGED): the files go to DIR/state.DATE, where people may look at them, and the machine has no identity any more.
 * state_erase takes such folders away as well (state_erase_aside). */
MUST_CHECK bool state_set_aside(struct agent_state *state, struct err *err);
void state_erase_aside(const char *dir);
MUST_CHECK bool state_erase(const char *dir, struct err *err);
