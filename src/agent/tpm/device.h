/* agent/tpm/device.h: the one place where a TPM is opened and commands are run (guest-agent.md 2.1, 2.9).
 *
 * Commands are written and answers read by tpm/command/request.h and tpm/command/answer.h; bytes are carried by transport.h. In between, here: a
 * deadline for every command (10 s, 120 s where the TPM makes a key); busy answers repeated five times with 50, 100, 200, 400,
 * 800 ms pauses; a count of loaded objects and sessions: never more than two transient objects and one session, all flushed on every path.
 *
 *     if (!tpm_call(tpm, request_quote(tpm_out(tpm), key, nonce, &selection), "TPM2_Quote", &r, why)) return false;
 *
 * A device is not for several threads. Keep it open for one piece of work: /dev/tpm0 admits one opener. */
#pragma once
#include "agent/tpm/facts.h"
#include "agent/tpm/transport.h"
#include "base/arena.h"
#include "crypto/digest.h"
#include "tpm/command/answer.h"
#include "tpm/command/rc.h"

/* `tcti` is a TCTI string ("device:/dev/tpmrm0", "swtpm:path=SOCKET"); NULL or "": the environment variable TCTI, then
 * /dev/tpmrm0, then /dev/tpm0. Fails with NO_TPM, TPM12, TPM_PERM, TPM_BUSY or TPM_UNUSABLE, with a hint. */
MUST_CHECK bool tpm_device_open(const char *tcti, struct tpm_device **ret, struct failure *why);
/* Over a transport of the caller's, which is taken over, also on failure. */
MUST_CHECK bool tpm_device_open_over(struct tpm_transport *transport, struct tpm_device **ret, struct failure *why);
void tpm_device_close(struct tpm_device *tpm);
void tpm_device_close_at(struct tpm_device **tpm);
const char *tpm_device_name(const struct tpm_device *tpm); /* the TCTI string that was opened */

/* What is loaded now and what was at most. */
struct tpm_usage {
    unsigned objects, sessions;
    unsigned most_objects, most_sessions;
    unsigned commands;
    int64_t waited_ms; /* from command to answer, and between repetitions */
};
struct tpm_usage tpm_device_usage(const struct tpm_device *tpm);

/* Commands. tpm_out is where requests are written; `written` is what request_…() returned. What *ret points into lasts until the next
 * command. tpm_try is true for any answer of the TPM, refusals included; tpm_call only for success, and names `what` was done else. `ret` of
 * tpm_call may be NULL. */
struct writer *tpm_out(struct tpm_device *tpm);
MUST_CHECK bool tpm_try(struct tpm_device *tpm, bool written, struct tpm_response *ret, struct failure *why);
MUST_CHECK bool tpm_call(struct tpm_device *tpm, bool written, const char *what, struct tpm_response *ret, struct failure *why);
/* tpm_refused records that `what` ended with `rc`, and is false. tpm_garbled: the answer to it is not what Part 3 says. */
bool tpm_refused(struct failure *why, const char *what, uint32_t rc);
bool tpm_garbled(struct failure *why, const char *what, const struct err *err);
/* After a refusal: one for want of the password of a hierarchy, which we do not have, is called so: `id` is EH_PASSWORD or OWNER_PASSWORD. False in any case. */
bool tpm_name_password(struct failure *why, enum failure_id id);
bool tpm_wants_password(uint32_t rc); /* or whatever else its owner asks for */
/* Which failure a response code means (2.9); FAILURE_TPM_REFUSED for what has no row. */
enum failure_id tpm_rc_failure(uint32_t rc);

/* From now on no command waits beyond this moment on the monotonic clock; for somebody who has to be done by then. */
void tpm_device_limit(struct tpm_device *tpm, int64_t until_ms);

/* libtpms answers FAILURE to a text that does not decrypt, and goes on; a TPM in failure mode answers it to everything. This tells them apart. */
MUST_CHECK bool tpm_still_works(struct tpm_device *tpm);

/* tpm_flush unloads a transient object or session and sets it to 0; 0 is fine. */
void tpm_flush(struct tpm_device *tpm, uint32_t *handle);

/* The public area of an object; *ret_found is false when there is nothing at `handle`. Decoded views live in `ret`. */
enum { TPM_PUBLIC_2B_MAX = 1024 };
struct tpm_object {
    uint8_t encoded[TPM_PUBLIC_2B_MAX]; /* TPM2B_PUBLIC, size field included */
    size_t encoded_len;
    struct tpm_public pub; /* views into encoded */
    struct tpm_name name;
    struct tpm_name qualified; /* as the TPM says; len 0 for a key that was just made */
};
MUST_CHECK bool tpm_read_public(struct tpm_device *tpm, uint32_t handle, bool *ret_found, struct tpm_object *ret, struct failure *why);
/* Makes a primary key in `hierarchy`; flush *ret_handle. */
MUST_CHECK bool tpm_create_primary(struct tpm_device *tpm, uint32_t hierarchy, const struct tpm_public *template, const char *what,
                                   uint32_t *ret_handle, struct tpm_object *ret, struct failure *why);
/* A policy session; flush *ret. */
MUST_CHECK bool tpm_start_policy(struct tpm_device *tpm, enum digest_algorithm algorithm, uint32_t *ret, struct failure *why);

/* tpm_facts_ask(), asked once while the device is open, or not at all when they were given: by whom had the same TPM open since its last reset.
 * tpm_facts_now: the same with the lock-out of this moment. */
MUST_CHECK bool tpm_facts_read(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why);
MUST_CHECK bool tpm_facts_now(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why);
void tpm_facts_give(struct tpm_device *tpm, const struct tpm_facts *facts);

/* tpm_nv_read reads a whole NV index, with the owner's authorisation, else with the index's own. *ret_present is false when the
 * index is not defined, was never written, or takes neither. ERR: an index larger than `limit`. */
MUST_CHECK bool tpm_nv_read(struct tpm_device *tpm, uint32_t index, size_t limit, struct arena *a, bool *ret_present, struct bytes *ret,
                            struct failure *why);
/* tpm_nv_find: what is defined at `index`; *ret_found false: nothing. */
MUST_CHECK bool tpm_nv_find(struct tpm_device *tpm, uint32_t index, bool *ret_found, struct nv_public *ret, struct failure *why);
/* tpm_nv_store defines the index when it is absent (ownerread ownerwrite authread authwrite no_da, exact size), replaces it when
 * it has another size and our attributes, and writes it in chunks. One that is somebody else's is left alone: fine when it holds the same. */
MUST_CHECK bool tpm_nv_store(struct tpm_device *tpm, uint32_t index, struct bytes content, struct failure *why);
MUST_CHECK bool tpm_nv_remove(struct tpm_device *tpm, uint32_t index, struct failure *why); /* absent is fine */
