/* Requests of version 1 (attestation-service.md 6.4.3): platform claims in the place of quotes, behind a switch. */
#include "base/base64.h"
#include "json/write.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

#define PERMIT_ALL         \
    "eyJhbGciOiJub25lIn0." \
    "eyJBdHRlc3RhdGlvblBvbGljeSI6ImRtVnljMmx2YmoweExqSTdJR0YxZEdodmNtbDZZWFJwYjI1eWRXeGxjM3M5UG5CbGNtMXBkQ2dwTzMwNyJ9."

/* What differs from a request that is right. */
struct v1 {
    const char *leave_out, *att_type, *more;
    bool raw_signature, other_nonce, with_boot, resumed, flip_value;
};

static bool provider_with(struct fixture *f, const char *v1)
{
    struct answer answer;

    fixture_ask(
        f, &answer, "PUT", "/v1/providers/old",
        "{\"location\":\"x\",\"properties\":{\"tpmAttestationAuthentication\":\"Disabled\",\"trueboot\":{\"tpmProtocolV1\":\"%s\"}}}", v1);
    CHECK(answer.status == 201 || answer.status == 200);
    fixture_call(f,
                 &(struct call){
                     .method = "PUT", .path = "/providers/old/policies/Tpm" FIXTURE_API, .body = BYTES_LIT(PERMIT_ALL), .as = HTTP_OWNER },
                 &answer);
    return answer.status == 200;
}

static struct bytes claim_of(struct attestation *t, const struct v1 *v, struct bytes nonce)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    const struct pcr_bank *bank = pcr_bank_find(&t->shown, DIGEST_SHA256);
    struct quote_builder builder = t->quote;
    struct pcr_set only = { .n_banks = 1, .banks = { *bank } };
    struct built_quote quote;
    struct err err = ERR_INIT;
    struct bytes ret = BYTES_NONE;

    quote_builder_init(&builder, t->quote_key, &only, nonce);
    builder.attest.clock = t->vm->boot.clock;
    CHECK(quote_builder_sign(t->a, &builder, t->quote_key, &quote, &err));
    if (v->raw_signature)
        quote.signature = bytes_slice(quote.signature, 6, quote.signature.len - 6);
    write_string(&w, "PADS");
    write_u32le(&w, 2);
    write_u32le(&w, 28);
    write_u32le(&w, 24 * 32);
    write_u32le(&w, (uint32_t)quote.attest.len);
    write_u32le(&w, (uint32_t)quote.signature.len);
    write_u32le(&w, 0);
    for (unsigned i = 0; i < 24; i++) {
        struct digest value = bank->value[i];
        value.value[0] ^= v->flip_value && i == 3;
        write_bytes(&w, digest_bytes(&value));
    }
    write_bytes(&w, quote.attest);
    write_bytes(&w, quote.signature);
    CHECK(arena_copy(t->a, writer_bytes(&w), &ret));
    return ret;
}

static void put(struct json_out *out, const struct v1 *v, const char *name, struct bytes value)
{
    if (!v->leave_out || strcmp(v->leave_out, name) != 0)
        json_put_base64url(out, name, value);
}

static struct bytes payload_of(struct attestation *t, const struct v1 *v)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct bytes ret = BYTES_NONE;

    json_begin_object(&out, NULL);
    json_put_string(&out, "att_type", v->att_type ? v->att_type : "basic");
    json_begin_object(&out, "att_data");
    json_put_string(&out, "rp_data", "AQID");
    put(&out, v, "challenge", t->challenge);
    json_begin_object(&out, "tpm_att_data");
    put(&out, v, "srtm_boot_log", v->resumed ? BYTES_LIT("another boot's") : t->log);
    if (v->resumed)
        put(&out, v, "srtm_resume_log", t->log);
    put(&out, v, "aik_cert", t->aik_cert);
    put(&out, v, "current_claim", claim_of(t, v, v->other_nonce ? BYTES_LIT("0123456789abcdef") : t->challenge));
    if (v->with_boot)
        put(&out, v, "boot_claim", claim_of(t, v, BYTES_LIT("boot")));
    write_string(out.to, v->more ? v->more : "");
    json_end(&out);
    if (!v->leave_out || strcmp(v->leave_out, "attest_key") != 0)
        json_put_raw(&out, "attest_key", bytes_of_string(t->jwk));
    put(&out, v, "service_context", t->context);
    json_end(&out);
    json_end(&out);
    CHECK(arena_copy(t->a, writer_bytes(&w), &ret));
    return ret;
}

static void send_v1(struct fixture *f, const struct test_vm *vm, const struct v1 *v, struct answer *ret)
{
    struct attestation t;
    struct err err = ERR_INIT;
    struct bytes compact;

    REQUIRE(attestation_begin_at(f, vm, "old", &t));
    REQUIRE_OK(
        jws_sign(&f->a, t.request_key, JWS_ES256, BYTES_LIT("{\"alg\":\"ES256\",\"typ\":\"attReq\"}"), payload_of(&t, v), &compact, &err),
        err);
    fixture_call(
        f,
        &(struct call){ .path = "/providers/old/attest/Tpm" FIXTURE_API,
                        .body = attestation_envelope(&f->a, arena_printf(&f->a, "{\"request\":\"%.*s\"}", BYTES_FMT(compact)), false) },
        ret);
}

TEST(a_request_of_version_1_gets_a_report_where_it_is_switched_on)
{
    static const struct v1 rows[] = { { .with_boot = false }, { .with_boot = true }, { .resumed = true } };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    REQUIRE(provider_with(&f, "Enabled"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct json *claims;
        struct err err = ERR_INIT;
        struct jws jws;

        send_v1(&f, vm, &rows[i], &answer);
        CHECK_INT(answer.status, 200);
        CHECK_STRING(answer.message, "");
        REQUIRE_OK(jws_parse(&f.a, answer_token(&f, &answer), 1 << 20, &jws, &err) &&
                       json_parse(&f.a, jws.claimed_payload, NULL, &claims, &err),
                   err);
        CHECK(json_is_string(json_get(claims, "rp_data"), "AQID"));
        CHECK(json_at(claims, "cnf", "jwk", "kty", NULL) != NULL);
        CHECK(json_get(claims, "x-ms-tpm-request-key") == NULL); /* nothing binds that key */
    }
}

TEST(a_raw_signature_of_an_rsa_key_is_as_good)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_RSA_2048, 28)) && fixture_enrol(&f, vm) && provider_with(&f, "Enabled"));
    send_v1(&f, vm, &(struct v1){ .raw_signature = true }, &answer);
    CHECK_INT(answer.status, 200);
    CHECK_STRING(answer.message, "");
}

TEST(version_1_is_refused_where_it_is_off_and_says_how_to_switch_it_on)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    REQUIRE(provider_with(&f, "Disabled"));
    send_v1(&f, vm, &(struct v1){ .with_boot = false }, &answer);
    CHECK_INT(answer.status, 400);
    CHECK_STRING(answer.code, "InvalidParameter");
    CHECK(strstr(answer.message, "--tpm-v1"));
}

TEST(what_is_wrong_with_a_request_of_version_1_is_refused_by_name)
{
    static const struct {
        struct v1 v1;
        const char *words;
    } rows[] = {
        { { .leave_out = "srtm_boot_log" }, "srtm_boot_log" },
        { { .leave_out = "current_claim" }, "current_claim" },
        { { .leave_out = "attest_key" }, "attest_key" },
        { { .leave_out = "aik_cert" }, "aik" },
        { { .leave_out = "challenge" }, "challenge" },
        { { .att_type = "vbs" }, "enclave reports" },
        { { .other_nonce = true }, "" },
        { { .flip_value = true }, "" },
        { { .more = ",\"boot_claim\":\"AAAA\"" }, "boot_claim" },
        { { .more = ",\"boot_claim\":7" }, "boot_claim" },
        { { .more = ",\"drtm_boot_log\":7" }, "log" },
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct answer answer;

    REQUIRE(provider_with(&f, "Enabled"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        send_v1(&f, vm, &rows[i].v1, &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "InvalidParameter");
        CHECK(strstr(answer.message, rows[i].words));
        if (test_failed())
            test_note("row %zu: %s", i, answer.message);
    }
}
