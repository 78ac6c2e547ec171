/* tests/unit/attestation/azureguest_sample.h: a service that verifies AzureGuest evidence, and VMs whose TPM is software.
 *
 *     SERVICE(s);                                  // default policy, nobody trusted
 *     struct guest g = …;
 *     guest_init(&s, &g) …; g.certify.attest.type = …; guest_request(&g) …; service_post(&s, text, &answer)
 */
#pragma once
#include "attestation/protocol/azureguest.h"
#include "crypto/privkey.h"
#include "support/eventlog_builder.h"
#include "support/quote_builder.h"
#include "support/test.h"
#include "tpm/public.h"
#include "x509/ca.h"

#define SAMPLE_ISSUER "https://attest.test:8443"

struct sample_service {
    struct arena a;
    struct attestation_service service;
    struct azureguest_terms terms;
    struct ca *ca;                   /* issues AK certificates for guests; trusted when asked */
    struct boot_reference reference; /* knows the CA's certificate as a Secure Boot key, and one revocation */
    struct known_certificate known;
    struct revocation revocation;
    enum http_role caller;
};

/* The key that signs for the profile of the terms. */
const struct pubkey *service_key(struct sample_service *s);
bool service_start(struct sample_service *s);
void service_done(struct sample_service *s);
#define SERVICE(s)                                         \
    CLEANUP(service_done) struct sample_service s = { 0 }; \
    REQUIRE(service_start(&s))

/* Replaces whom the service trusts: one certificate of this kind; NULL: nobody. */
bool service_trust(struct sample_service *s, enum trust_kind kind, const struct cert *cert);
bool service_set_policy(struct sample_service *s, const char *text);
extern int64_t sample_time;

struct sample_answer {
    unsigned status;
    const struct json *json;
    const char *code, *inner, *message; /* of an error; "" when absent */
    struct bytes sealed;                /* the decoded token member of a 200 */
};
/* Posts the decoded JSON text of AttestationInfo; `more` are further members of the body, ",\"x\":1". */
void service_post(struct sample_service *s, struct bytes text, const char *more, struct sample_answer *ret);

/* What differs from a sound boot with Secure Boot on and keys that the service's reference data know. */
struct sample_boot {
    bool secure_boot_off, no_revocations, unknown_db;
    bool windows; /* registers 12 and 13 speak; registers 0–7 and 11–14 are quoted */
    bool test_signing, kernel_debugging, silent /* Windows without a word about either */;
};

/* A guest in a sound boot with registers 0–7 quoted: change a field, then guest_request. */
struct guest {
    struct sample_service *s;
    const struct privkey *ak, *enc;
    struct log_builder log;
    struct pcr_set pcrs; /* SHA-256 of 0–7 */
    struct tpm_public ak_public, enc_public;
    struct digest enc_policy; /* what enc_public.policy points to */
    struct bytes aik_cert;    /* DER */
    struct quote_builder quote, certify;
    bool keep_name;                                                        /* certify.attest.name stands; otherwise it is enc_public's */
    const char *version, *os_type, *os_major, *client_payload, *isolation; /* JSON text */
    struct bytes tail;                                                     /* after AikPub and EncKeyPub */
};

bool guest_init(struct sample_service *s, struct guest *g);
/* Boots again: log, registers, the sealing key's policy. */
bool guest_boot(struct guest *g, const struct sample_boot *boot);
void guest_done(struct guest *g);
struct bytes guest_request(struct guest *g);
/* Opens a sealed answer with the guest's key; BYTES_NONE when it does not open. */
struct bytes guest_open(struct guest *g, struct bytes sealed);
