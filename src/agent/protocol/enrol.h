/* agent/protocol/enrol.h: endorsement certificate in, certificate of the attestation key out (guest-agent.md 2.5).
 *
 * Wire shapes, base64url without padding; unknown members of an answer are ignored:
 *
 *   POST {endpoint}/enroll/v1/begin     Content-Type: application/json     [Authorization: Bearer ENROLMENT-TOKEN]
 *   {"ekCerts":[b64u DER, …],           in the order they were found: RSA-2048, P-256, P-384, others
 *    "ekChain":[b64u DER, …],           NV 0x01C00100–0x01C001FF; [] when empty
 *    "ekPub":b64u TPM2B_PUBLIC,         of the EK of ekCerts[0] (of the RSA-2048 or P-256 EK when there is no certificate)
 *    "ekPubs":[b64u TPM2B_PUBLIC, …],   one for each of ekCerts, null where that EK cannot be used. Ours: lets the server
 *                                       take any of them
 *    "platformCert":b64u DER | null,
 *    "akPub":b64u TPM2B_PUBLIC,         size field included, 282 bytes
 *    "akName":"000b…" hex, "templateId":"ak-rsa2048-e-1",
 *    "iak":{"cert":b64u DER, "certify":b64u TPMS_ATTEST, "signature":b64u TPMT_SIGNATURE} | null,
 *                                       the TPM's initial attestation key has certified the AK; qualifyingData is empty. Its issuers are in ekChain
 *    "hints":{"vmUuid":"…"|null,"machineIdHash":"hex"|null,"hostname":"…","tpmManufacturer":"IBM","tpmFirmware":"2019.1023",
 *             "agentVersion":"0.1.0","bootId":"…"},
 *    "enrollId":"…"}                    only when repeating after a 202
 *
 *   200 {"enrollId":"…","ekIndex":0,"credentialBlob":b64u TPM2B_ID_OBJECT,"encryptedSecret":b64u TPM2B_ENCRYPTED_SECRET,
 *        "nonce":b64u,"expires":"RFC 3339"}         both TPM2Bs with their size fields (70 and 258 bytes for RSA-2048)
 *   Where an "iak" went out and is believed, ekIndex, credentialBlob and encryptedSecret are null: there is nothing to activate. A server that does not
 *   know of such keys sends a credential, and is content with that.
 *
 *   202 {"enrollId":"…","state":"awaitingApproval","retryAfter":60}
 *   4xx {"error":{"code":"…","message":"…"}}        409 IdentityDuplicated: the EK or AK belongs to another VM.
 *                                                    IakRefused: it is about the "iak"; without it, it is another matter
 *
 *   POST {endpoint}/enroll/v1/activate
 *   {"enrollId":"…","proof":b64u HMAC-SHA256(secret, "trueboot-enroll-1" 00 enrollId 00 AK Name (34 bytes)),
 *    "quote":b64u TPMS_ATTEST,          qualifyingData = the nonce's bytes; PCR 0–23, SHA-256
 *    "signature":b64u TPMT_SIGNATURE,"pcrs":[{"algorithm":11,"values":[{"index":0,"digest":b64u}, …]}],
 *    "logs":[{"type":"TCG","log":b64u}, …]}
 *
 *   With an IAK, in place of "proof": "iak":{…} as above, qualifyingData = the nonce's bytes: certified now, and for this enrolment.
 *
 *   200 {"akCert":b64u DER,"akChain":[b64u DER, …],"vmId":"uuid","attestEndpoint":"…"|null,"reportEndpoint":"…"|null,
 *        "nonce":b64u}                   vmId = the certificate's subject CN. The monitor's first nonce is optional here. The endpoints
 *                                        are hints: what is configured rules, it is known to be reachable from here.
 *
 * The secret of activation is what TPM2_ActivateCredential gives back (32 bytes for a SHA-256 EK). */
#pragma once
#include "agent/evidence/evidence.h"
#include "agent/protocol/server.h"
#include "agent/tpm/ak.h"
#include "agent/tpm/iak.h"
#include "base/uuid.h"

struct enrolment {
    struct bytes ak_cert;  /* DER; matches the AK, names vm_id */
    struct bytes ak_chain; /* concatenated DER, leaf not included */
    char vm_id[UUID_TEXT_LEN];
    struct bytes ek_public; /* TPM2B_PUBLIC of that endorsement key, of the first one where an IAK vouched; empty: none can be used */
    struct bytes ek_cert;   /* DER of the certificate the credential was made for; empty: none, or an IAK vouched */
    bool by_iak;
    struct bytes nonce; /* the monitor's, decoded; empty: none came */
};

struct enrol_request {
    const struct ak *ak;
    const struct evidence_sources *sources;
    struct bytes token;  /* one-time enrolment token; empty: none */
    const char *run_dir; /* where collect-logs puts what root found out */
    enum iak_use iak;
    struct notes *notes;    /* what an IAK that did not serve is noted in; NULL: nowhere */
    struct bytes enroll_id; /* of an enrolment that awaits approval; empty: none */
};

/* enrol runs the whole exchange. Views of *ret live in the arena. FAILURE_AWAITS_APPROVAL: ret_enroll_id (in the arena) is
 * set, repeat after why->retry_after_seconds. Nothing is stored here: see state.h and ak_certificate_publish(). */
MUST_CHECK bool enrol(struct tpm_device *tpm, struct server *server, const struct enrol_request *request, struct arena *a,
                      struct enrolment *ret, struct bytes *ret_enroll_id, struct failure *why);
