/* Attack suite 4.3: whose TPM it is. */
#include <pthread.h>
#include "support/enrolling.h"
#include "support/test.h"
#include "unit/x509/cert_builder.h"
#include "x509/chain.h"
#include "x509/ek_cert.h"

static bool is_enrolled(struct fixture *f, const char *vm)
{
    struct store_identity identity;
    struct err err = ERR_INIT;

    return store_identity_active(f->store, &f->a, vm, &identity, &err);
}

static struct test_vm *newcomer(struct fixture *f, unsigned number)
{
    struct test_vm *vm = fixture_machine(f, "new", number);

    CHECK(fixture_add_to_inventory(f, vm));
    return vm;
}

TEST(I1_the_credential_is_made_for_the_key_of_the_certificate_and_no_other)
{
    FIXTURE(f);
    struct test_vm *vm = newcomer(&f, 1), *thief = fixture_machine(&f, "thief", 2);
    uint8_t secret[32];
    struct answer answer;

    enrolling_begin(&f, vm, thief->ek_public, &answer); /* another key than the certificate's */
    CHECK_INT(answer.status, 400);
    CHECK(!json_get(answer.json, "credentialBlob"));
    enrolling_begin(&f, vm, vm->ek_public, &answer);
    REQUIRE(answer.status == 200);
    CHECK(!enrolling_open(&f, thief->ek, vm->ak_name, &answer, secret)); /* another TPM */
    CHECK(!enrolling_open(&f, vm->ek, thief->ak_name, &answer, secret)); /* without that AK */
    CHECK(enrolling_open(&f, vm->ek, vm->ak_name, &answer, secret));
}

TEST(I2_an_activation_with_a_wrong_an_absent_or_a_used_proof_is_refused)
{
    FIXTURE(f);
    struct test_vm *vm = newcomer(&f, 1), *other = fixture_machine(&f, "other", 2);
    static const uint8_t zeros[32];
    uint8_t secret[32], proof[32];
    struct answer begun, again, answer;
    struct bytes right;

    enrolling_begin(&f, vm, vm->ek_public, &begun);
    REQUIRE(begun.status == 200 && enrolling_open(&f, vm->ek, vm->ak_name, &begun, secret));
    enrolling_activate(&f, enrolling_body(&f, vm, &begun, enrolling_id(&f, &begun), zeros), NULL, &answer);
    CHECK_INT(answer.status, 400);
    enrolling_proof(secret, "another id", vm->ak_name, proof); /* over another enrolment */
    enrolling_activate(&f, enrolling_body(&f, vm, &begun, enrolling_id(&f, &begun), proof), NULL, &answer);
    CHECK_INT(answer.status, 400);
    CHECK(!is_enrolled(&f, vm->uuid));

    enrolling_begin(&f, vm, vm->ek_public, &begun);
    enrolling_begin(&f, vm, vm->ek_public, &again);
    REQUIRE(begun.status == 200 && again.status == 200 && enrolling_open(&f, vm->ek, vm->ak_name, &begun, secret));
    enrolling_proof(secret, enrolling_id(&f, &again), vm->ak_name, proof); /* the secret of one, the id of another */
    enrolling_activate(&f, enrolling_body(&f, vm, &again, enrolling_id(&f, &again), proof), NULL, &answer);
    CHECK_INT(answer.status, 400);
    enrolling_proof(secret, enrolling_id(&f, &begun), vm->ak_name, proof);
    enrolling_activate(&f, enrolling_body(&f, other, &begun, enrolling_id(&f, &begun), proof), NULL, &answer); /* another key quotes */
    CHECK_INT(answer.status, 400);
    enrolling_activate(&f, enrolling_body(&f, vm, &begun, "00000000000000000000000000000000", proof), NULL, &answer);
    CHECK_INT(answer.status, 400);
    CHECK(!is_enrolled(&f, vm->uuid));

    right = enrolling_body(&f, vm, &begun, enrolling_id(&f, &begun), proof);
    enrolling_activate(&f, right, NULL, &answer);
    CHECK_INT(answer.status, 200);
    CHECK(is_enrolled(&f, vm->uuid));
    enrolling_activate(&f, right, NULL, &answer); /* replayed */
    CHECK_INT(answer.status, 400);

    enrolling_begin(&f, vm, vm->ek_public, &begun); /* and too late */
    REQUIRE(begun.status == 200 && enrolling_open(&f, vm->ek, vm->ak_name, &begun, secret));
    enrolling_proof(secret, enrolling_id(&f, &begun), vm->ak_name, proof);
    fixture_time += LIMIT_ENROLMENT_SECONDS * 1000 + 1;
    enrolling_activate(&f, enrolling_body(&f, vm, &begun, enrolling_id(&f, &begun), proof), NULL, &answer);
    CHECK_INT(answer.status, 400);
}

/* The same with an initial attestation key: what it once said is no secret, and an IDevID of the same maker signs what it is told. */
TEST(I2_what_an_iak_said_at_another_time_or_an_idevid_says_now_enrols_nobody)
{
    FIXTURE(f);
    struct test_vm *vm = newcomer(&f, 1), *thief = fixture_machine(&f, "thief", 2);
    const struct privkey *iak = test_key(PRIVKEY_P256, 30), *idevid = test_key(PRIVKEY_P256, 31);
    struct bytes cert = enrolling_iak_cert(&f, vm, iak);
    struct cert *fixed CLEANUP(cert_free_at) = NULL;
    struct answer first, begun, answer;
    struct err err = ERR_INIT;
    const char *old;

    enrolling_begin_by_iak(&f, vm, enrolling_iak(&f, vm, iak, cert, BYTES_NONE), &first);
    REQUIRE(first.status == 200);
    old = enrolling_iak(&f, vm, iak, cert, enrolling_nonce(&f, &first)); /* overheard, and never used */
    enrolling_begin_by_iak(&f, vm, old, &begun);
    REQUIRE(begun.status == 200);
    enrolling_activate(&f, enrolling_body_by_iak(&f, vm, &begun, old), NULL, &answer);
    CHECK(answer.status == 400 && strcmp(answer.inner, "tpm.iak_refused") == 0);
    enrolling_activate(&f, enrolling_body_by_iak(&f, vm, &begun, "null"), NULL, &answer);
    CHECK_INT(answer.status, 400);
    CHECK(!is_enrolled(&f, vm->uuid));

    /* A key of the thief's own in the victim's name: the IAK never certified that one. */
    memcpy(thief->uuid, vm->uuid, sizeof vm->uuid);
    enrolling_begin_by_iak(&f, thief, old, &answer);
    CHECK(answer.status == 400 && strstr(answer.message, "another key than the one shown"));

    /* The host's CA vouches for the thief's IDevID, too, with all that makes it one; it signs a certification that no TPM made. */
    REQUIRE_OK(ca_issue_ak(f.host_ca, vm->uuid, privkey_public(idevid), fixture_time, &fixed, &err), err);
    enrolling_begin_by_iak(&f, thief, enrolling_iak(&f, thief, idevid, fixed->der, BYTES_NONE), &answer);
    CHECK(answer.status == 400 && strstr(answer.message, "2.23.133.11.1.3"));
    CHECK(!is_enrolled(&f, vm->uuid));

    CHECK_INT(enrolling_whole_by_iak(&f, vm, iak, cert, &answer), 200);
    CHECK(is_enrolled(&f, vm->uuid));
}

TEST(I3_evidence_is_believed_from_the_very_key_that_was_activated)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "one"), old;
    struct attestation t;
    struct answer answer;
    const char *verdict;

    REQUIRE(attest_once(&f, vm, NULL));
    REQUIRE(attestation_begin(&f, vm, &t)); /* another key signs under the enrolled one's certificate */
    t.quote_key = test_key(PRIVKEY_P256, 20);
    attestation_send(&t, &answer);
    CHECK(answer.status == 400 && !answer_token(&f, &answer).len);
    old = *vm;
    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_P256, 21))); /* enrolled again: the old key is no longer the VM's */
    REQUIRE(fixture_enrol(&f, vm));
    CHECK(!attest_once(&f, &old, NULL));
    REQUIRE(attestation_begin(&f, &old, &t));
    attestation_send(&t, &answer);
    CHECK(answer.status == 400 && strcmp(answer.inner, "tpm.ak_replaced") == 0);
    if (test_failed())
        test_note("%u %s %s", answer.status, answer.inner, answer.message);
    CHECK(attest_once(&f, vm, NULL));
    fixture_appraisals(&f, vm->uuid, &verdict);
    CHECK_STRING(verdict, "Healthy");
}

struct contender {
    struct fixture *f;
    struct bytes body;
    unsigned status;
};

static void *contend(void *context)
{
    struct contender *c = context;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct answer answer;

    enrolling_activate(c->f, c->body, &a, &answer);
    c->status = answer.status;
    return NULL;
}

TEST(I4_a_vm_that_has_an_identity_keeps_it_and_of_many_that_want_one_one_wins)
{
    enum { N = 6 };
    FIXTURE(f);
    struct test_vm *vms[N];
    struct contender contenders[N];
    pthread_t threads[N];
    unsigned won = 0;
    struct answer answer;

    for (unsigned i = 0; i < N; i++) { /* TPMs of their own that all claim to be the same VM */
        struct cert *cert CLEANUP(cert_free_at) = NULL;
        struct answer begun;
        uint8_t secret[32], proof[32];
        struct err err = ERR_INIT;
        vms[i] = fixture_machine(&f, "vm", 1 + i);
        memcpy(vms[i]->uuid, vms[0]->uuid, sizeof vms[i]->uuid);
        REQUIRE(i || fixture_add_to_inventory(&f, vms[0]));
        REQUIRE_OK(ca_issue_ek(f.host_ca, arena_printf(&f.a, "vm:%s", vms[0]->uuid), privkey_public(vms[i]->ek), fixture_time, &cert, &err),
                   err);
        REQUIRE(arena_copy(&f.a, cert->der, &vms[i]->ek_cert));
        enrolling_begin(&f, vms[i], vms[i]->ek_public, &begun);
        REQUIRE(begun.status == 200 && enrolling_open(&f, vms[i]->ek, vms[i]->ak_name, &begun, secret));
        enrolling_proof(secret, enrolling_id(&f, &begun), vms[i]->ak_name, proof);
        contenders[i] = (struct contender){ &f, enrolling_body(&f, vms[i], &begun, enrolling_id(&f, &begun), proof), 0 };
    }
    for (unsigned i = 0; i < N; i++)
        REQUIRE(pthread_create(&threads[i], NULL, contend, &contenders[i]) == 0);
    for (unsigned i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < N; i++) {
        won += contenders[i].status == 200;
        CHECK(contenders[i].status == 200 || contenders[i].status == 409);
    }
    CHECK_INT(won, 1);
    for (unsigned i = 0; i < N; i++) /* and afterwards nobody takes it away */
        if (contenders[i].status != 200) {
            enrolling_begin(&f, vms[i], vms[i]->ek_public, &answer);
            CHECK_INT(answer.status, 409);
        }
    CHECK(is_enrolled(&f, vms[0]->uuid));
}

static bool is_believed(const struct cert_plan *plan, struct trust_store *store, const char **ret_why, struct arena *a)
{
    const struct chain_options options = { .purpose = CHAIN_EK, .now_ms = PLAN_NOW };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    bool fine = cert_parse(plan_der(a, plan), &cert, &err) && chain_verify(store, cert, NULL, 0, &options, &chain, &err);

    *ret_why = arena_printf(a, "%s", err.text);
    return fine;
}

TEST(I5_endorsement_certificates_that_are_not_what_they_should_be_are_refused_with_a_reason)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct cert_plan root_plan = { .cn = "host CA", .ca = true, .key = 1, .signer = 1 };
    struct cert *root CLEANUP(cert_free_at) = plan_cert(&root_plan);
    struct trust_store *store CLEANUP(trust_store_free_at) = NULL;
    struct cert_plan good = { .cn = "vm:11111111-2222-4333-8444-555555555555",
                              .issuer = root,
                              .key = 2,
                              .signer = 1,
                              .eku = PLAN_EKU_EK,
                              .tpm_names = true,
                              .key_usage = "0308" /* keyAgreement */ };
    const char *why;
    struct err err = ERR_INIT;

    REQUIRE(root);
    REQUIRE_OK(trust_store_new(&(struct trust_entry){ TRUST_CA, root }, 1, &store, &err), err);
    CHECK(is_believed(&good, store, &why, &a));
    if (test_failed())
        test_note("%s", why);
    for (int wrong = 0; wrong < 11; wrong++) {
        struct cert_plan plan = good;
        /* clang-format off */
        switch (wrong) {
        case 0: plan.expired = true; break;
        case 1: plan.not_yet = true; break;
        case 2: plan.eku = PLAN_EKU_AK; break;
        case 3: plan.eku = PLAN_EKU_NONE; break;
        case 4: plan.ca = true; plan.key_usage = NULL; break;
        case 5: plan.tpm_names = false; break;
        case 6: plan.critical_unknown = true; break;
        case 7: plan.weak_signature = true; break;
        case 8: plan.twice = true; break;
        case 9: plan.explicit_false = true; break; /* not DER */
        case 10: plan.signer = 3; break;           /* somebody else signed */
        }
        /* clang-format on */
        CHECK(!is_believed(&plan, store, &why, &a) && why[0]);
        if (test_failed()) {
            test_note("case %d", wrong);
            break;
        }
    }
    good.names_not_critical = !good.names_not_critical; /* critical or not: both are usual */
    CHECK(is_believed(&good, store, &why, &a));
}

TEST(I11_names_of_machines_that_are_more_than_names_are_refused)
{
    static const char *const names[] = { "../../etc/passwd",
                                         "a/b",
                                         "%2e%2e%2fetc",
                                         "",
                                         " ",
                                         ".",
                                         "..",
                                         "a\\u0000b",
                                         "a\\nb",
                                         "a\\u001b[2J",
                                         "x\\u202ey",
                                         "'; DROP TABLE vms; --",
                                         "<script>alert(1)</script>" };
    FIXTURE(f);
    struct answer answer;
    char *endless = ARENA_ARRAY(&f.a, 10 * 1024 + 1, char);
    struct err err = ERR_INIT;
    int64_t n;

    REQUIRE(endless);
    memset(endless, 'a', 10 * 1024);
    for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
        fixture_ask(&f, &answer, "POST", "/v1/vms", "{\"name\":\"%s\",\"uuid\":\"11111111-2222-4333-8444-555555555555\"}",
                    i < ARRAY_LEN(names) ? names[i] : endless);
        CHECK_INT(answer.status, 400);
        if (answer.status != 400)
            test_note("name \"%.40s\": %u", i < ARRAY_LEN(names) ? names[i] : endless, answer.status);
    }
    for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
        fixture_ask(&f, &answer, "POST", "/v1/vms", "{\"name\":\"web1\",\"uuid\":\"%s\"}", i < ARRAY_LEN(names) ? names[i] : endless);
        CHECK_INT(answer.status, 400);
        if (answer.status != 400)
            test_note("UUID \"%.40s\": %u", i < ARRAY_LEN(names) ? names[i] : endless, answer.status);
    }
    REQUIRE_OK(store_vm_count(f.store, &n, &err), err);
    CHECK_INT(n, 0);
    fixture_ask(&f, &answer, "POST", "/v1/vms", "{\"name\":\"web1\",\"uuid\":\"11111111-2222-4333-8444-555555555555\"}");
    CHECK_INT(answer.status, 201); /* it was the names */
}
