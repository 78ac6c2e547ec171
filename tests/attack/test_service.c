/* Attack suite 4.1 and 4.4 over the service's own routes: forged quotes, failures and what must outlive them, what a token says. */
#include <pthread.h>
#include <stdlib.h>
#include "attack/forged_quotes.h"
#include "base/base64.h"
#include "base/hex.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static bool says(struct bytes text, const char *word) { return bytes_find(text, bytes_of_string(word)) != SIZE_MAX; }

static struct bytes status_of(struct fixture *f, const struct test_vm *vm)
{
    struct answer answer;

    fixture_ask(f, &answer, "GET", arena_printf(&f->a, "/v1/vms/%s/status", vm->name), NULL);
    return answer.body;
}

static bool is_called(struct fixture *f, const struct test_vm *vm, const char *health)
{
    struct bytes status = status_of(f, vm);
    bool fine = says(status, arena_printf(&f->a, "\"healthStatus\":\"%s\"", health));

    if (!fine)
        test_note("%s is no %s: %.*s", vm->name, health, (int)(status.len < 600 ? status.len : 600), (const char *)status.data);
    return fine;
}

static bool boots(struct fixture *f, struct test_vm *vm, const struct boot_shape *shape)
{
    struct attestation t;
    struct answer answer;

    fixture_time += MINUTE;
    if (!fixture_reboot(f, vm, shape) || !attestation_begin(f, vm, &t))
        abort();
    attestation_send(&t, &answer);
    return answer_token(f, &answer).len > 0;
}

static const struct boot_shape sound = { .command_line = NULL }, evil = { .secure_boot_off = true };

/* ---- quotes ------------------------------------------------------------------------------------------------------------------- */

TEST(Q3_the_service_takes_a_quote_in_no_other_form_than_says_exactly_what_it_is_about)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    for (size_t i = 0; i < n_forged_quotes; i++) {
        struct attestation t;
        struct answer answer;
        REQUIRE(attestation_begin(&f, vm, &t));
        t.quote.pcrs = &t.shown;
        forged_quotes[i].change(&t.quote, &f.a);
        attestation_send(&t, &answer);
        if (forged_quotes[i].sound)
            CHECK(answer.status == 200 && answer_token(&f, &answer).len);
        else
            CHECK(answer.status == 400 && !answer_token(&f, &answer).len &&
                  bytes_starts_with(bytes_of_string(answer.inner), BYTES_LIT("quote.")));
        if (test_failed()) {
            test_note("%s: %u %s %s", forged_quotes[i].what, answer.status, answer.inner, answer.message);
            return;
        }
    }
}

TEST(Q9_a_certificate_beside_another_bare_key_vouches_for_neither)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct pubkey *other = privkey_public(test_key(PRIVKEY_P256, 20)), *own = privkey_public(vm->ak);
    const struct {
        const struct pubkey *bare, *quotes;
        bool fine;
    } rows[] = { { own, own, true }, { other, own, false }, { other, other, false } };

    for (size_t i = 0; i < 3; i++) {
        struct attestation t;
        struct answer answer;
        REQUIRE(attestation_begin(&f, vm, &t));
        t.aik_pub =
            arena_printf(&f.a, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                         base64_in(&f.a, BASE64_URL, pubkey_ec_x(rows[i].bare)), base64_in(&f.a, BASE64_URL, pubkey_ec_y(rows[i].bare)));
        t.quote_key = rows[i].quotes == own ? vm->ak : test_key(PRIVKEY_P256, 20);
        attestation_send(&t, &answer);
        CHECK(rows[i].fine == (answer_token(&f, &answer).len > 0));
        if (!rows[i].fine)
            CHECK_INT(answer.status, 400);
    }
    for (int form = 0; form < 2; form++) { /* the bare key alone: nobody vouches for it */
        struct attestation t;
        struct answer answer;
        REQUIRE(attestation_begin(&f, vm, &t));
        t.aik_cert = BYTES_NONE;
        t.aik_pub = form ? "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}"
                         : arena_printf(&f.a, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                                        base64_in(&f.a, BASE64_URL, pubkey_ec_x(own)), base64_in(&f.a, BASE64_URL, pubkey_ec_y(own)));
        attestation_send(&t, &answer);
        CHECK(answer.status == 400 && !answer_token(&f, &answer).len);
    }
}

/* ---- failures ----------------------------------------------------------------------------------------------------------------- */

TEST(S3_what_breaks_while_one_vm_is_verified_is_its_own_trouble_and_ends_with_its_next_attestation)
{
    static const char *const records[] = { "", "x.y.z", "eyJhbGciOiJub25lIn0.e30.", "{\"verdict\":\"Healthy\"}" };
    FIXTURE(f);
    struct test_vm *broken = fixture_vm(&f, "broken"), *other = fixture_vm(&f, "other");
    struct store_appraisal row;
    struct answer answer;
    struct err err = ERR_INIT;

    CHECK(boots(&f, broken, &sound) && boots(&f, other, &sound));
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        REQUIRE_OK(store_appraisal_latest(f.store, &f.a, broken->uuid, &row, &err), err);
        row.id = arena_printf(&f.a, "%032zx", i + 1);
        row.record = bytes_of_string(records[i]);
        row.time_ms = fixture_time;
        REQUIRE_OK(store_appraisal_add(f.store, &row, BYTES_NONE, 5, &err), err);
        CHECK(is_called(&f, broken, "Unknown"));
        CHECK(is_called(&f, other, "Healthy"));
        fixture_ask(&f, &answer, "GET", "/v1/status", NULL);
        CHECK(answer.status == 200 && says(answer.body, "\"Healthy\"") && says(answer.body, "\"Unknown\""));
        CHECK(boots(&f, broken, &sound)); /* it goes on being verified */
        CHECK(is_called(&f, broken, "Healthy"));
    }
}

TEST(S5_a_vm_that_fell_silent_is_unknown_although_no_timer_ran_and_a_clock_that_steps_keeps_no_verdict_alive)
{
    FIXTURE(f);
    struct test_vm *silent = fixture_vm(&f, "silent"), *vm = fixture_vm(&f, "web1");
    int64_t then;

    CHECK(boots(&f, silent, &sound));
    CHECK(is_called(&f, silent, "Healthy"));
    fixture_time += HOUR + MINUTE;
    CHECK(is_called(&f, silent, "Unknown"));

    CHECK(boots(&f, vm, &sound)); /* the clock a day ahead, and back: what was seen there lies in the future */
    CHECK(is_called(&f, vm, "Healthy"));
    then = fixture_time;
    fixture_time = then - DAY;
    CHECK(is_called(&f, vm, "Unknown"));
    boots(&f, vm, &evil); /* what is seen now counts, although a newer time was written before */
    CHECK(is_called(&f, vm, "Unhealthy"));
    fixture_time = then + 5 * MINUTE;
    CHECK(is_called(&f, vm, "Unhealthy"));
    CHECK(boots(&f, vm, &sound));
    CHECK(is_called(&f, vm, "Healthy"));
    fixture_time += DAY;
    CHECK(is_called(&f, vm, "Unknown"));
    fixture_time -= DAY; /* back again: it was heard from a minute ago */
    CHECK(is_called(&f, vm, "Healthy"));
}

/* A step of a few minutes is the dangerous one: it stays within what clocks may differ. */
TEST(S5_a_small_step_back_hides_no_boot_that_comes_after_it)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    CHECK(boots(&f, vm, &sound));
    fixture_time -= 10 * MINUTE;
    boots(&f, vm, &evil);
    for (int minute = 0; minute < 60; minute += 5, fixture_time += 5 * MINUTE)
        CHECK(!says(status_of(&f, vm), "\"healthStatus\":\"Healthy\""));
    CHECK(is_called(&f, vm, "Unhealthy"));
}

static void beat(struct fixture *f, struct test_vm *vm, const char *body, struct answer *answer)
{
    const char *path = arena_printf(&f->a, "/report/v1/%s/heartbeat", vm->uuid);

    fixture_call(f,
                 &(struct call){ .method = "POST",
                                 .path = path,
                                 .body = bytes_of_string(body),
                                 .authorization = fixture_authorization(f, vm, "POST", path, bytes_of_string(body)) },
                 answer);
}

/* A server that started years ahead, until its clock was set: whoever was heard from then is not in the future for ever. */
TEST(S5_a_machine_that_goes_on_attesting_is_healthy_again_after_a_clock_that_was_years_ahead)
{
    static const char words[] = "{\"bootId\":\"x\",\"state\":\"Healthy\",\"resetCount\":8,\"restartCount\":0}";
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    CHECK(boots(&f, vm, &sound));
    fixture_time += 200LL * DAY;
    CHECK(boots(&f, vm, &sound));
    beat(&f, vm, words, &answer);
    CHECK_INT(answer.status, 202);
    fixture_time -= 200LL * DAY;
    beat(&f, vm, words, &answer);
    CHECK_INT(answer.status, 202);
    CHECK(is_called(&f, vm, "Unknown")); /* the last verdict is of a time that has not come yet */
    CHECK(boots(&f, vm, &sound));
    CHECK(is_called(&f, vm, "Healthy"));
    beat(&f, vm, words, &answer);
    CHECK(is_called(&f, vm, "Healthy"));
}

TEST(S6_nothing_but_a_sound_boot_or_a_persons_word_ends_an_unhealthy)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;

    CHECK(boots(&f, vm, &sound));
    boots(&f, vm, &evil);
    CHECK(is_called(&f, vm, "Unhealthy"));
    fixture_time += 100LL * DAY; /* a deadline passes */
    CHECK(is_called(&f, vm, "Unhealthy"));
    beat(&f, vm, "{\"bootId\":\"x\",\"state\":\"Healthy\",\"resetCount\":8,\"restartCount\":0}", &answer);
    CHECK_INT(answer.status, 202);
    CHECK(is_called(&f, vm, "Unhealthy")); /* words */
    for (int i = 0; i < 5; i++)
        fixture_send_raced(&f, vm); /* evidence that nobody can judge */
    CHECK(is_called(&f, vm, "Unhealthy"));
    fixture_time += 100LL * DAY;
    REQUIRE(attestation_begin(&f, vm, &t)); /* a challenge that is never answered */
    CHECK(is_called(&f, vm, "Unhealthy"));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/baseline:approve", "{\"reason\":\"hush\"}");
    CHECK(is_called(&f, vm, "Unhealthy")); /* no approval makes Secure Boot on */

    CHECK(boots(&f, vm, &sound)); /* recovery is another boot, and the history says how it went */
    CHECK(is_called(&f, vm, "Healthy"));
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/appraisals", NULL);
    CHECK(answer.status == 200 && says(answer.body, "\"Unhealthy\"") && says(answer.body, "\"Healthy\""));
}

/* ---- S7: deleted in between --------------------------------------------------------------------------------------------------- */

TEST(S7_a_vm_that_is_deleted_while_it_attests_stays_deleted)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1"), old;
    struct attestation t;
    struct answer answer;

    CHECK(boots(&f, vm, &sound));
    REQUIRE(attestation_begin(&f, vm, &t));
    fixture_ask(&f, &answer, "DELETE", "/v1/vms/web1", NULL);
    CHECK_INT(answer.status, 204);
    attestation_send(&t, &answer);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1", NULL);
    CHECK_INT(answer.status, 404);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);

    old = *vm; /* another VM of that name and UUID inherits nothing, neither before nor after the old key speaks again */
    REQUIRE(fixture_add_to_inventory(&f, vm));
    CHECK(is_called(&f, vm, "Pending"));
    REQUIRE(attestation_begin(&f, &old, &t));
    attestation_send(&t, &answer);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
    CHECK(is_called(&f, vm, "Pending"));
}

TEST(S7_monitoring_that_is_switched_off_stays_off_whatever_comes_in)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct answer answer;

    CHECK(boots(&f, vm, &sound));
    REQUIRE(attestation_begin(&f, vm, &t));
    fixture_ask(&f, &answer, "PATCH", "/v1/vms/web1", "{\"monitoring\":false}");
    CHECK_INT(answer.status, 200);
    attestation_send(&t, &answer);
    beat(&f, vm, "{\"bootId\":\"x\"}", &answer);
    CHECK(is_called(&f, vm, "NotMonitored"));
}

struct attester {
    struct fixture *f;
    struct attestation sessions[24];
    size_t n;
};

static void *attest_all(void *context)
{
    struct attester *x = context;

    for (size_t i = 0; i < x->n; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct answer answer;
        struct attestation *t = &x->sessions[i];
        t->a = &a;
        fixture_call(x->f,
                     &(struct call){
                         .path = "/attest/Tpm" FIXTURE_API, .body = attestation_envelope(&a, attestation_message(t), false), .arena = &a },
                     &answer);
    }
    return NULL;
}

TEST(S7_no_moment_of_an_attestation_lets_a_deleted_vm_leave_a_record)
{
    FIXTURE(f);
    struct attester *x = ARENA_NEW(&f.a, struct attester);
    struct answer answer;

    REQUIRE(x);
    for (unsigned round = 0; round < 6; round++) {
        struct test_vm *vm = fixture_vm(&f, arena_printf(&f.a, "web%u", round));
        pthread_t thread;
        *x = (struct attester){ .f = &f, .n = ARRAY_LEN(x->sessions) };
        for (size_t i = 0; i < x->n; i++)
            REQUIRE(attestation_begin(&f, vm, &x->sessions[i]));
        REQUIRE(pthread_create(&thread, NULL, attest_all, x) == 0);
        while (!fixture_appraisals(&f, vm->uuid, NULL)) /* some are through, the others on their way */
            ;
        fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/vms/%s", vm->name), NULL);
        CHECK_INT(answer.status, 204);
        pthread_join(thread, NULL);
        CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
        REQUIRE(fixture_add_to_inventory(&f, vm));
        CHECK(is_called(&f, vm, "Pending"));
    }
}

/* ---- S12: what a token is good for --------------------------------------------------------------------------------------------- */

static const struct json *claims_of(struct fixture *f, struct bytes token)
{
    struct jws jws;
    const struct json *claims;
    struct err err = ERR_INIT;

    return jws_parse(&f->a, token, 0, &jws, &err) && json_parse(&f->a, jws.claimed_payload, NULL, &claims, &err) ? claims : NULL;
}

static const char *report(struct fixture *f, struct test_vm *vm, struct bytes token, const char *boot_id, unsigned *ret_status)
{
    const char *path = arena_printf(&f->a, "/report/v1/%s", vm->uuid);
    const char *body = arena_printf(&f->a, "{\"token\":\"%.*s\",\"bootId\":\"%s\"}", BYTES_FMT(token), boot_id);
    struct answer answer;

    fixture_call(f,
                 &(struct call){ .method = "POST",
                                 .path = path,
                                 .body = bytes_of_string(body),
                                 .authorization = fixture_authorization(f, vm, "POST", path, bytes_of_string(body)) },
                 &answer);
    *ret_status = answer.status;
    return answer.code;
}

static const char *nonce_for(struct fixture *f, struct test_vm *vm)
{
    const char *path = arena_printf(&f->a, "/report/v1/%s/nonce", vm->uuid);
    struct answer answer;

    fixture_call(f,
                 &(struct call){ .method = "POST", .path = path, .authorization = fixture_authorization(f, vm, "POST", path, BYTES_NONE) },
                 &answer);
    return arena_string(&f->a, json_text(json_get(answer.json, "nonce"), BYTES_NONE));
}

static struct bytes token_of(struct fixture *f, const struct test_vm *vm, const char *nonce)
{
    struct attestation t;
    struct answer answer;

    fixture_time += MINUTE;
    if (!attestation_begin(f, vm, &t))
        abort();
    t.rp_data = nonce;
    attestation_send(&t, &answer);
    return answer_token(f, &answer);
}

TEST(S12_a_token_names_machine_boot_evidence_policy_and_nonce_and_ends)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *nonce = nonce_for(&f, vm);
    struct bytes token = token_of(&f, vm, nonce);
    const struct json *c = claims_of(&f, token), *ours = json_get(c, "trueboot");
    struct store_appraisal row;
    int64_t iat, nbf, exp, resets, restarts;
    struct err err = ERR_INIT;

    REQUIRE(c && ours);
    REQUIRE_OK(store_appraisal_latest(f.store, &f.a, vm->uuid, &row, &err), err);
    CHECK(json_as_integer(json_get(c, "iat"), &iat) && json_as_integer(json_get(c, "nbf"), &nbf) &&
          json_as_integer(json_get(c, "exp"), &exp));
    CHECK(iat == fixture_time / 1000 && nbf <= iat && exp - iat == 1440 * 60); /* as the policy says */
    CHECK(json_is_string(json_get(c, "iss"), FIXTURE_ISSUER));
    CHECK(json_is_string(json_get(c, "nonce"), nonce) && json_is_string(json_get(c, "rp_data"), nonce));
    CHECK(json_is_string(json_get(c, "jti"), row.token_id));
    CHECK(json_is_string(json_get(c, "x-ms-policy-hash"), row.policy_hash));
    CHECK(json_is_string(json_get(ours, "vm"), vm->uuid) && json_is_string(json_get(ours, "appraisal"), row.id));
    CHECK(json_is_string(json_get(ours, "evidence"), row.evidence_sha256));
    CHECK(json_as_integer(json_get(ours, "resetCount"), &resets) && resets == vm->boot.clock.reset_count);
    CHECK(json_as_integer(json_get(ours, "restartCount"), &restarts) && restarts == vm->boot.clock.restart_count);
    CHECK(json_at(c, "cnf", "jwk", NULL) != NULL); /* whose session it is */
}

TEST(S12_the_monitor_takes_a_token_of_this_vm_this_boot_and_its_own_nonce_only)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1"), *other = fixture_vm(&f, "web2");
    struct bytes token = token_of(&f, vm, nonce_for(&f, vm)), late;
    unsigned status;

    (void)report(&f, other, token, "boot 1", &status); /* another VM's */
    CHECK_INT(status, 400);
    (void)report(&f, vm, token_of(&f, vm, NULL), "boot 1", &status); /* without a nonce, or with somebody else's */
    CHECK_INT(status, 400);
    (void)report(&f, vm, token_of(&f, vm, nonce_for(&f, other)), "boot 1", &status);
    CHECK_INT(status, 400);
    (void)report(&f, vm, token, "boot 1", &status);
    CHECK_INT(status, 202);
    REQUIRE(fixture_reboot(&f, vm, &sound));
    (void)report(&f, vm, token, "boot 2", &status); /* the boot before */
    CHECK_INT(status, 409);
    late = token_of(&f, vm, nonce_for(&f, vm));
    fixture_time += 30LL * DAY;
    (void)report(&f, vm, late, "boot 2", &status); /* ended */
    CHECK_INT(status, 400);
}

/* ---- S17: names in paths -------------------------------------------------------------------------------------------------------- */

/* Policies, providers and VMs lie in tables, not in files: no name is ever a path, and none that could be taken for one is a name. */
TEST(S17_names_that_could_be_paths_are_no_names_anywhere)
{
    static const char *const names[] = { "..",
                                         "%2e%2e",
                                         "..%2f..%2fkeys",
                                         "%2e%2e%2f%2e%2e%2fkeys%2fca.key",
                                         "Tpm%00",
                                         "%00",
                                         "Tpm%00.pem",
                                         "Tpm%2f..",
                                         "..%5c..%5ca",
                                         "%c0%ae%c0%ae",
                                         "%252e%252e%252f",
                                         "a%0d%0ab",
                                         "~",
                                         "%2fetc%2fpasswd",
                                         "Tpm%20",
                                         "C%3a%5cx",
                                         "link%2fpolicy",
                                         "%ff" };
    static const struct {
        const char *method, *path, *body;
    } calls[] = {
        { "GET", "/policies/%s" FIXTURE_API, NULL },
        { "PUT", "/policies/%s" FIXTURE_API, "eyJhbGciOiJub25lIn0.e30." },
        { "POST", "/policies/%s:reset" FIXTURE_API, "eyJhbGciOiJub25lIn0.." },
        { "POST", "/attest/%s" FIXTURE_API, "{\"data\":\"e30\"}" },
        { "GET", "/v1/providers/%s", NULL },
        { "PUT", "/v1/providers/%s", "{\"location\":\"local\",\"properties\":{}}" },
        { "DELETE", "/v1/providers/%s", NULL },
        { "POST", "/providers/%s/attest/Tpm" FIXTURE_API, "{\"data\":\"e30\"}" },
        { "GET", "/providers/%s/policies/Tpm" FIXTURE_API, NULL },
        { "GET", "/v1/vms/%s", NULL },
        { "DELETE", "/v1/vms/%s", NULL },
        { "GET", "/v1/vms/%s/status", NULL },
        { "GET", "/v1/vms/web1/appraisals/%s/evidence", NULL },
        { "GET", "/v1/operations/%s", NULL },
        { "DELETE", "/v1/roots/ek/%s", NULL },
        { "DELETE", "/v1/tokens/%s", NULL },
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    CHECK(boots(&f, vm, &sound));
    for (size_t c = 0; c < ARRAY_LEN(calls); c++)
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            size_t at = bytes_find(bytes_of_string(calls[c].path), BYTES_LIT("%s"));
            const char *path = arena_printf(&f.a, "%.*s%s%s", (int)at, calls[c].path, names[n], calls[c].path + at + 2);
            struct answer answer;
            fixture_call(&f,
                         &(struct call){ .method = calls[c].method,
                                         .path = path,
                                         .as = HTTP_OWNER,
                                         .body = calls[c].body ? bytes_of_string(calls[c].body) : BYTES_NONE },
                         &answer);
            CHECK(answer.status == 400 || answer.status == 404 || answer.status == 405 ||
                  (answer.status == 204 && strcmp(calls[c].method, "DELETE") == 0)); /* it is not there */
            CHECK(!says(answer.body, f.folder) && !says(answer.body, "PRIVATE"));
            if (test_failed()) {
                test_note("%s %s: %u %.*s", calls[c].method, path, answer.status, (int)(answer.body.len < 300 ? answer.body.len : 300),
                          (const char *)answer.body.data);
                return;
            }
        }
    CHECK(is_called(&f, vm, "Healthy")); /* and the VM that is there is still there */
}

/* ---- S18: words of guests ------------------------------------------------------------------------------------------------------ */

/* No control character, no direction override, nothing but well-formed UTF-8 outside of JSON's own escapes. */
static bool is_tame(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f ||
            (text.data[i] == 0xe2 && i + 2 < text.len && text.data[i + 1] == 0x80 && text.data[i + 2] >= 0xaa &&
             text.data[i + 2] <= 0xae) ||
            (text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0))
            return false;
    return true;
}

TEST(S18_words_of_a_guest_are_stored_and_shown_as_words)
{
    static const char *const words[] = { "<script>alert(1)</script>",
                                         "\\u001b]0;owned\\u0007\\u001b[2J",
                                         "\\u202egnp.exe",
                                         "\\\"},{\\\"healthStatus\\\":\\\"Healthy\\\"",
                                         "\\u0000x",
                                         "\\ud800",
                                         "a\\r\\nX: y",
                                         "\\u009b31m" };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    CHECK(!boots(&f, vm,
                 &(struct boot_shape){ .command_line = "/vmlinuz \x1b[2J<script>alert(1)</script> \xe2\x80\xae \xff\x9b",
                                       .secure_boot_off = true }) ||
          true); /* whether it is permitted is the policy's matter */
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *body =
            arena_printf(&f.a,
                         "{\"bootId\":\"%s\",\"state\":\"%s\",\"agentVersion\":\"%s\",\"kernelVersion\":\"%s\",\"lastError\":"
                         "{\"code\":\"%s\",\"message\":\"%s\"}}",
                         words[i], words[i], words[i], words[i], words[i], words[i]);
        static const char *const pages[] = { "/v1/vms/web1/status", "/v1/status", "/v1/vms/web1", "/v1/vms/web1/appraisals" };
        struct answer answer;
        beat(&f, vm, body, &answer);
        CHECK(answer.status == 202 || answer.status == 400);
        for (size_t p = 0; p < ARRAY_LEN(pages); p++) {
            fixture_ask(&f, &answer, "GET", pages[p], NULL);
            CHECK(answer.status == 200 && answer.json && is_tame(answer.body));
            CHECK(!says(answer.body, "\"healthStatus\":\"Healthy\""));
            if (test_failed()) {
                test_note("%s: %.*s", words[i], (int)(answer.body.len < 2000 ? answer.body.len : 2000), (const char *)answer.body.data);
                return;
            }
        }
    }
}
