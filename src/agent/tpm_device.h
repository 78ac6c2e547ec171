/* agent/tpm_device.h: the one place where a TPM is opened (guest-agent.md 2.1, 2.9).
 *
 * Over tpm2-tss: ESAPI on a TCTI. Below ESAPI lies a layer of ours that gives every command a deadline (10 s, 120 s where the
 * TPM makes a key) and counts loaded objects and sessions: never more than two transient objects and one session, all flushed
 * on every path. Busy answers are repeated five times with 50, 100, 200, 400, 800 ms pauses; those that ESAPI repeats by
 * itself (RETRY, TESTING, YIELDED) are left to it.
 *
 * A device is not for several threads. Keep it open for one piece of work: /dev/tpm0 admits one opener. */
#pragma once
#include "agent/failure.h"
#include "base/arena.h"
#include "crypto/digest.h"

struct tpm_device;

/* `tcti` is a TCTI string ("device:/dev/tpmrm0", "swtpm:path=SOCKET"); NULL or "": the environment variable TCTI, then
 * /dev/tpmrm0, then /dev/tpm0. Fails with NO_TPM, TPM12, TPM_PERM, TPM_BUSY or TPM_UNUSABLE, with a hint. */
MUST_CHECK bool tpm_device_open(const char *tcti, struct tpm_device **ret, struct failure *why);
void tpm_device_close(struct tpm_device *tpm);
void tpm_device_close_at(struct tpm_device **tpm);
const char *tpm_device_name(const struct tpm_device *tpm); /* the TCTI string that was opened */

/* What is loaded now and what was at most, as seen by the layer below ESAPI. */
struct tpm_usage {
    unsigned objects, sessions;
    unsigned most_objects, most_sessions;
    unsigned commands;
};
struct tpm_usage tpm_device_usage(const struct tpm_device *tpm);

struct tpm_facts {
    char manufacturer[5];      /* "IBM" for libtpms */
    char firmware[24];         /* "major.minor" of the first version word */
    uint32_t nv_index_max;     /* bytes; 2048 on libtpms */
    uint32_t nv_buffer_max;    /* bytes a single NV command moves */
    uint32_t input_buffer_max; /* bytes that TPM2_Hash takes */
    uint32_t pcr_banks[8];     /* per digest_algorithm: bit i when register i is allocated; index = enum value below 8 */
};
MUST_CHECK bool tpm_facts_read(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why);

/* tpm_nv_read reads a whole NV index, with the owner's authorisation, else with the index's own. *ret_present is false when the
 * index is not defined or was never written. ERR: an index larger than `limit`. */
MUST_CHECK bool tpm_nv_read(struct tpm_device *tpm, uint32_t index, size_t limit, struct arena *a, bool *ret_present, struct bytes *ret,
                            struct failure *why);
/* tpm_nv_store defines the index when it is absent (ownerread ownerwrite authread authwrite no_da, exact size), replaces it when
 * it has another size and our attributes, and writes it in chunks. */
MUST_CHECK bool tpm_nv_store(struct tpm_device *tpm, uint32_t index, struct bytes content, struct failure *why);
MUST_CHECK bool tpm_nv_remove(struct tpm_device *tpm, uint32_t index, struct failure *why); /* absent is fine */

/* tpm_rc_text describes a response code: "0x18B (tpm:handle(1):…)". */
enum { TPM_RC_TEXT_LEN = 160 };
void tpm_rc_text(uint32_t rc, char out[static TPM_RC_TEXT_LEN]);
/* Which failure a response code means (2.9); FAILURE_TPM_REFUSED for what has no row. */
enum failure_id tpm_rc_failure(uint32_t rc);
