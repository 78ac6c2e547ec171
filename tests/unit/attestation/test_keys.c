/* Signing keys that follow each other, from the outside: the key list, tokens and records in force, the monitor's belief, and the API of
 * operators. The clock is moved; the keys are on disk (attestation-service.md 3.7, attack-suite.md S13, S14). */
#include <sys/stat.h>
#include <unistd.h>
#include "attestation/provider/provider.h"
#include "base/base64.h"
#include "jose/jwt.h"
#include "keystore/keystore.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define DAY (24 * 3600 * INT64_C(1000))

/* The fixture's rings on disk: P-256 keys are made for RSA's places too where the test does not mind. */
static bool on_disk(struct fixture *f, enum key_use use)
{
    struct keyring *ring;
    struct err err = ERR_INIT;

    if (!keyring_open(f->folder, use, f->token_ca, FIXTURE_ISSUER, fixture_time, &ring, &err)) {
        test_note("%s", err.text);
        return false;
    }
    keyring_free(f->attestation.keys[use]);
    f->attestation.keys[use] = ring;
    f->provider.reports = f->attestation.keys[KEY_USE_REPORT];
    f->provider.records = f->attestation.keys[KEY_USE_RECORD];
    return true;
}

static const char *text_of(struct fixture *f, const struct json *v) { return arena_string(&f->a, json_text(v, BYTES_LIT("absent"))); }

/* "use:state …" of one use. */
static const char *states(struct fixture *f, const char *use)
{
    const char *text = "";
    struct answer answer;
    const struct json *list;

    fixture_ask(f, &answer, "GET", "/v1/keys", NULL);
    list = json_get(answer.json, "value");
    for (size_t i = 0; list && i < list->array.n; i++)
        if (json_is_string(json_get(list->array.items[i], "use"), use))
            text = arena_printf(&f->a, "%s%s%s", text, *text ? " " : "", text_of(f, json_get(list->array.items[i], "state")));
    return text;
}

static bool is_published(struct fixture *f, const char *kid)
{
    struct answer answer;
    const struct json *keys;

    fixture_call(f, &(struct call){ .path = "/certs" }, &answer);
    keys = json_get(answer.json, "keys");
    for (size_t i = 0; keys && i < keys->array.n; i++)
        if (json_is_string(json_get(keys->array.items[i], "kid"), kid))
            return true;
    return false;
}

static const char *kid_of(struct fixture *f, struct bytes token)
{
    struct err err = ERR_INIT;
    struct jws jws;

    return jws_parse(&f->a, token, 0, &jws, &err) ? arena_string(&f->a, jws.kid) : "none";
}

TEST(a_report_key_is_published_two_days_before_it_signs_and_the_old_one_until_its_last_report_ends)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const char *first, *next;
    struct answer answer;
    struct bytes token;
    int64_t start = fixture_time;

    REQUIRE(on_disk(&f, KEY_USE_REPORT) && attest_once(&f, vm, &token));
    first = kid_of(&f, token);
    fixture_ask(&f, &answer, "POST", "/v1/keys:rotate", "{\"use\":\"report\"}");
    REQUIRE(answer.status == 201);
    next = text_of(&f, json_get(answer.json, "kid"));
    CHECK_STRING(text_of(&f, json_get(answer.json, "state")), "published");
    CHECK(is_published(&f, first) && is_published(&f, next) && strcmp(first, next) != 0);
    CHECK_STRING(states(&f, "report"), "active published");

    fixture_time = start + 2 * DAY - 1000;
    REQUIRE(attest_once(&f, vm, &token));
    CHECK_STRING(kid_of(&f, token), first);
    fixture_time = start + 2 * DAY;
    REQUIRE(attest_once(&f, vm, &token));
    CHECK_STRING(kid_of(&f, token), next);
    CHECK_STRING(states(&f, "report"), "retired active");
    fixture_time = start + 3 * DAY - 2000; /* the last report of the first one is still in force */
    CHECK(is_published(&f, first));
    fixture_time = start + 5 * DAY;
    CHECK(!is_published(&f, first) && is_published(&f, next));
}

TEST(what_a_revoked_key_has_signed_is_believed_by_nobody_here)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct judged *judged = ARENA_NEW(&f.a, struct judged);
    struct answer answer;
    struct err err = ERR_INIT;
    const char *kid = "";

    REQUIRE(judged && on_disk(&f, KEY_USE_RECORD) && attest_once(&f, vm, NULL));
    REQUIRE_OK(monitor_judge(&f.monitor, &f.a, vm->uuid, judged, &err), err);
    CHECK(judged->verdict == VERDICT_HEALTHY);
    fixture_ask(&f, &answer, "GET", "/v1/keys", NULL);
    for (size_t i = 0; i < json_get(answer.json, "value")->array.n; i++)
        if (json_is_string(json_get(json_get(answer.json, "value")->array.items[i], "use"), "record"))
            kid = text_of(&f, json_get(json_get(answer.json, "value")->array.items[i], "kid"));
    fixture_ask(&f, &answer, "POST", "/v1/keys:revoke", "{\"kid\":\"%s\"}", kid);
    REQUIRE(answer.status == 200);
    CHECK_STRING(text_of(&f, json_get(answer.json, "state")), "revoked");
    CHECK_STRING(states(&f, "record"), "revoked active");
    CHECK(!monitor_judge(&f.monitor, &f.a, vm->uuid, judged, &err) && err.code == ERR_UNTRUSTED && strstr(err.text, "revoked"));
    fixture_ask(&f, &answer, "GET", arena_printf(&f.a, "/v1/vms/%s/status", vm->uuid), NULL);
    CHECK(answer.status == 200 && bytes_find(answer.body, BYTES_LIT("\"Healthy\"")) == SIZE_MAX);
    /* The next attestation is signed by the next key, and counts again. */
    fixture_time += 1000;
    REQUIRE(attest_once(&f, vm, NULL));
    REQUIRE_OK(monitor_judge(&f.monitor, &f.a, vm->uuid, judged, &err), err);
    CHECK(judged->verdict == VERDICT_HEALTHY);
}

static const char *fresh_nonce(struct fixture *f, const struct test_vm *vm)
{
    uint8_t nonce[MONITOR_NONCE_LEN];
    struct err err = ERR_INIT;

    if (!monitor_nonce_make(&f->monitor, vm->uuid, fixture_time, nonce, &err))
        return NULL;
    return base64_in(&f->a, BASE64_URL, BYTES_OF(nonce));
}

static unsigned report_token(struct fixture *f, struct test_vm *vm, struct bytes token, struct answer *ret)
{
    const char *path = arena_printf(&f->a, "/report/v1/%s", vm->uuid);
    const char *body = arena_printf(&f->a, "{\"bootId\":\"5f1c3c1e-9a1b-4f53-8a43-0f2a7a9d0001\",\"token\":\"%.*s\"}", BYTES_FMT(token));
    struct call call = { .path = path, .body = bytes_of_string(body) };

    call.authorization = fixture_authorization(f, vm, "POST", path, call.body);
    fixture_call(f, &call, ret);
    return ret->status;
}

static bool keys_of_another_server(struct fixture *f)
{
    struct signing_key key;
    struct keyring *ring;
    struct err err = ERR_INIT;

    if (mkdir(fixture_path(f, "other"), 0700) != 0 ||
        !keystore_signing_key(fixture_path(f, "other"), "report", SIGNING_CA_ISSUED, PRIVKEY_RSA_2048, f->token_ca, "other", fixture_time,
                              &key, &err) ||
        !keyring_of_key(&key, &ring, &err)) {
        test_note("%s", err.text);
        return false;
    }
    unlink(fixture_path(f, "other/report.key"));
    unlink(fixture_path(f, "other/report.pem"));
    rmdir(fixture_path(f, "other"));
    keyring_free(f->attestation.keys[KEY_USE_REPORT]);
    f->provider.reports = f->attestation.keys[KEY_USE_REPORT] = ring;
    return true;
}

TEST(a_reported_token_counts_until_its_key_is_revoked_and_one_of_an_unknown_key_never)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;
    struct attestation t;
    struct bytes token;

    REQUIRE(on_disk(&f, KEY_USE_REPORT) && attestation_begin(&f, vm, &t));
    t.rp_data = fresh_nonce(&f, vm);
    attestation_send(&t, &answer);
    token = answer_token(&f, &answer);
    REQUIRE(answer.status == 200);
    CHECK_INT(report_token(&f, vm, token, &answer), 202);
    fixture_ask(&f, &answer, "POST", "/v1/keys:revoke", "{\"kid\":\"%s\"}", kid_of(&f, token));
    REQUIRE(answer.status == 200);
    CHECK(!is_published(&f, kid_of(&f, token)));
    CHECK_INT(report_token(&f, vm, token, &answer), 400);
    CHECK_STRING(answer.code, "InvalidToken");
    CHECK(strstr(answer.message, "revoked"));
    /* Another server's key: looked for once more, then refused. */
    REQUIRE(keys_of_another_server(&f));
    CHECK_INT(report_token(&f, vm, token, &answer), 400);
    CHECK_STRING(answer.code, "InvalidToken");
}

TEST(requests_about_keys_that_make_no_sense_are_refused)
{
    static const struct {
        const char *path, *body;
        unsigned status;
    } rows[] = {
        { "/v1/keys:rotate", "{}", 400 },
        { "/v1/keys:rotate", "{\"use\":\"reports\"}", 400 },
        { "/v1/keys:rotate", "{\"use\":7}", 400 },
        { "/v1/keys:rotate", "{\"use\":\"record\",\"now\":\"yes\"}", 400 },
        { "/v1/keys:rotate", "{\"use\":\"record\",\"use\":\"token\"}", 400 },
        { "/v1/keys:revoke", "{}", 400 },
        { "/v1/keys:revoke", "{\"kid\":\"\"}", 404 },
        { "/v1/keys:revoke", "{\"kid\":\"nobody's\"}", 404 },
    };
    FIXTURE(f);
    struct answer answer;

    REQUIRE(on_disk(&f, KEY_USE_RECORD));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_ask(&f, &answer, "POST", rows[i].path, "%s", rows[i].body);
        CHECK_INT(answer.status, rows[i].status);
    }
    CHECK_STRING(states(&f, "record"), "active");
    fixture_ask(&f, &answer, "POST", "/v1/keys:rotate", "{\"use\":\"record\"}");
    CHECK_INT(answer.status, 201);
    fixture_ask(&f, &answer, "POST", "/v1/keys:rotate", "{\"use\":\"record\"}");
    CHECK_INT(answer.status, 409);
    fixture_ask(&f, &answer, "POST", "/v1/keys:rotate", "{\"use\":\"record\",\"now\":true}");
    CHECK_INT(answer.status, 201);
    CHECK_STRING(states(&f, "record"), "retired active");
}

TEST(the_list_of_keys_shows_no_secret_and_how_long_certificates_last)
{
    FIXTURE(f);
    struct answer answer;

    f.attestation.certs[0] = (struct service_cert){ "token-ca", ca_cert(f.token_ca, 0) };
    f.attestation.n_certs = 1;
    fixture_ask(&f, &answer, "GET", "/v1/keys", NULL);
    REQUIRE(answer.status == 200);
    CHECK_INT(json_get(answer.json, "value")->array.n, KEY_USE_COUNT);
    CHECK(bytes_find(answer.body, BYTES_LIT("PRIVATE")) == SIZE_MAX && bytes_find(answer.body, BYTES_LIT("\"d\"")) == SIZE_MAX);
    CHECK(json_is_string(json_get(json_get(answer.json, "certificates")->array.items[0], "name"), "token-ca"));
}
