/* tests/support/attestation_fixture.h: a whole server in one process, and virtual machines whose TPM is software.
 *
 * The server is the real handlers over a real store in a folder of its own; only the socket is left out: fixture_call() does what
 * http/server/server.c does between socket and handler (route, caller, role, error body). Time stands still until a test moves it.
 *
 *     FIXTURE(f);
 *     struct test_vm *vm = fixture_vm(&f, "web1");             // in the inventory, enrolled, stock boot
 *     struct attestation t;
 *     struct answer answer;
 *     REQUIRE(attestation_begin(&f, vm, &t));                  // asked for a challenge
 *     t.algorithm = …                                          // what this test is about
 *     attestation_send(&t, &answer);
 *
 * What is made lives in the fixture's arena. A call with an arena of its own may run on any thread. */
#pragma once
#include "attestation/service/service.h"
#include "crypto/privkey.h"
#include "jose/jws.h"
#include "management/management.h"
#include "monitor/monitor.h"
#include "support/quote_builder.h"
#include "tpm/public.h"
#include "x509/ca.h"

#define FIXTURE_ISSUER "https://attest.test:8443"
#define FIXTURE_API    "?api-version=2022-08-01"

/* The clock of every fixture. FIXTURE sets it to 2026-11-21T12:00:00Z. */
extern int64_t fixture_time;
int64_t fixture_now_ms(void);

struct fixture {
    char folder[64];
    struct arena a;
    struct store *store;
    struct ca *root_ca, *ak_ca, *token_ca;
    struct ca *host_ca; /* vouches for endorsement keys; registered */
    struct attestation_service attestation;
    struct trusted_provider provider;
    struct monitor monitor;
    struct management management;
    struct http_routes tables[5];
    const char *at; /* where attestations go: "" is the shared provider, "/providers/NAME" another */
};

/* False with a note. */
MUST_CHECK bool fixture_start(struct fixture *f);
void fixture_done(struct fixture *f);
#define FIXTURE(f)                                  \
    CLEANUP(fixture_done) struct fixture f = { 0 }; \
    REQUIRE(fixture_start(&f))

/* A path below the fixture's folder, in its arena. */
const char *fixture_path(struct fixture *f, const char *name);

/* Keys are made once per program; call it before threads start. */
const struct privkey *test_key(enum privkey_kind kind, unsigned number);

/* A provider of its own, open to everybody, with a Tpm policy; attestations go there from now on. `profile` as in tokenProfile. */
MUST_CHECK bool fixture_provider(struct fixture *f, const char *name, const char *profile, const char *policy);
/* The key that signs for this use. */
const struct pubkey *fixture_key(struct fixture *f, enum key_use use);

/* ---- calls ------------------------------------------------------------------------------------------------------------ */

struct call {
    const char *method; /* NULL: POST with a body, GET without */
    const char *path;   /* with its query */
    struct bytes body;
    enum http_role as;         /* who calls, unless `authorization` says it */
    const char *scope;         /* what the caller's role is good for; NULL: everything */
    const char *authorization; /* a header, judged by the monitor */
    const char *host;          /* the header Host; NULL: none */
    struct arena *arena;       /* NULL: the fixture's */
};

struct answer {
    unsigned status;
    struct http_response response;
    struct bytes body;
    const struct json *json;            /* NULL: no JSON */
    const char *code, *inner, *message; /* of an error; "" when absent */
};

void fixture_call(struct fixture *f, const struct call *call, struct answer *ret);
/* The same with a printf'ed JSON body, as the owner. */
void fixture_ask(struct fixture *f, struct answer *ret, const char *method, const char *path, const char *json, ...) PRINTF_LIKE(5, 6);

/* ---- machines ----------------------------------------------------------------------------------------------------------- */

/* What differs from a stock boot: Secure Boot on, shim, GRUB, a kernel and its initrd, all measured. */
struct boot_shape {
    const char *command_line; /* NULL: the stock one */
    const char *kernel;       /* NULL: the stock one */
    const char *initrd;       /* NULL: the stock one */
    const char *sbat;         /* NULL: the stock level */
    size_t dbx;               /* entries of the dbx, each list with those of the shorter ones; 0: the stock list */
    const char *unlogged;     /* user space extended register 15 by it, and keeps no log; NULL: it did not */
    bool secure_boot_off;
    bool silent_loader; /* measures neither texts nor files: a medium finding, because nothing says which initrd ran */
};

struct test_boot {
    struct bytes log;
    struct pcr_set registers;
    struct tpm_clock_info clock;
};

bool test_boot_make(struct arena *a, const struct boot_shape *shape, struct test_boot *ret);

struct test_vm {
    const char *name;
    char uuid[UUID_TEXT_LEN];
    const struct privkey *ek, *ak;
    struct bytes ek_public, ak_public; /* TPM2B_PUBLIC */
    struct tpm_name ak_name_value;
    struct bytes ak_name;
    struct bytes ek_cert, ak_cert; /* DER, of the host CA and of the server's; the second one empty until enrolled */
    struct test_boot boot;
    int64_t counter; /* of signed requests */
};

/* A VM with keys `number` (an RSA-2048 EK, a P-256 AK), neither in the inventory nor enrolled. */
struct test_vm *fixture_machine(struct fixture *f, const char *name, unsigned number);
/* The same, in the inventory (monitored, running) and enrolled without the exchange. */
struct test_vm *fixture_vm(struct fixture *f, const char *name);
bool fixture_add_to_inventory(struct fixture *f, const struct test_vm *vm);
/* Registers the VM's AK; again after the AK was changed. */
bool fixture_enrol(struct fixture *f, struct test_vm *vm);
/* Gives the VM another AK: public area, name; not yet enrolled. */
bool fixture_new_ak(struct fixture *f, struct test_vm *vm, const struct privkey *ak);
/* The next boot: one reset more, another log. */
bool fixture_reboot(struct fixture *f, struct test_vm *vm, const struct boot_shape *shape);

/* "TrueBoot-AK …" for a request of the VM, with its next counter; the pieces, for requests that are wrong. */
const char *fixture_authorization(struct fixture *f, struct test_vm *vm, const char *method, const char *path, struct bytes body);
const char *fixture_sign_claims(struct fixture *f, const struct privkey *ak, const char *kid, const char *claims);
const char *fixture_kid(struct fixture *f, struct bytes ak_name);

/* ---- attestations --------------------------------------------------------------------------------------------------------- */

struct attestation {
    struct fixture *f;
    const struct test_vm *vm;
    struct arena *a;

    const char *provider;            /* custom; NULL: the shared one */
    struct bytes challenge, context; /* decoded */
    bool bare;                       /* the message comes without "payload" */

    const char *typ, *alg; /* header; alg NULL: the algorithm's name */
    enum jws_algorithm algorithm;
    const struct privkey *request_key; /* signs */
    bool break_signature;

    const char *att_type, *jwk, *bound_jwk /* NULL: jwk */, *info, *rp_data;
    const char *more_data, *more_tpm, *more_att; /* further members, ",\"name\":value"; "" */
    const char *leave_out;                       /* a member of att_data or of current_attestation, or NULL */
    struct bytes aik_cert;
    const char *aik_pub; /* JWK; NULL: none */

    struct bytes log; /* BYTES_NONE: no logs */
    struct bytes ima; /* the kernel's list, or a piece of it; BYTES_NONE: none */
    struct pcr_set shown;
    struct quote_builder quote;
    const struct privkey *quote_key;
    bool own_nonce; /* quote.attest.extra_data stands; otherwise it is the binding */
};

bool attestation_begin(struct fixture *f, const struct test_vm *vm, struct attestation *ret);
/* At a custom provider that wants no credentials (NULL: the shared one). */
bool attestation_begin_at(struct fixture *f, const struct test_vm *vm, const char *provider, struct attestation *ret);
/* The message without the envelope, as text. */
const char *attestation_message(struct attestation *t);
void attestation_send(struct attestation *t, struct answer *ret);
/* {"data":…} around a message; `bare` without "payload". */
struct bytes attestation_envelope(struct arena *a, const char *message, bool bare);
void attest_post(struct fixture *f, struct bytes body, struct answer *ret);
/* An ATT object over `boot`, quoted by `key`. */
const char *attestation_object(struct attestation *t, const struct test_boot *boot, const struct privkey *key, struct bytes nonce);
/* Begin, send; true when there is a token (in *ret_token, may be NULL). */
bool attest_once(struct fixture *f, const struct test_vm *vm, struct bytes *ret_token);
/* A minute later, evidence whose registers moved while they were quoted; the answer is checked. */
void fixture_send_raced(struct fixture *f, const struct test_vm *vm);
/* The token of a 200 answer; BYTES_NONE otherwise. */
struct bytes answer_token(struct fixture *f, const struct answer *answer);

/* How many appraisals are stored for a VM (at most 100), and the newest's verdict ("" without one). */
size_t fixture_appraisals(struct fixture *f, const char *vm, const char **ret_verdict);
