#include "base/clock.h"
#include "cert_builder.h"
#include "support/test.h"
#include "x509/ca.h"
#include "x509/chain.h"
#include "x509/ak_cert.h"
#include "x509/ek_cert.h"

#define UUID "12345678-9abc-4def-8123-456789abcdef"

static struct ca *new_ca(void)
{
    struct ca *ca = NULL;
    struct err err = ERR_INIT;

    if (!ca_new("Test CA", PLAN_NOW, &ca, &err))
        test_note("error: %s", err.text);
    return ca;
}

static bool verifies(const struct ca *ca, const struct cert *leaf, enum chain_purpose purpose, int64_t now_ms)
{
    CLEANUP(trust_store_free_at) struct trust_store *store = NULL;
    CLEANUP(verified_chain_free_at) struct verified_chain *chain = NULL;
    const struct cert *extra[CA_CHAIN_MAX];
    struct chain_options options = { .purpose = purpose, .now_ms = now_ms };
    size_t n = ca_chain_len(ca);
    struct err err = ERR_INIT;

    for (size_t i = 0; i < n; i++)
        extra[i] = ca_cert(ca, i);
    if (!trust_store_new(&(struct trust_entry){ TRUST_CA, ca_cert(ca, n - 1) }, 1, &store, &err))
        return false;
    if (chain_verify(store, leaf, extra, n, &options, &chain, &err))
        return true;
    test_note("%s", err.text);
    return false;
}

TEST(a_new_ca_is_a_ca)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    struct err err = ERR_INIT;

    REQUIRE(ca);
    const struct cert *root = ca_cert(ca, 0);
    CHECK(root->is_ca && root->path_len == CERT_NO_PATH_LEN);
    CHECK_INT(root->key_usage, KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN);
    CHECK_BYTES(root->common_name, BYTES_LIT("Test CA"));
    CHECK_BYTES(root->issuer, root->subject);
    CHECK_INT(root->not_before_ms, PLAN_NOW - 5 * 60 * 1000);
    CHECK_INT(pubkey_curve(root->key), CURVE_P256);
    REQUIRE_OK(cert_is_signed_by(root, root->key, &err), err);
}

TEST(an_ak_certificate_has_its_profile_and_fits_an_nv_index)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    CLEANUP(privkey_free_at) struct privkey *ak = NULL;
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct err err = ERR_INIT;

    REQUIRE(ca);
    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_3072, &ak, &err), err);
    REQUIRE_OK(ca_issue_ak(ca, "12345678-9ABC-4DEF-8123-456789ABCDEF", privkey_public(ak), PLAN_NOW, &cert, &err), err);
    CHECK_BYTES(cert->common_name, BYTES_LIT(UUID));
    CHECK_INT(cert->ekus, EKU_TPM_AK);
    CHECK_INT(cert->key_usage, KEY_USAGE_DIGITAL_SIGNATURE);
    CHECK(cert->has_basic_constraints && !cert->is_ca);
    CHECK(pubkey_equal(cert->key, privkey_public(ak)));
    CHECK_INT(cert->not_before_ms, PLAN_NOW - 300000);
    CHECK_INT(cert->not_after_ms, PLAN_NOW + 365 * CA_DAY_MS);
    CHECK_INT(cert->serial.len, 16);
    CHECK(cert->serial.data[0] < 0x80 && cert->serial.data[0] > 0);
    CHECK_BYTES(cert->authority_key_id, ca_cert(ca, 0)->subject_key_id);
    CHECK_INT(cert->subject_key_id.len, 20);
    CHECK(cert->der.len < CA_AK_CERT_BYTES_MAX);
    CHECK(verifies(ca, cert, CHAIN_AK, PLAN_NOW));
    CHECK(!verifies(ca, cert, CHAIN_EK, PLAN_NOW));
    CHECK(!verifies(ca, cert, CHAIN_AK, PLAN_NOW + 366 * CA_DAY_MS));
    CHECK(!ca_issue_ak(ca, "vm-1", privkey_public(ak), PLAN_NOW, &cert, &err) && err.code == ERR_MALFORMED);
}

TEST(serial_numbers_do_not_repeat)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    struct cert *a = NULL, *b = NULL;
    struct err err = ERR_INIT;

    REQUIRE(ca);
    REQUIRE_OK(ca_issue_ak(ca, UUID, privkey_public(plan_key(0)), PLAN_NOW, &a, &err), err);
    REQUIRE_OK(ca_issue_ak(ca, UUID, privkey_public(plan_key(0)), PLAN_NOW, &b, &err), err);
    CHECK(!bytes_equal(a->serial, b->serial));
    cert_free(a);
    cert_free(b);
}

TEST(a_tls_certificate_carries_names_and_addresses)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    static const char *const names[] = { "boot.example.org", "localhost", "10.0.2.2", "fe80::1", "*.example.org" };
    static const char *const bad[] = { "", "a b", "a..b", "-x", "x\n", "*", "a.*.b", "https://x" };
    struct cert_alt_name name;
    struct bytes rest;
    struct err err = ERR_INIT;
    size_t n = 0;

    REQUIRE(ca);
    REQUIRE_OK(ca_issue_tls_server(ca, names, ARRAY_LEN(names), privkey_public(plan_key(0)), PLAN_NOW, 90 * CA_DAY_MS, &cert, &err), err);
    rest = cert->alt_names;
    while (cert_alt_name_next(&rest, &name)) {
        CHECK_INT(name.kind, n == 2 || n == 3 ? ALT_NAME_IP : ALT_NAME_DNS);
        if (n == 2)
            CHECK_BYTES(name.value, BYTES_LIT("\x0a\x00\x02\x02"));
        n++;
    }
    CHECK_INT(n, ARRAY_LEN(names));
    CHECK_BYTES(cert->common_name, BYTES_LIT("boot.example.org"));
    CHECK(verifies(ca, cert, CHAIN_TLS_SERVER, PLAN_NOW));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cert *none = NULL;
        CHECK(!ca_issue_tls_server(ca, &bad[i], 1, privkey_public(plan_key(0)), PLAN_NOW, CA_DAY_MS, &none, &err) &&
              err.code == ERR_MALFORMED);
    }
    CHECK(!ca_issue_tls_server(ca, NULL, 0, privkey_public(plan_key(0)), PLAN_NOW, CA_DAY_MS, &cert, &err));
}

TEST(a_ca_comes_back_from_what_was_saved)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca(), *below = NULL, *back = NULL;
    CLEANUP(cert_free_at) struct cert *leaf = NULL;
    struct arena a = { 0 };
    struct bytes key, chain, other_key, other_chain;
    struct err err = ERR_INIT;

    REQUIRE(ca);
    REQUIRE_OK(ca_new_below(ca, "Token CA", PLAN_NOW, &below, &err), err);
    CHECK_INT(ca_chain_len(below), 2);
    CHECK_INT(ca_cert(below, 0)->path_len, 0);
    REQUIRE_OK(ca_save(below, &a, &key, &chain, &err) && ca_save(ca, &a, &other_key, &other_chain, &err), err);
    REQUIRE_OK(ca_load(key, chain, &back, &err), err);
    CHECK_INT(ca_chain_len(back), 2);
    CHECK(cert_equal(ca_cert(back, 1), ca_cert(ca, 0)));
    REQUIRE_OK(ca_issue_token_signer(back, "Token signer", privkey_public(plan_key(3)), PLAN_NOW, 90 * CA_DAY_MS, &leaf, &err), err);
    CHECK(verifies(below, leaf, CHAIN_TOKEN_SIGNER, PLAN_NOW));
    CHECK(!ca_load(other_key, chain, &back, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!ca_load(key, BYTES_NONE, &back, &err));
    CHECK(!ca_load(BYTES_NONE, chain, &back, &err));
    CHECK(!ca_new_below(below, "too deep", PLAN_NOW, &back, &err) && err.code == ERR_LIMIT);
    arena_done(&a);
}

TEST(a_chain_in_the_wrong_order_is_not_loaded)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca(), *other = new_ca(), *back = NULL;
    struct arena a = { 0 };
    struct bytes key, chain;
    struct err err = ERR_INIT;

    REQUIRE(ca && other);
    REQUIRE_OK(ca_save(ca, &a, &key, &chain, &err), err);
    char *wrong = arena_printf(&a, "%s%s", (const char *)chain.data, cert_pem(ca_cert(other, 0), &a));
    CHECK(!ca_load(key, bytes_of_string(wrong), &back, &err) && err.code == ERR_UNTRUSTED);
    arena_done(&a);
}

TEST(no_certificate_outlives_its_ca)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct err err = ERR_INIT;
    int64_t late = PLAN_NOW + CA_VALIDITY_MS - CA_DAY_MS;

    REQUIRE(ca);
    REQUIRE_OK(ca_issue_ak(ca, UUID, privkey_public(plan_key(0)), late, &cert, &err), err);
    CHECK_INT(cert->not_after_ms, ca_cert(ca, 0)->not_after_ms);
}

TEST(a_self_signed_signer_is_its_own_issuer)
{
    CLEANUP(privkey_free_at) struct privkey *key = NULL;
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct err err = ERR_INIT;

    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &key, &err), err);
    REQUIRE_OK(ca_self_signed_signer(key, "https://localhost:8443", PLAN_NOW, 365 * CA_DAY_MS, &cert, &err), err);
    CHECK_BYTES(cert->subject, cert->issuer);
    CHECK_BYTES(cert->common_name, BYTES_LIT("https://localhost:8443"));
    CHECK_INT(cert->signature_scheme, SIGNATURE_RSASSA);
    REQUIRE_OK(cert_is_signed_by(cert, privkey_public(key), &err), err);
}

TEST(an_endorsement_certificate_of_ours_passes_for_one_of_swtpm)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    CLEANUP(privkey_free_at) struct privkey *ek = NULL;
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct ek_identity found;
    struct err err = ERR_INIT;
    char end[CLOCK_TEXT_LEN];

    REQUIRE(ca);
    REQUIRE_OK(privkey_generate(PRIVKEY_RSA_2048, &ek, &err), err);
    REQUIRE_OK(ca_issue_ek(ca, "vm-1:" UUID, privkey_public(ek), PLAN_NOW, &cert, &err), err);
    clock_format(cert->not_after_ms, end);
    CHECK_STRING(end, "9999-12-31T23:59:59Z");
    CHECK(cert->alt_names_critical);
    CHECK_INT(cert->key_usage, KEY_USAGE_KEY_ENCIPHERMENT);
    REQUIRE_OK(ek_cert_identity(cert, &found, &err), err);
    CHECK_STRING(found.vm_name, "vm-1");
    CHECK_STRING(found.vm_uuid, UUID);
    CHECK(verifies(ca, cert, CHAIN_EK, PLAN_NOW));
}

TEST(an_iak_certificate_of_ours_says_what_its_issuer_verified)
{
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    struct ek_identity found;
    struct err err = ERR_INIT;

    REQUIRE(ca);
    REQUIRE_OK(ca_issue_iak(ca, "vm-1:" UUID, privkey_public(plan_key(1)), PLAN_NOW, &cert, &err), err);
    CHECK_INT(cert->policies, POLICY_TPM_RESIDENCY | POLICY_TPM_RESTRICTED);
    CHECK_INT(cert->ekus, EKU_TPM_AK);
    CHECK_INT(cert->key_usage, KEY_USAGE_DIGITAL_SIGNATURE);
    REQUIRE_OK(ek_cert_identity(cert, &found, &err), err);
    CHECK_STRING(found.vm_uuid, UUID);
    CHECK(verifies(ca, cert, CHAIN_IAK, PLAN_NOW) && verifies(ca, cert, CHAIN_AK, PLAN_NOW) && !verifies(ca, cert, CHAIN_EK, PLAN_NOW));
}

TEST(an_ak_certificate_for_one_provider_names_it_and_fits_an_nv_index)
{
    static const struct ca_ak_terms endless = {
        .provider = "a-name-that-is-far-too-long-for-any-provider-and-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and"
    };
    CLEANUP(ca_free_at) struct ca *ca = new_ca();
    CLEANUP(cert_free_at) struct cert *cert = NULL;
    CLEANUP(cert_free_at) struct cert *other = NULL;
    CLEANUP(cert_free_at) struct cert *everybodys = NULL;
    const struct pubkey *ak = privkey_public(plan_key(1));
    struct err err = ERR_INIT;

    REQUIRE(ca);
    REQUIRE_OK(ca_issue_ak_on_terms(ca, UUID, &(struct ca_ak_terms){ "tenant-1", true }, ak, PLAN_NOW, &cert, &err), err);
    CHECK_BYTES(ak_cert_provider(cert), BYTES_LIT("tenant-1"));
    CHECK(ak_cert_ek_is_pinned(cert));
    CHECK(ak_cert_check(cert, &err) && cert->der.len < CA_AK_CERT_BYTES_MAX);
    REQUIRE_OK(ca_issue_ak(ca, UUID, ak, PLAN_NOW, &everybodys, &err), err);
    CHECK(ak_cert_provider(everybodys).len == 0 && !ak_cert_ek_is_pinned(everybodys));
    CHECK(!ca_issue_ak_on_terms(ca, UUID, &endless, ak, PLAN_NOW, &other, &err) && err.code == ERR_LIMIT);
}
