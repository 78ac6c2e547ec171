/* Attack suite 4.3, I6 to I10: one machine, told from its copies, its past and its stand-ins. What counts is the answer of the service. */
#include <stdlib.h>
#include "support/enrolling.h"
#include "base/base64.h"
#include "crypto/pem.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "support/test.h"

enum { MINUTE = 60 * 1000 };

/* Attests, and does not look what became of it; the code of the finding that refused it, or "". */
static const char *attest(struct fixture *f, const struct test_vm *vm)
{
    struct attestation t;
    struct answer answer;

    if (!attestation_begin(f, vm, &t))
        abort();
    attestation_send(&t, &answer);
    return answer.inner;
}

static struct bytes status_of(struct fixture *f, const struct test_vm *vm)
{
    struct answer answer;

    fixture_ask(f, &answer, "GET", arena_printf(&f->a, "/v1/vms/%s/status", vm->name), NULL);
    CHECK_INT(answer.status, 200);
    return answer.body;
}

static bool says(struct bytes text, const char *word) { return bytes_find(text, bytes_of_string(word)) != SIZE_MAX; }

/* The status says this word of health, and the finding is among its reasons (NULL: neither of a copy nor of a rollback). */
static bool is_called(struct fixture *f, const struct test_vm *vm, const char *health, const char *finding)
{
    struct bytes status = status_of(f, vm);
    bool fine = says(status, arena_printf(&f->a, "\"healthStatus\":\"%s\"", health)) &&
                (finding ? says(status, finding) : !says(status, "tpm.rollback") && !says(status, "tpm.identity_duplicated"));

    if (!fine)
        test_note("%s: %.*s", vm->name, (int)(status.len < 3000 ? status.len : 3000), (const char *)status.data);
    return fine;
}

static bool attests_as(struct fixture *f, const struct test_vm *vm, const char *health, const char *finding)
{
    fixture_time += MINUTE;
    (void)attest(f, vm);
    return is_called(f, vm, health, finding);
}

/* ---- I6: machines without a certified TPM ------------------------------------------------------------------------------------------ */

static bool token_says(struct fixture *f, const struct test_vm *vm, const char *assurance)
{
    struct attestation t;
    struct answer answer;
    struct jws jws;
    const struct json *claims;
    struct err err = ERR_INIT;

    fixture_time += MINUTE;
    if (!attestation_begin(f, vm, &t))
        return false;
    attestation_send(&t, &answer);
    return jws_parse(&f->a, answer_token(f, &answer), 0, &jws, &err) && json_parse(&f->a, jws.claimed_payload, NULL, &claims, &err) &&
           json_is_string(json_at(claims, "trueboot", "assurance", NULL), assurance);
}

/* Line ends as JSON writes them. */
static const char *json_lines(struct fixture *f, struct bytes text)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t i = 0; i < text.len; i++)
        write_string(&w, text.data[i] == '\n' ? "\\n" : (const char[]){ (char)text.data[i], 0 });
    return arena_string(&f->a, writer_bytes(&w));
}

static void add_root(struct fixture *f, const char *kind, bool pin, struct bytes der)
{
    struct writer pem CLEANUP(writer_done) = { 0 };
    struct answer answer;

    pem_write(&pem, "CERTIFICATE", der);
    fixture_ask(f, &answer, "POST", "/v1/roots", "{\"kind\":\"%s\",\"pin\":%s,\"pem\":\"%s\"}", kind, pin ? "true" : "false",
                json_lines(f, writer_bytes(&pem)));
    CHECK(answer.status < 300);
    if (test_failed())
        test_note("%u %s", answer.status, answer.message);
}

TEST(I6_how_a_machine_is_known_stands_in_its_token_and_nothing_less_passes_for_certified)
{
    FIXTURE(f);
    struct test_vm *certified = fixture_machine(&f, "certified", 1), *pinned = fixture_machine(&f, "pinned", 2),
                   *cloud = fixture_machine(&f, "cloud", 3), *approved = fixture_machine(&f, "approved", 4);
    struct ca *other_host CLEANUP(ca_free_at) = NULL, *ak_issuer CLEANUP(ca_free_at) = NULL, *nobody CLEANUP(ca_free_at) = NULL;
    struct cert *ek CLEANUP(cert_free_at) = NULL, *ak CLEANUP(cert_free_at) = NULL, *loose CLEANUP(cert_free_at) = NULL;
    struct attestation t;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_add_to_inventory(&f, certified) && fixture_add_to_inventory(&f, pinned));
    CHECK_INT(enrolling_whole(&f, certified, &answer), 200);
    CHECK(token_says(&f, certified, "ek-certified"));

    /* Without a certificate there is no enrolment, and no silent stand-in for one. */
    fixture_ask(&f, &answer, "POST", "/enroll/v1/begin", "{\"ekCerts\":[],\"ekPub\":\"%s\",\"akPub\":\"%s\"}",
                base64_in(&f.a, BASE64_URL, pinned->ek_public), base64_in(&f.a, BASE64_URL, pinned->ak_public));
    CHECK(answer.status == 400 && strcmp(answer.inner, "tpm.ek_refused") == 0);
    /* A certificate of a CA that nobody registered is as good as none, until an operator pins it. */
    REQUIRE_OK(
        ca_new("another host's CA", fixture_time, &other_host, &err) &&
            ca_issue_ek(other_host, arena_printf(&f.a, "pinned:%s", pinned->uuid), privkey_public(pinned->ek), fixture_time, &ek, &err),
        err);
    pinned->ek_cert = ek->der;
    CHECK_INT(enrolling_whole(&f, pinned, &answer), 400);
    add_root(&f, "ek", true, ek->der);
    CHECK_INT(enrolling_whole(&f, pinned, &answer), 200);
    CHECK(token_says(&f, pinned, "ek-pinned"));
    CHECK(attests_as(&f, pinned, "Healthy", NULL) && says(status_of(&f, pinned), "\"assurance\":\"ek-pinned\""));

    /* An initial attestation key is another word than an endorsement key's, and so is a pinned one. */
    struct test_vm *by_iak = fixture_machine(&f, "by-iak", 5);
    const struct privkey *iak = test_key(PRIVKEY_P256, 30);
    struct cert *pinned_iak CLEANUP(cert_free_at) = NULL;

    REQUIRE(fixture_add_to_inventory(&f, by_iak));
    CHECK_INT(enrolling_whole_by_iak(&f, by_iak, iak, enrolling_iak_cert(&f, by_iak, iak), &answer), 200);
    CHECK(token_says(&f, by_iak, "iak-certified"));
    REQUIRE_OK(
        ca_issue_iak(other_host, arena_printf(&f.a, "by-iak:%s", by_iak->uuid), privkey_public(iak), fixture_time, &pinned_iak, &err), err);
    CHECK_INT(enrolling_whole_by_iak(&f, by_iak, iak, pinned_iak->der, &answer), 400);
    add_root(&f, "ek", true, pinned_iak->der);
    CHECK_INT(enrolling_whole_by_iak(&f, by_iak, iak, pinned_iak->der, &answer), 200);
    CHECK(token_says(&f, by_iak, "iak-pinned"));

    /* Somebody else's CA vouches for the attestation key alone; or an operator for the one key. */
    REQUIRE_OK(ca_new("a cloud's AK CA", fixture_time, &ak_issuer, &err) &&
                   ca_issue_ak(ak_issuer, cloud->uuid, privkey_public(cloud->ak), fixture_time, &ak, &err) &&
                   ca_new("nobody's CA", fixture_time, &nobody, &err) &&
                   ca_issue_ak(nobody, approved->uuid, privkey_public(approved->ak), fixture_time, &loose, &err),
               err);
    cloud->ak_cert = ak->der;
    approved->ak_cert = loose->der;
    CHECK_STRING(attest(&f, cloud), "tpm.ak_untrusted");
    CHECK_STRING(attest(&f, approved), "tpm.ak_untrusted");
    add_root(&f, "ak", false, ca_cert(ak_issuer, 0)->der);
    add_root(&f, "ak", true, loose->der);
    for (int again = 0; again < 2; again++) { /* the second time the chain is remembered */
        CHECK(token_says(&f, cloud, "cloud-ak-cert"));
        CHECK(token_says(&f, approved, "admin-approved"));
    }
    CHECK_INT(fixture_appraisals(&f, cloud->uuid, NULL), 0); /* neither is a VM of ours */

    /* A key that nobody vouches for. */
    REQUIRE(attestation_begin(&f, certified, &t));
    t.aik_cert = BYTES_NONE;
    t.aik_pub = arena_printf(&f.a, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                             base64_in(&f.a, BASE64_URL, pubkey_ec_x(privkey_public(certified->ak))),
                             base64_in(&f.a, BASE64_URL, pubkey_ec_y(privkey_public(certified->ak))));
    attestation_send(&t, &answer);
    CHECK(answer.status == 400 && strcmp(answer.inner, "tpm.ak_untrusted") == 0);
}

/* ---- I7: relayed evidence ---------------------------------------------------------------------------------------------------- */

TEST(I7_evidence_made_for_another_session_is_refused)
{
    FIXTURE(f);
    struct test_vm *victim = fixture_vm(&f, "victim"), *thief = fixture_vm(&f, "thief");
    struct attestation theirs, ours;
    struct digest signed_for;
    struct answer answer;

    /* What the victim's TPM signed, in a session of the thief's: the challenge differs. */
    REQUIRE(attestation_begin(&f, victim, &theirs));
    digest_compute_parts(DIGEST_SHA256, (const struct bytes[]){ bytes_of_string(theirs.jwk), { (const uint8_t *)"", 1 }, theirs.challenge },
                         3, &signed_for);
    REQUIRE(attestation_begin(&f, victim, &ours));
    ours.own_nonce = true;
    ours.quote.attest.extra_data = digest_bytes(&signed_for);
    attestation_send(&ours, &answer);
    CHECK(answer.status == 400 && strcmp(answer.inner, "quote.nonce") == 0);
    CHECK_INT(fixture_appraisals(&f, victim->uuid, NULL), 0); /* nor does it harm the victim: anybody can replay */

    /* The same challenge, carried to the victim, whose agent answers with its own key; the thief signs the request with another. */
    REQUIRE(attestation_begin(&f, victim, &ours));
    ours.bound_jwk = ours.jwk;
    ours.request_key = test_key(PRIVKEY_P256, 29);
    attestation_send(&ours, &answer); /* the request is not signed by the key it names */
    CHECK(answer.status == 400 && !answer_token(&f, &answer).len);
    REQUIRE(attestation_begin(&f, victim, &ours));
    REQUIRE(attestation_begin(&f, victim, &theirs));
    ours.bound_jwk = ours.jwk; /* what the victim signed */
    ours.request_key = test_key(PRIVKEY_P256, 29);
    ours.jwk = arena_printf(&f.a, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                            base64_in(&f.a, BASE64_URL, pubkey_ec_x(privkey_public(ours.request_key))),
                            base64_in(&f.a, BASE64_URL, pubkey_ec_y(privkey_public(ours.request_key))));
    attestation_send(&ours, &answer);
    CHECK(answer.status == 400 && strcmp(answer.inner, "quote.nonce") == 0);

    /* The thief's certificate beside the victim's quote, and the other way round. */
    for (int turn = 0; turn < 2; turn++) {
        REQUIRE(attestation_begin(&f, turn ? thief : victim, &ours));
        ours.aik_cert = turn ? victim->ak_cert : thief->ak_cert;
        attestation_send(&ours, &answer);
        CHECK(answer.status == 400 && strcmp(answer.inner, "quote.signature") == 0);
    }
    CHECK_STRING(attest(&f, victim), ""); /* sound evidence is taken all the same */
}

/* ---- I8: copies -------------------------------------------------------------------------------------------------------------- */

TEST(I8_a_tpm_that_answers_for_two_vms_makes_both_unhealthy)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_machine(&f, "web1", 1), *copy = fixture_machine(&f, "web2", 2);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_add_to_inventory(&f, vm) && fixture_add_to_inventory(&f, copy));
    CHECK_INT(enrolling_whole(&f, vm, &answer), 200);
    CHECK(attests_as(&f, vm, "Healthy", NULL));
    /* The host gave the second VM a copy of the first one's TPM, and a certificate of its own. */
    copy->ek = vm->ek;
    copy->ek_public = vm->ek_public;
    REQUIRE(fixture_new_ak(&f, copy, vm->ak));
    REQUIRE_OK(ca_issue_ek(f.host_ca, arena_printf(&f.a, "web2:%s", copy->uuid), privkey_public(vm->ek), fixture_time, &cert, &err), err);
    REQUIRE(arena_copy(&f.a, cert->der, &copy->ek_cert));
    CHECK_INT(enrolling_whole(&f, copy, &answer), 409);
    CHECK_STRING(answer.inner, "tpm.identity_duplicated");
    CHECK(is_called(&f, vm, "Unhealthy", "tpm.identity_duplicated"));
    CHECK(attests_as(&f, vm, "Unhealthy", "tpm.identity_duplicated")); /* no boot makes up for it */
    CHECK(says(status_of(&f, copy), "\"Unhealthy\""));
    CHECK(says(status_of(&f, copy), "tpm.identity_duplicated"));
    /* A person says whose it is. */
    fixture_ask(&f, &answer, "POST", "/v1/vms/web2/identity:release", "{}");
    CHECK(answer.status == 204);
    CHECK(attests_as(&f, vm, "Healthy", NULL));
}

/* Two machines that run with one TPM's state take turns: whichever is behind shows it. */
TEST(I8_copies_that_attest_in_turn_are_found_whoever_looks_and_whenever)
{
    static const struct {
        const char *what;
        int resets, restarts; /* of the copy, in relation to the original */
        int64_t clock_ms;
        bool safe;
    } copies[] = {
        { "the clock of this boot went back", 0, 0, -1000, true },
        { "the clock of this boot went back, and calls itself unsafe", 0, 0, -1000, false },
        { "fewer resets", -1, 0, 500, true },
        { "fewer restarts", 0, -1, 500, true },
        { "one reset more from an older state: its clock is behind", 1, -3, -5000, true },
        { "the same, further back than a clock that is not safe can be", 1, -3, -(INT64_C(1) << 22) - 5000, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(copies); i++)
        for (int looks = 0; looks < 2; looks++) {
            FIXTURE(f);
            struct test_vm *vm = fixture_vm(&f, "web1"), copy;
            vm->boot.clock.clock_ms = UINT64_C(1) << 32;
            copy = *vm;
            copy.boot.clock.reset_count += (uint32_t)copies[i].resets;
            copy.boot.clock.restart_count += (uint32_t)copies[i].restarts;
            copy.boot.clock.clock_ms += (uint64_t)copies[i].clock_ms;
            copy.boot.clock.safe = copies[i].safe;
            CHECK(attests_as(&f, vm, "Healthy", NULL));
            fixture_time += MINUTE;
            (void)attest(&f, &copy);
            if (looks) /* nobody need see the copy: the next one to be looked at is the original again */
                CHECK(is_called(&f, vm, "Unhealthy", "tpm.rollback"));
            vm->boot.clock.clock_ms += 2 * MINUTE;
            CHECK(attests_as(&f, vm, "Unhealthy", "tpm.rollback"));
            if (test_failed()) {
                test_note("%s%s", copies[i].what, looks ? "" : ", nobody looked in between");
                return;
            }
        }
}

/* ---- I9: the past ------------------------------------------------------------------------------------------------------------ */

TEST(I9_counters_that_went_back_are_an_alert_and_a_reboot_or_an_unclean_shutdown_is_none)
{
    static const struct {
        const char *what;
        int resets, restarts;
        int64_t clock_ms;
        bool safe;
    } sound[] = {
        { "later in the same boot", 0, 0, 1000, true },
        { "at the same time", 0, 0, 0, true },
        { "a reboot", 1, -3, 60000, true },
        { "a suspended state was resumed", 0, 1, 60000, true },
        { "many reboots", 40, -3, 60000, true },
        { "a reboot after an unclean shutdown", 1, -3, 10, false },
        { "a clock that lags behind what it said before the power failed", 1, -3, -4000000, false },
        { "resets past two to the 31", 0x7fffff00, -3, 60000, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(sound); i++) {
        FIXTURE(f);
        struct test_vm *vm = fixture_vm(&f, "web1");
        vm->boot.clock.clock_ms = UINT64_C(1) << 32;
        CHECK(attests_as(&f, vm, "Healthy", NULL));
        vm->boot.clock.reset_count += (uint32_t)sound[i].resets;
        vm->boot.clock.restart_count += (uint32_t)sound[i].restarts;
        vm->boot.clock.clock_ms += (uint64_t)sound[i].clock_ms;
        vm->boot.clock.safe = sound[i].safe;
        CHECK(attests_as(&f, vm, "Healthy", sound[i].safe ? NULL : "quote.clock_unsafe"));
        CHECK(!says(status_of(&f, vm), "tpm.rollback"));
        if (test_failed()) {
            test_note("%s", sound[i].what);
            return;
        }
    }
    {
        FIXTURE(f);
        struct test_vm *vm = fixture_vm(&f, "web1");
        struct answer answer;
        CHECK(attests_as(&f, vm, "Healthy", NULL));
        vm->boot.clock.reset_count -= 2;
        CHECK(attests_as(&f, vm, "Unhealthy", "tpm.rollback"));
        for (int boot = 0; boot < 4; boot++) { /* beyond where it was: it stays until a person says that it was meant */
            REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ 0 }));
            CHECK(attests_as(&f, vm, "Unhealthy", "tpm.rollback"));
        }
        fixture_ask(&f, &answer, "POST", "/v1/vms/web1/baseline:approve", "{\"reason\":\"restored\"}");
        CHECK(answer.status == 200 && is_called(&f, vm, "Healthy", NULL));
    }
}

/* ---- I10: another TPM -------------------------------------------------------------------------------------------------------- */

TEST(I10_a_tpm_with_another_endorsement_key_does_not_become_the_vm_without_a_persons_word)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_machine(&f, "web1", 1), *cleared = fixture_machine(&f, "web1", 2);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_add_to_inventory(&f, vm));
    CHECK_INT(enrolling_whole(&f, vm, &answer), 200);
    CHECK(attests_as(&f, vm, "Healthy", NULL));
    memcpy(cleared->uuid, vm->uuid, sizeof cleared->uuid); /* TPM2_ChangeEPS: another key, vouched for by the same host */
    REQUIRE_OK(ca_issue_ek(f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), privkey_public(cleared->ek), fixture_time, &cert, &err),
               err);
    REQUIRE(arena_copy(&f.a, cert->der, &cleared->ek_cert));
    CHECK_INT(enrolling_whole(&f, cleared, &answer), 409);
    CHECK(says(answer.body, "release-identity"));
    CHECK(attests_as(&f, vm, "Healthy", NULL)); /* whoever asks cannot take the old identity away */
    cleared->ak_cert = vm->ak_cert;
    CHECK_STRING(attest(&f, cleared), "quote.signature"); /* nor use it */

    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/identity:release", "{}");
    CHECK_INT(answer.status, 204);
    CHECK_INT(enrolling_whole(&f, cleared, &answer), 200);
    CHECK(attests_as(&f, cleared, "Healthy", NULL));
    CHECK_STRING(attest(&f, vm), "tpm.ak_replaced"); /* and the old key ends */
    CHECK_INT(enrolling_whole(&f, vm, &answer), 409);
}

/* The same endorsement key under a certificate that its CA has renewed is the same TPM. */
TEST(I10_a_renewed_endorsement_certificate_is_no_other_tpm)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_machine(&f, "web1", 1);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE(fixture_add_to_inventory(&f, vm));
    CHECK_INT(enrolling_whole(&f, vm, &answer), 200);
    fixture_time += MINUTE;
    REQUIRE_OK(ca_issue_ek(f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), privkey_public(vm->ek), fixture_time, &cert, &err), err);
    REQUIRE(arena_copy(&f.a, cert->der, &vm->ek_cert));
    CHECK_INT(enrolling_whole(&f, vm, &answer), 200);
    CHECK(attests_as(&f, vm, "Healthy", NULL));
}
