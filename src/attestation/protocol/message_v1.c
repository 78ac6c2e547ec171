#include "attestation/protocol/message_v1.h"
#include "base/reader.h"
#include "json/parse.h"
#include "json/write.h"
#include "tpm/platform_claim.h"

enum { CLAIM_MAX_BYTES = LIMIT_LOG_BYTES + LIMIT_SMALL_BODY_BYTES, TPM_ALG_RSASSA_ID = 0x0014, TPM_ALG_SHA256_ID = 0x000b };

static const struct json *member(const struct json *v, const char *name)
{
    const struct json *found = json_get(v, name);

    return found && found->type != JSON_NULL ? found : NULL;
}

/* ---- signatures ---- */

/* Algorithm, hash, and for RSA a length that ends where the bytes end: the shape of a TPMT_SIGNATURE. */
static bool is_tpmt_signature(struct bytes signature)
{
    struct reader r = reader_over(signature);
    uint16_t algorithm, hash;
    struct bytes value;

    if (!read_u16be(&r, &algorithm) || !read_u16be(&r, &hash) || !read_u16be_prefixed(&r, &value))
        return false;
    return (algorithm == TPM_ALG_RSASSA_ID || algorithm == 0x0016 || algorithm == 0x0018) &&
           (reader_done(&r) || (algorithm == 0x0018 && read_u16be_prefixed(&r, &value) && reader_done(&r)));
}

static void put_signature(struct json_out *out, struct bytes signature)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    if (!is_tpmt_signature(signature)) {
        write_u16be(&w, TPM_ALG_RSASSA_ID);
        write_u16be(&w, TPM_ALG_SHA256_ID);
        write_u16be(&w, (uint16_t)signature.len);
    }
    write_bytes(&w, signature);
    out->to->bad |= !writer_ok(&w);
    json_put_base64url(out, "signature", writer_bytes(&w));
}

/* ---- one claim as an ATT object of version 2 ---- */

static void put_log(struct json_out *out, const struct json *log)
{
    if (!log)
        return;
    json_begin_object(out, NULL);
    json_put_string(out, "type", "TCG");
    json_put_value(out, "log", log);
    json_end(out);
}

static void put_values(struct json_out *out, const struct pcr_bank *bank)
{
    json_begin_array(out, "pcrs");
    json_begin_object(out, NULL);
    json_put_integer(out, "algorithm", digest_tpm_id(bank->algorithm));
    json_begin_array(out, "values");
    for (unsigned i = 0; i < LIMIT_PCRS; i++) {
        if (!(bank->present >> i & 1))
            continue;
        json_begin_object(out, NULL);
        json_put_integer(out, "index", i);
        json_put_base64url(out, "digest", digest_bytes(&bank->value[i]));
        json_end(out);
    }
    json_end(out);
    json_end(out);
    json_end(out);
}

static bool att_text(struct arena *a, const struct json *tpm, const struct platform_claim *claim, const struct json *srtm,
                     const struct json *drtm, struct bytes *ret, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "logs");
    put_log(&out, srtm);
    put_log(&out, drtm);
    json_end(&out);
    if (member(tpm, "aik_cert"))
        json_put_value(&out, "aik_cert", member(tpm, "aik_cert"));
    if (member(tpm, "aik_pub"))
        json_put_value(&out, "aik_pub", member(tpm, "aik_pub"));
    put_values(&out, &claim->bank);
    json_put_base64url(&out, "quote", claim->quote);
    put_signature(&out, claim->signature);
    json_end(&out);
    return (writer_ok(&w) && arena_copy(a, writer_bytes(&w), ret)) || err_set(err, ERR_NO_MEMORY, "no memory for evidence");
}

static bool read_claim(struct arena *a, const struct json *tpm, const char *name, const struct json *srtm, const struct json *drtm,
                       struct evidence *ret, struct err *err)
{
    struct platform_claim *claim = ARENA_NEW(a, struct platform_claim); /* large: not on the stack */
    struct bytes blob, att;
    const struct json *v;

    if (!claim)
        return err_set(err, ERR_NO_MEMORY, "no memory for evidence");
    if (!json_need_base64(a, tpm, name, CLAIM_MAX_BYTES, &blob, err))
        return false;
    if (!platform_claim_read(blob, claim, err))
        return err_within(err, "%s", name);
    if (!att_text(a, tpm, claim, srtm, drtm, &att, err))
        return false;
    return (json_parse(a, att, NULL, &v, err) && evidence_read(a, v, ret, err)) || err_within(err, "%s", name);
}

/* ---- the whole ---- */

static bool read_evidence(struct arena *a, const struct json *data, struct attest_request *r, struct err *err)
{
    const struct json *tpm, *srtm, *drtm, *srtm_resumed, *drtm_resumed;

    if (!json_need_object(data, "tpm_att_data", &tpm, err))
        return false;
    srtm = member(tpm, "srtm_boot_log");
    drtm = member(tpm, "drtm_boot_log");
    srtm_resumed = member(tpm, "srtm_resume_log");
    drtm_resumed = member(tpm, "drtm_resume_log");
    if (!srtm)
        return err_set(err, ERR_MALFORMED, "tpm_att_data: srtm_boot_log is missing");
    if (!read_claim(a, tpm, "current_claim", srtm_resumed ? srtm_resumed : srtm, srtm_resumed ? drtm_resumed : drtm, &r->current, err))
        return err_within(err, "tpm_att_data");
    if (!member(tpm, "boot_claim"))
        return true;
    r->has_boot = true;
    return read_claim(a, tpm, "boot_claim", srtm, drtm, &r->boot, err) || err_within(err, "tpm_att_data");
}

bool message_v1_read(struct arena *a, const struct json *data, struct attest_request *r, struct err *err)
{
    const struct json *key;

    if (!json_need_object(data, "attest_key", &key, err))
        return false;
    if (!jwk_parse(key, &r->request_key.jwk, err))
        return err_within(err, "attest_key");
    r->request_key.text = key;
    r->request_key.binding = KEY_UNBOUND;
    return read_evidence(a, data, r, err);
}
