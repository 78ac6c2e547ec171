/* A guest that enrols: its requests, and a TPM in software that opens credentials and quotes. */
#pragma once
#include <stdlib.h>
#include "base/base64.h"
#include "base/hex.h"
#include "support/attestation_fixture.h"
#include "support/enrolling.h"
#include "support/test.h"

/* What a VM sends to begin with; a test changes one. */
struct beginning {
    struct bytes ek_cert, ek_public, ak_public;
    const char *token; /* one-time; NULL: none */
};

static struct beginning beginning_of(const struct test_vm *vm)
{
    return (struct beginning){ vm->ek_cert, vm->ek_public, vm->ak_public, NULL };
}

static const char *b64(struct arena *a, struct bytes b)
{
    const char *text = base64_in(a, BASE64_URL, b);
    return text ? text : "";
}

static void begin(struct fixture *f, struct arena *a, const struct beginning *b, struct answer *ret)
{
    const char *body = arena_printf(a, "{\"ekCerts\":[\"%s\"],\"ekPub\":\"%s\",\"akPub\":\"%s\"}", b64(a, b->ek_cert), b64(a, b->ek_public),
                                    b64(a, b->ak_public));
    fixture_call(f,
                 &(struct call){ .path = arena_printf(a, "%s/enroll/v1/begin", f->at ? f->at : ""),
                                 .body = bytes_of_string(body),
                                 .authorization = b->token,
                                 .arena = a },
                 ret);
}

struct activation {
    const char *id;
    uint8_t secret[32];
    struct bytes nonce;
    struct bytes ak_name; /* goes into the proof */
    const struct privkey *quote_key;
    uint32_t shown; /* registers */
};

static struct bytes member(struct arena *a, const struct json *v, const char *name)
{
    struct bytes ret = BYTES_NONE;
    struct err err = ERR_INIT;

    if (!base64_decode(a, BASE64_URL, json_text(json_get(v, name), BYTES_NONE), &ret, &err))
        test_note("%s: %s", name, err.text);
    return ret;
}

static bool open_answer(struct arena *a, const struct test_vm *vm, const struct answer *begun, struct activation *ret)
{
    *ret = (struct activation){ .id = arena_string(a, json_text(json_get(begun->json, "enrollId"), BYTES_NONE)),
                                .nonce = member(a, begun->json, "nonce"),
                                .ak_name = vm->ak_name,
                                .quote_key = vm->ak,
                                .shown = 0xffffff };
    return ret->id && activate_credential(vm->ek, vm->ak_name, member(a, begun->json, "credentialBlob"),
                                          member(a, begun->json, "encryptedSecret"), ret->secret);
}

static void put_registers(struct json_out *out, const struct pcr_set *set)
{
    json_begin_array(out, "pcrs");
    json_begin_object(out, NULL);
    json_put_integer(out, "algorithm", 11);
    json_begin_array(out, "values");
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        if (set->banks[0].present >> pcr & 1) {
            json_begin_object(out, NULL);
            json_put_integer(out, "index", pcr);
            json_put_base64url(out, "digest", digest_bytes(&set->banks[0].value[pcr]));
            json_end(out);
        }
    json_end(out);
    json_end(out);
    json_end(out);
}

static void activate(struct fixture *f, struct arena *a, const struct activation *x, struct answer *ret)
{
    const struct bytes zero = { (const uint8_t *)"", 1 };
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1"), zero, bytes_of_string(x->id), zero, x->ak_name };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct quote_builder builder;
    struct built_quote quote;
    struct pcr_set pcrs = { 0 };
    struct err err = ERR_INIT;
    uint8_t proof[32];

    hmac_sha256(BYTES_OF(x->secret), parts, ARRAY_LEN(parts), proof);
    pcr_set_add_test_bank(&pcrs, DIGEST_SHA256, x->shown);
    quote_builder_init(&builder, x->quote_key, &pcrs, x->nonce);
    if (!quote_builder_sign(a, &builder, x->quote_key, &quote, &err))
        abort();
    json_begin_object(&out, NULL);
    json_put_string(&out, "enrollId", x->id);
    json_put_base64url(&out, "proof", BYTES_OF(proof));
    json_put_base64url(&out, "quote", quote.attest);
    json_put_base64url(&out, "signature", quote.signature);
    put_registers(&out, &pcrs);
    json_end(&out);
    fixture_call(
        f, &(struct call){ .path = arena_printf(a, "%s/enroll/v1/activate", f->at ? f->at : ""), .body = writer_bytes(&w), .arena = a },
        ret);
}

/* `token`: the header Authorization; NULL: none. */
static bool enrol_with(struct fixture *f, struct arena *a, const struct test_vm *vm, const char *token, struct answer *ret)
{
    struct beginning b = beginning_of(vm);
    struct activation x;

    b.token = token;
    begin(f, a, &b, ret);
    if (ret->status != 200 || !open_answer(a, vm, ret, &x))
        return false;
    activate(f, a, &x, ret);
    return ret->status == 200;
}

UNUSED static bool enrol(struct fixture *f, struct arena *a, const struct test_vm *vm, struct answer *ret)
{
    return enrol_with(f, a, vm, NULL, ret);
}

UNUSED static struct test_vm *listed(struct fixture *f, const char *name, unsigned number)
{
    struct test_vm *vm = fixture_machine(f, name, number);

    if (!fixture_add_to_inventory(f, vm))
        abort();
    return vm;
}
