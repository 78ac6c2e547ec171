/* eventlog/ima/replay.h: an IMA list, replayed in pieces: what a beginning of it comes to, and how to go on from there.
 *
 * A struct ima_replay is a statement about a list and about nothing else: these n entries, extended one after the other into register 10, give these
 * values. It holds whoever sent the entries, and whenever. Whether a TPM extended them is known only when the values are the quoted ones
 * (ima_replay_fits): then, by the one-way hash, nothing else was extended, and all n entries are what happened. So a state that was kept, of
 * another boot or another machine even, can make a continuation fail, and never make a false one fit.
 *
 * Sources: guest-agent.md 4.2 (incremental scheme), attestation-service.md 6.5 step 10. */
#pragma once
#include "base/writer.h"
#include "eventlog/ima/summary.h"

enum { IMA_MODES = 2 /* enum ima_bank_mode */ };

/* Register 10 in one bank, in both ways that a kernel may have filled it. */
struct ima_bank {
    enum digest_algorithm algorithm;
    struct digest value[IMA_MODES];
    bool possible[IMA_MODES];
};

struct ima_replay {
    uint32_t n;                        /* entries so far, of any register */
    bool confirmed;                    /* a quote had the value of one of its beginnings: ima_replay_take */
    enum digest_algorithm list_digest; /* of the entries' template digests; DIGEST_NONE before the first */
    size_t n_banks;
    struct ima_bank banks[LIMIT_PCR_BANKS];
    struct ima_summary all;    /* of the entries whose fields are known: to be believed where a bank covers these (hashed) */
    struct ima_summary proved; /* of those whose template digest hashes from their fields */
};

/* From `start` (what register 10 has after the firmware's log; NULL: the reset value), for the banks that are quoted. */
void ima_replay_begin(const struct pcr_set *quoted, const struct pcr_set *start, struct ima_replay *ret);
void ima_replay_add(struct ima_replay *replay, const struct ima_entry *entry, enum digest_algorithm list_digest);

struct ima_fit {
    bool hashed; /* a strong bank covers the entries' own fields */
    enum ima_bank_mode mode[LIMIT_PCR_BANKS];
};
/* Whether every quoted bank has a value of the replay. False, too, when a bank is quoted that the replay does not have, and when none is. */
bool ima_replay_fits(const struct ima_replay *replay, const struct pcr_set *quoted, struct ima_fit *ret);
const struct ima_summary *ima_replay_summary(const struct ima_replay *replay, const struct ima_fit *fit);

/* ima_replay_take adds the entries of `input` until the quoted values are reached, or to its end; entries behind that are not taken. *ret_fits
 * says which. `scratch` is used and reset. ERR_MALFORMED and ERR_LIMIT (LIMIT_IMA_ENTRIES over all pieces); the replay is then worth nothing. */
MUST_CHECK bool ima_replay_take(struct ima_replay *replay, struct bytes input, const struct pcr_set *quoted, struct arena *scratch,
                                bool *ret_fits, struct ima_fit *ret_fit, struct err *err);

/* As bytes, for keeping: version 3, big-endian; see state.c. ERR_MALFORMED for what was not written so. */
void ima_replay_write(struct writer *w, const struct ima_replay *replay);
MUST_CHECK bool ima_replay_read(struct bytes state, struct ima_replay *ret, struct err *err);
