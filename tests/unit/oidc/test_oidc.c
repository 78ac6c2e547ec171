/* Callers with tokens of a configured issuer: a small issuer of our own over TLS, which rotates, fails and hangs when told to. */
#include "oidc/oidc.h"
#include <pthread.h>
#include <stdatomic.h>
#include "base/base64.h"
#include "jose/jwks.h"
#include "jose/jws.h"
#include "unit/http/tls_fixture.h"

enum { KEYS = 5 };

static const enum privkey_kind kinds[KEYS] = { PRIVKEY_RSA_2048, PRIVKEY_P256, PRIVKEY_RSA_2048, PRIVKEY_P256, PRIVKEY_RSA_2048 };
static int64_t now = INT64_C(1800000000000);
static int64_t now_ms(void) { return now; }

/* ---- the issuer ---- */

struct issuer {
    struct certificates certs;
    struct arena a;
    struct server_fixture http;
    struct privkey *keys[KEYS];
    const char *url;
    atomic_uint published; /* keys 0 … published-1 are in the list, but those in `withdrawn` */
    atomic_uint withdrawn; /* bits */
    atomic_bool broken, hanging, lying, nowhere;
    atomic_uint asked;
    struct oidc *oidc;
    struct err err;
};

static const char *kid_of(unsigned i)
{
    static const char *const kids[KEYS] = { "k0", "k1", "k2", "k3", "k4" };
    return kids[i];
}

static bool get_document(void *context, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    struct issuer *i = context;
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_put_string(&out, "issuer", i->lying ? "https://somebody.else" : i->url);
    json_put_string(&out, "jwks_uri", i->nowhere ? "http://127.0.0.1/keys" : arena_printf(response->arena, "%s/keys", i->url));
    json_end(&out);
    return true;
}

static bool get_keys(void *context, const struct http_request *request UNUSED, struct http_response *response, struct err *err)
{
    struct issuer *i = context;
    struct json_out out;

    i->asked++;
    for (int ms = 0; i->hanging && ms < PATIENCE_MS; ms += 10)
        usleep(10 * 1000);
    if (i->broken)
        return err_set(err, ERR_INTERNAL, "broken");
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "keys");
    for (unsigned k = 0; k < i->published; k++) {
        if (i->withdrawn & 1u << k)
            continue;
        json_begin_object(&out, NULL);
        json_put_string(&out, "kid", kid_of(k));
        json_put_string(&out, "use", "sig");
        jwk_write_key(&out, privkey_public(i->keys[k]));
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

static const struct http_route routes[] = {
    { "GET", "/.well-known/openid-configuration", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, get_document, 0 },
    { "GET", "/keys", HTTP_ANONYMOUS, 0, HTTP_NO_BODY, get_keys, 0 },
};

static void issuer_done(struct issuer *i)
{
    i->hanging = false;
    oidc_free(i->oidc);
    fixture_done(&i->http);
    for (int k = 0; k < KEYS; k++)
        privkey_free(i->keys[k]);
    certificates_done(&i->certs);
    arena_done(&i->a);
}

static bool issuer_begin(struct issuer *i)
{
    static struct http_routes tables[1];

    now = INT64_C(1800000000000);
    tables[0] = (struct http_routes){ routes, ARRAY_LEN(routes), i };
    if (!certificates_make(&i->certs, "DNS:localhost,IP:127.0.0.1", 30) || !fixture_prepare(&i->http, tables, 1))
        return false;
    for (int k = 0; k < KEYS; k++)
        if (!privkey_generate(kinds[k], &i->keys[k], &i->err))
            return false;
    i->http.config.plain = false;
    i->http.config.cert_pem = i->certs.cert;
    i->http.config.key_pem = i->certs.key;
    if (!fixture_start(&i->http))
        return false;
    i->published = 2;
    i->url = arena_printf(&i->a, "https://localhost:%u", http_server_port(i->http.server));
    return true;
}

#define ISSUER(i)                                     \
    CLEANUP(issuer_done) struct issuer i = { 0 };     \
    if (system("command -v openssl >/dev/null") != 0) \
        SKIP("the openssl command is needed");        \
    REQUIRE_OK(issuer_begin(&i), i.http.err)

static struct oidc_config config_of(struct issuer *i)
{
    return (struct oidc_config){ .issuer = i->url,
                                 .audiences = "https://attest.azure.net api://trueboot",
                                 .ca_file = arena_printf(&i->a, "%s/ca.pem", i->certs.folder),
                                 .role_claims = "roles groups scp",
                                 .reader = "trueboot.reader, Attestation Reader",
                                 .policy_admin = "Attestation Contributor",
                                 .enroller = "Enroller",
                                 .auditor = "Auditor",
                                 .security_admin = "Security Admin",
                                 .contributor = "trueboot.contributor",
                                 .owner = "trueboot.owner,9f2c",
                                 .refresh_ms = 3600 * 1000,
                                 .stale_ms = 24 * 3600 * 1000,
                                 .floor_ms = 0,
                                 .timeout_ms = PATIENCE_MS,
                                 .now_ms = now_ms };
}

/* ---- tokens ---- */

struct token {
    const char *header; /* NULL: made from key and kid */
    unsigned key;
    const char *kid; /* NULL: the key's own */
    const char *typ; /* NULL: none */
    enum jws_algorithm algorithm;
    const char *iss, *aud; /* JSON; iss NULL: the issuer's */
    int64_t exp, nbf;      /* seconds from now */
    const char *more;      /* further members: ",\"roles\":[…]" */
};

static struct token good_token(void)
{
    return (struct token){ .typ = "JWT",
                           .algorithm = JWS_RS256,
                           .aud = "\"https://attest.azure.net\"",
                           .exp = 600,
                           .more = ",\"roles\":[\"trueboot.contributor\"]" };
}

static const char *make(struct issuer *i, const struct token *t)
{
    const char *header =
        t->header ? t->header
                  : arena_printf(&i->a, "{\"alg\":\"%s\",\"kid\":\"%s\"%s%s%s}", jws_algorithm_name(t->algorithm),
                                 t->kid ? t->kid : kid_of(t->key), t->typ ? ",\"typ\":\"" : "", t->typ ? t->typ : "", t->typ ? "\"" : "");
    const char *payload = arena_printf(
        &i->a, "{\"iss\":%s%s%s,\"aud\":%s,\"sub\":\"s-1\",\"preferred_username\":\"ada\",\"exp\":%lld,\"nbf\":%lld%s}", t->iss ? "" : "\"",
        t->iss ? t->iss : i->url, t->iss ? "" : "\"", t->aud, (long long)(now / 1000 + t->exp), (long long)(now / 1000 + t->nbf), t->more);
    struct bytes compact = BYTES_NONE;

    if (!jws_sign(&i->a, i->keys[t->key], t->algorithm, bytes_of_string(header), bytes_of_string(payload), &compact, &i->err)) {
        test_note("%s", i->err.text);
        return "";
    }
    return (const char *)compact.data;
}

static bool identify(struct issuer *i, const char *credentials, struct http_caller *ret)
{
    const struct http_field header = { BYTES_LIT("Authorization"), bytes_of_string(arena_printf(&i->a, "Bearer %s", credentials)) };
    const struct http_request request = { .arena = &i->a, .headers = { &header, 1 } };
    bool ours = false;

    *ret = (struct http_caller){ HTTP_ANONYMOUS, NULL, NULL };
    i->err = ERR_INIT;
    return oidc_identify(i->oidc, &request, &ours, ret, &i->err) && ours;
}

static bool accepts(struct issuer *i, struct token t)
{
    struct http_caller caller;
    bool fine = identify(i, make(i, &t), &caller);

    if (!fine)
        test_note("%s", i->err.text);
    return fine;
}

/* Callers wait OIDC_WAIT_MS for the first keys, and a busy machine may take longer. */
static bool begin_oidc(struct issuer *i, struct oidc_config config)
{
    if (!oidc_new(&config, &i->oidc, &i->err))
        return false;
    for (int ms = 0; !i->hanging && ms < PATIENCE_MS && !oidc_state(i->oidc).fetched && !oidc_state(i->oidc).failed; ms += 5)
        usleep(5 * 1000);
    return true;
}

TEST(a_token_of_the_issuer_is_its_role)
{
    static const struct {
        const char *claims;
        enum http_role role;
    } rows[] = {
        { ",\"roles\":[\"trueboot.reader\"]", HTTP_READER },
        { ",\"roles\":[\"Attestation Reader\"]", HTTP_READER },
        { ",\"roles\":\"Attestation Reader\"", HTTP_READER },
        { ",\"roles\":[\"x\",\"trueboot.reader\",\"trueboot.owner\"]", HTTP_OWNER },
        { ",\"groups\":[\"9f2c\"]", HTTP_OWNER },
        { ",\"scp\":\"openid trueboot.contributor email\"", HTTP_CONTRIBUTOR },
        { ",\"roles\":[\"Attestation Contributor\",\"trueboot.reader\"]", HTTP_POLICY_ADMIN },
        { ",\"roles\":[\"Security Admin\"]", HTTP_SECURITY_ADMIN },
        { ",\"roles\":[\"Enroller\"]", HTTP_ENROLLER },
        { ",\"roles\":[\"Auditor\"]", HTTP_AUDITOR },
        { ",\"roles\":[\"Enroller\",\"trueboot.reader\"]", HTTP_READER }, /* one role: an enroller reads nothing */
        { ",\"roles\":[\"Auditor\",\"Enroller\"]", HTTP_AUDITOR },
        { ",\"roles\":[\"Security Admin\",\"Attestation Contributor\",\"trueboot.contributor\"]", HTTP_CONTRIBUTOR },
    };
    ISSUER(i);
    struct http_caller caller;

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct token t = good_token();

        t.more = rows[k].claims;
        REQUIRE_OK(identify(&i, make(&i, &t), &caller), i.err);
        CHECK_INT(caller.role, rows[k].role);
        CHECK_STRING(caller.subject, "oidc s-1 (ada)");
    }
    CHECK_INT(i.asked, 1); /* the list is fetched once for all */
}

TEST(who_sets_policies_does_not_approve_baselines_too)
{
    static const char *const rows[] = {
        ",\"roles\":[\"Security Admin\",\"Attestation Contributor\"]",
        ",\"roles\":\"Security Admin\",\"scp\":\"x\",\"groups\":[\"Attestation Contributor\",\"trueboot.reader\"]"
    };
    ISSUER(i);
    struct http_caller caller;

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct token t = good_token();

        t.more = rows[k];
        CHECK(!identify(&i, make(&i, &t), &caller));
        CHECK(i.err.code == ERR_DENIED && strstr(i.err.text, "exclude each other"));
        i.err = ERR_INIT;
    }
}

TEST(algorithms_types_and_audiences_that_fit_are_taken)
{
    ISSUER(i);
    struct token t = good_token();

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    t.algorithm = JWS_PS256;
    CHECK(accepts(&i, t));
    t = good_token();
    t.key = 1;
    t.algorithm = JWS_ES256;
    CHECK(accepts(&i, t));
    t = good_token();
    t.typ = "at+jwt";
    CHECK(accepts(&i, t));
    t.typ = NULL;
    CHECK(accepts(&i, t));
    t.aud = "[\"other\",\"api://trueboot\"]";
    CHECK(accepts(&i, t));
    t = good_token();
    t.exp = -299;
    CHECK(accepts(&i, t));
    t = good_token();
    t.nbf = 299;
    CHECK(accepts(&i, t));
}

TEST(what_does_not_hold_opens_nothing)
{
    static const struct {
        const char *what;
        struct token t;
    } rows[] = {
        { "expired", { .exp = -301 } },
        { "not yet", { .nbf = 301 } },
        { "other issuer", { .iss = "\"https://evil.example\"" } },
        { "issuer with a slash more", { .iss = "\"https://localhost/\"" } },
        { "no issuer", { .iss = "null" } },
        { "other audience", { .aud = "\"https://attest.azure.net.evil\"" } },
        { "no audience", { .aud = "[]" } },
        { "audience is no text", { .aud = "7" } },
        { "both audiences in one text", { .aud = "\"https://attest.azure.net api://trueboot\"" } },
        { "logout token", { .typ = "logout+jwt" } },
        { "unknown key", { .kid = "k9" } },
        { "another key's id", { .kid = "k1" } },
        { "a key that is not published", { .key = 2 } },
        { "the same under a published id", { .key = 2, .kid = "k0" } },
        { "no key id", { .header = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}" } },
        { "key in the header", { .header = "{\"alg\":\"RS256\",\"kid\":\"k9\",\"jwk\":{\"kty\":\"RSA\"}}" } },
        { "critical extension", { .header = "{\"alg\":\"RS256\",\"kid\":\"k0\",\"crit\":[\"x\"],\"x\":1}" } },
    };
    ISSUER(i);
    struct http_caller caller;

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    CHECK(accepts(&i, good_token()));
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct token t = good_token(), d = rows[k].t;

        t.key = d.key;
        t.header = d.header;
        t.kid = d.kid;
        t.iss = d.iss;
        t.typ = d.typ ? d.typ : t.typ;
        t.aud = d.aud ? d.aud : t.aud;
        t.exp = d.exp ? d.exp : t.exp;
        t.nbf = d.nbf;
        if (d.header && strstr(d.header, "crit")) { /* our own signer refuses to make it */
            struct bytes input, signed_text = { (uint8_t[PRIVKEY_SIGNATURE_MAX]){ 0 }, 0 }, compact;
            const char *payload = arena_printf(&i.a, "{\"iss\":\"%s\"}", i.url);

            REQUIRE(jws_signing_input(&i.a, bytes_of_string(d.header), bytes_of_string(payload), &input, &i.err) &&
                    privkey_sign(i.keys[0], SIGNATURE_RSASSA, DIGEST_SHA256, input, (uint8_t *)(uintptr_t)signed_text.data,
                                 &signed_text.len, &i.err) &&
                    jws_attach(&i.a, input, signed_text, &compact, &i.err));
            CHECK(!identify(&i, (const char *)compact.data, &caller) && i.err.code == ERR_UNTRUSTED);
            continue;
        }
        if (identify(&i, make(&i, &t), &caller) || i.err.code != ERR_UNTRUSTED)
            test_note("%s: %s", rows[k].what, i.err.text);
        CHECK(i.err.code == ERR_UNTRUSTED && caller.role == HTTP_ANONYMOUS);
    }
}

TEST(unsigned_tokens_and_those_signed_with_a_public_key_open_nothing)
{
    static const char *const tokens[] = {
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJhbGciOiJub25lIn0.e30.AA",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImswIn0.e30.AAAA",
        "..",
        "a.b.c",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImswIn0.e30.AAAA",
    };
    ISSUER(i);
    struct http_caller caller;

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    for (size_t k = 0; k < ARRAY_LEN(tokens); k++) {
        CHECK(!identify(&i, tokens[k], &caller) && i.err.code == ERR_UNTRUSTED);
        if (i.err.code != ERR_UNTRUSTED)
            test_note("%s: %s", tokens[k], i.err.text);
    }
}

TEST(other_credentials_are_left_to_others)
{
    ISSUER(i);
    const char *const others[] = { "tbt_abc", "a.b", "", "a.b.c.d" };
    struct http_caller caller;

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    for (size_t k = 0; k < ARRAY_LEN(others); k++)
        CHECK(!identify(&i, others[k], &caller) && i.err.code == ERR_NONE);
}

TEST(a_genuine_token_without_a_role_is_denied_and_the_answer_says_why)
{
    ISSUER(i);
    struct token t = good_token();
    struct http_caller caller;
    struct oidc_config config = config_of(&i);

    REQUIRE_OK(begin_oidc(&i, config), i.err);
    t.more = ",\"roles\":[\"trueboot.admin\",7,null],\"scp\":\"user_impersonation\"";
    CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_DENIED && strstr(i.err.text, "roles groups scp"));
    oidc_free(i.oidc);
    i.oidc = NULL;
    config.otherwise = HTTP_READER; /* as for tokens of the cloud, whose roles are kept elsewhere */
    REQUIRE_OK(begin_oidc(&i, config), i.err);
    CHECK(identify(&i, make(&i, &t), &caller) && caller.role == HTTP_READER);
}

TEST(S14_keys_rotate_with_overlap_and_withdrawn_ones_count_no_more)
{
    ISSUER(i);
    struct token old = good_token(), fresh = good_token();
    struct http_caller caller;

    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    fresh.key = 2;
    CHECK(accepts(&i, old));
    CHECK(!identify(&i, make(&i, &fresh), &caller));
    i.published = 3; /* a new key appears: the first token with it makes the list be fetched again */
    CHECK(accepts(&i, fresh));
    CHECK(accepts(&i, old));
    i.withdrawn = 1;
    oidc_refresh(i.oidc);
    for (int ms = 0; ms < PATIENCE_MS && oidc_state(i.oidc).n_keys != 2; ms += 10)
        usleep(10 * 1000);
    CHECK(!identify(&i, make(&i, &old), &caller) && i.err.code == ERR_UNTRUSTED);
    CHECK(accepts(&i, fresh));
}

TEST(unknown_keys_do_not_make_us_ask_the_issuer_over_and_over)
{
    ISSUER(i);
    struct oidc_config config = config_of(&i);
    struct token t = good_token();
    struct http_caller caller;

    config.floor_ms = 3600 * 1000;
    REQUIRE_OK(begin_oidc(&i, config), i.err);
    CHECK(accepts(&i, t));
    t.kid = "k9";
    for (int n = 0; n < 50; n++)
        CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_UNTRUSTED);
    CHECK_INT(i.asked, 1);
}

TEST(while_the_issuer_fails_the_keys_that_are_there_go_on_for_a_while)
{
    ISSUER(i);
    struct oidc_config config = config_of(&i);
    struct http_caller caller;
    struct token t = good_token();

    REQUIRE_OK(begin_oidc(&i, config), i.err);
    CHECK(accepts(&i, t));
    i.broken = true;
    oidc_refresh(i.oidc);
    for (int ms = 0; ms < PATIENCE_MS && oidc_state(i.oidc).failed == 0; ms += 10)
        usleep(10 * 1000);
    CHECK(oidc_state(i.oidc).failed > 0);
    CHECK(accepts(&i, t));
    oidc_free(i.oidc);
    i.oidc = NULL;

    config.stale_ms = 1; /* too old at once */
    i.broken = false;
    REQUIRE_OK(begin_oidc(&i, config), i.err);
    for (int ms = 0; ms < PATIENCE_MS && oidc_state(i.oidc).fetched == 0; ms += 10)
        usleep(10 * 1000);
    usleep(10 * 1000);
    CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_UNREACHABLE && strstr(i.err.text, "too old"));
}

struct crowd {
    struct issuer *issuer;
    const char *token;
    atomic_uint unreachable, told_to_come_back;
};

static void *knock(void *context)
{
    struct crowd *c = context;
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct http_field header = { BYTES_LIT("Authorization"), bytes_of_string(arena_printf(&a, "Bearer %s", c->token)) };
    const struct http_request request = { .arena = &a, .headers = { &header, 1 } };
    struct http_caller caller;
    struct err err = ERR_INIT;
    bool ours;

    if (!oidc_identify(c->issuer->oidc, &request, &ours, &caller, &err)) {
        c->unreachable += err.code == ERR_UNREACHABLE;
        c->told_to_come_back += strstr(err.text, "are being fetched; try again") != NULL;
    }
    return NULL;
}

/* Eight callers, an issuer that says nothing: two wait, six are told to come back at once; nobody hangs. */
TEST(an_issuer_that_hangs_holds_up_two_callers_at_most)
{
    ISSUER(i);
    struct crowd crowd = { .issuer = &i };
    struct token t = good_token();
    pthread_t threads[8];

    i.hanging = true;
    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    crowd.token = make(&i, &t);
    for (size_t k = 0; k < ARRAY_LEN(threads); k++)
        REQUIRE(pthread_create(&threads[k], NULL, knock, &crowd) == 0);
    for (size_t k = 0; k < ARRAY_LEN(threads); k++)
        pthread_join(threads[k], NULL);
    CHECK_INT(crowd.told_to_come_back, 6);
    CHECK_INT(crowd.unreachable, 8);
    i.hanging = false;
    for (int ms = 0; ms < PATIENCE_MS && oidc_state(i.oidc).fetched == 0; ms += 10)
        usleep(10 * 1000);
    CHECK(accepts(&i, t)); /* by itself, when it answers again */
}

TEST(documents_that_cannot_be_right_give_no_keys)
{
    ISSUER(i);
    struct token t = good_token();
    struct http_caller caller;

    i.lying = true;
    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_UNREACHABLE && strstr(i.err.text, "another issuer"));
    oidc_free(i.oidc);
    i.oidc = NULL;
    i.lying = false;
    i.nowhere = true;
    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_UNREACHABLE && strstr(i.err.text, "https only"));
    oidc_free(i.oidc);
    i.oidc = NULL;
    i.nowhere = false;
    i.published = 0;
    REQUIRE_OK(begin_oidc(&i, config_of(&i)), i.err);
    CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_UNREACHABLE && strstr(i.err.text, "none that can be used"));
}

TEST(an_issuer_whose_certificate_we_do_not_trust_gives_no_keys)
{
    ISSUER(i);
    struct oidc_config config = config_of(&i);
    struct token t = good_token();
    struct http_caller caller;

    config.ca_file = "";
    REQUIRE_OK(begin_oidc(&i, config), i.err);
    CHECK(!identify(&i, make(&i, &t), &caller) && i.err.code == ERR_UNREACHABLE);
    CHECK_INT(i.asked, 0);
}

TEST(keys_may_lie_in_a_file_and_nobody_is_asked)
{
    ISSUER(i);
    struct oidc_config config = config_of(&i);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct token t = good_token();

    json_begin_object(&out, NULL);
    json_begin_array(&out, "keys");
    json_begin_object(&out, NULL);
    json_put_string(&out, "kid", "k0");
    jwk_write_key(&out, privkey_public(i.keys[0]));
    json_end(&out);
    json_end(&out);
    json_end(&out);
    config.jwks_file = arena_printf(&i.a, "%s/leaf.ext", i.certs.folder); /* a name that the fixture removes */
    REQUIRE(file_write(config.jwks_file, writer_bytes(&w), 0600, &i.err));
    REQUIRE_OK(begin_oidc(&i, config), i.err);
    CHECK(accepts(&i, t));
    CHECK_INT(i.asked, 0);
}

TEST(settings_that_would_open_too_much_are_refused)
{
    ISSUER(i);
    struct oidc_config config = config_of(&i);

    config.audiences = "";
    CHECK(!begin_oidc(&i, config) && strstr(i.err.text, "oidc.audience"));
    config = config_of(&i);
    config.issuer = "http://issuer.example";
    i.err = ERR_INIT;
    CHECK(!begin_oidc(&i, config) && strstr(i.err.text, "https://"));
    config = config_of(&i);
    config.jwks_url = "http://issuer.example/keys";
    i.err = ERR_INIT;
    CHECK(!begin_oidc(&i, config) && strstr(i.err.text, "oidc.jwks_url"));
    config = config_of(&i);
    config.issuer = "";
    i.err = ERR_INIT;
    CHECK(!begin_oidc(&i, config) && strstr(i.err.text, "oidc.issuer"));
}
