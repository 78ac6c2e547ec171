/* Quotes of real firmware and TPM emulators, from the shared test data. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/base64.h"
#include "base/file.h"
#include "base/hex.h"
#include "json/parse.h"
#include "support/test.h"
#include "tpm/certify.h"
#include "tpm/key_profile.h"
#include "tpm/policy_digest.h"
#include "tpm/signature.h"
#include "tpm/tools_format.h"

static struct bytes load(struct arena *a, const char *folder, const char *name)
{
    struct bytes content = BYTES_NONE;
    struct err err = ERR_INIT;
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!file_read_in(a, path, 4 << 20, &content, &err))
        test_note("%s: %s", path, err.text);
    return content;
}

static bool has(const char *folder, const char *name)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_exists(path);
}

/* Runs `visit` on each folder below `parent` that has the file `name`; returns how many. */
static unsigned each_folder(const char *parent, const char *name, void (*visit)(const char *folder))
{
    DIR *dir = opendir(parent);
    struct dirent *entry;
    unsigned n = 0;

    CHECK(dir != NULL);
    while (dir && (entry = readdir(dir)) != NULL) {
        char folder[768];

        snprintf(folder, sizeof folder, "%s/%s", parent, entry->d_name);
        if (entry->d_name[0] == '.' || !has(folder, name))
            continue;
        visit(folder);
        n++;
    }
    if (dir)
        closedir(dir);
    return n;
}

/* pcrs.json: {"sha256": {"0": hex, …}, …}: the values for the selection. */
static void pcrs_from_json(struct arena *a, const char *folder, const struct pcr_selection *selection, struct pcr_set *ret)
{
    const struct json *file = NULL;
    struct err err = ERR_INIT;

    *ret = (struct pcr_set){ 0 };
    REQUIRE_OK(json_parse(a, load(a, folder, "pcrs.json"), NULL, &file, &err), err);
    for (size_t i = 0; i < selection->n_banks; i++) {
        const struct json *values = json_get(file, digest_name(selection->banks[i].algorithm));
        struct pcr_bank *bank = &ret->banks[ret->n_banks];

        if (selection->banks[i].mask == 0)
            continue;
        *bank = (struct pcr_bank){ .algorithm = selection->banks[i].algorithm, .present = selection->banks[i].mask };
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
            char index[4];

            snprintf(index, sizeof index, "%u", pcr);
            if (!(bank->present >> pcr & 1))
                continue;
            bank->value[pcr].algorithm = bank->algorithm;
            CHECK(hex_decode_into(json_text(json_get(values, index), BYTES_NONE), bank->value[pcr].value, digest_len(bank->algorithm)));
        }
        ret->n_banks++;
    }
}

struct sample {
    struct arena a;
    struct findings list;
    struct pubkey *key;
    struct quote_claim claim;
    struct quote_expectations want;
    struct pcr_set pcrs;
};

static void sample_done(struct sample *s)
{
    pubkey_free(s->key);
    arena_done(&s->a);
}

/* The AK in its three forms agrees with itself. */
static void load_key(struct sample *s, const char *folder, const char *kind)
{
    CLEANUP(pubkey_free_at) struct pubkey *from_pem = NULL;
    struct err err = ERR_INIT;
    struct tpm_public pub;
    struct tpm_name name;
    struct bytes file;
    char path[32];

    snprintf(path, sizeof path, "ak_%s.pem", kind);
    REQUIRE_OK(tools_key(load(&s->a, folder, path), &from_pem, &err), err);
    snprintf(path, sizeof path, "ak_%s.pub", kind);
    file = load(&s->a, folder, path);
    REQUIRE_OK(tools_key(file, &s->key, &err), err);
    CHECK(pubkey_equal(s->key, from_pem));
    REQUIRE_OK(tools_public(file, &pub, &err), err);
    REQUIRE_OK(tpm_public_name(&pub, &name, &err), err);
    snprintf(path, sizeof path, "ak_%s.name", kind);
    CHECK_BYTES(load(&s->a, folder, path), tpm_name_bytes(&name));
    CHECK(key_profile_check(KEY_PROFILE_AK, &pub, FINDING_AK_ATTRIBUTES, &s->list));
}

static void load_sample(struct sample *s, const char *folder, const char *kind)
{
    const struct json *platform = NULL;
    struct err err = ERR_INIT;
    struct attest attest;
    char path[32];

    *s = (struct sample){ .list = { .arena = &s->a } };
    load_key(s, folder, kind);
    snprintf(path, sizeof path, "quote_%s.msg", kind);
    s->claim.attest = load(&s->a, folder, path);
    snprintf(path, sizeof path, "quote_%s.sig", kind);
    s->claim.signature = load(&s->a, folder, path);
    REQUIRE(s->key != NULL);
    s->claim.form = tools_signature_form(s->claim.signature, s->key);
    REQUIRE_OK(json_parse(&s->a, load(&s->a, folder, "platform.json"), NULL, &platform, &err), err);
    REQUIRE_OK(hex_decode(&s->a, json_text(json_get(platform, "nonce"), BYTES_NONE), &s->want.nonce, &err), err);
    s->want.ak = s->key;
    s->want.required_pcr_mask = strcmp(kind, "rsa") == 0 ? 0xffffff : 0x7fff;
    REQUIRE_OK(attest_decode(s->claim.attest, &attest, &err), err);
    pcrs_from_json(&s->a, folder, &attest.selection, &s->pcrs);
    s->claim.pcrs = &s->pcrs;
}

static unsigned raced;

/* Register 10 may have moved between reading and quoting (real-vm-boot.md 7, pitfall 6): then that alone is said, and the
 * values that tpm2_quote kept with the quote fit. */
static void check_quote(const char *folder, const char *kind)
{
    CLEANUP(sample_done) struct sample s;
    const struct verified_quote *v = NULL;
    struct err err = ERR_INIT;
    char path[32];

    load_sample(&s, folder, kind);
    if (test_failed())
        return;
    if (!quote_verify(&s.a, &s.claim, &s.want, &s.list, &v, &err)) {
        CHECK(quote_was_raced(&s.list, 0));
        CHECK(strstr(folder, "ima-tcb") != NULL);
        if (!quote_was_raced(&s.list, 0))
            test_note("%s %s: %s", folder, kind, err.text);
        raced++;
        return;
    }
    CHECK_INT(s.list.n, 0);
    CHECK_BYTES(verified_quote_extra_data(v), s.want.nonce);
    snprintf(path, sizeof path, "quote_%s.pcrs", kind);
    REQUIRE_OK(tools_pcrs(load(&s.a, folder, path), &s.pcrs, &err), err);
    REQUIRE_OK(quote_verify(&s.a, &s.claim, &s.want, &s.list, &v, &err), err);
    s.want.nonce = BYTES_LIT("another");
    CHECK(!quote_verify(&s.a, &s.claim, &s.want, &s.list, &v, &err));
    CHECK(findings_have(&s.list, FINDING_QUOTE_NONCE));
}

static void check_boot(const char *folder)
{
    check_quote(folder, "rsa");
    check_quote(folder, "ecc");
}

TEST(quotes_of_booted_machines_are_verified)
{
    const char *parent = shared_data("boot-logs");
    unsigned n;

    if (!parent)
        SKIP("shared test data is absent");
    raced = 0;
    n = each_folder(parent, "quote_rsa.msg", check_boot);
    CHECK(n >= 20);
    CHECK_INT(raced, 2);
    test_note("%u machines, %u quotes, %u of them raced", n, 2 * n, raced);
}

static void check_known_quote(const char *folder)
{
    struct arena a = { 0 };
    struct tpm_signature sig;
    struct digest computed;
    struct err err = ERR_INIT;
    struct attest attest;
    struct pcr_set pcrs;

    CHECK(tpm_signature_decode(load(&a, folder, "quote.sig"), &sig, &err));
    CHECK(attest_decode(load(&a, folder, "quote.attest"), &attest, &err));
    if (!test_failed()) {
        CHECK(attest.magic == TPM_GENERATED && attest.type == TPM_ST_ATTEST_QUOTE);
        pcrs_from_json(&a, folder, &attest.selection, &pcrs);
        CHECK(pcr_set_digest(&pcrs, sig.hash, &computed, &err));
        CHECK_BYTES(digest_bytes(&computed), attest.pcr_digest);
    }
    arena_done(&a);
}

TEST(quotes_of_physical_machines_fit_their_register_values)
{
    const char *parent = shared_data("event-logs");

    if (!parent)
        SKIP("shared test data is absent");
    CHECK_INT(each_folder(parent, "quote.attest", check_known_quote), 4);
}

static void check_identity(const char *folder)
{
    static const char *const names[] = { "ak_rsa", "ak_ecc" };
    struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err err = ERR_INIT;
        struct tpm_public pub;
        struct tpm_name name;
        char path[32];

        snprintf(path, sizeof path, "%s.tpm2b_public", names[i]);
        REQUIRE_OK(tpm_public_decode_2b(load(&a, folder, path), &pub, &err), err);
        REQUIRE_OK(tpm_public_name(&pub, &name, &err), err);
        snprintf(path, sizeof path, "%s.name", names[i]);
        CHECK_BYTES(load(&a, folder, path), tpm_name_bytes(&name));
    }
    arena_done(&a);
}

TEST(names_of_real_attestation_keys_are_recomputed)
{
    const char *parent = shared_data("boot-logs/identities");

    if (!parent)
        SKIP("shared test data is absent");
    CHECK(each_folder(parent, "ak_rsa.name", check_identity) >= 4);
}

/* The published request of a Trusted Launch VM (attestation-service.md 7.3, 7.4). */
TEST(a_real_azureguest_request_is_verified)
{
    const char *path = shared_data("azureguest/attestationinfo-Linux.json");
    static const char *const fields[] = { "AikPub",    "PcrQuote",          "PcrSignature",
                                          "EncKeyPub", "EncKeyCertifyInfo", "EncKeyCertifyInfoSignature" };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    CLEANUP(arena_done) struct arena a = { 0 };
    const struct verified_quote *v = NULL;
    struct findings list = { .arena = &a };
    struct bytes field[ARRAY_LEN(fields)], text;
    const struct json *file = NULL, *info, *values;
    struct pcr_set pcrs = { .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256 } } };
    struct tpm_public ak, sealing;
    struct err err = ERR_INIT;
    struct digest policy;

    if (!path)
        SKIP("shared test data is absent");
    REQUIRE_OK(file_read_in(&a, path, 1 << 20, &text, &err), err);
    REQUIRE_OK(json_parse(&a, text, NULL, &file, &err), err);
    info = json_get(file, "TpmInfo");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        REQUIRE_OK(base64_decode(&a, BASE64_STANDARD, json_text(json_get(info, fields[i]), BYTES_NONE), &field[i], &err), err);
    values = json_get(info, "PCRs");
    for (size_t i = 0; i < values->array.n; i++) {
        struct pcr_bank *bank = &pcrs.banks[0];
        struct bytes digest;
        int64_t pcr = 0;

        REQUIRE(json_as_integer(json_get(values->array.items[i], "Index"), &pcr) && pcr >= 0 && pcr < LIMIT_PCRS);
        REQUIRE_OK(base64_decode(&a, BASE64_STANDARD, json_text(json_get(values->array.items[i], "Digest"), BYTES_NONE), &digest, &err),
                   err);
        REQUIRE(digest.len == 32);
        bank->present |= 1u << pcr;
        bank->value[pcr].algorithm = DIGEST_SHA256;
        memcpy(bank->value[pcr].value, digest.data, 32);
    }
    REQUIRE_OK(tpm_public_decode_2b(field[0], &ak, &err), err);
    CHECK_INT(ak.attributes, 0x00050472);
    CHECK(key_profile_check(KEY_PROFILE_AK, &ak, FINDING_AK_ATTRIBUTES, &list));
    REQUIRE_OK(tpm_public_key(&ak, &key, &err), err);
    REQUIRE_OK(quote_verify(&a, &(struct quote_claim){ field[1], field[2], SIGNATURE_FORM_RAW_RSASSA, &pcrs },
                            &(struct quote_expectations){ .ak = key, .any_nonce = true, .required_pcr_mask = 0xff }, &list, &v, &err),
               err);
    CHECK_INT(verified_quote_extra_data(v).len, 0);

    REQUIRE_OK(tpm_public_decode_2b(field[3], &sealing, &err), err);
    CHECK(key_profile_check(KEY_PROFILE_SEALING, &sealing, FINDING_AK_ATTRIBUTES, &list));
    CHECK_INT(list.n, 0);
    REQUIRE_OK(certify_verify(
                   &(struct certify_claim){ field[4], field[5], SIGNATURE_FORM_RAW_RSASSA, &sealing },
                   &(struct certify_expectations){ .ak = key, .any_nonce = true, .qualified_signer = verified_quote_qualified_signer(v) },
                   &err),
               err);
    REQUIRE_OK(policy_pcr_digest(DIGEST_SHA256, verified_quote_pcrs(v), &policy, &err), err);
    CHECK_BYTES(sealing.policy, digest_bytes(&policy));
}
