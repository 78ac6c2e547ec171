/* agent/protocol/attest.h: the native protocol: POST {endpoint}/attest/Tpm?api-version=2022-08-01 (guest-agent.md 3.7,
 * attestation-service.md 6).
 *
 *   1. {"data":b64u({"payload":{"type":"aikcert"},"metadata":{"agent":"trueboot-agent/0.1.0","trueboot":1}})}
 *      -> {"data":b64u({"payload":{"challenge":b64u,"service_context":b64u}})}
 *         and, from a service that is a trueboot one, "trueboot":{"kernel":true,"imaPieces":bool,"requestAlgorithms":["ES256",…]}: what it
 *         understands besides, and how a request may be signed in step 3; others say nothing, and get PS256
 *   2. TPM2_Quote(AK, qualifyingData = SHA-256(jwk bytes || 00 || challenge), PCR 0–23 of SHA-256)
 *   3. {"data":b64u({"payload":{"request":"<compact JWS>"}})} with the protected header {"alg":"ES256" or "PS256","typ":"attReqV2"} and the
 *      v2 payload of 6.4.1:
 *      {"att_type":"basic","att_data":{"rp_data":b64u of the monitor's nonce (absent when there is none),"challenge":b64u,
 *        "tpm_att_data":{"current_attestation":{"logs":[…],"aik_cert":b64u,"aik_pub":JWK,"pcrs":[…],"quote":b64u,"signature":b64u}},
 *        "request_key":{"jwk":{"kty":"EC","crv":"P-256",…} or {"kty":"RSA",…},"info":{"tpm_quote":{"hash_alg":"sha-256"}}},
 *        "custom_claims":[{"name":"agentVersion","value":"0.1.0","value_type":"string"},
 *                         {"name":"bootId","value":"uuid","value_type":"string"}],
 *        "service_context":b64u as received}}
 *      `jwk` is written once and those very characters are hashed. `logs`: the firmware log as TCG, then, when systemd has
 *      measured something, its records as a further TCG log, crypto-agile events without a header event (see evidence.h). A service that
 *      says so gets "trueboot":{"kernel":{…}} in current_attestation: the guest's own words (eventlog/kernel/state.h);
 *      and, where it takes pieces, the IMA list from where it has it: "ima":{"from":n,"more":bool}. It answers with "trueboot":{"ima":
 *      {"entries":n,"proved":bool}} beside the report, or in the error; while there is more, all of this is done again at once. A refusal with
 *      "ima.resume" means that it has nothing that the piece continues: the list is sent from its start, once.
 *   -> {"data":b64u({"payload":{"report":"<JWT>"}})}
 *
 * A refusal (400) ends as FAILURE_REFUSED with "code: message"; when its body names an appraisal ("appraisalId" or
 * "appraisal" in the body's or the error's "trueboot" object, or in error.innererror), the id is handed on so that the report
 * can carry it. A 400 whose innererror.code names the challenge or service context, or a race between quote and values, is
 * FAILURE_NONCE: start over. */
#pragma once
#include "agent/evidence/evidence.h"
#include "agent/evidence/ima_list.h"
#include "agent/failure/note.h"
#include "agent/protocol/server.h"
#include "agent/tpm/ak.h"
#include "crypto/privkey.h"

/* Software keys that sign requests, each made when it is first wanted, never stored (guest-agent.md 3.7). P-256 for a server that says in its
 * challenge that it takes ES256; else RSA-2048, which every server takes and which costs a hundred times as much to make. Zeroed: none yet. */
struct request_keys {
    struct privkey *p256, *rsa;
};
void request_keys_forget(struct request_keys *keys);

struct attest_request {
    const struct ak *ak;
    struct bytes ak_cert; /* DER */
    const struct evidence_sources *sources;
    struct request_keys *request_keys;
    struct bytes nonce; /* the monitor's; empty: none */
    const char *boot_id;
    struct ima_sent *ima_sent;         /* what of the IMA list the service has; kept from one attestation to the next */
    const struct pcr_set *pcrs_before; /* quote.h; NULL: none */
};

struct attest_result {
    struct bytes token;        /* compact JWT; empty after a refusal */
    struct bytes appraisal;    /* id as the server named it; empty: it did not */
    bool no_tpm_here;          /* after a refusal: there is no TPM endpoint, or no TPM policy is set (guest-agent.md 3.7) */
    struct quoted quoted;      /* counters for the report; zero when nothing was quoted */
    struct notes log_notes;    /* what our own look at the log found, log_check.h */
    char event_log_sha256[65]; /* hex, of the firmware log sent */
};

/* Nothing yet. Of the places for registers and notes, which are most of it, only that there are none is written. */
void attest_result_clear(struct attest_result *result);

/* attest fills *ret as far as it came, also on failure (the one exception to our rule: a refusal still has counters and an
 * appraisal id). Views live in the arena. */
MUST_CHECK bool attest(struct tpm_device *tpm, struct server *server, const struct attest_request *request, struct arena *a,
                       struct attest_result *ret, struct failure *why);

/* What an answer other than 200 means: sorts it into *why, takes the appraisal's id, and is false. */
bool attest_refused(const struct server_answer *answer, struct attest_result *result, struct failure *why);

enum { ATTEST_TOKEN_ID_LEN = 64 };
/* jti and exp of a token that is not for us, unverified, for status: "" and 0 where it says nothing of the kind. */
void attest_token_glance(struct bytes token, char ret_id[static ATTEST_TOKEN_ID_LEN], int64_t *ret_until_ms);

/* Until when a token that did not get through is worth repeating: 80 % of its life, as it says itself; we need not verify what is not for us. */
int64_t attest_token_worth_until(struct bytes token, int64_t now_ms);
