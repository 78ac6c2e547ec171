/* tests/support/enrolling.h: the machine's side of an enrolment, step by step, so that a test can do one of them wrong. */
#pragma once
#include "support/attestation_fixture.h"

void enrolling_begin(struct fixture *f, const struct test_vm *vm, struct bytes ek_public, struct answer *answer);
/* TPM2_ActivateCredential in software (Part 1, 24.4 and 24.5, backwards). False: it was made for another EK or another AK's name. */
bool activate_credential(const struct privkey *ek, struct bytes ak_name, struct bytes blob, struct bytes encrypted, uint8_t ret[static 32]);
/* The same of an answer to the beginning. */
bool enrolling_open(struct fixture *f, const struct privkey *ek, struct bytes ak_name, const struct answer *begun, uint8_t ret[static 32]);
const char *enrolling_id(struct fixture *f, const struct answer *begun);
void enrolling_proof(const uint8_t secret[static 32], const char *id, struct bytes ak_name, uint8_t ret[static 32]);
/* The body of an activation: the quote of `vm` over the server's nonce, and a proof. */
struct bytes enrolling_body(struct fixture *f, const struct test_vm *vm, const struct answer *begun, const char *id,
                            const uint8_t proof[static 32]);
void enrolling_activate(struct fixture *f, struct bytes body, struct arena *arena /* NULL: the fixture's */, struct answer *answer);
/* All of it, done right: the status of the step that ended it. After 200 the VM attests with its new certificate. */
unsigned enrolling_whole(struct fixture *f, struct test_vm *vm, struct answer *ret);

/* ---- with an initial attestation key in place of a credential ---- */

/* DER, of the host's CA, in the fixture's arena. */
struct bytes enrolling_iak_cert(struct fixture *f, const struct test_vm *vm, const struct privkey *iak);
/* What an IAK says of the VM's attestation key over `nonce`: a body's "iak". */
const char *enrolling_iak(struct fixture *f, const struct test_vm *vm, const struct privkey *iak, struct bytes cert, struct bytes nonce);
void enrolling_begin_by_iak(struct fixture *f, const struct test_vm *vm, const char *iak, struct answer *answer);
struct bytes enrolling_body_by_iak(struct fixture *f, const struct test_vm *vm, const struct answer *begun, const char *iak);
struct bytes enrolling_nonce(struct fixture *f, const struct answer *begun);
unsigned enrolling_whole_by_iak(struct fixture *f, struct test_vm *vm, const struct privkey *iak, struct bytes cert, struct answer *ret);
