#include "unit/attestation/azureguest_sample.h"
#include <stdlib.h>
#include "attestation/provider/provider.h"
#include "base/base64.h"
#include "crypto/aead.h"
#include "json/parse.h"
#include "tpm/policy_digest.h"

int64_t sample_time;
static int64_t now_ms(void) { return sample_time; }

static const struct privkey *rsa_key(unsigned number)
{
    static struct privkey *keys[3];
    struct err err = ERR_INIT;

    if (!keys[number] && !privkey_generate(PRIVKEY_RSA_2048, &keys[number], &err))
        test_note("error: %s", err.text);
    return keys[number];
}

static bool make_ring(struct sample_service *s, enum key_use use, const struct privkey *key, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct signing_key signer;
    const struct cert *chain[1];
    struct bytes pem;

    if (!ca_self_signed_signer(key, SAMPLE_ISSUER, sample_time, CA_VALIDITY_MS, &cert, err) || !privkey_to_pem(key, &s->a, &pem, err))
        return false;
    chain[0] = cert;
    return signing_key_init(&signer, SIGNING_SELF_SIGNED, pem, chain, 1, err) && keyring_of_key(&signer, &s->service.keys[use], err);
}

static bool make_token_keys(struct sample_service *s, struct err *err)
{
    struct privkey *ec CLEANUP(privkey_free_at) = NULL;

    return make_ring(s, KEY_USE_TOKEN, rsa_key(2), err) && privkey_generate(PRIVKEY_P256, &ec, err) &&
           make_ring(s, KEY_USE_TOKEN_ES256, ec, err);
}

const struct pubkey *service_key(struct sample_service *s)
{
    const struct signing_key *key;
    struct err err = ERR_INIT;

    if (!keyring_signer(s->service.keys[s->terms.profile == TOKENS_ORIGINAL ? KEY_USE_TOKEN : KEY_USE_TOKEN_ES256], sample_time, 0, &key,
                        &err))
        abort();
    return privkey_public(key->key);
}

bool service_set_policy(struct sample_service *s, const char *text)
{
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };

    s->terms.policy_hash = "hash";
    if (!policy_parse(&s->a, bytes_of_string(text), &s->terms.policy, &error))
        test_note("error: %s", error.err.text);
    return s->terms.policy != NULL;
}

bool service_trust(struct sample_service *s, enum trust_kind kind, const struct cert *cert)
{
    const struct trust_entry entry = { kind, cert };
    struct trust_store *store = NULL;
    struct err err = ERR_INIT;

    if (!trust_store_new(&entry, cert != NULL, &store, &err)) {
        test_note("error: %s", err.text);
        return false;
    }
    trust_slot_replace(s->service.ak_roots, store);
    return true;
}

static void make_reference(struct sample_service *s)
{
    memcpy(s->known.sha256, ca_cert(s->ca, 0)->sha256, sizeof s->known.sha256);
    memset(s->revocation.digest, 0x5a, 32);
    s->revocation.len = 32;
    s->known.name = "sample key";
    s->reference = (struct boot_reference){ .images = &s->revocation, .n_images = 1, .known = &s->known, .n_known = 1 };
}

bool service_start(struct sample_service *s)
{
    struct trust_store *none = NULL;
    struct err err = ERR_INIT;

    sample_time = INT64_C(1620000000000); /* May 2021: the real certificate is valid */
    s->service.now_ms = now_ms;
    s->terms.issuer = SAMPLE_ISSUER;
    if (!make_token_keys(s, &err) || !trust_store_new(NULL, 0, &none, &err) || !trust_slot_new(none, &s->service.ak_roots, &err) ||
        !ca_new("AK CA", sample_time, &s->ca, &err)) {
        test_note("error: %s", err.text);
        return false;
    }
    make_reference(s);
    return service_set_policy(s, provider_default_policy(PROVIDER_AZURE_GUEST, true));
}

void service_done(struct sample_service *s)
{
    keyring_free(s->service.keys[KEY_USE_TOKEN]);
    keyring_free(s->service.keys[KEY_USE_TOKEN_ES256]);
    trust_slot_free(s->service.ak_roots);
    ca_free(s->ca);
    arena_done(&s->a);
}

static const char *text_at(struct arena *a, const struct json *v) { return v && v->type == JSON_STRING ? arena_string(a, v->string) : ""; }

void service_post(struct sample_service *s, struct bytes text, const char *more, struct sample_answer *ret)
{
    const char *body = arena_printf(&s->a, "{\"AttestationInfo\":\"%s\"%s}", base64_in(&s->a, BASE64_URL, text), more);
    struct http_request http = { .arena = &s->a, .method = "POST", .body = bytes_of_string(body), .caller.role = s->caller };
    struct http_response response = { .arena = &s->a, .status = 200 };
    struct err err = ERR_INIT;
    struct bytes copy;

    *ret = (struct sample_answer){ .code = "", .inner = "", .message = "" };
    if (!attest_azureguest(&s->service, &s->terms, &http, &response, &err))
        test_note("error: %s", err.text);
    ret->status = response.status;
    if (arena_copy(&s->a, writer_bytes(&response.body), &copy) && json_parse(&s->a, copy, NULL, &ret->json, &err)) {
        ret->code = text_at(&s->a, json_at(ret->json, "error", "code", NULL));
        ret->message = text_at(&s->a, json_at(ret->json, "error", "message", NULL));
        ret->inner = text_at(&s->a, json_at(ret->json, "error", "innererror", "code", NULL));
        if (ret->status == 200 &&
            !base64_decode(&s->a, BASE64_URL, json_text(json_get(ret->json, "token"), BYTES_NONE), &ret->sealed, &err))
            test_note("error: %s", err.text);
    }
    writer_done(&response.body);
}

static bool set_enc_policy(struct guest *g, struct err *err)
{
    if (!policy_pcr_digest(DIGEST_SHA256, &g->pcrs, &g->enc_policy, err))
        return false;
    g->enc_public.policy = digest_bytes(&g->enc_policy);
    return true;
}

static void init_publics(struct guest *g)
{
    const struct tpm_public common = {
        .type = TPM_ALG_RSA, .name_algorithm = DIGEST_SHA256, .rsa_bits = 2048, .symmetric.algorithm = TPM_ALG_NULL
    };

    g->ak_public = g->enc_public = common;
    g->ak_public.attributes = 0x00050472;
    g->ak_public.scheme = (struct tpm_scheme){ .algorithm = TPM_ALG_RSASSA, .hash = digest_tpm_id(DIGEST_SHA256) };
    g->ak_public.rsa_n = pubkey_rsa_n(privkey_public(g->ak));
    g->enc_public.attributes = 0x00020432;
    g->enc_public.scheme.algorithm = TPM_ALG_NULL;
    g->enc_public.rsa_n = pubkey_rsa_n(privkey_public(g->enc));
}

/* UEFI 2.10, 32.4.1: one list of one kind, entries of one size. */
static void signature_list(struct writer *w, const char *kind, struct bytes entry)
{
    static const uint8_t owner[16];

    write_bytes(w, (struct bytes){ (const uint8_t *)kind, 16 });
    write_u32le(w, (uint32_t)(28 + 16 + entry.len));
    write_u32le(w, 0);
    write_u32le(w, (uint32_t)(16 + entry.len));
    write_bytes(w, BYTES_OF(owner));
    write_bytes(w, entry);
}

static void add_keys(struct guest *g, const char *guid, const char *name, const char *kind, struct bytes entry)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    if (entry.len)
        signature_list(&w, kind, entry);
    log_add_variable(&g->log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), guid, name, writer_bytes(&w));
}

static void sipa(struct writer *w, uint32_t id, struct bytes payload)
{
    write_u32le(w, id);
    write_u32le(w, (uint32_t)payload.len);
    write_bytes(w, payload);
}

static void add_windows(struct guest *g, const struct sample_boot *boot)
{
    for (unsigned pcr = 12; pcr <= 13; pcr++) {
        struct writer facts CLEANUP(writer_done) = { 0 }, event CLEANUP(writer_done) = { 0 };
        if (!boot->silent) {
            sipa(&facts, 0x00040001, BYTES_LIT("\0"));
            sipa(&facts, 0x00050001, boot->kernel_debugging ? BYTES_LIT("\1") : BYTES_LIT("\0"));
            sipa(&facts, 0x00050003, boot->test_signing ? BYTES_LIT("\1") : BYTES_LIT("\0"));
        }
        sipa(&facts, 0x000a0007, BYTES_LIT("\1\0\0\0\0\0\0\0"));
        sipa(&event, 0x40010001, writer_bytes(&facts));
        log_add(&g->log, pcr, EVENT_TYPE(EV_EVENT_TAG), writer_bytes(&event));
    }
}

static void write_log(struct guest *g, const struct sample_boot *boot)
{
    static const char x509[] = "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72";
    static const char sha256[] = "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28";
    const enum digest_algorithm banks[] = { DIGEST_SHA1, DIGEST_SHA256 };
    struct bytes known = ca_cert(g->s->ca, 0)->der;
    struct log_builder *b = &g->log;

    log_builder_begin(b, banks, ARRAY_LEN(banks));
    log_add(b, 0, EVENT_TYPE(EV_S_CRTM_VERSION), BYTES_LIT("1\0.\0\0\0"));
    log_add_hashing(b, 0, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_LIT("firmware"),
                    BYTES_LIT("\0\0\x82\0\0\0\0\0\0\0\x0e\0\0\0\0\0"));
    log_add(b, 6, EVENT_TYPE(EV_COMPACT_HASH), BYTES_LIT("UUID: 7D0D4C52-1F3C-4E7C-A3F0-0B8A5C2F9D11"));
    log_add_variable(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "SecureBoot",
                     boot->secure_boot_off ? BYTES_LIT("\0") : BYTES_LIT("\1"));
    add_keys(g, GUID_EFI_GLOBAL, "PK", x509, known);
    add_keys(g, GUID_EFI_GLOBAL, "KEK", x509, known);
    add_keys(g, GUID_IMAGE_SECURITY, "db", x509, boot->unknown_db ? g->aik_cert : known);
    add_keys(g, GUID_IMAGE_SECURITY, "dbx", sha256, boot->no_revocations ? BYTES_NONE : (struct bytes){ g->s->revocation.digest, 32 });
    log_add(b, 4, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("Calling EFI Application from Boot Option"));
    log_add_separators(b);
    if (!boot->secure_boot_off)
        log_add_variable(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), GUID_IMAGE_SECURITY, "db", BYTES_LIT("owner of 16 bytecertificate"));
    log_add_image(b, "loader");
    if (boot->windows)
        add_windows(g, boot);
    log_add_exit_boot_services(b);
}

bool guest_boot(struct guest *g, const struct sample_boot *boot)
{
    struct err err = ERR_INIT;

    log_builder_done(&g->log);
    g->log = (struct log_builder){ 0 };
    write_log(g, boot);
    g->pcrs.n_banks = 1;
    g->pcrs.banks[0] = *pcr_bank_find(&g->log.pcrs, DIGEST_SHA256);
    g->pcrs.banks[0].present = boot->windows ? 0x78ff : 0xff;
    g->os_type = boot->windows ? "\"V2luZG93cw==\"" : "\"TGludXg=\"";
    quote_builder_init(&g->quote, g->ak, &g->pcrs, BYTES_NONE);
    quote_builder_init_certify(&g->certify, g->ak, BYTES_NONE, BYTES_NONE);
    g->quote.form = g->certify.form = SIGNATURE_FORM_RAW_RSASSA;
    return set_enc_policy(g, &err);
}

bool guest_init(struct sample_service *s, struct guest *g)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    *g = (struct guest){ .s = s,
                         .ak = rsa_key(0),
                         .enc = rsa_key(1),
                         .version = "\"2.0\"",
                         .os_major = "12",
                         .client_payload = "{\"nonce\":\"bm9uY2U=\"}",
                         .isolation = "{\"Type\":\"TrustedLaunch\"}" };
    init_publics(g);
    if (ca_issue_ak(s->ca, "7d0d4c52-1f3c-4e7c-a3f0-0b8a5c2f9d11", privkey_public(g->ak), sample_time, &cert, &err) &&
        arena_copy(&s->a, cert->der, &g->aik_cert) && guest_boot(g, &(struct sample_boot){ .windows = false }))
        return true;
    test_note("error: %s", err.text);
    return false;
}

void guest_done(struct guest *g) { log_builder_done(&g->log); }

static const char *base64(struct guest *g, struct bytes b) { return base64_in(&g->s->a, BASE64_STANDARD, b); }

static const char *public_2b(struct guest *g, const struct tpm_public *pub)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    tpm_public_encode_2b(&w, pub);
    write_bytes(&w, g->tail);
    return base64(g, writer_bytes(&w));
}

static void write_registers(struct guest *g, struct writer *w)
{
    const struct pcr_bank *bank = &g->pcrs.banks[0];
    const char *comma = "";

    write_string(w, "\"PcrSet\":[");
    for (unsigned i = 0; i < LIMIT_PCRS; i++)
        if (bank->present >> i & 1) {
            write_printf(w, "%s%u", comma, i);
            comma = ",";
        }
    write_string(w, "],\"PCRs\":[");
    comma = "";
    for (unsigned i = 0; i < LIMIT_PCRS; i++)
        if (bank->present >> i & 1) {
            write_printf(w, "%s{\"Index\":%u,\"Digest\":\"%s\"}", comma, i, base64(g, digest_bytes(&bank->value[i])));
            comma = ",";
        }
    write_string(w, "]");
}

struct bytes guest_request(struct guest *g)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct built_quote quote, certify;
    struct tpm_name name;
    struct err err = ERR_INIT;
    struct bytes text = BYTES_NONE;

    if (!tpm_public_name(&g->enc_public, &name, &err))
        test_note("error: %s", err.text);
    if (!g->keep_name)
        g->certify.attest.name = tpm_name_bytes(&name);
    if (!quote_builder_sign(&g->s->a, &g->quote, g->ak, &quote, &err) || !quote_builder_sign(&g->s->a, &g->certify, g->ak, &certify, &err))
        test_note("error: %s", err.text);
    write_printf(&w, "{\"AttestationProtocolVersion\":%s,\"OSType\":%s,\"OSDistro\":\"RGViaWFu\",\"OSVersionMajor\":%s,", g->version,
                 g->os_type, g->os_major);
    write_printf(&w, "\"OSVersionMinor\":0,\"OSBuild\":\"Tm90QXBwbGljYXRpb24=\",\"TcgLogs\":\"%s\",",
                 base64(g, log_builder_bytes(&g->log)));
    write_printf(&w, "\"ClientPayload\":%s,\"IsolationInfo\":%s,\"TpmInfo\":{\"AikCert\":\"%s\",", g->client_payload, g->isolation,
                 base64(g, g->aik_cert));
    write_printf(&w, "\"AikPub\":\"%s\",\"PcrQuote\":\"%s\",\"PcrSignature\":\"%s\",", public_2b(g, &g->ak_public), base64(g, quote.attest),
                 base64(g, quote.signature));
    write_registers(g, &w);
    write_printf(&w, ",\"EncKeyPub\":\"%s\",\"EncKeyCertifyInfo\":\"%s\",\"EncKeyCertifyInfoSignature\":\"%s\"}}",
                 public_2b(g, &g->enc_public), base64(g, certify.attest), base64(g, certify.signature));
    CHECK(writer_ok(&w) && arena_copy(&g->s->a, writer_bytes(&w), &text));
    return text;
}

static struct bytes member(struct arena *a, const struct json *v, const char *name)
{
    struct err err = ERR_INIT;
    struct bytes ret = BYTES_NONE;

    CHECK(base64_decode(a, BASE64_STANDARD, json_text(json_get(v, name), BYTES_NONE), &ret, &err));
    return ret;
}

struct bytes guest_open(struct guest *g, struct bytes sealed)
{
    struct arena *a = &g->s->a;
    uint8_t key[PRIVKEY_PLAIN_MAX], *plain;
    const struct json *json;
    struct err err = ERR_INIT;
    struct bytes cipher, iv, tag;
    size_t key_len;

    if (!json_parse(a, sealed, NULL, &json, &err))
        return BYTES_NONE;
    cipher = member(a, json, "Jwt");
    iv = member(a, json_get(json, "EncryptionParams"), "Iv");
    tag = member(a, json, "AuthenticationData");
    plain = arena_alloc(a, cipher.len);
    if (!plain || iv.len != AEAD_IV_LEN || tag.len != AEAD_TAG_LEN ||
        !privkey_decrypt_pkcs1(g->enc, member(a, json, "EncryptedInnerKey"), key, &key_len, &err) || key_len != AEAD_KEY_LEN ||
        !aead_open(key, iv.data, BYTES_LIT("Transport Key"), cipher, tag.data, plain, &err))
        return BYTES_NONE;
    return (struct bytes){ plain, cipher.len };
}
