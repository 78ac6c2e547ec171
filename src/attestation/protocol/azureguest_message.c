#include "attestation/protocol/azureguest_message.h"
#include "base/base64.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "json/parse.h"
#include "x509/cert.h"

enum { CLIENT_PAYLOAD_MAX = 32 * 1024 /* characters; it comes back in the token */ };

/* What one call reads from and into. */
struct reading {
    struct arena *a;
    const struct json *from;
    struct err *err;
};

static bool need_text(const struct reading *r, const char *name, struct bytes *ret)
{
    const struct json *v = json_get_no_case(r->from, name);

    if (!v || v->type == JSON_NULL)
        return err_set(r->err, ERR_MALFORMED, "%s is missing", name);
    if (v->type != JSON_STRING)
        return err_set(r->err, ERR_MALFORMED, "%s is not a string", name);
    *ret = v->string;
    return true;
}

static bool need_base64(const struct reading *r, const char *name, size_t limit, struct bytes *ret)
{
    struct bytes text;

    return need_text(r, name, &text) && base64_decode_most(r->a, text, name, limit, ret, r->err);
}

/* Text in base64; `optional` may be missing. */
static bool read_words(const struct reading *r, const char *name, bool optional, struct bytes *ret)
{
    const struct json *v = json_get_no_case(r->from, name);

    *ret = BYTES_LIT("");
    if (optional && (!v || v->type == JSON_NULL))
        return true;
    if (!need_base64(r, name, AZUREGUEST_TEXT_MAX, ret))
        return false;
    return utf8_is_valid(*ret) || err_set(r->err, ERR_MALFORMED, "%s is not UTF-8 text", name);
}

/* A number, or the same as text: one client sends it so. Missing is 0. */
static bool read_version(const struct reading *r, const char *name, int64_t *ret)
{
    const struct json *v = json_get_no_case(r->from, name), *number;
    struct err ignored = ERR_INIT;
    int64_t value = 0;

    if (v && v->type == JSON_STRING && v->string.len && json_parse(r->a, v->string, NULL, &number, &ignored))
        v = number;
    if (v && v->type != JSON_NULL && (!json_as_integer(v, &value) || value < 0))
        return err_set(r->err, ERR_MALFORMED, "%s is not a whole number", name);
    *ret = value;
    return true;
}

/* TPM2B_PUBLIC; what follows its content is ignored: one client appends the key's Names. */
static bool read_public(const struct reading *r, const char *name, struct tpm_public *ret)
{
    struct bytes whole, content;
    struct reader in;

    if (!need_base64(r, name, LIMIT_SMALL_BODY_BYTES, &whole))
        return false;
    in = reader_over(whole);
    if (!read_u16be_prefixed(&in, &content))
        return err_set(r->err, ERR_TRUNCATED, "%s: its length does not fit", name);
    return tpm_public_decode(content, ret, r->err) || err_within(r->err, "%s", name);
}

static bool read_cert(const struct reading *r, struct bytes *ret)
{
    const struct json *v = json_get_no_case(r->from, "AikCert");
    struct bytes padded;

    *ret = BYTES_NONE;
    if (!v || v->type == JSON_NULL)
        return true; /* a key that nobody vouches for: judged later */
    if (!need_base64(r, "AikCert", LIMIT_SMALL_BODY_BYTES, &padded))
        return false;
    return padded.len == 0 || cert_trim(padded, ret, r->err) || err_within(r->err, "AikCert");
}

static bool read_index(const struct json *v, uint32_t seen, unsigned *ret, struct err *err)
{
    int64_t index;

    if (!v || !json_as_integer(v, &index) || index < 0 || index >= LIMIT_PCRS)
        return err_set(err, ERR_MALFORMED, "register is not a number from 0 to %d", LIMIT_PCRS - 1);
    if (seen >> index & 1)
        return err_set(err, ERR_MALFORMED, "register %d is listed twice", (int)index);
    *ret = (unsigned)index;
    return true;
}

static bool need_list(const struct reading *r, const char *name, const struct json **ret)
{
    const struct json *list = json_get_no_case(r->from, name);

    if (!list || list->type != JSON_ARRAY)
        return err_set(r->err, ERR_MALFORMED, "%s is missing or not an array", name);
    if (list->array.n > LIMIT_PCRS)
        return err_set(r->err, ERR_LIMIT, "%s has %zu entries, more than %d", name, list->array.n, LIMIT_PCRS);
    *ret = list;
    return true;
}

static bool read_pcr_set(const struct reading *r, uint32_t *ret)
{
    const struct json *list;
    uint32_t set = 0;
    unsigned index;

    if (!need_list(r, "PcrSet", &list))
        return false;
    for (size_t i = 0; i < list->array.n; i++) {
        if (!read_index(list->array.items[i], set, &index, r->err))
            return err_within(r->err, "PcrSet[%zu]", i);
        set |= 1u << index;
    }
    *ret = set;
    return true;
}

static bool read_pcrs(const struct reading *r, struct pcr_set *ret)
{
    struct pcr_bank *bank = &ret->banks[0];
    const struct json *list;

    if (!need_list(r, "PCRs", &list))
        return false;
    ret->n_banks = 1;
    bank->algorithm = DIGEST_SHA256;
    for (size_t i = 0; i < list->array.n; i++) {
        const struct reading entry = { r->a, list->array.items[i], r->err };
        struct bytes value;
        unsigned index;
        if (!read_index(json_get_no_case(entry.from, "Index"), bank->present, &index, r->err) ||
            !need_base64(&entry, "Digest", DIGEST_MAX_LEN, &value))
            return err_within(r->err, "PCRs[%zu]", i);
        if (value.len != digest_len(DIGEST_SHA256))
            return err_set(r->err, ERR_MALFORMED, "PCRs[%zu]: Digest has %zu bytes, SHA-256 has 32", i, value.len);
        bank->value[index].algorithm = DIGEST_SHA256;
        memcpy(bank->value[index].value, value.data, value.len);
        bank->present |= 1u << index;
    }
    return true;
}

static bool read_tpm_info(const struct reading *r, struct azureguest_message *m)
{
    return read_cert(r, &m->aik_cert) && read_public(r, "AikPub", &m->ak) &&
           need_base64(r, "PcrQuote", LIMIT_SMALL_BODY_BYTES, &m->evidence.quote) &&
           need_base64(r, "PcrSignature", LIMIT_SMALL_BODY_BYTES, &m->evidence.signature) && read_pcr_set(r, &m->pcr_set) &&
           read_pcrs(r, &m->evidence.pcrs) && read_public(r, "EncKeyPub", &m->enc_key) &&
           need_base64(r, "EncKeyCertifyInfo", LIMIT_SMALL_BODY_BYTES, &m->certify_info) &&
           need_base64(r, "EncKeyCertifyInfoSignature", LIMIT_SMALL_BODY_BYTES, &m->certify_signature);
}

static bool read_client_payload(const struct reading *r, const struct json **ret)
{
    const struct json *payload = json_get_no_case(r->from, "ClientPayload");

    *ret = NULL;
    if (!payload || payload->type == JSON_NULL)
        return true;
    if (payload->type != JSON_OBJECT)
        return err_set(r->err, ERR_MALFORMED, "ClientPayload is not an object");
    if (payload->raw.len > CLIENT_PAYLOAD_MAX)
        return err_set(r->err, ERR_LIMIT, "ClientPayload has more than %d characters", CLIENT_PAYLOAD_MAX);
    for (size_t i = 0; i < payload->object.n; i++)
        if (payload->object.members[i].value->type != JSON_STRING)
            return err_set(r->err, ERR_MALFORMED, "ClientPayload: member %zu is not a string", i);
    if (payload->object.n)
        *ret = payload;
    return true;
}

static bool read_isolation(const struct reading *r, struct azureguest_message *m)
{
    const struct json *info = json_get_no_case(r->from, "IsolationInfo");
    const struct reading inner = { r->a, info, r->err };

    m->isolation = AZUREGUEST_TRUSTED_LAUNCH;
    m->isolation_type = BYTES_LIT("TrustedLaunch");
    if (!info || info->type == JSON_NULL)
        return true;
    if (!need_text(&inner, "Type", &m->isolation_type))
        return err_within(r->err, "IsolationInfo");
    if (!bytes_equal_string(m->isolation_type, "TrustedLaunch"))
        m->isolation = AZUREGUEST_OTHER_ISOLATION;
    return true;
}

static bool read_os(const struct reading *r, struct azureguest_message *m)
{
    if (!read_words(r, "OSType", false, &m->os_type) || !read_words(r, "OSDistro", true, &m->os_distro) ||
        !read_words(r, "OSBuild", true, &m->os_build) || !read_version(r, "OSVersionMajor", &m->os_major) ||
        !read_version(r, "OSVersionMinor", &m->os_minor))
        return false;
    m->is_windows = bytes_equal_string(m->os_type, "Windows");
    return m->is_windows || bytes_equal_string(m->os_type, "Linux") ||
           err_set(r->err, ERR_UNSUPPORTED, "OSType is neither Windows nor Linux");
}

static bool read_members(const struct reading *r, struct azureguest_message *m)
{
    const struct json *tpm = json_get_no_case(r->from, "TpmInfo");
    const struct reading inner = { r->a, tpm, r->err };

    if (!need_text(r, "AttestationProtocolVersion", &m->protocol_version))
        return false;
    if (!bytes_equal_string(m->protocol_version, "1.0") && !bytes_equal_string(m->protocol_version, "2.0"))
        return err_set(r->err, ERR_UNSUPPORTED, "AttestationProtocolVersion is neither 1.0 nor 2.0");
    if (!read_os(r, m) || !read_client_payload(r, &m->client_payload) || !read_isolation(r, m) ||
        !need_base64(r, "TcgLogs", LIMIT_LOG_BYTES, &m->evidence.logs[0].content))
        return false;
    m->evidence.logs[0].kind = EVIDENCE_LOG_TCG;
    m->evidence.n_logs = 1;
    if (!tpm || tpm->type != JSON_OBJECT)
        return err_set(r->err, ERR_MALFORMED, "TpmInfo is missing or not an object");
    return read_tpm_info(&inner, m) || err_within(r->err, "TpmInfo");
}

bool azureguest_text_read(struct arena *a, const struct json *body, struct bytes *ret, struct err *err)
{
    const struct reading r = { a, body, err };

    return need_base64(&r, "AttestationInfo", LIMIT_ATTEST_BODY_BYTES, ret);
}

bool azureguest_message_read(struct arena *a, struct bytes text, struct azureguest_message *ret, struct err *err)
{
    const struct json_options options = { .refuse_duplicates = true };
    struct azureguest_message *m = ARENA_NEW(a, struct azureguest_message); /* large: not on the stack */
    struct reading r = { a, NULL, err };

    if (!m)
        return err_set(err, ERR_NO_MEMORY, "no memory for a request");
    if (!json_parse(a, text, &options, &r.from, err))
        return err_within(err, "AttestationInfo");
    if (r.from->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "AttestationInfo does not hold an object");
    if (!read_members(&r, m))
        return err_within(err, "AttestationInfo");
    m->evidence.raw = r.from->raw;
    m->evidence.aik_cert = m->aik_cert;
    digest_compute(DIGEST_SHA256, m->evidence.raw, &m->evidence.digest);
    *ret = *m;
    return true;
}
