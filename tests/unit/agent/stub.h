/* stub.h: a trueboot server for tests: enrolment with a real credential, attestation with a real quote, signed requests checked.
 *
 * It holds the protocol as the headers of src/agent describe it against the agent: what does not fit is answered with an error, and
 * the first reason is kept in `problem`. Behaviour is changed by the switches; counters say what came. */
#pragma once
#include "base/arena.h"
#include "base/uuid.h"
#include "crypto/privkey.h"
#include "http/server/server.h"
#include "tpm/public.h"
#include "x509/ca.h"

struct stub {
    struct http_server *server;
    struct http_route routes[8];
    struct http_routes table;
    char endpoint[64];   /* https://127.0.0.1:PORT */
    struct arena arena;  /* lives as long as the stub */
    struct bytes ca_pem; /* of the TLS certificate */
    struct ca *ca;
    struct privkey *token_key;

    /* switches; the agent's calls see them at once */
    const char *begin_answer;      /* instead of a credential: "202" or a refusal's code */
    bool refuse_evidence;          /* 400 PolicyEvaluationError with an appraisal id */
    bool forget_identity;          /* 401 until enrolled again */
    unsigned refuse_nonces;        /* answer so many reports with NonceExpired */
    bool refuse_tokens;            /* 400 InvalidToken */
    bool credential_for_other_key; /* enrolment's credential is for another attestation key */
    bool takes_iak;         /* an "iak" is enough, where one comes; else it is overlooked, as by a server that does not know of any */
    bool forget_iak;        /* and is answered with an error when it is said again */
    const char *refuse_iak; /* a beginning with an "iak" is refused with this code */
    bool any_nonce;         /* rp_data is not compared */
    bool only_ps256;        /* as published servers: says nothing of algorithms, takes requests signed with PS256 alone */
    bool no_tpm_endpoint;   /* 404 for /attest/Tpm */
    const char *refuse_challenge, *refuse_request; /* 400 for /attest/Tpm's first and second call: the code; NULL: it is not refused */
    const char *refuse_words;                      /* … and the message */
    bool azure_seal_wrong;                         /* AzureGuest's answers are sealed to another key */
    unsigned fail_requests;                        /* answer so many requests of any kind with fail_status */
    unsigned fail_status;                          /* 0: 503; 200: success with nothing in it */
    unsigned next_report_seconds, next_heartbeat_seconds;
    int64_t certificate_age_ms; /* as if it had issued it so long ago */
    unsigned fail_party;        /* the relying party of somebody else (POST /party) answers so many with 503 */
    bool is_demo;               /* says that its intervals are shortened */

    /* what came */
    unsigned azure_attestations, azure_bound; /* bound: with a nonce */
    size_t azure_logs_len;
    unsigned iaks, by_iak; /* beginnings with an "iak", enrolments by one */
    unsigned begins, activations, challenges, attestations, nonces, reports, heartbeats;
    char problem[300];                               /* "" while all is as it should be */
    char *last_begin, *last_report, *last_heartbeat; /* JSON, in the arena */
    char *last_authorization;
    unsigned party_reports; /* taken by that relying party */
    char *last_party;
    struct bytes last_cert; /* DER of the AK certificate issued */

    /* identity */
    struct pubkey *ak;
    struct bytes ak_public; /* TPM2B_PUBLIC, in the arena */
    bool iak_vouches;       /* for the enrolment that has begun */
    struct tpm_name ak_name;
    uint8_t secret[32], enrol_nonce[32], challenge[16], nonce[32];
    bool nonce_is_open, iat_is_off;
    int64_t last_counter;
};

MUST_CHECK bool stub_start(struct stub *ret, struct err *err);
/* The same, with another time than the usual one for a request to come and for a connection to be kept without one. */
MUST_CHECK bool stub_start_impatient(struct stub *ret, unsigned deadline_ms, struct err *err);
/* Whether it knows an agent's requests for those of one who comes again (http/server/connections.h), and keeps the connection; false at first. */
void stub_keep_connections(struct stub *stub, bool keep);
void stub_stop(struct stub *stub);

bool stub_attest_azure(void *context, const struct http_request *request, struct http_response *response, struct err *err);
