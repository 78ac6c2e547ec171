#include "support/enrolling.h"
#include <stdlib.h>
#include "base/base64.h"
#include "base/reader.h"
#include "crypto/encrypt.h"
#include "tpm/kdf.h"

static char *b64(struct fixture *f, struct bytes b) { return base64_in(&f->a, BASE64_URL, b); }

void enrolling_begin(struct fixture *f, const struct test_vm *vm, struct bytes ek_public, struct answer *answer)
{
    fixture_ask(f, answer, "POST", "/enroll/v1/begin", "{\"ekCerts\":[\"%s\"],\"ekPub\":\"%s\",\"akPub\":\"%s\"}", b64(f, vm->ek_cert),
                b64(f, ek_public), b64(f, vm->ak_public));
}

static struct bytes member(struct fixture *f, const struct answer *answer, const char *name)
{
    struct bytes ret = BYTES_NONE;
    struct err err = ERR_INIT;

    if (!base64_decode_any(&f->a, json_text(json_get(answer->json, name), BYTES_NONE), &ret, &err))
        return BYTES_NONE;
    return ret;
}

bool activate_credential(const struct privkey *ek, struct bytes ak_name, struct bytes blob, struct bytes encrypted, uint8_t ret[static 32])
{
    struct bytes body, integrity, identity;
    struct reader r = reader_over(encrypted);
    uint8_t seed[PRIVKEY_PLAIN_MAX], key[32], plain[34];
    struct digest hmac;
    struct err err = ERR_INIT;
    size_t len;

    if (!read_u16be_prefixed(&r, &body) || !privkey_decrypt_oaep(ek, DIGEST_SHA256, BYTES_LIT("IDENTITY\0"), body, seed, &len, &err))
        return false;
    r = reader_over(blob);
    if (!read_u16be_prefixed(&r, &body))
        return false;
    r = reader_over(body);
    if (!read_u16be_prefixed(&r, &integrity))
        return false;
    identity = read_rest(&r);
    tpm_kdf_a(DIGEST_SHA256, (struct bytes){ seed, 32 }, "INTEGRITY", BYTES_NONE, BYTES_NONE, key, 32);
    hmac_compute(DIGEST_SHA256, (struct bytes){ key, 32 }, (const struct bytes[]){ identity, ak_name }, 2, &hmac);
    if (!bytes_equal(integrity, digest_bytes(&hmac)) || identity.len != sizeof plain)
        return false;
    tpm_kdf_a(DIGEST_SHA256, (struct bytes){ seed, 32 }, "STORAGE", ak_name, BYTES_NONE, key, 16);
    if (!decrypt_aes_cfb((struct bytes){ key, 16 }, identity, plain, &err))
        return false;
    memcpy(ret, plain + 2, 32);
    return true;
}

bool enrolling_open(struct fixture *f, const struct privkey *ek, struct bytes ak_name, const struct answer *begun, uint8_t ret[static 32])
{
    return activate_credential(ek, ak_name, member(f, begun, "credentialBlob"), member(f, begun, "encryptedSecret"), ret);
}

void enrolling_proof(const uint8_t secret[static 32], const char *id, struct bytes ak_name, uint8_t ret[static 32])
{
    const struct bytes zero = { (const uint8_t *)"", 1 };
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1"), zero, bytes_of_string(id), zero, ak_name };

    hmac_sha256((struct bytes){ secret, 32 }, parts, ARRAY_LEN(parts), ret);
}

struct bytes enrolling_body(struct fixture *f, const struct test_vm *vm, const struct answer *begun, const char *id,
                            const uint8_t proof[static 32])
{
    struct attestation t = { .f = f, .vm = vm, .a = &f->a };
    const char *quote = attestation_object(&t, &vm->boot, vm->ak, member(f, begun, "nonce"));
    const char *text = arena_printf(&f->a, "%.*s,\"enrollId\":\"%s\",\"proof\":\"%s\"}", (int)strlen(quote) - 1, quote, id,
                                    b64(f, (struct bytes){ proof, 32 }));

    if (!text)
        abort();
    return bytes_of_string(text);
}

void enrolling_activate(struct fixture *f, struct bytes body, struct arena *arena, struct answer *answer)
{
    fixture_call(f, &(struct call){ .path = "/enroll/v1/activate", .body = body, .arena = arena }, answer);
}

const char *enrolling_id(struct fixture *f, const struct answer *begun)
{
    return arena_string(&f->a, json_text(json_get(begun->json, "enrollId"), BYTES_NONE));
}

unsigned enrolling_whole(struct fixture *f, struct test_vm *vm, struct answer *ret)
{
    uint8_t secret[32], proof[32];
    struct answer begun;

    enrolling_begin(f, vm, vm->ek_public, &begun);
    *ret = begun;
    if (begun.status != 200)
        return begun.status;
    if (!enrolling_open(f, vm->ek, vm->ak_name, &begun, secret))
        abort();
    enrolling_proof(secret, enrolling_id(f, &begun), vm->ak_name, proof);
    enrolling_activate(f, enrolling_body(f, vm, &begun, enrolling_id(f, &begun), proof), NULL, ret);
    if (ret->status == 200)
        vm->ak_cert = member(f, ret, "akCert");
    return ret->status;
}

struct bytes enrolling_iak_cert(struct fixture *f, const struct test_vm *vm, const struct privkey *iak)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct bytes der;
    struct err err = ERR_INIT;

    if (!ca_issue_iak(f->host_ca, arena_printf(&f->a, "%s:%s", vm->name, vm->uuid), privkey_public(iak), fixture_time, &cert, &err) ||
        !arena_copy(&f->a, cert->der, &der))
        abort();
    return der;
}

const char *enrolling_iak(struct fixture *f, const struct test_vm *vm, const struct privkey *iak, struct bytes cert, struct bytes nonce)
{
    struct quote_builder b;
    struct built_quote built;
    struct err err = ERR_INIT;

    quote_builder_init_certify(&b, iak, vm->ak_name, nonce);
    if (!quote_builder_sign(&f->a, &b, iak, &built, &err))
        abort();
    return arena_printf(&f->a, "{\"cert\":\"%s\",\"certify\":\"%s\",\"signature\":\"%s\"}", b64(f, cert), b64(f, built.attest),
                        b64(f, built.signature));
}

void enrolling_begin_by_iak(struct fixture *f, const struct test_vm *vm, const char *iak, struct answer *answer)
{
    fixture_ask(f, answer, "POST", "/enroll/v1/begin", "{\"ekCerts\":[],\"akPub\":\"%s\",\"iak\":%s}", b64(f, vm->ak_public), iak);
}

struct bytes enrolling_nonce(struct fixture *f, const struct answer *begun) { return member(f, begun, "nonce"); }

struct bytes enrolling_body_by_iak(struct fixture *f, const struct test_vm *vm, const struct answer *begun, const char *iak)
{
    struct attestation t = { .f = f, .vm = vm, .a = &f->a };
    const char *quote = attestation_object(&t, &vm->boot, vm->ak, enrolling_nonce(f, begun));
    const char *text =
        arena_printf(&f->a, "%.*s,\"enrollId\":\"%s\",\"iak\":%s}", (int)strlen(quote) - 1, quote, enrolling_id(f, begun), iak);

    if (!text)
        abort();
    return bytes_of_string(text);
}

unsigned enrolling_whole_by_iak(struct fixture *f, struct test_vm *vm, const struct privkey *iak, struct bytes cert, struct answer *ret)
{
    struct answer begun;

    enrolling_begin_by_iak(f, vm, enrolling_iak(f, vm, iak, cert, BYTES_NONE), &begun);
    *ret = begun;
    if (begun.status != 200)
        return begun.status;
    enrolling_activate(f, enrolling_body_by_iak(f, vm, &begun, enrolling_iak(f, vm, iak, cert, enrolling_nonce(f, &begun))), NULL, ret);
    if (ret->status == 200)
        vm->ak_cert = member(f, ret, "akCert");
    return ret->status;
}
