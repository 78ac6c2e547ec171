/* The guest's side of POST /attest/Tpm, with every part in a test's reach. */
#include <stdlib.h>
#include "base/base64.h"
#include "jose/jwk.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

static const char *jwk_text(struct arena *a, const struct pubkey *key)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *text;

    json_begin_object(&out, NULL);
    jwk_write_key(&out, key);
    json_end(&out);
    text = arena_string(a, writer_bytes(&w));
    if (!text)
        abort();
    return text;
}

struct bytes attestation_envelope(struct arena *a, const char *message, bool bare)
{
    const char *inner = bare ? message : arena_printf(a, "{\"payload\":%s,\"metadata\":{}}", message);
    const char *data = inner ? base64_in(a, BASE64_URL, bytes_of_string(inner)) : NULL;
    const char *body = data ? arena_printf(a, "{\"data\":\"%s\"}", data) : NULL;

    if (!body)
        abort();
    return bytes_of_string(body);
}

static void post_at(struct fixture *f, const char *provider, struct bytes body, struct answer *ret)
{
    const char *path = provider ? arena_printf(&f->a, "/providers/%s/attest/Tpm" FIXTURE_API, provider)
                                : arena_printf(&f->a, "%s/attest/Tpm" FIXTURE_API, f->at ? f->at : "");

    fixture_call(f, &(struct call){ .path = path, .body = body }, ret);
}

void attest_post(struct fixture *f, struct bytes body, struct answer *ret) { post_at(f, NULL, body, ret); }

/* The message inside {"data":…}. */
static const struct json *open_data(struct arena *a, const struct answer *answer)
{
    const struct json *inner, *payload;
    struct err err = ERR_INIT;
    struct bytes text;

    if (!base64_decode_any(a, json_text(json_get(answer->json, "data"), BYTES_NONE), &text, &err) ||
        !json_parse(a, text, NULL, &inner, &err))
        return NULL;
    payload = json_get(inner, "payload");
    return payload ? payload : inner;
}

struct bytes answer_token(struct fixture *f, const struct answer *answer)
{
    return answer->status == 200 ? json_text(json_get(open_data(&f->a, answer), "report"), BYTES_NONE) : BYTES_NONE;
}

static bool take_challenge(struct attestation *t, const struct json *message)
{
    struct err err = ERR_INIT;

    return base64_decode_any(t->a, json_text(json_get(message, "challenge"), BYTES_NONE), &t->challenge, &err) &&
           base64_decode_any(t->a, json_text(json_get(message, "service_context"), BYTES_NONE), &t->context, &err) && t->context.len > 0;
}

bool attestation_begin(struct fixture *f, const struct test_vm *vm, struct attestation *ret)
{
    return attestation_begin_at(f, vm, NULL, ret);
}

bool attestation_begin_at(struct fixture *f, const struct test_vm *vm, const char *provider, struct attestation *ret)
{
    struct answer answer;

    post_at(f, provider, attestation_envelope(&f->a, "{\"type\":\"aikcert\"}", false), &answer);
    *ret = (struct attestation){ .f = f,
                                 .vm = vm,
                                 .provider = provider,
                                 .a = &f->a,
                                 .typ = "attReqV2",
                                 .algorithm = JWS_ES256,
                                 .request_key = test_key(PRIVKEY_P256, 30),
                                 .att_type = "basic",
                                 .info = "{\"tpm_quote\":{\"hash_alg\":\"sha-256\"}}",
                                 .more_data = "",
                                 .more_tpm = "",
                                 .more_att = "",
                                 .aik_cert = vm->ak_cert,
                                 .log = vm->boot.log,
                                 .shown = vm->boot.registers,
                                 .quote_key = vm->ak };
    ret->jwk = jwk_text(ret->a, privkey_public(ret->request_key));
    quote_builder_init(&ret->quote, vm->ak, &ret->shown, BYTES_NONE);
    ret->quote.attest.clock = vm->boot.clock;
    if (answer.status == 200 && take_challenge(ret, open_data(&f->a, &answer)))
        return true;
    test_note("init: %u %s", answer.status, answer.message);
    return false;
}

static bool is_left_out(const struct attestation *t, const char *name) { return t->leave_out && strcmp(t->leave_out, name) == 0; }

static void put_base64(struct json_out *out, const struct attestation *t, const char *name, struct bytes b)
{
    if (!is_left_out(t, name))
        json_put_base64url(out, name, b);
}

static void put_registers(struct json_out *out, const struct pcr_set *set)
{
    json_begin_array(out, "pcrs");
    for (size_t b = 0; b < set->n_banks; b++) {
        json_begin_object(out, NULL);
        json_put_integer(out, "algorithm", digest_tpm_id(set->banks[b].algorithm));
        json_begin_array(out, "values");
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (set->banks[b].present >> pcr & 1) {
                json_begin_object(out, NULL);
                json_put_integer(out, "index", pcr);
                json_put_base64url(out, "digest", digest_bytes(&set->banks[b].value[pcr]));
                json_end(out);
            }
        json_end(out);
        json_end(out);
    }
    json_end(out);
}

static void put_raw_members(struct writer *w, const char *members) { write_string(w, members); }

static void put_att(struct json_out *out, struct attestation *t, const struct pcr_set *shown, struct bytes log,
                    const struct built_quote *quote)
{
    if (log.len && !is_left_out(t, "logs")) {
        json_begin_array(out, "logs");
        json_begin_object(out, NULL);
        json_put_string(out, "type", "TCG");
        json_put_base64url(out, "log", log);
        json_end(out);
        if (t->ima.len) {
            json_begin_object(out, NULL);
            json_put_string(out, "type", "IMA");
            json_put_base64url(out, "log", t->ima);
            json_end(out);
        }
        json_end(out);
    }
    if (t->aik_cert.len)
        put_base64(out, t, "aik_cert", t->aik_cert);
    if (t->aik_pub)
        json_put_raw(out, "aik_pub", bytes_of_string(t->aik_pub));
    if (!is_left_out(t, "pcrs"))
        put_registers(out, shown);
    put_base64(out, t, "quote", quote->attest);
    put_base64(out, t, "signature", quote->signature);
}

const char *attestation_object(struct attestation *t, const struct test_boot *boot, const struct privkey *key, struct bytes nonce)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct quote_builder builder;
    struct built_quote quote;
    struct err err = ERR_INIT;
    const char *text;

    quote_builder_init(&builder, key, &boot->registers, nonce);
    builder.attest.clock = boot->clock;
    if (!quote_builder_sign(t->a, &builder, key, &quote, &err))
        abort();
    json_begin_object(&out, NULL);
    put_att(&out, t, &boot->registers, boot->log, &quote);
    json_end(&out);
    text = arena_string(t->a, writer_bytes(&w));
    if (!text)
        abort();
    return text;
}

static void bind(struct attestation *t, struct digest *binding)
{
    const char *jwk = t->bound_jwk ? t->bound_jwk : t->jwk;
    enum digest_algorithm hash = strstr(t->info, "384") ? DIGEST_SHA384 : strstr(t->info, "512") ? DIGEST_SHA512 : DIGEST_SHA256;
    const struct bytes parts[] = { bytes_of_string(jwk), { (const uint8_t *)"", 1 }, t->challenge };

    digest_compute_parts(hash, parts, ARRAY_LEN(parts), binding);
    if (!t->own_nonce)
        t->quote.attest.extra_data = digest_bytes(binding);
}

static void put_data(struct json_out *out, struct attestation *t, const struct built_quote *quote)
{
    if (t->rp_data)
        json_put_string(out, "rp_data", t->rp_data);
    put_base64(out, t, "challenge", t->challenge);
    json_begin_object(out, "tpm_att_data");
    json_begin_object(out, "current_attestation");
    put_att(out, t, &t->shown, t->log, quote);
    put_raw_members(out->to, t->more_att);
    json_end(out);
    put_raw_members(out->to, t->more_tpm);
    json_end(out);
    if (!is_left_out(t, "request_key")) {
        json_begin_object(out, "request_key");
        json_put_raw(out, "jwk", bytes_of_string(t->jwk));
        json_put_raw(out, "info", bytes_of_string(t->info));
        json_end(out);
    }
    put_base64(out, t, "service_context", t->context);
    put_raw_members(out->to, t->more_data);
}

static struct bytes write_payload(struct attestation *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct built_quote quote;
    struct digest binding;
    struct bytes ret;
    struct err err = ERR_INIT;

    bind(t, &binding);
    t->quote.pcrs = t->quote.pcrs ? t->quote.pcrs : &t->shown;
    if (!quote_builder_sign(t->a, &t->quote, t->quote_key, &quote, &err))
        abort();
    json_begin_object(&out, NULL);
    json_put_string(&out, "att_type", t->att_type);
    json_begin_object(&out, "att_data");
    put_data(&out, t, &quote);
    json_end(&out);
    json_end(&out);
    if (!writer_ok(&w) || !arena_copy(t->a, writer_bytes(&w), &ret))
        abort();
    return ret;
}

/* By hand: jws_sign would not sign under a header that says another algorithm. */
static bool sign_compact(struct attestation *t, const char *header, struct bytes *ret)
{
    bool ec = t->algorithm == JWS_ES256;
    enum signature_scheme scheme = ec ? SIGNATURE_ECDSA : t->algorithm == JWS_PS256 ? SIGNATURE_RSAPSS : SIGNATURE_RSASSA;
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    struct err err = ERR_INIT;
    struct bytes input;
    size_t len;

    if (!jws_signing_input(t->a, bytes_of_string(header), write_payload(t), &input, &err) ||
        !privkey_sign(t->request_key, scheme, DIGEST_SHA256, input, signature, &len, &err))
        return false;
    signature[0] ^= t->break_signature;
    return jws_attach(t->a, input, (struct bytes){ signature, len }, ret, &err);
}

const char *attestation_message(struct attestation *t)
{
    const char *alg = t->alg ? t->alg : jws_algorithm_name(t->algorithm);
    const char *header = arena_printf(t->a, "{\"alg\":\"%s\",\"typ\":\"%s\"}", alg, t->typ), *message;
    struct bytes compact;

    if (!header || !sign_compact(t, header, &compact))
        abort();
    message = arena_printf(t->a, "{\"request\":\"%.*s\"}", BYTES_FMT(compact));
    if (!message)
        abort();
    return message;
}

void attestation_send(struct attestation *t, struct answer *ret)
{
    post_at(t->f, t->provider, attestation_envelope(t->a, attestation_message(t), t->bare), ret);
}

bool attest_once(struct fixture *f, const struct test_vm *vm, struct bytes *ret_token)
{
    struct attestation t;
    struct answer answer;
    struct bytes token;

    if (!attestation_begin(f, vm, &t))
        return false;
    attestation_send(&t, &answer);
    token = answer_token(f, &answer);
    if (ret_token)
        *ret_token = token;
    return token.len > 0;
}
