/* AzureGuest: the real request, and one whose keys are ours. */
#include "base/base64.h"
#include "base/file.h"
#include "json/parse.h"
#include "support/attestation_fixture.h"
#include "unit/attestation/azureguest_sample.h"

#define PERMIT_ALL "version= 1.0;authorizationrules{=> permit();};issuancerules{};"

/* ---- the real request ---- */

/* The decoded text of the request as it was sent; false after a SKIP. */
static bool real_text(struct sample_service *s, struct bytes *ret)
{
    const char *path = shared_data("azureguest/request-Linux.json");
    const struct json *body;
    struct err err = ERR_INIT;
    struct bytes file;

    if (!path) {
        test_skip("the shared data is not here");
        return false;
    }
    if (file_read_in(&s->a, path, 1 << 20, &file, &err) && json_parse(&s->a, file, NULL, &body, &err) &&
        base64_decode_any(&s->a, json_text(json_get(body, "AttestationInfo"), BYTES_NONE), ret, &err))
        return true;
    CHECK(false && "the real request can be read");
    return false;
}

static const struct json *parse(struct arena *a, struct bytes text)
{
    const struct json *json = &json_null;
    struct err err = ERR_INIT;

    CHECK(json_parse(a, text, NULL, &json, &err));
    return json;
}

/* Whom the request's own certificate must make trusted: the leaf, pinned. */
static bool trust_real_leaf(struct sample_service *s, struct bytes text)
{
    struct bytes der = json_text(json_at(parse(&s->a, text), "TpmInfo", "AikCert", NULL), BYTES_NONE);
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    return base64_decode(&s->a, BASE64_STANDARD, der, &der, &err) && cert_parse(der, &cert, &err) && service_trust(s, TRUST_LEAF, cert);
}

TEST(the_real_request_is_accepted_by_the_default_policy_when_its_key_is_trusted)
{
    SERVICE(s);
    struct sample_answer answer;
    struct bytes text;
    const struct json *sealed;

    if (!real_text(&s, &text))
        return;
    REQUIRE(trust_real_leaf(&s, text));
    service_post(&s, text, "", &answer);
    CHECK_INT(answer.status, 200);
    CHECK_STRING(answer.message, "");
    sealed = parse(&s.a, answer.sealed);
    CHECK(json_is_string(json_at(sealed, "EncryptionParams", "Cipher", NULL), "AES"));
    CHECK_INT(json_text(json_get(sealed, "EncryptedInnerKey"), BYTES_NONE).len, 344);
}

TEST(the_real_request_is_refused_when_nobody_vouches_for_its_key)
{
    SERVICE(s);
    struct sample_answer answer;
    struct bytes text;

    if (!real_text(&s, &text))
        return;
    service_post(&s, text, "", &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "InvalidParameter");
    CHECK_STRING(answer.inner, "tpm.ak_untrusted");
    REQUIRE(trust_real_leaf(&s, text));
    sample_time = INT64_C(1700000000000); /* November 2023: the certificate has expired, but it is the operator who pinned it */
    service_post(&s, text, "", &answer);
    CHECK_INT(answer.status, 200);
}

/* One change to the decoded text: a member (after "TpmInfo." or at the top) gets another JSON value, or one byte of its binary
 * content another value. */
struct change {
    const char *member, *value; /* value: JSON text, or NULL: flip */
    size_t offset;              /* of the byte; from the end when `from_end` */
    uint8_t mask;
    bool from_end;
    const char *inner;
};

static const struct json *changed_value(struct arena *a, const struct json *v, const struct change *c)
{
    struct err err = ERR_INIT;
    struct bytes b;

    if (c->value)
        return parse(a, bytes_of_string(c->value));
    CHECK(base64_decode(a, BASE64_STANDARD, v->string, &b, &err) && c->offset < b.len);
    ((uint8_t *)(uintptr_t)b.data)[c->from_end ? b.len - 1 - c->offset : c->offset] ^= c->mask;
    return json_string_of(a, base64_in(a, BASE64_STANDARD, b));
}

static const struct json *with_change(struct arena *a, const struct json *object, const char *path, const struct change *c)
{
    struct json_member *members = ARENA_ARRAY(a, object->object.n, struct json_member);
    const char *dot = strchr(path, '.');
    struct bytes first = { (const uint8_t *)path, dot ? (size_t)(dot - path) : strlen(path) };

    for (size_t i = 0; i < object->object.n; i++) {
        members[i] = object->object.members[i];
        if (bytes_equal(members[i].name, first))
            members[i].value = dot ? with_change(a, members[i].value, dot + 1, c) : changed_value(a, members[i].value, c);
    }
    return json_object(a, members, object->object.n);
}

/* clang-format off */
static const struct change real_changes[] = {
    { "AttestationProtocolVersion",         "\"3.0\"",          0,   0,    false, "unsupported" },
    { "OSType",                             "\"TWFj\"",         0,   0,    false, "unsupported" },
    { "OSType",                             "7",                0,   0,    false, "malformed" },
    { "TcgLogs",                            "\"\"",             0,   0,    false, "log.missing" },
    { "TcgLogs",                            NULL,               140, 1,    false, "log.replay_mismatch" },
    { "TcgLogs",                            NULL,               197, 1,    false, "log.replay_mismatch" },
    { "TpmInfo",                            "[]",               0,   0,    false, "malformed" },
    { "TpmInfo.AikCert",                    NULL,               0,   1,    true,  "tpm.ak_untrusted" },
    { "TpmInfo.AikCert",                    "\"\"",             0,   0,    false, "tpm.ak_untrusted" },
    { "TpmInfo.AikPub",                     NULL,               100, 1,    true,  "tpm.ak_public" },
    { "TpmInfo.AikPub",                     NULL,               7,   1,    false, "tpm.ak_attributes" },
    { "TpmInfo.AikPub",                     NULL,               7,   4,    false, "tpm.ak_attributes" },
    { "TpmInfo.AikPub",                     NULL,               9,   2,    false, "tpm.ak_attributes" },
    { "TpmInfo.AikPub",                     "\"AAAA\"",         0,   0,    false, "truncated" },
    { "TpmInfo.PcrQuote",                   NULL,               0,   1,    false, "quote.magic" },
    { "TpmInfo.PcrQuote",                   NULL,               5,   15,   false, "quote.malformed" },
    { "TpmInfo.PcrQuote",                   NULL,               0,   1,    true,  "quote.signature" },
    { "TpmInfo.PcrQuote",                   "\"/1RDR4AY\"",     0,   0,    false, "quote.malformed" },
    { "TpmInfo.PcrSignature",               NULL,               17,  1,    false, "quote.signature" },
    { "TpmInfo.PcrSet",                     "[0,1,2,3,4,5,6]",  0,   0,    false, "quote.selection" },
    { "TpmInfo.PcrSet",                     "[0,1,2,3,4,5,6,7,7]", 0, 0,   false, "malformed" },
    { "TpmInfo.EncKeyPub",                  NULL,               100, 1,    true,  "certify.name" },
    { "TpmInfo.EncKeyPub",                  NULL,               20,  1,    false, "certify.name" },
    { "TpmInfo.EncKeyCertifyInfo",          NULL,               0,   1,    false, "certify.magic" },
    { "TpmInfo.EncKeyCertifyInfo",          NULL,               5,   15,   false, "certify.malformed" },
    { "TpmInfo.EncKeyCertifyInfo",          NULL,               50,  1,    false, "certify.signature" },
    { "TpmInfo.EncKeyCertifyInfo",          "\"/1RDR4AX\"",     0,   0,    false, "certify.malformed" },
    { "TpmInfo.EncKeyCertifyInfoSignature", NULL,               17,  1,    false, "certify.signature" },
};
/* clang-format on */

TEST(every_part_of_the_real_request_that_is_changed_is_refused_by_its_own_name)
{
    SERVICE(s);
    struct sample_answer answer;
    struct bytes text;

    if (!real_text(&s, &text))
        return;
    REQUIRE(trust_real_leaf(&s, text));
    for (size_t i = 0; i < ARRAY_LEN(real_changes); i++) {
        const struct change *c = &real_changes[i];
        const char *changed = json_to_string(&s.a, with_change(&s.a, parse(&s.a, text), c->member, c), JSON_COMPACT);
        service_post(&s, bytes_of_string(changed), "", &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "InvalidParameter");
        CHECK_STRING(answer.inner, c->inner);
        if (strcmp(answer.inner, c->inner) != 0)
            test_note("%s, row %zu: %s", c->member, i, answer.message);
    }
}

TEST(a_register_value_that_was_not_quoted_is_refused)
{
    SERVICE(s);
    struct sample_answer answer;
    struct bytes text, swapped;
    size_t at;

    if (!real_text(&s, &text))
        return;
    REQUIRE(trust_real_leaf(&s, text) && arena_copy(&s.a, text, &swapped));
    at = bytes_find(swapped, BYTES_LIT("q27iAZeXGAiC"));
    REQUIRE(at != SIZE_MAX);
    ((uint8_t *)(uintptr_t)swapped.data)[at] = 'r';
    service_post(&s, swapped, "", &answer);
    CHECK_STRING(answer.inner, "quote.pcr_digest");
}

/* ---- a request of ours ---- */

static const struct json *token_payload(struct sample_service *s, struct bytes token, const struct verified_jws **ret)
{
    struct err err = ERR_INIT;
    struct jws jws;

    if (!jws_parse(&s->a, token, 0, &jws, &err) || !jws_verify(&s->a, &jws, service_key(s), JWS_ALLOW_ALL, ret, &err)) {
        test_note("error: %s", err.text);
        return &json_null;
    }
    return parse(&s->a, verified_jws_payload(*ret));
}

static bool setup(struct sample_service *s, struct guest *g)
{
    s->service.reference = &s->reference;
    return guest_init(s, g) && service_trust(s, TRUST_CA, ca_cert(s->ca, 0));
}

TEST(the_answer_opens_with_the_attested_key_and_is_a_token_of_the_published_shape)
{
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    const struct verified_jws *jws = NULL;
    const struct json *p, *key;
    struct sample_answer answer;
    int64_t iat = 0, exp = 0, nbf = 0;

    REQUIRE(setup(&s, &g));
    service_post(&s, guest_request(&g), "", &answer);
    CHECK_STRING(answer.message, "");
    REQUIRE(answer.status == 200);
    p = token_payload(&s, guest_open(&g, answer.sealed), &jws);
    REQUIRE(jws && p->type == JSON_OBJECT);
    CHECK(json_is_string(json_get(verified_jws_header(jws), "jku"), SAMPLE_ISSUER "/certs"));
    CHECK(json_is_string(json_get(verified_jws_header(jws), "typ"), "JWT"));
    for (size_t i = 1; i < p->object.n; i++)
        CHECK(bytes_compare(p->object.members[i - 1].name, p->object.members[i].name) < 0);
    CHECK(json_as_integer(json_get(p, "iat"), &iat) && json_as_integer(json_get(p, "exp"), &exp) &&
          json_as_integer(json_get(p, "nbf"), &nbf));
    CHECK_INT(exp - iat, 28800);
    CHECK_INT(iat - nbf, 300);
    CHECK_INT(json_text(json_get(p, "jti"), BYTES_NONE).len, 64);
    CHECK(json_is_string(json_get(p, "iss"), SAMPLE_ISSUER));
    CHECK(json_is_string(json_get(p, "x-ms-attestation-type"), "azurevm"));
    CHECK(json_is_string(json_get(p, "x-ms-azurevm-vmid"), "7D0D4C52-1F3C-4E7C-A3F0-0B8A5C2F9D11"));
    CHECK(json_is_string(json_get(p, "x-ms-azurevm-ostype"), "Linux"));
    CHECK(json_is_string(json_at(p, "x-ms-runtime", "client-payload", "nonce", NULL), "bm9uY2U="));
    CHECK_STRING(json_to_string(&s.a, json_get(p, "x-ms-azurevm-attested-pcrs"), JSON_COMPACT), "[0,1,2,3,4,5,6,7]");
    key = json_at(p, "x-ms-runtime", "keys", NULL);
    REQUIRE(key && key->type == JSON_ARRAY && key->array.n == 1);
    CHECK(json_is_string(json_get(key->array.items[0], "kid"), "TpmEphemeralEncryptionKey"));
    CHECK(json_is_string(json_get(key->array.items[0], "e"), "AQAB"));
}

/* One thing wrong with the guest, everything signed again. */
struct wrong {
    const char *what, *inner;
    void (*make)(struct guest *g);
};

static const uint8_t other_name[34] = { 0x00, 0x0b, 0x77 };
static const uint8_t other_policy[32] = { 1 };

static void other_signer(struct guest *g) { g->certify.attest.qualified_signer = BYTES_OF(other_name); }
static void other_object(struct guest *g)
{
    g->certify.attest.name = BYTES_OF(other_name);
    g->keep_name = true;
}
static void forged_magic(struct guest *g) { g->certify.attest.magic = 1; }
static void a_quote_for_a_certification(struct guest *g)
{
    struct quote_builder quote = g->quote;
    g->keep_name = true;
    g->certify = quote;
}
static void a_certification_for_a_quote(struct guest *g)
{
    g->quote = g->certify;
    g->quote.attest.name = BYTES_OF(other_name);
}
static void open_policy(struct guest *g) { g->enc_public.policy = BYTES_OF(other_policy); }
static void no_policy(struct guest *g) { g->enc_public.policy = BYTES_NONE; }
static void with_password(struct guest *g) { g->enc_public.attributes |= OBJECT_USER_WITH_AUTH; }
static void signing(struct guest *g) { g->enc_public.attributes |= OBJECT_SIGN; }
static void not_decrypting(struct guest *g) { g->enc_public.attributes &= ~(uint32_t)OBJECT_DECRYPT; }
static void restricted(struct guest *g) { g->enc_public.attributes |= OBJECT_RESTRICTED; }
static void movable(struct guest *g) { g->enc_public.attributes &= ~(uint32_t)OBJECT_FIXED_TPM; }
static void foster_child(struct guest *g) { g->enc_public.attributes &= ~(uint32_t)OBJECT_FIXED_PARENT; }
static void unrestricted_ak(struct guest *g) { g->ak_public.attributes &= ~(uint32_t)OBJECT_RESTRICTED; }
static void other_ak(struct guest *g) { g->ak_public.rsa_n = pubkey_rsa_n(privkey_public(g->enc)); }
static void fewer_registers(struct guest *g)
{
    g->pcrs.banks[0].present = 0x7f;
    pcr_selection_of(&g->pcrs, &g->quote.attest.selection);
}
static void ak_that_does_not_sign(struct guest *g) { g->ak_public.attributes &= ~(uint32_t)OBJECT_SIGN; }
static void movable_ak(struct guest *g) { g->ak_public.attributes &= ~(uint32_t)OBJECT_FIXED_TPM; }
static void foster_ak(struct guest *g) { g->ak_public.attributes &= ~(uint32_t)OBJECT_FIXED_PARENT; }
static void forged_quote(struct guest *g) { g->quote.attest.magic = 1; }
static void tdx(struct guest *g) { g->isolation = "{\"Type\":\"Tdx\",\"Evidence\":{\"Proof\":\"AA==\",\"RunTimeData\":\"AA==\"}}"; }
static void unheard_of_isolation(struct guest *g) { g->isolation = "{\"Type\":\"trustedlaunch \"}"; }
static void confidential(struct guest *g)
{
    g->isolation = "{\"Type\":\"SevSnp\",\"Evidence\":{\"Proof\":\"AA==\",\"RunTimeData\":\"AA==\"}}";
}

/* Never taken for Trusted Launch in silence (7.8), whatever the protocol's version. */
static void old_confidential(struct guest *g)
{
    confidential(g);
    g->version = "\"1.0\"";
}

static const struct wrong wrongs[] = {
    { "certified by another key", "certify.signer", other_signer },
    { "another key certified", "certify.name", other_object },
    { "not made by a TPM", "certify.magic", forged_magic },
    { "a quote as certification", "certify.type", a_quote_for_a_certification },
    { "a certification as quote", "quote.type", a_certification_for_a_quote },
    { "policy of other registers", "sealing_key.policy", open_policy },
    { "no policy", "sealing_key.attributes", no_policy },
    { "opens with a password", "sealing_key.attributes", with_password },
    { "signs", "sealing_key.attributes", signing },
    { "does not decrypt", "sealing_key.attributes", not_decrypting },
    { "restricted", "sealing_key.attributes", restricted },
    { "not fixedTPM", "sealing_key.attributes", movable },
    { "not fixedParent", "sealing_key.attributes", foster_child },
    { "AK not restricted", "tpm.ak_attributes", unrestricted_ak },
    { "AikPub of another key", "tpm.ak_public", other_ak },
    { "register 7 not quoted", "quote.pcr_missing", fewer_registers },
    { "AK does not sign", "tpm.ak_attributes", ak_that_does_not_sign },
    { "AK not fixedTPM", "tpm.ak_attributes", movable_ak },
    { "AK not fixedParent", "tpm.ak_attributes", foster_ak },
    { "quote not made by a TPM", "quote.magic", forged_quote },
    { "hardware report", "isolation.unsupported", confidential },
    { "report of a trust domain", "isolation.unsupported", tdx },
    { "isolation nobody knows", "isolation.unsupported", unheard_of_isolation },
    { "hardware report in a protocol without it", "isolation.unsupported", old_confidential },
};

TEST(every_check_refuses_evidence_that_is_signed_all_right)
{
    SERVICE(s);

    for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
        CLEANUP(guest_done) struct guest g;
        struct sample_answer answer;
        REQUIRE(setup(&s, &g) && service_set_policy(&s, PERMIT_ALL));
        wrongs[i].make(&g);
        service_post(&s, guest_request(&g), "", &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "InvalidParameter");
        CHECK_STRING(answer.inner, wrongs[i].inner);
        if (strcmp(answer.inner, wrongs[i].inner) != 0)
            test_note("%s: %s", wrongs[i].what, answer.message);
    }
}

TEST(the_default_policy_denies_what_the_published_one_denies)
{
    static const struct {
        const char *what;
        struct sample_boot boot;
        unsigned status;
    } boots[] = {
        { "Linux", { .windows = false }, 200 },
        { "Windows", { .windows = true }, 200 },
        { "Secure Boot off", { .secure_boot_off = true }, 400 },
        { "dbx empty", { .no_revocations = true }, 400 },
        { "unknown key in db", { .unknown_db = true }, 400 },
        { "test signing", { .windows = true, .test_signing = true }, 400 },
        { "kernel debugging", { .windows = true, .kernel_debugging = true }, 400 },
        { "Windows that says nothing", { .windows = true, .silent = true }, 400 },
    };
    SERVICE(s);

    for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
        CLEANUP(guest_done) struct guest g;
        struct sample_answer answer;
        REQUIRE(setup(&s, &g) && guest_boot(&g, &boots[i].boot));
        service_post(&s, guest_request(&g), "", &answer);
        CHECK_INT(answer.status, boots[i].status);
        CHECK_STRING(answer.code, boots[i].status == 200 ? "" : "PolicyEvaluationError");
        CHECK_STRING(answer.inner, boots[i].status == 200 ? "" : "policy.denied");
        if (answer.status != boots[i].status)
            test_note("%s: %s %s", boots[i].what, answer.inner, answer.message);
    }
}

TEST(clients_that_deviate_in_known_ways_are_served)
{
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct sample_answer answer;
    struct writer padded CLEANUP(writer_done) = { 0 };

    REQUIRE(setup(&s, &g));
    g.os_major = "\"12\"";
    g.client_payload = "null";
    g.isolation = "null";
    g.version = "\"1.0\"";
    g.tail = BYTES_LIT("a Name and a qualified Name");
    write_bytes(&padded, g.aik_cert);
    for (unsigned i = 0; i < 300; i++)
        write_u8(&padded, 0);
    g.aik_cert = writer_bytes(&padded);
    g.quote.attest.extra_data = BYTES_LIT("any qualifying data");
    service_post(&s, guest_request(&g), "", &answer);
    CHECK_STRING(answer.message, "");
    CHECK_INT(answer.status, 200);
}

TEST(the_clients_payload_comes_back_as_it_was_and_is_absent_without_one)
{
    static const struct {
        const char *sent, *back; /* NULL: absent */
    } rows[] = { { "{\"nonce\":\"\",\"ArmID\":\"L3N1YnM=\"}", "{\"nonce\":\"\",\"ArmID\":\"L3N1YnM=\"}" }, { "null", NULL } };
    SERVICE(s);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(guest_done) struct guest g;
        const struct verified_jws *jws = NULL;
        const struct json *payload;
        struct sample_answer answer;

        REQUIRE(setup(&s, &g));
        g.client_payload = rows[i].sent;
        service_post(&s, guest_request(&g), "", &answer);
        REQUIRE(answer.status == 200);
        payload = json_at(token_payload(&s, guest_open(&g, answer.sealed), &jws), "x-ms-runtime", "client-payload", NULL);
        CHECK_STRING(payload ? json_to_string(&s.a, payload, JSON_COMPACT) : "absent", rows[i].back ? rows[i].back : "absent");
    }
}

TEST(what_a_policy_issues_stands_in_the_token_but_never_in_place_of_our_claims)
{
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    const struct verified_jws *jws = NULL;
    const struct json *p;
    struct sample_answer answer;
    bool secure_boot = false;

    REQUIRE(setup(&s, &g));
    REQUIRE(service_set_policy(&s, "version= 1.0;authorizationrules{c:[type==\"secureboot\", value==true] => permit();};"
                                   "issuancerules{=> issue(type=\"extra\", value=5); => issue(type=\"secureboot\", value=false);"
                                   "=> issue(type=\"iss\", value=\"me\"); => issue(type=\"x-ms-ver\", value=\"9\");};"));
    service_post(&s, guest_request(&g), "", &answer);
    REQUIRE(answer.status == 200);
    p = token_payload(&s, guest_open(&g, answer.sealed), &jws);
    CHECK_STRING(json_to_string(&s.a, json_get(p, "extra"), JSON_COMPACT), "5");
    CHECK(json_as_boolean(json_get(p, "secureboot"), &secure_boot) && secure_boot);
    CHECK(json_is_string(json_get(p, "iss"), SAMPLE_ISSUER) && json_is_string(json_get(p, "x-ms-ver"), "1.0"));
}

TEST(a_draft_policy_wants_a_reader_and_makes_an_unsecured_token)
{
    static const char draft[] = ",\"draftPolicyForAttestation\":\"version= 1.0;authorizationrules{=> permit();};issuancerules{};\"";
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct sample_answer answer;
    struct bytes token;

    REQUIRE(setup(&s, &g) && guest_boot(&g, &(struct sample_boot){ .secure_boot_off = true }));
    service_post(&s, guest_request(&g), draft, &answer);
    CHECK_INT(answer.status, 401);
    s.caller = HTTP_READER;
    service_post(&s, guest_request(&g), draft, &answer);
    REQUIRE(answer.status == 200);
    token = guest_open(&g, answer.sealed);
    CHECK(bytes_starts_with(token, BYTES_LIT("eyJhbGciOiJub25lIn0.")) && bytes_ends_with(token, BYTES_LIT(".")));
    service_post(&s, guest_request(&g), ",\"draftPolicyForAttestation\":\"version= 7;\"", &answer);
    CHECK_STRING(answer.code, "PolicyParsingError");
}

TEST(the_service_routes_the_type_in_any_spelling_and_with_either_name_of_the_member)
{
    static const char *const paths[] = { "/attest/AzureGuest?api-version=2020-10-01", "/attest/azureguest?api-version=2025-06-01" };
    static const char *const members[] = { "AttestationInfo", "attestationInfo" };
    FIXTURE(f);
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;

    REQUIRE(guest_init(&s, &g));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *body = arena_printf(&s.a, "{\"%s\":\"%s\"}", members[i], base64_in(&s.a, BASE64_URL, guest_request(&g)));
        struct answer answer;
        fixture_call(&f, &(struct call){ .path = paths[i], .body = bytes_of_string(body), .as = HTTP_ANONYMOUS }, &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.inner, "tpm.ak_untrusted");
    }
}
