/* Enrolment: one TPM holds both keys, and one VM owns it (guest-agent.md 2.5; attack-suite.md I1 to I5, I8, I11). */
#include <pthread.h>
#include <stdlib.h>
#include "enrolment_guest.h"
#include "x509/ak_cert.h"

static const char *active_ak(struct fixture *f, const struct test_vm *vm)
{
    struct store_identity identity;
    struct err err = ERR_INIT;

    return store_identity_active(f->store, &f->a, vm->uuid, &identity, &err) ? identity.ak_name : "";
}

/* ---- what works ------------------------------------------------------------------------------------------------------------ */

TEST(a_tpm_that_holds_both_keys_gets_a_certificate_and_attests_with_it)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(enrol(&f, &f.a, vm, &answer));
    CHECK(json_is_string(json_get(answer.json, "vmId"), vm->uuid));
    CHECK_STRING(active_ak(&f, vm), hex_in(&f.a, vm->ak_name));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    REQUIRE_OK(cert_parse(vm->ak_cert, &cert, &err), err);
    CHECK(pubkey_equal(cert->key, privkey_public(vm->ak)));
    CHECK_BYTES(cert->common_name, bytes_of_string(vm->uuid));
    CHECK(attest_once(&f, vm, NULL));
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 1);
}

TEST(the_same_tpm_may_enrol_again_with_another_key_and_the_old_one_ends)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct answer answer;
    struct attestation t;

    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    REQUIRE(attestation_begin(&f, vm, &t));
    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_P256, 20)));
    REQUIRE(enrol(&f, &f.a, vm, &answer));
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.inner, "tpm.ak_replaced");
    vm->ak_cert = member(&f.a, answer.json, "akCert");
}

/* ---- what is refused to begin --------------------------------------------------------------------------------------------------- */

static void check_refused(struct fixture *f, const struct beginning *b, unsigned status, const char *code, const char *says)
{
    struct answer answer;

    begin(f, &f->a, b, &answer);
    CHECK_INT(answer.status, status);
    CHECK_STRING(answer.code, code);
    if (!strstr(answer.message, says))
        test_note("%s", answer.message);
    CHECK(strstr(answer.message, says) != NULL);
}

static struct bytes issued_ek(struct fixture *f, const struct ca *ca, const char *name, const struct privkey *ek)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct bytes der;
    struct err err = ERR_INIT;

    if (!ca_issue_ek(ca, name, privkey_public(ek), fixture_time, &cert, &err) || !arena_copy(&f->a, cert->der, &der))
        abort();
    return der;
}

TEST(endorsement_certificates_that_do_not_hold_are_refused)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct ca *other CLEANUP(ca_free_at) = NULL;
    const char *name = arena_printf(&f.a, "web1:%s", vm->uuid);
    struct beginning b = beginning_of(vm);
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("host CA", fixture_time, &other, &err), err);
    b.ek_cert = issued_ek(&f, other, name, vm->ek); /* the same name is not the same CA */
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekCerts[0]");
    b.ek_cert = issued_ek(&f, f.host_ca, "web1", vm->ek);
    check_refused(&f, &b, 400, "EnrolmentRefused", "UUID");
    b.ek_cert = BYTES_LIT("garbled");
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekCerts[0]");
    b.ek_cert = ca_cert(f.host_ca, 0)->der; /* a CA is no TPM */
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekCerts[0]");
    CHECK_STRING(active_ak(&f, vm), "");
}

TEST(a_vm_that_is_not_in_the_inventory_is_not_found)
{
    FIXTURE(f);
    struct beginning b = beginning_of(fixture_machine(&f, "web1", 1));

    check_refused(&f, &b, 404, "UnknownVm", "inventory");
}

/* CVE-2021-3406: the credential would be made for a key that no CA vouched for. */
TEST(an_endorsement_key_that_is_not_the_certificates_is_refused)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *other = fixture_machine(&f, "web2", 2);
    struct beginning b = beginning_of(vm);

    b.ek_public = other->ek_public;
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekPub is not the key of the endorsement certificate");
    b.ek_public = vm->ak_public;
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekPub");
    b.ek_public = BYTES_NONE;
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekPub");
}

static struct bytes with_attributes(struct fixture *f, struct bytes public_2b, uint32_t set, uint32_t clear)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct tpm_public pub;
    struct bytes ret;
    struct err err = ERR_INIT;

    if (!tpm_public_decode_2b(public_2b, &pub, &err))
        abort();
    pub.attributes = (pub.attributes | set) & ~clear;
    tpm_public_encode_2b(&w, &pub);
    if (!arena_copy(&f->a, writer_bytes(&w), &ret))
        abort();
    return ret;
}

TEST(attestation_keys_that_could_sign_anything_are_refused)
{
    static const struct {
        uint32_t set, clear;
    } wrong[] = { { 0, OBJECT_RESTRICTED }, { 0, OBJECT_FIXED_TPM },        { 0, OBJECT_FIXED_PARENT }, { 0, OBJECT_SENSITIVE_DATA_ORIGIN },
                  { 0, OBJECT_SIGN },       { OBJECT_DECRYPT, OBJECT_SIGN } };
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct beginning b = beginning_of(vm);

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        b.ak_public = with_attributes(&f, vm->ak_public, wrong[i].set, wrong[i].clear);
        check_refused(&f, &b, 400, "EnrolmentRefused", "akPub");
    }
    b = beginning_of(vm);
    b.ek_public = with_attributes(&f, vm->ek_public, OBJECT_SIGN, 0);
    check_refused(&f, &b, 400, "EnrolmentRefused", "ekPub");
}

TEST(public_areas_cut_anywhere_or_too_long_are_refused)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct beginning b = beginning_of(vm);
    uint8_t *big = arena_alloc(&f.a, 2048);

    REQUIRE(big != NULL);
    for (size_t n = 0; n < vm->ak_public.len; n++) {
        b.ak_public = exact_copy(bytes_slice(vm->ak_public, 0, n));
        check_refused(&f, &b, 400, "EnrolmentRefused", "akPub");
        free((void *)b.ak_public.data);
    }
    for (size_t len = 1023; len <= 1026; len++) {
        big[0] = (uint8_t)((len - 2) >> 8);
        big[1] = (uint8_t)(len - 2);
        b.ak_public = (struct bytes){ big, len };
        check_refused(&f, &b, 400, "EnrolmentRefused", "akPub");
    }
}

TEST(bodies_that_lack_what_is_needed_are_refused)
{
    static const char *const bodies[] = {
        "{",
        "[]",
        "{}",
        "{\"ekCerts\":{}}",
        "{\"ekCerts\":[]}",
        "{\"ekCerts\":[1]}",
        "{\"ekCerts\":[\"AAAA\"]}",
        "{\"ekCerts\":[\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\"]}",
        "{\"ekCerts\":[\"AAAA\"],\"ekChain\":\"x\",\"ekPubs\":{}}",
    };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        fixture_call(&f, &(struct call){ .path = "/enroll/v1/begin", .body = bytes_of_string(bodies[i]) }, &answer);
        CHECK_INT(answer.status, 400);
        fixture_call(&f, &(struct call){ .path = "/enroll/v1/activate", .body = bytes_of_string(bodies[i]) }, &answer);
        CHECK_INT(answer.status, 400);
    }
}

/* ---- what is refused to activate ---------------------------------------------------------------------------------------------------- */

/* CVE-2023-38201 */
static void wrong_secret(struct activation *x) { x->secret[0] ^= 1; }
static void wrong_name(struct activation *x)
{
    x->ak_name = BYTES_LIT("\0\x0b"
                           "12345678901234567890123456789012");
}
static void unknown_id(struct activation *x) { x->id = "00000000000000000000000000000000"; }
static void empty_id(struct activation *x) { x->id = ""; }
static void other_keys_quote(struct activation *x) { x->quote_key = test_key(PRIVKEY_P256, 19); }
static void old_nonce(struct activation *x) { x->nonce = BYTES_LIT("another nonce that was given once"); }
static void too_few_registers(struct activation *x) { x->shown = 0x0f; }
static void expired(struct activation *x UNUSED) { fixture_time += LIMIT_ENROLMENT_SECONDS * INT64_C(1000) + 1; }

TEST(activations_that_prove_nothing_are_refused_and_enrol_nobody)
{
    static const struct {
        void (*spoil)(struct activation *);
        const char *says;
    } rows[] = { { wrong_secret, "proof" },     { wrong_name, "proof" }, { unknown_id, "enrollId" },     { empty_id, "enrollId" },
                 { other_keys_quote, "quote" }, { old_nonce, "quote" },  { too_few_registers, "quote" }, { expired, "enrollId" } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        FIXTURE(f);
        struct test_vm *vm = listed(&f, "web1", 1);
        struct beginning b = beginning_of(vm);
        struct activation x;
        struct answer answer;

        begin(&f, &f.a, &b, &answer);
        REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
        rows[i].spoil(&x);
        activate(&f, &f.a, &x, &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "EnrolmentRefused");
        if (!strstr(answer.message, rows[i].says))
            test_note("%zu: %s", i, answer.message);
        CHECK(strstr(answer.message, rows[i].says) != NULL);
        CHECK_STRING(active_ak(&f, vm), "");
    }
}

TEST(an_activation_is_good_once)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct beginning b = beginning_of(vm);
    struct activation x;
    struct answer answer;

    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    activate(&f, &f.a, &x, &answer);
    CHECK_INT(answer.status, 200);
    activate(&f, &f.a, &x, &answer);
    CHECK_INT(answer.status, 400);
}

TEST(guessing_is_over_after_three_tries)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct beginning b = beginning_of(vm);
    struct activation x;
    struct answer answer;

    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    for (int i = 0; i < 3; i++) {
        x.secret[0] ^= (uint8_t)(i + 1);
        activate(&f, &f.a, &x, &answer);
        CHECK_INT(answer.status, 400);
        x.secret[0] ^= (uint8_t)(i + 1);
    }
    activate(&f, &f.a, &x, &answer);
    CHECK_INT(answer.status, 400);
    CHECK(strstr(answer.message, "used up") != NULL);
}

/* The blob of one key cannot be opened in the name of another. */
TEST(a_credential_opens_for_the_key_it_was_made_for_only)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *other = fixture_machine(&f, "web2", 2);
    struct beginning b = beginning_of(vm);
    struct answer answer;
    uint8_t secret[32];

    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200);
    CHECK(!activate_credential(vm->ek, other->ak_name, member(&f.a, answer.json, "credentialBlob"),
                               member(&f.a, answer.json, "encryptedSecret"), secret));
    CHECK(!activate_credential(other->ek, vm->ak_name, member(&f.a, answer.json, "credentialBlob"),
                               member(&f.a, answer.json, "encryptedSecret"), secret));
}

/* ---- identities -------------------------------------------------------------------------------------------------------------------- */

/* CVE-2025-13609: another TPM, whose host's CA says that it is this VM's as well. */
TEST(another_tpm_does_not_become_an_enrolled_vm)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *thief = fixture_machine(&f, "web1", 2);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    const struct json *refused;
    const char *before;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    before = active_ak(&f, vm);
    memcpy(thief->uuid, vm->uuid, sizeof vm->uuid);
    thief->ek_cert = issued_ek(&f, f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), thief->ek);
    CHECK(!enrol(&f, &f.a, thief, &answer));
    CHECK_INT(answer.status, 409);
    CHECK_STRING(answer.code, "IdentityDuplicated");
    CHECK_STRING(active_ak(&f, vm), before);
    CHECK(attest_once(&f, vm, NULL));
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL); /* and its operator is told */
    refused = json_at(answer.json, "properties", "trueboot", "refusedTpm", NULL);
    REQUIRE_OK(cert_parse(thief->ek_cert, &cert, &err), err);
    CHECK(json_is_string(json_get(refused, "certificateSha256"), hex_in(&f.a, (struct bytes){ cert->sha256, CERT_SHA256_LEN })));
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Healthy"));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/identity:release", NULL);
    CHECK_INT(answer.status, 204);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    refused = json_at(answer.json, "properties", "trueboot", "refusedTpm", NULL);
    CHECK(refused && refused->type == JSON_NULL);
    CHECK(enrol(&f, &f.a, thief, &answer));
}

/* The same: the race is decided when both have begun. */
TEST(of_two_tpms_that_began_for_one_vm_the_first_to_finish_has_it)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *thief = fixture_machine(&f, "web1", 2);
    struct beginning b = beginning_of(vm);
    struct activation x, y;
    struct answer answer;

    memcpy(thief->uuid, vm->uuid, sizeof vm->uuid);
    thief->ek_cert = issued_ek(&f, f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), thief->ek);
    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    b = beginning_of(thief);
    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, thief, &answer, &y));
    activate(&f, &f.a, &x, &answer);
    CHECK_INT(answer.status, 200);
    activate(&f, &f.a, &y, &answer);
    CHECK_INT(answer.status, 409);
    CHECK_STRING(active_ak(&f, vm), hex_in(&f.a, vm->ak_name));
}

/* A template captured with its TPM: the host makes a certificate for the copy's UUID over the same EK. */
TEST(a_copied_tpm_makes_both_vms_suspect)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *copy = listed(&f, "web2", 2);
    struct answer answer;

    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    CHECK(attest_once(&f, vm, NULL));
    copy->ek = vm->ek;
    copy->ek_public = vm->ek_public;
    copy->ek_cert = issued_ek(&f, f.host_ca, arena_printf(&f.a, "web2:%s", copy->uuid), vm->ek);
    CHECK(!enrol(&f, &f.a, copy, &answer));
    CHECK_INT(answer.status, 409);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(json_is_string(json_at(answer.json, "properties", "healthStatus", NULL), "Unhealthy"));
    CHECK(bytes_find(answer.body, BYTES_LIT("tpm.identity_duplicated")) != SIZE_MAX);
}

/* ---- many at once ------------------------------------------------------------------------------------------------------------------- */

enum { THREADS = 20 };

struct enrol_thread {
    struct fixture *f;
    const struct test_vm *vm;
    const struct activation *x; /* NULL: a whole enrolment */
    struct arena a;
    struct answer answer;
};

static void *enrol_thread(void *context)
{
    struct enrol_thread *t = context;

    if (t->x)
        activate(t->f, &t->a, t->x, &t->answer);
    else
        (void)!enrol(t->f, &t->a, t->vm, &t->answer);
    return NULL;
}

static int run_threads(struct fixture *f, const struct test_vm *const *vms, const struct activation *x)
{
    static struct enrol_thread t[THREADS];
    pthread_t threads[THREADS];
    int won = 0;

    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct enrol_thread){ .f = f, .vm = vms[i], .x = x };
        if (pthread_create(&threads[i], NULL, enrol_thread, &t[i]) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        won += t[i].answer.status == 200;
        CHECK(t[i].answer.status < 500);
        arena_done(&t[i].a);
    }
    return won;
}

TEST(of_twenty_activations_of_one_enrolment_at_once_one_wins)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    const struct test_vm *vms[THREADS];
    struct beginning b = beginning_of(vm);
    struct activation x;
    struct answer answer;

    for (int i = 0; i < THREADS; i++)
        vms[i] = vm;
    begin(&f, &f.a, &b, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    CHECK_INT(run_threads(&f, vms, &x), 1);
    CHECK_STRING(active_ak(&f, vm), hex_in(&f.a, vm->ak_name));
}

TEST(twenty_enrolments_of_two_tpms_for_one_vm_leave_one_tpm)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *thief = fixture_machine(&f, "web1", 2);
    const struct test_vm *vms[THREADS];
    const struct store_identity *rows;
    struct err err = ERR_INIT;
    size_t n;

    memcpy(thief->uuid, vm->uuid, sizeof vm->uuid);
    thief->ek_cert = issued_ek(&f, f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), thief->ek);
    for (int i = 0; i < THREADS; i++)
        vms[i] = i % 2 ? vm : thief;
    CHECK(run_threads(&f, vms, NULL) >= 1);
    REQUIRE_OK(store_identity_list(f.store, &f.a, vm->uuid, &rows, &n, &err), err);
    CHECK_INT(n, 1);
}

/* ---- endorsement roots of one provider ----------------------------------------------------------------------------------------- */

#define PERMIT "version=1.0; authorizationrules{ => permit(); };"

/* A CA that vouches for endorsement keys at one provider alone, and the VM with a certificate of it. */
static struct ca *tenants_ca(struct fixture *f, struct test_vm *vm, const char *provider)
{
    struct answer answer;
    struct ca *ca;
    struct err err = ERR_INIT;
    const char *pem;

    if (!ca_new("tenant's host CA", fixture_time, &ca, &err))
        abort();
    vm->ek_cert = issued_ek(f, ca, arena_printf(&f->a, "%s:%s", vm->name, vm->uuid), vm->ek);
    pem = base64_in(&f->a, BASE64_STANDARD, ca_cert(ca, 0)->der);
    fixture_ask(f, &answer, "POST", "/v1/roots",
                "{\"kind\":\"ek\",\"provider\":\"%s\",\"pem\":\"-----BEGIN CERTIFICATE-----\\n%s\\n-----END CERTIFICATE-----\\n\"}",
                provider, pem);
    CHECK_INT(answer.status, 200);
    return ca;
}

static unsigned attest_at(struct fixture *f, const struct test_vm *vm, const char *at)
{
    struct attestation t;
    struct answer answer = { 0 };

    f->at = at;
    if (!attestation_begin(f, vm, &t))
        return 0;
    attestation_send(&t, &answer);
    return answer.status;
}

TEST(an_endorsement_root_of_a_provider_is_believed_by_that_provider_alone)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_provider(&f, "other", "original", PERMIT) && fixture_provider(&f, "tenant", "original", PERMIT));
    ca = tenants_ca(&f, vm, "tenant");
    for (const char *const *at = (const char *const[]){ "", "/providers/other", NULL }; *at; at++) {
        f.at = *at;
        CHECK(!enrol(&f, &f.a, vm, &answer) && answer.status == 400 && strcmp(answer.code, "EnrolmentRefused") == 0);
    }
    f.at = "/providers/tenant";
    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    REQUIRE_OK(cert_parse(vm->ak_cert, &cert, &err), err);
    CHECK_BYTES(ak_cert_provider(cert), BYTES_LIT("tenant"));
    CHECK_STRING(active_ak(&f, vm), ""); /* no identity of the inventory: reports and health do not rest on it */

    CHECK_INT(attest_at(&f, vm, "/providers/tenant"), 200);
    CHECK_INT(attest_at(&f, vm, "/providers/other"), 400);
    CHECK_INT(attest_at(&f, vm, ""), 400);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
}

/* The same key is enrolled at both: each has its own word for it. */
TEST(a_certificate_of_one_provider_does_not_count_at_another_where_the_machine_is_enrolled_too)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    static const char *const names[] = { "tenant", "other" }, *const at[] = { "/providers/tenant", "/providers/other" };
    struct bytes certs[2];
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        REQUIRE(fixture_provider(&f, names[i], "original", PERMIT));
        ca_free(tenants_ca(&f, vm, names[i]));
        f.at = at[i];
        REQUIRE(enrol(&f, &f.a, vm, &answer));
        certs[i] = member(&f.a, answer.json, "akCert");
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        vm->ak_cert = certs[i];
        CHECK_INT(attest_at(&f, vm, at[i]), 200);
        CHECK_INT(attest_at(&f, vm, at[!i]), 400);
    }
}

TEST(a_vm_has_one_tpm_at_a_provider_until_it_is_released_and_then_the_old_certificate_is_over)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *copy;
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct store_provider row;
    struct bytes renewed;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_provider(&f, "tenant", "original", PERMIT));
    ca = tenants_ca(&f, vm, "tenant");
    f.at = "/providers/tenant";
    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    REQUIRE(enrol(&f, &f.a, vm, &answer)); /* the same TPM may renew */
    CHECK_INT(attest_at(&f, vm, "/providers/tenant"), 200);
    renewed =
        issued_ek(&f, ca, arena_printf(&f.a, "web1:%s", vm->uuid), vm->ek); /* and its host the endorsement certificate (attack I10) */
    REQUIRE(!bytes_equal(renewed, vm->ek_cert));
    vm->ek_cert = renewed;
    REQUIRE_OK(store_provider_get(f.store, &f.a, "tenant", &row, &err), err);
    row.enrolment_token = true; /* which a machine that is known does not need */
    REQUIRE_OK(store_provider_update(f.store, &row, &err), err);
    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    CHECK_INT(attest_at(&f, vm, "/providers/tenant"), 200);
    REQUIRE(enrol(&f, &f.a, vm, &answer));
    REQUIRE_OK(store_provider_get(f.store, &f.a, "tenant", &row, &err), err);
    row.enrolment_token = false;
    REQUIRE_OK(store_provider_update(f.store, &row, &err), err);

    copy = fixture_machine(&f, "web1", 2);
    copy->ek_cert = issued_ek(&f, ca, arena_printf(&f.a, "web1:%s", vm->uuid), copy->ek);
    CHECK(!enrol(&f, &f.a, copy, &answer) && answer.status == 409 && strstr(answer.message, "release"));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/identity:release", NULL);
    CHECK_INT(answer.status, 204);
    CHECK_INT(attest_at(&f, vm, "/providers/tenant"), 400);
    REQUIRE(enrol(&f, &f.a, copy, &answer));
    CHECK_INT(attest_at(&f, vm, "/providers/tenant"), 400);
}

TEST(everybodys_endorsement_roots_count_at_a_provider_too_and_lead_to_an_identity_of_the_inventory)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct bytes everybodys = vm->ek_cert;
    struct answer answer;

    REQUIRE(fixture_provider(&f, "tenant", "original", PERMIT));
    ca = tenants_ca(&f, vm, "tenant");
    vm->ek_cert = everybodys;
    f.at = "/providers/tenant";
    REQUIRE(enrol(&f, &f.a, vm, &answer));
    vm->ak_cert = member(&f.a, answer.json, "akCert");
    CHECK_STRING(active_ak(&f, vm), hex_in(&f.a, vm->ak_name));
    CHECK_INT(attest_at(&f, vm, ""), 200);
    CHECK_INT(attest_at(&f, vm, "/providers/tenant"), 200);
    f.at = "/providers/nobody";
    CHECK(!enrol(&f, &f.a, vm, &answer) && answer.status == 404);
}

TEST(endorsement_roots_of_a_provider_are_listed_removed_and_go_with_it)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct answer answer;
    char sha256[2 * CERT_SHA256_LEN + 1];

    REQUIRE(fixture_provider(&f, "tenant", "original", PERMIT));
    ca = tenants_ca(&f, vm, "tenant");
    hex_encode((struct bytes){ ca_cert(ca, 0)->sha256, CERT_SHA256_LEN }, sha256);
    fixture_ask(&f, &answer, "GET", "/v1/roots?provider=tenant", NULL);
    CHECK(bytes_find(answer.body, bytes_of_string(sha256)) != SIZE_MAX &&
          bytes_find(answer.body, BYTES_LIT("\"kind\":\"ek\"")) != SIZE_MAX);
    fixture_ask(&f, &answer, "GET", "/v1/roots", NULL);
    CHECK(bytes_find(answer.body, bytes_of_string(sha256)) != SIZE_MAX);
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ek/%s", sha256), NULL);
    CHECK_INT(answer.status, 404); /* it is none of everybody's */
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ek/%s?provider=tenant", sha256), NULL);
    CHECK_INT(answer.status, 204);
    f.at = "/providers/tenant";
    CHECK(!enrol(&f, &f.a, vm, &answer) && answer.status == 400);
}
