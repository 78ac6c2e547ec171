/* bench/demo_vm.h: one enrolled VM and the service that attests it, in this process: a real boot's log, and a software attestation key
 * that quotes the registers which the log replays to.
 *
 * Keys and database live in a temporary folder, in memory where there is such a file system; demo_vm_free removes it. Time stands
 * still unless a part moves it. */
#pragma once
#include "attestation/service/service.h"
#include "crypto/pcr.h"
#include "x509/ca.h"

#define DEMO_VM_UUID "5f0c9a51-6a57-4d0e-9d0e-7a7a1b0d5a11"

struct demo_vm {
    struct arena arena;
    struct attestation_service service;
    const struct provider *provider; /* the shared one, with the built-in policy */
    struct ca *root_ca, *ak_ca, *token_ca;
    struct privkey *ak, *request_key;
    struct cert *ak_cert;
    const char *log_name; /* where the log is from, for people */
    struct bytes log, request_jwk;
    struct pcr_set pcrs; /* what the key quotes: all registers of one bank, SHA-256 */
    char folder[64];
};

/* *ret is NULL when there is no log to take. */
MUST_CHECK bool demo_vm_new(struct demo_vm **ret, struct err *err);
void demo_vm_free(struct demo_vm *demo);
void demo_vm_free_at(struct demo_vm **demo);
/* The body of POST /attest/Tpm, signed anew over a fresh challenge: good for one attestation. */
MUST_CHECK bool demo_vm_request(struct demo_vm *demo, struct arena *a, struct bytes *ret_body, struct err *err);

/* The same for a challenge and context of another service. */
MUST_CHECK bool demo_vm_answer(struct demo_vm *demo, struct arena *a, struct bytes challenge, struct bytes context, struct bytes *ret_body,
                               struct err *err);

/* The service's clock. */
int64_t demo_vm_now_ms(void);
void demo_vm_wait_ms(int64_t duration_ms);
