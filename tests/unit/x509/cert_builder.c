#include "cert_builder.h"
#include "base/hex.h"
#include "crypto/der.h"
#include "crypto/signature.h"
#include "support/test.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

const struct privkey *plan_key(unsigned number)
{
    static struct privkey *keys[8];
    struct err err = ERR_INIT;

    if (!keys[number] && !privkey_generate(PRIVKEY_P256, &keys[number], &err))
        test_note("error: %s", err.text);
    return keys[number];
}

static void name(struct writer *w, const char *cn)
{
    size_t outer = der_begin(w), set = der_begin(w), one = der_begin(w);

    der_write(w, DER_OID, BYTES_LIT("\x55\x04\x03"));
    der_write(w, DER_UTF8_STRING, bytes_of_string(cn));
    der_end(w, one, DER_SEQUENCE);
    der_end(w, set, DER_SET);
    der_end(w, outer, DER_SEQUENCE);
}

static void algorithm(struct writer *w, bool weak)
{
    size_t at = der_begin(w);

    der_write(w, DER_OID, weak ? BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x01") : BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x02"));
    der_end(w, at, DER_SEQUENCE);
}

static void extension(struct writer *w, struct bytes oid, bool critical, struct bytes value)
{
    size_t at = der_begin(w);

    der_write(w, DER_OID, oid);
    if (critical)
        der_write(w, DER_BOOLEAN, BYTES_LIT("\xff"));
    der_write(w, DER_OCTET_STRING, value);
    der_end(w, at, DER_SEQUENCE);
}

static void basic_constraints(struct writer *w, const struct cert_plan *plan)
{
    static const struct bytes values[] = { BYTES_LIT("\x30\x00"), BYTES_LIT("\x30\x03\x01\x01\xff"),
                                           BYTES_LIT("\x30\x06\x01\x01\xff\x02\x01\x00") };
    uint8_t with_len[8];
    struct bytes value = values[!plan->ca ? 0 : plan->path_len == 0 ? 1 : 2];

    if (plan->ca && plan->path_len > 0) {
        memcpy(with_len, value.data, 8);
        with_len[7] = (uint8_t)plan->path_len;
        value = BYTES_OF(with_len);
    }
    extension(w, BYTES_LIT("\x55\x1d\x13"), true, value);
}

static void tpm_names(struct writer *w, bool critical)
{
    static const char *const values[] = { "id:00001014", "swtpm", "id:20191023" };
    uint8_t oid[] = { 0x67, 0x81, 0x05, 0x02, 0 };
    struct writer names = { 0 };
    size_t all = der_begin(&names), directory = der_begin(&names), sequence = der_begin(&names);

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        size_t set = der_begin(&names), one = der_begin(&names);
        oid[4] = (uint8_t)(i + 1);
        der_write(&names, DER_OID, BYTES_OF(oid));
        der_write(&names, DER_UTF8_STRING, bytes_of_string(values[i]));
        der_end(&names, one, DER_SEQUENCE);
        der_end(&names, set, DER_SET);
    }
    der_end(&names, sequence, DER_SEQUENCE);
    der_end(&names, directory, DER_CONTEXT_CONSTRUCTED(4));
    der_end(&names, all, DER_SEQUENCE);
    extension(w, BYTES_LIT("\x55\x1d\x11"), critical, writer_bytes(&names));
    writer_done(&names);
}

static void extensions(struct writer *w, const struct cert_plan *plan)
{
    static const struct bytes ekus[] = {
        [PLAN_EKU_EK] = { (const uint8_t *)"\x30\x07\x06\x05\x67\x81\x05\x08\x01", 9 },
        [PLAN_EKU_PLATFORM] = { (const uint8_t *)"\x30\x07\x06\x05\x67\x81\x05\x08\x02", 9 },
        [PLAN_EKU_AK] = { (const uint8_t *)"\x30\x07\x06\x05\x67\x81\x05\x08\x03", 9 },
        [PLAN_EKU_TLS] = { (const uint8_t *)"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 12 },
    };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes bits;
    size_t outer = der_begin(w), list = der_begin(w);

    basic_constraints(w, plan);
    if (plan->twice)
        basic_constraints(w, plan);
    if (plan->key_usage && hex_decode(&a, bytes_of_string(plan->key_usage), &bits, &err)) {
        struct writer value = { 0 };
        der_write(&value, DER_BIT_STRING, bits);
        extension(w, BYTES_LIT("\x55\x1d\x0f"), true, writer_bytes(&value));
        writer_done(&value);
    }
    if (plan->eku != PLAN_EKU_NONE)
        extension(w, BYTES_LIT("\x55\x1d\x25"), false, ekus[plan->eku]);
    if (plan->tpm_names)
        tpm_names(w, !plan->names_not_critical);
    if (plan->policies && hex_decode(&a, bytes_of_string(plan->policies), &bits, &err))
        extension(w, BYTES_LIT("\x55\x1d\x20"), false, bits);
    if (plan->critical_unknown)
        extension(w, BYTES_LIT("\x55\x1d\x1e"), true, BYTES_LIT("\x30\x00")); /* name constraints */
    if (plan->explicit_false)
        write_bytes(w, BYTES_LIT("\x30\x0c\x06\x03\x55\x1d\x20\x01\x01\x00\x04\x02\x30\x00"));
    der_end(w, list, DER_SEQUENCE);
    der_end(w, outer, DER_CONTEXT_CONSTRUCTED(3));
}

static void tbs(struct writer *w, const struct cert_plan *plan)
{
    const char *cn = plan->cn ? plan->cn : "leaf";
    size_t outer = der_begin(w), at;

    if (!plan->no_extensions)
        write_bytes(w, BYTES_LIT("\xa0\x03\x02\x01\x02"));
    der_write_unsigned(w, BYTES_LIT("\x2a"));
    algorithm(w, plan->weak_signature != plan->other_inner_algorithm);
    if (plan->issuer && !plan->issuer_cn)
        write_bytes(w, plan->issuer->subject);
    else
        name(w, plan->issuer_cn ? plan->issuer_cn : cn);
    at = der_begin(w);
    der_write_time(w, plan->not_yet ? PLAN_NOW + DAY_MS : PLAN_NOW - 300 * DAY_MS);
    der_write_time(w, plan->expired ? PLAN_NOW - DAY_MS : PLAN_NOW + 300 * DAY_MS);
    der_end(w, at, DER_SEQUENCE);
    name(w, cn);
    write_bytes(w, pubkey_spki(privkey_public(plan_key(plan->key))));
    if (!plan->no_extensions)
        extensions(w, plan);
    der_end(w, outer, DER_SEQUENCE);
}

struct bytes plan_der(struct arena *a, const struct cert_plan *plan)
{
    struct writer w = { 0 };
    uint8_t raw[PRIVKEY_SIGNATURE_MAX], der[SIGNATURE_EC_DER_MAX];
    size_t raw_len = 0, der_len = 0;
    struct err err = ERR_INIT;
    struct bytes made = BYTES_NONE;

    tbs(&w, plan);
    CHECK(privkey_sign(plan_key(plan->signer), SIGNATURE_ECDSA, DIGEST_SHA256, writer_bytes(&w), raw, &raw_len, &err));
    CHECK(signature_to_der(CURVE_P256, (struct bytes){ raw, raw_len }, der, &der_len, &err));
    algorithm(&w, plan->weak_signature);
    der_write_bit_bytes(&w, (struct bytes){ der, der_len });
    der_end(&w, 0, DER_SEQUENCE);
    CHECK(writer_ok(&w) && arena_copy(a, writer_bytes(&w), &made));
    writer_done(&w);
    return made;
}

struct cert *plan_cert(const struct cert_plan *plan)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct cert *cert = NULL;
    struct err err = ERR_INIT;

    if (!cert_parse(plan_der(&a, plan), &cert, &err)) {
        test_note("plan: %s", err.text);
        CHECK(false);
    }
    return cert;
}
