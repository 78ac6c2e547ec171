/* agent/protocol/azureguest.h: the compatibility protocol: POST {endpoint}/attest/AzureGuest?api-version=2020-10-01 (guest-agent.md 3.1–3.6, 3.8).
 *
 *   {"AttestationInfo":b64u of the JSON of 3.2}  ->  {"token":b64u of the sealed answer of 3.4}
 *
 * For any server that speaks it. Registers 0–7 of SHA-256, 11 too on Azure Local, 11–14 too on Windows (2.6). With a relying party's nonce the qualifying data of
 * quote and certification are
 *   bind = SHA-256("trueboot-bind-1" || 00 || nonce || SHA-256(EncKeyPub as sent) || SHA-256(TcgLogs, raw) ||
 *                  SHA-256(ClientPayload as compact JSON, keys in byte order))
 * and the nonce's bytes travel as ClientPayload.nonce, base64 as every value there; without one they stay empty, as in the published clients.
 *
 * The attestation starts over, at most three times, when a register moves before the answer is open: PCR_CHANGED after that. A log over
 * 1 MiB or a request over 4 MiB is tried trimmed (eventlog/log/trim.h), then LOG_TOO_LARGE. */
#pragma once
#include "agent/protocol/attest.h"

struct azureguest_request {
    const struct ak *ak;  /* RSA-2048, RSASSA with SHA-256 */
    struct bytes ak_cert; /* DER; empty: none, which servers may refuse */
    const struct evidence_sources *sources;
    struct bytes nonce; /* the relying party's; empty: none */
    const char *arm_id; /* ClientPayload.ArmID; NULL or "": left out */
    bool with_pcr11;
};

enum { AZUREGUEST_ATTEMPTS = 3 };

/* As attest(): *ret is filled as far as it came, also on failure. */
MUST_CHECK bool azureguest_attest(struct tpm_device *tpm, struct server *server, const struct azureguest_request *request, struct arena *a,
                                  struct attest_result *ret, struct failure *why);

/* The address below the server's own: "/attest/AzureGuest?api-version=…", without what the endpoint already says (3.1). In the arena. */
MUST_CHECK char *azureguest_path(struct arena *a, const char *endpoint);

/* bind of 3.6. */
void azureguest_bind(struct bytes nonce, struct bytes enc_key_pub, struct bytes log, struct bytes client_payload, struct digest *ret);
